import { load } from './lib/product.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save } from './lib/report.mjs'

/*
 * What a cluster of many nodes costs each of them. Real nodes, in virtual time, on a bus that only counts: what they
 * say to each other at rest, when all start at once, when one dies and when one comes; and how evenly the names of
 * meetings fall to them. Then the homes of many users, without their sessions: what a new view costs, and how evenly
 * users fall to nodes. Counts are exact; how long the program takes says nothing.
 */

const options = readOptions({
  nodes: '3,10,30,100,300',
  meetings: 20,
  users: 10_000,
  seconds: 5,
  dist: '../dist',
})

/** How long a message takes, in milliseconds of virtual time. */
const DELAY_MS = 1
/** Most sweeps of a node in one millisecond. */
const SWEEPS = 1_000

const { RtmsNode, busListener, defaultLimits, idlePorts, settleShapes } = await load(options.dist, 'core')
const { Homes, homesLimits } = await load(options.dist, 'core/cluster/homes.js')
const { View } = await load(options.dist, 'core/cluster/view.js')
const { Stats } = await load(options.dist, 'core/ground/stats.js')
settleShapes()

const sum = (values) => values.reduce((total, value) => total + value, 0)
const mean = (values) => sum(values) / values.length

/** The largest share, as a multiple of the mean. */
const unevenness = (shares) => Math.max(...shares) / mean(shares)

/** What one node has sent and heard. A message to all counts once where it is sent. */
class Counts {
  sent = 0
  heard = 0
  heardBytes = 0
}

/** A bus in virtual time: messages arrive in order, {@link DELAY_MS} after they were sent. */
class Bus {
  now = 0
  nodes = new Map()
  subscribers = new Map()
  #waiting = []

  /** `to`: null for all who subscribe to the subject. */
  carry(from, to, subject, bytes) {
    from.counts.sent++
    this.#waiting.push({ from, to, subject, bytes })
  }

  run(ms) {
    for (const end = this.now + ms; this.now < end;) {
      this.now += DELAY_MS
      const messages = this.#waiting
      this.#waiting = []
      for (const { from, to, subject, bytes } of messages)
        for (const node of to === null ? (this.subscribers.get(subject) ?? []) : [to])
          if (node !== from && this.nodes.has(node.incarnation)) node.hear(from.incarnation, subject, bytes)
      for (const node of this.nodes.values()) node.tick()
    }
  }

  all() {
    return [...this.nodes.values()]
  }

  /** Means of what the nodes have sent and heard since the last call. */
  counted() {
    const counts = this.all().map((node) => node.counts)
    for (const node of this.all()) node.counts = new Counts()
    return {
      sent: mean(counts.map(({ sent }) => sent)),
      heard: mean(counts.map(({ heard }) => heard)),
      heardBytes: mean(counts.map(({ heardBytes }) => heardBytes)),
    }
  }
}

/** Spreads small numbers over 32 bits. */
const spread = (number) => Math.imul(number + 1, 0x9e3779b1) >>> 0

class Node {
  static #made = 0
  counts = new Counts()
  /** Meetings that it has opened. */
  opened = 0
  #due = 0
  #isTouched = true
  #bus
  #listener
  /** Nodes whose end it has found proof of. */
  #ended = new Set()

  constructor(bus) {
    const made = Node.#made++
    this.incarnation = spread(made) * 2 ** 15 + made
    this.#bus = bus
    const { subscribers } = bus
    const listeners = (subject) => subscribers.get(subject) ?? new Set()
    this.core = new RtmsNode(
      {
        id: `n${made}`,
        incarnation: this.incarnation,
        wallOffset: 1.8e12,
        entropy: (count) => new Uint8Array(count).fill(made),
        limits: defaultLimits,
        cluster: { address: `wss://rtms.example/n${made}`, health: `http://n${made}.rtms.internal:7900` },
      },
      {
        application: {
          ...idlePorts.application,
          located: (_, { ok, value }) => {
            if (ok && value.isNew) this.opened++
          },
        },
        bus: {
          hears: (subject) => listeners(subject).size > (listeners(subject).has(this) ? 1 : 0),
          publish: (subject, bytes) => bus.carry(this, null, subject, bytes),
          send: (node, bytes) => {
            const to = bus.nodes.get(node)
            if (to !== undefined) bus.carry(this, to, null, bytes)
          },
          subscribe: (subject) => subscribers.set(subject, listeners(subject).add(this)),
          unsubscribe: (subject) => listeners(subject).delete(this),
        },
        watch: {
          met: () => {},
          probe: ({ node }) => {
            if (!bus.nodes.has(node)) this.#ended.add(node)
          },
        },
        fault: (error) => {
          throw error
        },
      },
    )
    this.#listener = busListener((call) => call(this.core, bus.now))
    bus.nodes.set(this.incarnation, this)
    this.#listener.back()
  }

  hear(from, subject, bytes) {
    this.counts.heard++
    this.counts.heardBytes += bytes.length
    if (subject === null) this.#listener.sent(bytes, from)
    else this.#listener.message(subject, bytes, from)
    this.#isTouched = true
  }

