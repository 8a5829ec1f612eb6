import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { load, SECRET } from '../lib/product.mjs'
import { sample } from '../lib/sample.mjs'

/* A node with a server of its own, as it is by default, and what it must not have met: an error that nobody caught. */

const PATH = '/rtms'
const TOPIC = 'bench'

const faults = []
process.on('uncaughtException', (error) => faults.push(`exception: ${error.stack}`))
process.on('unhandledRejection', (why) => faults.push(`rejection: ${String(why)}`))

let rtms
let feed

function issue(count, from, prefix) {
  const rights = { meetings: ['*'], topics: { read: ['*'], write: ['*'] } }
  return Promise.all(
    Array.from({ length: count }, (_, at) =>
      rtms.tickets.issue({ user: `${prefix}${from + at}`, ...rights }),
    ),
  )
}

serve({
  async start({ dist, limits = {} }) {
    const { Rtms } = await load(dist, 'server')
    rtms = await Rtms.start({ port: 0, host: '127.0.0.1', path: PATH, secret: SECRET, limits })
    rtms.onRequest('echo', ({ data }) => data)
    return { kind: 'rtms', port: rtms.address.port, path: PATH, topic: TOPIC, clockOffset }
  },

  /** Meetings `prefix`0 … that stay. */
  async openMeetings({ meetings, rate = 20, capacity = 255, prefix = 'm' }) {
    for (let meeting = 0; meeting < meetings; meeting++)
      await rtms.meetings.open(`${prefix}${meeting}`, { frameRate: rate, capacity, ttlMs: 3_600_000 })
  },

  /** Tickets of users `prefix``from` …, who may do everything. */
  tickets: ({ count, from = 0, prefix = 'u' }) => issue(count, from, prefix),
  tokens: async ({ count, from = 0, prefix = 'u' }) =>
    (await issue(count, from, prefix)).map(({ token }) => token),

  /** Publishes so often a second, until told `0`. */
  feed({ perSecond }) {
    clearInterval(feed)
    let count = 0
    if (perSecond > 0)
      feed = setInterval(() => rtms.topics.publish(TOPIC, { count: ++count }), 1000 / perSecond)
  },

  sample: () => sample(rtms),
  health: () => rtms.health(),
  faults: () => faults,
})
