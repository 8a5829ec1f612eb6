import { serve } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { openMany, Sink } from '../lib/websocket.mjs'

/* Clients that make a node hold as much as it lets them: each way is what one kind of them does once it is welcomed. */

const KIB = 1_024

let codec
let messages
let sinks = []
let calls = 0

const payload = (bytes) => ({ text: false, bytes: new Uint8Array(bytes) })
const send = (sink, ...all) => sink.sendBinary(codec.encode(all))

/** Takes all bytes, and no entry of the session log: what it was sent must be kept for it. */
function takeBytes(sink) {
  send(sink, { type: 'ack', bytes: sink.bytes, received: 0, seen: [] })
}

/** A message of a type that no node knows, which is skipped. */
function unknown(bytes) {
  const head = [0x3f]
  for (let left = bytes; ; left >>= 7) {
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    if (left <= 0x7f) break
  }
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes)])
}

const ways = {
  /** The node pushes; nobody says that it came. */
  async readOnly() {
    for (let turn = 0; turn < 20; turn++) {
      for (const sink of sinks) takeBytes(sink)
      await sleep(50)
    }
  },
  /** A meeting's ring, filled by one member, and then read again and again, each time from another frame. */
  async pages({ frames, joins, world }) {
    const [member] = sinks
    for (let frame = 0; frame < frames; frame++) {
      send(member, messages.input(member.log, frame + 1, payload(3_000)))
      if (frame % 20 === 19) {
        takeBytes(member)
        await sleep(10)
      }
    }
    for (let turn = 0; turn < joins; turn++) {
      for (const [at, sink] of sinks.entries())
        send(sink, { ...messages.join(++calls, 'quiet', true), world, next: 2 + turn + at * joins })
      for (let look = 0; look < 10; look++) {
        await sleep(20)
        for (const sink of sinks) takeBytes(sink)
      }
    }
  },
  /** Requests that nobody answers, of one byte each, in packets of nearly 64 KiB. */
  async crumbs({ requests }) {
    const rest = unknown(60 * KIB)
    for (let turn = 0; turn < requests; turn++) {
      for (const sink of sinks)
        sink.sendBinary(Buffer.concat([codec.encode([messages.request(++calls, 'never', payload(1))]), rest]))
      await sleep(5)
    }
  },
  /** The same with as much in each as fits. */
  async loaves({ requests }) {
    for (let turn = 0; turn < requests; turn++) {
      for (const sink of sinks) send(sink, messages.request(++calls, 'never', payload(16 * KIB)))
      await sleep(5)
    }
  },
}

serve({
  async load({ dist }) {
    codec = (await load(dist, 'protocol')).binaryCodec
    messages = (await load(dist, 'testing')).messages
  },
  /** Connects one client for each token; with `meeting`, each takes a seat there. */
  async connect({ server, tokens, meeting }) {
    sinks = await openMany(tokens.length, async (at) => {
      const sink = new Sink({ ...server, protocol: codec.subprotocol })
      await sink.upgraded
      sink.onEnd = () => {}
      const heard = (type) =>
        new Promise((resolve) => {
          sink.onMessage = (buffer, start, end) => {
            const found = codec.decode(buffer.subarray(start, end), 'server').find((one) => one.type === type)
            if (found !== undefined) resolve(found)
          }
        })
      const welcome = heard('welcome')
      send(sink, messages.hello(tokens[at]))
      await welcome
      if (meeting !== undefined && at === 0) {
        const joined = heard('joined')
        send(sink, messages.join(++calls, meeting))
        sink.log = (await joined).log
      }
      sink.onMessage = () => {}
      return sink
    })
  },
  attack: ({ way, ...options }) => ways[way](options),
  leave() {
    for (const sink of sinks) sink.close()
    sinks = []
  },
})
