import { serve } from '../lib/child.mjs'
import { clockOffset, sleep } from '../lib/clock.mjs'
import { feed } from '../lib/feed.mjs'
import { Meter } from '../lib/meter.mjs'
import { load, logger, SECRET } from '../lib/product.mjs'

const PATH = '/rtms'
const TOPIC = 'bench'

const meter = new Meter()
let nodes = []
/** How many of them a publication is given to: the first of a cluster, or each of those that have no bus. */
let published = 1

/** Messages and bytes that the nodes have given the bus, by kind. */
function traffic() {
  const sum = {}
  for (const { stats } of nodes)
    for (const [kind, { messages, bytes }] of stats.busOut) {
      sum[kind] ??= { messages: 0, bytes: 0 }
      sum[kind].messages += messages
      sum[kind].bytes += bytes
    }
  return sum
}

/* Nodes of one cluster in one process, so that its processor time is that of all of them. */
serve({
  async start({ dist, count, isCluster }) {
    published = isCluster ? 1 : count
    const { Rtms } = await load(dist, 'server')
    const { ThreadsHub, threads } = await load(dist, 'bus/threads.js')
    const hub = new ThreadsHub()
    for (let n = 0; n < count; n++) {
      const bus = count === 1 || !isCluster ? {} : { bus: threads(hub.seat()) }
      nodes.push(
        // Subscribers stay where they are put.
        // oxlint-disable-next-line no-await-in-loop -- One after the other.
        await Rtms.start({
          logger,
          port: 0,
          host: '127.0.0.1',
          path: PATH,
          secret: SECRET,
          moves: false,
          ...bus,
        }),
      )
    }
    const isKnown = () => !isCluster || nodes.every((rtms) => rtms.cluster.nodes().length === count)
    // oxlint-disable-next-line no-await-in-loop -- Until they know each other.
    while (!isKnown()) await sleep(20)
    return nodes.map(({ address }) => ({
      kind: 'rtms',
      port: address.port,
      path: PATH,
      topic: TOPIC,
      clockOffset,
    }))
  },

  tokens: ({ count }) =>
    Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const { token } = await nodes[0].tickets.issue({ user: `u${at}`, topics: { read: ['*'] } })
        return token
      }),
    ),

  subscribers: () => nodes.map((rtms) => rtms.topics.get(TOPIC)?.subscribers ?? 0),

  async begin() {
    await meter.begin()
    return { traffic: traffic() }
  },

  async end() {
    return { ...(await meter.end()), traffic: traffic() }
  },

  publish: (options) =>
    feed(options, (texts) => {
      for (const { topics } of nodes.slice(0, published))
        for (const text of texts) topics.publish(TOPIC, text)
    }),
})
