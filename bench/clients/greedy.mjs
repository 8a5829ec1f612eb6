import { connect } from 'node:net'
import { serve } from '../lib/child.mjs'
import { load } from '../lib/product.mjs'
import { membership, RtmsSink, subscription } from '../lib/rtms-client.mjs'

/*
 * Users who do all they may: requests that take long, cancelled and asked again, in the process and at a URL;
 * subscriptions and joins that the business is slow to allow; topics without end; joins again; reloads. And six
 * addresses that open connections and say nothing.
 */

/**
 * The first user sends at its rates; each of the others at a pace that a machine with two processors takes from a
 * hundred.
 */
const FIRST = { weight: 20, tickMs: 250 }
const OTHERS = { weight: 1, tickMs: 1_000 }
const SILENT_PER_SECOND = 25
const DATA = { text: true, bytes: new Uint8Array(100).fill(48) }
const counts = { sent: 0, refused: 0, closed: 0, reloads: 0, silent: 0 }
const timers = new Set()
const clients = new Set()
const sockets = new Set()
let isOver = false

/** One session, which sends a bundle at each tick: `weight` times what it would send at least. */
async function misbehave(codec, where, token, name, { weight, tickMs }) {
  const client = new RtmsSink(codec, where)
  let call = 0
  let number = 0
  let last = []
  clients.add(client)
  await client.open(token, 131_072).catch(() => {})
  client.onMessage = ({ type }) => {
    if (type === 'failed') counts.refused++
  }
  const timer = setInterval(() => {
    const bundle = last.map((each) => ({ type: 'cancel', call: each }))
    last = []
    for (let n = 0; n < weight; n++) {
      number++
      const topics = ['slow.', ''].flatMap((prefix) => subscription(`${prefix}${name}.${number}`).topics)
      for (const method of ['slow', 'hook.slow']) {
        bundle.push({ type: 'request', call: ++call, method, timeout: 0, data: DATA })
        last.push(call)
      }
      bundle.push({ type: 'subscribe', call: ++call, topics })
      for (let m = 0; m < 5; m++)
        bundle.push({
          type: 'publish',
          call: ++call,
          topic: `${name}.p.${number}.${m}`,
          key: '',
          tombstone: false,
          data: DATA,
        })
      if (n === 0)
        bundle.push(
          { ...membership('honest.0'), call: ++call },
          { ...membership(`slow.${name}.${number}`), call: ++call },
        )
    }
    counts.sent += bundle.length
    client.send(...bundle)
  }, tickMs)
  timers.add(timer)
  client.onEnd = () => {
    clearInterval(timer)
    timers.delete(timer)
    clients.delete(client)
    if (isOver) return
    counts.closed++
    setTimeout(() => void misbehave(codec, where, token, name, { weight, tickMs }), 1_000)
  }
}

/** A page that is reloaded for ever. */
async function reload(codec, where, token) {
  for (;;) {
    if (isOver) return
    const client = new RtmsSink(codec, where)
    await client.open(token, 131_072).then(
      () => counts.reloads++,
      () => {},
    )
    client.sink.destroy()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** An upgrade without a HELLO. */
function beSilent({ port, path }, address) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address })
  sockets.add(socket)
  counts.silent++
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.on('close', () => sockets.delete(socket))
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: cnRtcyBiZW5jaCBzaW5rIQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rtms.v1\r\n\r\n',
  )
}

serve({
  /** The first token's user does all it may; the others do a little each. */
  async begin({ server, dist, tokens }) {
    const { binaryCodec: codec } = await load(dist, 'protocol')
    isOver = false
    for (const key of Object.keys(counts)) counts[key] = 0
    // Not in step, as no users are.
    for (const [at, token] of tokens.entries()) {
      const pace = at === 0 ? FIRST : OTHERS
      const begin = () => void misbehave(codec, server, token, `g${at}`, pace)
      setTimeout(begin, (at / tokens.length) * pace.tickMs)
    }
    for (let n = 0; n < 5; n++) void reload(codec, server, tokens[1 + n])
    let next = 0
    timers.add(
      setInterval(() => {
        for (let n = 0; n < 6; n++) beSilent(server, `127.3.0.${1 + (next++ % 6)}`)
      }, 1_000 / SILENT_PER_SECOND),
    )
  },
  end() {
    isOver = true
    for (const timer of timers) clearInterval(timer)
    timers.clear()
    for (const client of clients) client.sink.destroy()
    for (const socket of sockets) socket.destroy()
    return { ...counts }
  },
})
