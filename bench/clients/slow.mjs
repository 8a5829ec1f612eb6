import { connect } from 'node:net'
import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { Samples } from '../lib/samples.mjs'

/* Slowloris: sockets that send the headers of an upgrade, a byte a second, for ever. */

const HEADERS =
  'GET /rtms HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: cnRtcyBiZW5jaCBzaW5rIQ==\r\nSec-WebSocket-Protocol: rtms.v1\r\nX-Padding: '

/** How long one is waited for, in milliseconds. */
const PATIENCE_MS = 60_000

const lives = new Samples()
const answers = new Map()
let closed = 0

function drip(port, from) {
  const begun = now()
  const socket = connect({ port, host: '127.0.0.1', localAddress: from })
  let sent = 0
  let answer = ''
  const timer = setInterval(() => {
    // Behind the last header a long one, so that they never end.
    socket.write(HEADERS[sent++] ?? 'x')
    if (now() - begun > PATIENCE_MS) socket.destroy()
  }, 1_000)
  socket.on('data', (chunk) => (answer += chunk.latin1Slice(0, 12)))
  socket.on('error', () => {})
  return new Promise((resolve) => {
    socket.on('close', () => {
      clearInterval(timer)
      closed++
      lives.push(now() - begun)
      const status = answer.slice(9, 12) || 'none'
      answers.set(status, (answers.get(status) ?? 0) + 1)
      resolve()
    })
  })
}

serve({
  /** Opens `count` within two seconds. Resolves when all are closed, with how long they lived and what they were answered. */
  async attack({ server, count }) {
    lives.clear()
    answers.clear()
    closed = 0
    const all = []
    while (all.length < count) {
      for (let n = 0; n < Math.ceil(count / 100) && all.length < count; n++)
        all.push(drip(server.port, `127.2.0.${1 + (all.length % 250)}`))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await Promise.all(all)
    return { closed, answers: [...answers], ...lives.summary() }
  },
})
