import { serve } from '../lib/child.mjs'
import { now, pace } from '../lib/clock.mjs'
import { load, logger, SECRET } from '../lib/product.mjs'

/* A node of a cluster on NATS, with prices that it publishes, or an edge. */

let rtms

serve({
  async start({ dist, nats, port, nodeId, publicUrl, role, moves }) {
    const { Rtms } = await load(dist, 'server')
    const bus = await load(dist, 'nats')
    rtms = await Rtms.start({
      logger,
      port,
      host: '127.0.0.1',
      secret: SECRET,
      nodeId,
      publicUrl,
      role,
      moves,
      bus: bus.nats({ servers: nats, secret: `${SECRET}, of the cluster` }),
    })
  },

  known: () => rtms.cluster.nodes().filter(({ status }) => status !== 'silent').length,

  async begin({ frameRate, perSecond, bytes }) {
    await rtms.meetings.open('room', { frameRate })
    const filling = 'x'.repeat(bytes)
    pace(perSecond, () => rtms.topics.publish('price', { at: now(), filling }))
  },

  tickets: ({ count, edges }) =>
    Promise.all(
      Array.from({ length: count }, (_, at) =>
        rtms.tickets.issue({ user: `u${at}`, meetings: ['room'], topics: { read: ['*'] }, edges }),
      ),
    ),
})