  open(name) {
    this.core.claimMeeting({ name }, {}, this.#bus.now)
    this.#isTouched = true
  }

  die() {
    this.#bus.nodes.delete(this.incarnation)
    for (const listeners of this.#bus.subscribers.values()) listeners.delete(this)
  }

  tick() {
    const { now } = this.#bus
    for (const node of this.#ended) {
      this.#listener.gone(node)
      this.#isTouched = true
    }
    this.#ended.clear()
    if (!this.#isTouched && this.#due > now) return
    for (let n = 0; this.core.deadline(now) <= now; n++) {
      if (n === SWEEPS) throw new Error('a node does not come to rest')
      this.core.sweep(now)
    }
    this.#isTouched = false
    this.#due = this.core.deadline(now)
  }
}

/** Runs until all nodes know the same others. Returns how long that took, in milliseconds. */
function agree(bus, count) {
  const began = bus.now
  const isAgreed = () => bus.all().every(({ core }) => core.cluster.nodes.living.size === count)
  while (!isAgreed()) {
    if (bus.now - began > 60_000) throw new Error('the nodes do not agree on who is there')
    bus.run(10)
  }
  return bus.now - began
}

function measure(count) {
  const bus = new Bus()
  for (let n = 0; n < count; n++) void new Node(bus)
  const agreedMs = agree(bus, count)
  bus.run(4_000)
  const start = bus.counted()

  for (const node of bus.all())
    for (let n = 0; n < options.meetings; n++) node.open(`room.${node.incarnation}.${n}`)
  bus.run(2_000)
  const opened = sum(bus.all().map((node) => node.opened))
  if (opened !== count * options.meetings) throw new Error(`${opened} meetings are open`)
  const names = bus.all().map(({ core }) => core.cluster.remembered)
  bus.counted()

  bus.run(options.seconds * 1_000)
  const inAll = bus.counted()
  const rest = {
    sent: inAll.sent / options.seconds,
    heard: inAll.heard / options.seconds,
    heardBytes: inAll.heardBytes / options.seconds,
  }
  /** What was counted in so many milliseconds, less what is said at rest. */
  const beyond = (counts, ms) =>
    Object.fromEntries(
      Object.entries(counts).map(([name, value]) => [name, value - (rest[name] * ms) / 1_000]),
    )

  bus.all().at(-1).die()
  const deathMs = agree(bus, count - 1)
  bus.run(2_000)
  const death = beyond(bus.counted(), deathMs + 2_000)
  void new Node(bus)
  bus.run(3_000)
  agree(bus, count)
  const arrival = beyond(bus.counted(), 3_000)
  return {
    nodes: count,
    agreedMs,
    start,
    rest,
    death: { ...death, ms: deathMs },
    arrival,
    names: unevenness(names),
  }
}

/** The homes of `users` users on each of `count` nodes: what it takes to tell all of them in a new view. */
function measureHomes(count, users) {
  const incarnations = Array.from({ length: count }, (_, n) => spread(n) * 2 ** 15 + n)
  const view = new View(incarnations[0])
  for (const incarnation of incarnations) view.meet(incarnation)
  const homes = new Map()
  let messages = 0
  let bytes = 0
  for (const [at, incarnation] of incarnations.entries()) {
    const host = {
      view,
      isSilent: () => false,
      *users() {
        for (let n = 0; n < users; n++) yield `user-${at * users + n}`
      },
      presence: () => ({ sessions: 1, connected: 1 }),
      send: (node, message) => {
        messages++
        bytes += message.length
        homes.get(node).message(incarnation, message)
      },
    }
    homes.set(incarnation, new Homes(incarnation, host, new Stats(), homesLimits))
  }
  const all = [...homes.values()]
  let sweeps = 0
  for (const each of all) each.renew()
  for (const each of all) for (; each.hasWork; sweeps++) each.sweep()
  const remembered = all.map(({ size }) => size)
  return {
    nodes: count,
    users: count * users,
    messages: messages / count,
    bytes: bytes / count,
    sweeps: sweeps / count,
    remembered: sum(remembered) / count,
    uneven: unevenness(remembered),
  }
}

const sizes = options.nodes.split(',').map(Number)
const nodes = []
const homes = []
for (const count of sizes) {
  console.log(`${count} nodes …`)
  nodes.push(measure(count))
  homes.push(measureHomes(count, options.users))
}

printTable(
  `A cluster of many nodes, ${options.meetings} meetings on each: messages of one node, the mean of all`,
  ['nodes', 'at rest: sent/s', 'heard/s', 'kB/s', 'all start: agree ms', 'sent', 'heard', 'kB'].concat([
    'one dies: known ms',
    'sent',
    'heard',
    'kB',
    'one comes: sent',
    'heard',
    'kB',
    'names: largest × mean',
  ]),
  nodes.map(({ nodes: count, agreedMs, start, rest, death, arrival, names }) => [
    String(count),
    fixed(rest.sent, 1),
    fixed(rest.heard, 0),
    fixed(rest.heardBytes / 1_000, 1),
    String(agreedMs),
    fixed(start.sent, 0),
    fixed(start.heard, 0),
    fixed(start.heardBytes / 1_000, 0),
    String(death.ms),
    fixed(death.sent, 0),
    fixed(death.heard, 0),
    fixed(death.heardBytes / 1_000, 0),
    fixed(arrival.sent, 0),
    fixed(arrival.heard, 0),
    fixed(arrival.heardBytes / 1_000, 0),
    fixed(names),
  ]),
)
printTable(
  `Homes, ${options.users} users on each node: what each node tells in a new view`,
  ['nodes', 'users', 'messages', 'kB', 'sweeps', 'users remembered', 'largest × mean'],
  homes.map((each) => [
    String(each.nodes),
    String(each.users),
    fixed(each.messages, 0),
    fixed(each.bytes / 1_000, 0),
    fixed(each.sweeps, 0),
    fixed(each.remembered, 0),
    fixed(each.uneven),
  ]),
)
await save('scale', options, { nodes, homes })
