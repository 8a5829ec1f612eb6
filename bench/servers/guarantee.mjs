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
    rtms.onRequest('never', () => new Promise(() => {}))
    return { kind: 'rtms', port: rtms.address.port, path: PATH, topic: TOPIC, clockOffset }
  },

  /** Meetings `prefix`0 … that stay. */
  async openMeetings({ meetings, rate = 20, capacity = 255, prefix = 'm' }) {
    for (let meeting = 0; meeting < meetings; meeting++)
      await rtms.meetings.open(`${prefix}${meeting}`, { frameRate: rate, capacity, ttlMs: 3_600_000 })
  },

  /** A meeting without a clock, which takes inputs as fast as they come. */
  async openQuiet({ meeting }) {
    const options = { frameRate: 0, inputBytes: 4_000, inputBurst: 10_000, inputsPerSecond: 10_000 }
    await rtms.meetings.open(meeting, { ...options, joinsPerMinute: 1_000, ttlMs: 3_600_000 })
  },
  worldOf: ({ meeting }) => rtms.meetings.get(meeting).info.epoch,
  closeMeeting: ({ meeting }) => rtms.meetings.get(meeting)?.close(),

  async push({ users, count, bytes }) {
    for (const user of users)
      for (let n = 0; n < count; n++) await rtms.users.push(user, 'note', new Uint8Array(bytes))
  },
  /** Publishes to `topics` topics (their names begin with `topic`) or to one, with so many keys each. */
  async publish({ topic, topics = 1, keys, bytes }) {
    let published = 0
    for (let at = 0; at < topics; at++)
      for (let key = 0; key < keys; key++) {
        const where = topics === 1 ? topic : `${topic}${at}`
        rtms.topics.publish(where, new Uint8Array(bytes), { key: `key${key}` })
        // A full node is cut by the next sweep.
        if (++published % 50 === 0) await new Promise(setImmediate)
      }
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
