import { load } from './lib/product.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save } from './lib/report.mjs'
import { wish } from './lib/rtms-client.mjs'

/*
 * What a cluster of many nodes costs each of them. Real nodes, in virtual time, on a bus that only counts: what they
 * say to each other at rest, when all start at once, when one dies, when one comes and when one drains; what topics
 * cost that have readers on a part of the nodes; and how evenly the names of meetings, standbys and the meetings of a
 * node that drains fall to them. Then the homes of many users, without their sessions: what a new view costs, and how
 * evenly users fall to nodes. Counts are exact; how long the program takes says nothing.
 */

const options = readOptions({
  nodes: '3,10,30,100,300',
  meetings: 20,
  users: 10_000,
  topics: 100,
  parts: 'homes,nodes,topics,standbys,drain,death,arrival',
  seconds: 5,
  dist: '../dist',
})

/** How long a message takes, in milliseconds of virtual time. */
const DELAY_MS = 1
/** Most sweeps of a node in one millisecond. */
const SWEEPS = 1_000

const { RtmsNode, busListener, defaultLimits, idlePorts, loadOf, settleShapes } = await load(
  options.dist,
  'core',
)
const { binaryCodec } = await load(options.dist, 'protocol')
const { Homes, homesLimits } = await load(options.dist, 'core/cluster/homes.js')
const { View } = await load(options.dist, 'core/cluster/view.js')
const { Stats } = await load(options.dist, 'core/ground/stats.js')
settleShapes()

