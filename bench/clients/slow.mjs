import { connect } from 'node:net'
import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { Samples } from '../lib/samples.mjs'

/* Slowloris: sockets that send the headers of an upgrade, a byte a second, for ever. */

const HEADERS =
  'GET /rtms HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: cnRtcyBiZW5jaCBzaW5rIQ==\r\nSec-WebSocket-Protocol: rtms.v1\r\nX-Padding: '

/** How long one is waited for, in milliseconds; and how long it takes until all are there. */
const PATIENCE_MS = 60_000
const RAMP_MS = 8_000

const lives = new Samples()
const answers = new Map()
let opened = 0
let open = 0
let isOver = false
let whenClosed = () => {}

function drip(port) {
  const begun = now()
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.2.0.${1 + (opened++ % 250)}` })
  let sent = 0
  let answer = ''
  open++
  const timer = setInterval(() => {
    // Behind the last header a long one, so that they never end.
    socket.write(HEADERS[sent++] ?? 'x')
    if (now() - begun > PATIENCE_MS) socket.destroy()
  }, 1_000)
  socket.on('data', (chunk) => (answer += chunk.latin1Slice(0, 12)))
  socket.on('error', () => {})
  socket.on('close', () => {
    clearInterval(timer)
    open--
    lives.push(now() - begun)
    const status = answer.slice(9, 12) || 'none'
    answers.set(status, (answers.get(status) ?? 0) + 1)
    if (!isOver) drip(port)
    else if (open === 0) whenClosed()
  })
}

serve({
  /** Keeps `count` open: one that is closed is followed by another. Resolves when all are there. */
  async begin({ server, count }) {
    lives.clear()
    answers.clear()
    isOver = false
    const begun = now()
    for (let begin = 0; begin < count; await new Promise((resolve) => setTimeout(resolve, 5)))
      for (const due = Math.min(count, ((now() - begun) / RAMP_MS) * count); begin < due; begin++)
        drip(server.port)
  },
  /** No more. Resolves when all are closed, with how long each lived and what they were answered. */
  async end() {
    isOver = true
    if (open > 0) await new Promise((resolve) => (whenClosed = resolve))
    return { answers: [...answers], ...lives.summary() }
  },
})
