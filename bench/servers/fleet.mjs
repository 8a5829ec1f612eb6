import { serve } from '../lib/child.mjs'
import { clockOffset, usage } from '../lib/clock.mjs'
import { load, logger } from '../lib/product.mjs'
import { Samples } from '../lib/samples.mjs'

/* One node of several, on NATS. Its meetings have a kind, so that it sees when each frame is sealed. */

const SECRET = 's'.repeat(32)
const CLUSTER_SECRET = 'c'.repeat(32)

let rtms
/** By meeting: the frames that this node has sealed in one go. */
const runs = new Map()
/** How late frames came that were not the first here, in milliseconds. */
const delays = new Samples()
let tickMs = 0
/** Requests that were answered here, by number. */
const answered = new Set()
let feed
let watching
let changedAt = 0
/** Of the machine, the same in each process. */
const clock = () => performance.now() + clockOffset

function sealed(name, frame) {
  const seal = { frame, at: clock() }
  const ends = runs.get(name) ?? []
  const run = ends.at(-1)
  if (run?.last.frame === frame - 1) {
    delays.push(seal.at - run.last.at - tickMs)
    run.last = seal
  } else ends.push({ first: seal, last: seal })
  runs.set(name, ends)
}

serve({
  async start({ dist, nats: servers, publicUrl, name, port, frameRate }) {
    const [{ Rtms }, { nats }] = await Promise.all([load(dist, 'server'), load(dist, 'nats')])
    tickMs = 1000 / frameRate
    rtms = await Rtms.start({
      logger,
      port,
      host: '127.0.0.1',
      nodeId: name,
      publicUrl,
      secret: SECRET,
      bus: nats({ servers, secret: CLUSTER_SECRET }),
      // All come from one address; and a balancer passes over a node that is late, as on a machine that is busy.
      limits: {
        readyLatenessMs: 60_000,
        connectionsPerAddress: 100_000,
        connectsPerAddressPerSecond: 100_000,
        connectBurstPerAddress: 100_000,
      },
    })
    rtms.meetings.define('room', {
      frameRate,
      onFrame: ({ number }, meeting) => sealed(meeting.name, number),
      snapshot: () => ({}),
      restore: () => {},
    })
    rtms.onRequest('echo', ({ data }) => {
      answered.add(data)
      return data
    })
  },

  /** When the number of nodes that this one knows of last changed; from the first call on. */
  changedAt() {
    let known = rtms.cluster.nodes().length
    watching ??= setInterval(() => {
      const { length } = rtms.cluster.nodes()
      if (length !== known) changedAt = clock()
      known = length
    }, 10)
    return changedAt
  },

  known: () => rtms.cluster.nodes().filter(({ status }) => status !== 'silent').length,

  async open({ names, standby = 0 }) {
    for (const name of names) await rtms.meetings.open(name, { kind: 'room', standby })
  },

  /** Which of these meetings are open here. */
  owns: ({ names }) => names.filter((name) => rtms.meetings.get(name) !== undefined),

  tickets: ({ count, prefix = 'u' }) =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        rtms.tickets.issue({ user: `${prefix}${n}`, meetings: ['*'], topics: { read: ['*'] } }),
      ),
    ),

  /** Which of these requests were answered here. */
  answered: ({ requests }) => requests.filter((request) => answered.has(request)),

  /** Publishes numbers so often a second, until told `0`. */
  publish({ topic, perSecond }) {
    clearInterval(feed)
    let number = 0
    if (perSecond > 0) feed = setInterval(() => rtms.topics.publish(topic, ++number), 1000 / perSecond)
  },

  bus: () => rtms.cluster.bus().isUp,

  revivals: () => ({ same: rtms.stats.meetingsRevived, forked: rtms.stats.meetingsForked }),

  async drain({ timeoutMs }) {
    const begun = performance.now()
    const left = await rtms.drain({ timeoutMs })
    return { ms: performance.now() - begun, left, moved: Object.fromEntries(rtms.stats.moves) }
  },

  load: () => {
    const { connections, sessions, meetings } = rtms.health()
    const { sessionsGiven, sessionsTaken } = rtms.stats
    return { connections, sessions, meetings, sessionsGiven, sessionsTaken }
  },

  seals: () => [...runs].map(([name, ends]) => ({ name, ends })),

  delays: () => delays.summary(),

  usage: () => usage(),

  close: () => rtms.close({ timeoutMs: 1_000 }),
})
