import { serve } from '../lib/child.mjs'
import { load } from '../lib/product.mjs'
import { membership, RtmsSink, subscription } from '../lib/rtms-client.mjs'
import { openMany, Sink } from '../lib/websocket.mjs'

/* Connections that do nothing once they are there, or that answer nothing any more. */

/** @type {Sink[]} */
const sinks = []
let failure = null

async function open({ where, protocol, token, window, meeting }) {
  if (where.kind === 'rtms') {
    const client = new RtmsSink(protocol.binaryCodec, where)
    await client.open(token, window)
    if (meeting !== null) {
      await client.call(subscription(where.topic), 'subscribed')
      await client.call(membership(meeting), 'joined')
    }
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
  /**
   * Resolves when all are through their handshakes, and in one of so many meetings and subscribed where `meetings` says
   * so.
   */
  async connect({ server: where, dist, tokens, count, window = 131_072, meetings = 0, prefix = 'm' }) {
    const protocol = where.kind === 'rtms' ? await load(dist, 'protocol') : null
    const opened = await openMany(count, (index) => {
      const meeting = meetings === 0 ? null : `${prefix}${index % meetings}`
      return open({ where, protocol, token: tokens[index], window, meeting })
    })
    for (const sink of opened) sink.onEnd = (why) => (failure ??= why)
    sinks.push(...opened)
  },
  check() {
    if (failure !== null) throw new Error(`a connection was cut off: ${failure}`)
    return sinks.length
  },
  /** From now on none of them reads, answers or closes: for the node the network has swallowed them. */
  freeze() {
    for (const sink of sinks) sink.pause()
  },
})
