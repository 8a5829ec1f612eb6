import { serve } from '../lib/child.mjs'
import { load } from '../lib/product.mjs'
import { RtmsSink } from '../lib/rtms-client.mjs'
import { openMany, Sink } from '../lib/websocket.mjs'

/* Connections that do nothing once they are there. */

/** @type {Sink[]} */
const sinks = []
let failure = null

async function open({ where, protocol, token, window }) {
  if (where.kind === 'rtms') {
    const client = new RtmsSink(protocol.binaryCodec, where)
    await client.open(token, window)
    return client.sink
  }
  const sink = new Sink(where)
  await sink.upgraded
  if (where.kind === 'verified') {
    const welcome = new Promise((resolve) => (sink.onMessage = resolve))
    sink.sendText(token)
    await welcome
  }
  return sink
}

serve({
  /** Resolves when all are through their handshakes. */
  async connect({ server: where, dist, tokens, count, window = 131_072 }) {
    const protocol = where.kind === 'rtms' ? await load(dist, 'protocol') : null
    const opened = await openMany(count, (index) => open({ where, protocol, token: tokens[index], window }))
    for (const sink of opened) sink.onEnd = (why) => (failure ??= why)
    sinks.push(...opened)
  },
  check() {
    if (failure !== null) throw new Error(`a connection was cut off: ${failure}`)
    return sinks.length
  },
})
