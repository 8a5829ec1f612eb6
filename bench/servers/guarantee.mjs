import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { load, SECRET } from '../lib/product.mjs'
import { randomFrom } from '../lib/random.mjs'
import { sample } from '../lib/sample.mjs'

/* A node with a server of its own, as it is by default, and what it must not have met: an error that nobody caught. */

const PATH = '/rtms'
const TOPIC = 'bench'

const faults = []
process.on('uncaughtException', (error) => faults.push(`exception: ${error.stack}`))
process.on('unhandledRejection', (why) => faults.push(`rejection: ${String(why)}`))

let rtms
let feed
/** What throws from now on, and how often it has. */
let fault = () => {}
const thrown = new Map()

function issue(count, from, prefix) {
  const rights = { meetings: ['*'], topics: { read: ['*'], write: ['*'] } }
  return Promise.all(
    Array.from({ length: count }, (_, at) =>
      rtms.tickets.issue({ user: `${prefix}${from + at}`, ...rights }),
    ),
  )
}

/** A page of the demo whose largest file has so many bytes. */
async function withPage(dist, bytes, settings) {
  const { startDemo } = await load(dist, 'demo')
  const folder = mkdtempSync(join(tmpdir(), 'rtms-bench-'))
  writeFileSync(join(folder, 'large.js'), Buffer.alloc(bytes, 'x'))
  const demo = await startDemo(settings, folder)
  rmSync(folder, { recursive: true })
  return demo.rtms
}

/** The first byte of a WebSocket message of the node: `ws` writes control frames alone. */
const BINARY = 0x82

/** Sockets throw when the node writes a message to them, but for those that it has written to already. */
function breakSockets() {
  const known = new WeakSet()
  let isArmed = false
  // oxlint-disable-next-line typescript/unbound-method
  const { write } = Socket.prototype
  Socket.prototype.write = function (...args) {
    if (!isArmed) known.add(this)
    else if (args[0][0] === BINARY && !known.has(this)) fault('socket.write', 0.005)
    return Reflect.apply(write, this, args)
  }
  return () => (isArmed = true)
}

const armSockets = breakSockets()
const levels = ['debug', 'info', 'warn', 'error']

serve({
  async start({ dist, limits = {}, pageBytes = 0 }) {
    const logger = Object.fromEntries(levels.map((level) => [level, () => fault(`logger.${level}`, 0.5)]))
    const settings = { port: 0, host: '127.0.0.1', path: PATH, secret: SECRET, limits, logger }
    const { Rtms } = await load(dist, 'server')
    rtms = pageBytes > 0 ? await withPage(dist, pageBytes, settings) : await Rtms.start(settings)
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

  /** Every port throws now and then, for all but the users `honest`…, as long as `on`. */
  breakPorts({ seed, honest }) {
    const random = randomFrom(seed)
    fault = (port, chance) => {
      if (random(1_000_000) >= chance * 1_000_000) return
      thrown.set(port, (thrown.get(port) ?? 0) + 1)
      throw new Error(`${port} throws`)
    }
    armSockets()
    const isHonest = (user) => user.startsWith(honest)
    rtms.onConnect(({ user }) => isHonest(user) || fault('onConnect', 0.3))
    rtms.onDisconnect(async ({ user }) => isHonest(user) || fault('onDisconnect', 0.3))
    rtms.authorize(({ user }) => {
      if (!isHonest(user)) fault('authorize', 0.1)
      return true
    })
    rtms.meetings.onMissing(() => {
      fault('onMissing', 0.5)
      return { kind: 'fragile', frameRate: 10, ttlMs: 3_000 }
    })
    const hook = (name, answer) => () => {
      fault(name, 0.1)
      return answer
    }
    const hooks = ['onOpen', 'onJoin', 'onInput', 'onFrame', 'onLeave', 'onClose']
    rtms.meetings.define('fragile', Object.fromEntries(hooks.map((name) => [name, hook(name)])))
    rtms.onRequest('fragile', async ({ data }) => {
      fault('onRequest', 0.3)
      return data
    })
  },
  /** Nothing throws from now on. Returns how often each port has. */
  mendPorts() {
    fault = () => {}
    return [...thrown]
  },

  sample: () => sample(rtms),
  health: () => rtms.health(),
  faults: () => faults,
})