/** What is measured: a large cluster takes long. */
const parts = new Set(options.parts.split(','))

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

  /** What the nodes have given to the bus so far, by kind: means. */
  kinds() {
    const all = this.all()
    const kinds = {}
    for (const { core } of all)
      for (const [kind, { messages }] of core.stats.busOut)
        kinds[kind] = (kinds[kind] ?? 0) + messages / all.length
    return kinds
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

const swallow = { write: () => true, pause() {}, resume() {}, close() {} }
const payload = { text: true, bytes: new TextEncoder().encode('{"price":1700.5}') }
const reader = {
  user: 'reader',
  id: '',
  issued: 0,
  after: 0,
  expires: 0,
  meetings: [],
  read: ['*'],
  write: [],
}
const hello = binaryCodec.encode([
  {
    type: 'hello',
    version: 1,
    features: 0,
    client: 'bench',
    token: '',
    session: '',
    received: 0,
    window: 0,
    moves: 0,
  },
])

class Node {
  static #made = 0
  counts = new Counts()
  /** Meetings that it has opened. */
  opened = 0
  #due = 0
  #isTouched = true
  #bus
  #listener
  #checks = []
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
          authenticate: (check) => this.#checks.push(check),
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

  open(name, standby = 0) {
    this.core.claimMeeting({ name }, { frameRate: 0, standby }, this.#bus.now)
    this.#isTouched = true
  }

  /** A client that subscribes to topics, and swallows what it gets. */
  read(topics) {
    const { now } = this.#bus
    const connection = this.core.handleOpen(swallow, binaryCodec, now)
    this.core.handlePacket(connection, hello, now)
    for (const check of this.#checks.splice(0))
      this.core.handleAuthenticated(check, { ok: true, value: reader }, now)
    this.core.handlePacket(
      connection,
      binaryCodec.encode([{ type: 'subscribe', call: 1, topics: topics.map(wish) }]),
      now,
    )
    this.#isTouched = true
  }

  publish(topic) {
    this.core.publish(topic, payload, '', false, this.#bus.now)
    this.#isTouched = true
  }

  drain() {
    this.core.drain(this.#bus.now, this.#bus.now + 25_000)
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

/** What was counted in so many milliseconds, less what is said at rest. */
const beyond = (counts, ms, quiet) =>
  Object.fromEntries(
    Object.entries(counts).map(([name, value]) => [name, value - (quiet[name] * ms) / 1_000]),
  )

function measure(count) {
  const bus = new Bus()
  let last = performance.now()
  /** A large cluster takes long: what is known so far is not lost. */
  const done = (what, found) => {
    const now = performance.now()
    console.log(`  ${what} after ${fixed((now - last) / 1_000, 1)} s: ${JSON.stringify(found)}`)
    last = now
    return found
  }
  for (let n = 0; n < count; n++) void new Node(bus)
  const agreedMs = agree(bus, count)
  bus.run(4_000)
  const start = bus.counted()
  done('all have started', { agreedMs, ...start })

  for (const node of bus.all())
    for (let n = 0; n < options.meetings; n++) node.open(`room.${node.incarnation}.${n}`)
  bus.run(2_000)
  const opened = sum(bus.all().map((node) => node.opened))
  if (opened !== count * options.meetings) throw new Error(`${opened} meetings are open`)
  const names = bus.all().map(({ core }) => core.cluster.remembered)
  done('meetings are open', { names: unevenness(names) })

  /** A second of what is said when nothing happens. */
  const quietly = () => {
    bus.counted()
    bus.run(options.seconds * 1_000)
    return Object.fromEntries(
      Object.entries(bus.counted()).map(([name, value]) => [name, value / options.seconds]),
    )
  }
  const rest = done('at rest', quietly())
  const death = parts.has('death') ? done('one has died', deathOf(bus, rest)) : null
  const arrival = parts.has('arrival') ? done('one has come', arrivalOf(bus, rest)) : null
  const readers = parts.has('topics') ? done('topics', topicsOf(bus)) : null
  const standbys = parts.has('standbys') ? done('standbys', standbysOf(bus)) : null
  const withStandbys = standbys === null ? rest : done('at rest with standbys', quietly())
  const drained = parts.has('drain') ? done('one has drained', drainOf(bus)) : null
  const spoken = { start, rest, withStandbys, death, readers, standbys, drained, arrival }
  return { nodes: count, agreedMs, names: unevenness(names), ...spoken }
}

/** What is said because a node has died, beyond what is said anyhow. */
function deathOf(bus, quiet) {
  const count = bus.nodes.size
  bus.counted()
  const before = bus.kinds()
  bus.all().at(-1).die()
  const ms = agree(bus, count - 1)
  bus.run(2_000)
  const after = Object.entries(bus.kinds())
  const kinds = Object.fromEntries(after.map(([kind, sent]) => [kind, sent - (before[kind] ?? 0)]))
  return { ...beyond(bus.counted(), ms + 2_000, quiet), ms, kinds }
}

/** The same because one has come. */
function arrivalOf(bus, quiet) {
  const count = bus.nodes.size + 1
  bus.counted()
  void new Node(bus)
  bus.run(3_000)
  const ms = 3_000 + agree(bus, count)
  return beyond(bus.counted(), ms, quiet)
}

/** Topics that a tenth of the nodes read, to each of which some nodes publish once a second: messages of one node. */
function topicsOf(bus) {
  const all = bus.all()
  const topics = Array.from({ length: options.topics }, (_, n) => `topic.${n}`)
  for (const [at, node] of all.entries()) node.read(topics.filter((_, n) => (n + at) % 10 === 0))
  bus.run(2_000)
  bus.counted()
  const before = bus.kinds()
  for (let n = 0; n < options.seconds; n++) {
    for (const [at, node] of all.entries()) node.publish(topics[at % topics.length])
    bus.run(1_000)
  }
  const { heard } = bus.counted()
  const after = bus.kinds()
  const sent = (kind) => ((after[kind] ?? 0) - (before[kind] ?? 0)) / options.seconds
  return { topics: sent('topics'), digests: sent('digests'), heard: heard / options.seconds }
}

/** Where the copies are that nodes are asked to keep. */
function standbysOf(bus) {
  const all = bus.all()
  for (const node of all)
    for (let n = 0; n < options.meetings; n++) node.open(`kept.${node.incarnation}.${n}`, 1)
  bus.run(4_000)
  const kept = all.map(({ core }) => loadOf(core).replicas)
  return { kept: mean(kept), most: Math.max(...kept) }
}

/** A node drains: how many nodes its meetings go to, and how many to one of them. */
function drainOf(bus) {
  const all = bus.all()
  const held = new Map(all.map((node) => [node, node.core.meetingCount]))
  const [leaver] = all
  const meetings = leaver.core.meetingCount
  leaver.drain()
  const began = bus.now
  while (leaver.core.meetingCount > 0) {
    if (bus.now - began > 30_000) throw new Error('a node does not get empty')
    bus.run(10)
  }
  const taken = all.slice(1).map((node) => node.core.meetingCount - held.get(node))
  return {
    meetings,
    ms: bus.now - began,
    to: taken.filter((count) => count > 0).length,
    most: Math.max(...taken),
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
      isOpen: () => true,
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
  for (const each of all) for (; each.hasWork; sweeps++) each.sweep(0)
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
  if (parts.has('homes')) {
    homes.push(measureHomes(count, options.users))
    console.log(`  homes: ${JSON.stringify(homes.at(-1))}`)
  }
  if (parts.has('nodes')) nodes.push(measure(count))
}

/** A figure of a part that may not have been measured. */
const cell = (part, name, digits = 0) => (part === null ? '–' : fixed(part[name], digits))
const kB = (part) => (part === null ? '–' : fixed(part.heardBytes / 1_000, 0))
const perKind = (kinds) =>
  Object.entries(kinds)
    .map(([kind, sent]) => `${kind} ${fixed(sent, 0)}`)
    .join(', ')

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
  ]),
  nodes.map(({ nodes: count, agreedMs, start, rest, death, arrival }) => [
    String(count),
    fixed(rest.sent, 1),
    fixed(rest.heard, 0),
    fixed(rest.heardBytes / 1_000, 1),
    String(agreedMs),
    fixed(start.sent, 0),
    fixed(start.heard, 0),
    kB(start),
    cell(death, 'ms'),
    cell(death, 'sent'),
    cell(death, 'heard'),
    kB(death),
    cell(arrival, 'sent'),
    cell(arrival, 'heard'),
    kB(arrival),
  ]),
)
for (const { nodes: count, death } of nodes)
  if (death !== null)
    console.log(`${count} nodes: what each sends when one dies, all of it: ${perKind(death.kinds)}`)
printTable(
  `How even it is: ${options.meetings} meetings on each node, as many with a standby, and one that drains`,
  [
    'nodes',
    'names: largest × mean',
    'standbys: mean',
    'most',
    'a drain: meetings',
    'ms',
    'to nodes',
    'most of one',
  ],
  nodes.map(({ nodes: count, names, standbys, drained }) => [
    String(count),
    fixed(names),
    cell(standbys, 'kept', 1),
    cell(standbys, 'most'),
    cell(drained, 'meetings'),
    cell(drained, 'ms'),
    cell(drained, 'to'),
    cell(drained, 'most'),
  ]),
)
printTable(
  `${options.topics} topics, each read on a tenth of the nodes, and each node publishes to one of them once a second`,
  ['nodes', 'publications sent/s', 'digests sent/s', 'all heard/s', 'at rest with standbys: sent/s'],
  nodes.map(({ nodes: count, readers, withStandbys }) => [
    String(count),
    cell(readers, 'topics', 2),
    cell(readers, 'digests', 2),
    cell(readers, 'heard'),
    fixed(withStandbys.sent, 1),
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
