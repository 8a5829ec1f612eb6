import { readOptions } from '../lib/options.mjs'
import { load } from '../lib/product.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { membership } from '../lib/rtms-client.mjs'

/*
 * What each message of a client costs the node, in the worst case known: processor time and bytes down for each byte
 * up, and the longest sweep. The core alone, in this process; the client acknowledges everything at once. What a client
 * has to send for that (acks, a lead-in) counts as bytes up.
 *
 * Some messages ask for much by their nature: a topic from its start, a meeting's whole ring. Their user has a share of
 * the node for it, so what is measured is the share that a client takes who asks again as soon as it may. Time is
 * virtual: it passes by what the node has spent, and by the waits that the client was told.
 */

const options = readOptions({
  /** Milliseconds of processor time per case. */
  ms: 400,
  /** Each case is measured this often; the best counts, because the machine may be busy with other work. */
  runs: 3,
  only: '',
  dist: '../dist',
})

/**
 * Goals: microseconds of processor time for each byte sent, or the share of a processor in percent; and milliseconds of
 * one sweep.
 */
const GOAL_PER_BYTE = 5
const GOAL_SHARE = 5
const GOAL_SWEEP = 20
/** Milliseconds after which a client that was never told to wait has warmed up. */
const WARM_UP = 3_000

const { RtmsNode, defaultLimits, idlePorts } = await load(options.dist, 'core')
const { binaryCodec, jsonCodec } = await load(options.dist, 'protocol')
const { lineageOf } = await load(options.dist, 'server/ground/lineage.js')

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const text = (value) => ({ text: true, bytes: encoder.encode(value) })
const size = (count, fill = 1) => ({ text: false, bytes: new Uint8Array(count).fill(fill) })
const nowhere = { epoch: 0, at: 0, numbers: [] }
const everything = { meetings: [{ name: '*', role: 'member' }], read: ['*'], write: ['*'] }
const LONG = { entries: 10_000, bytes: 2 ** 24, ageMs: 3_600_000 }
const KEYS = 10_000

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

const entropy = (count) => Uint8Array.from({ length: count }, () => Math.floor(Math.random() * 256))
const fault = (error) => console.error(error)

/** A node whose business answers at once, and one attacker. */
class Rig {
  #asked = []
  #calls = []
  #packets = []
  call = 0
  sent = 0
  received = 0
  entries = 0
  session = ''
  isOpen = false
  up = 0
  longest = 0
  spent = 0
  now = 1_000_000
  begun = 0
  refused = 0

  /** `codec`: what the attacker speaks. `cluster`: see `NodeConfig`. */
  constructor(codec = binaryCodec, cluster) {
    this.codec = codec
    const config = {
      id: 'n',
      incarnation: 7,
      wallOffset: 0,
      entropy,
      limits: { ...defaultLimits },
      cluster,
    }
    const application = {
      ...idlePorts.application,
      authenticate: (check, token) => this.#asked.push({ check, token }),
      request: (call) => this.#calls.push(call),
    }
    this.node = new RtmsNode(config, { ...idlePorts, application, fault })
    this.connect()
  }

  connect() {
    const write = (packet) => {
      this.#packets.push(packet.bytes)
      return true
    }
    const close = () => {
      this.isOpen = false
    }
    this.isOpen = true
    const transport = { write, close, pause() {}, resume() {} }
    this.connection = this.node.handleOpen(transport, this.codec, this.now)
    this.sent = 0
    const { session, entries: received } = this
    const names = { type: 'hello', version: 1, features: 0, client: 'bench', token: 'mallory' }
    this.send([{ ...names, session, received, window: 131_072, moves: 0 }])
  }

  /** Hands over one packet, and sweeps until nothing is left to do and everything is acknowledged. */
  send(messages) {
    // Closed for flooding: what the attacker pays for coming back counts as well.
    if (!this.isOpen) this.connect()
    this.#hand(this.codec.encode(messages))
    while (this.#hear() && this.isOpen) this.#hand(this.codec.encode([this.#ack()]))
  }

  #ack() {
    return { type: 'ack', bytes: this.sent, received: this.entries, seen: [] }
  }

  #hand(packet) {
    this.up += packet.length
    const before = cpu()
    this.node.handlePacket(this.connection, this.codec.text ? decoder.decode(packet) : packet, this.now)
    this.#answer()
    while (this.node.deadline(this.now) <= this.now) {
      const begun = cpu()
      this.node.sweep(this.now)
      this.longest = Math.max(this.longest, cpu() - begun)
      this.#answer()
    }
    const took = cpu() - before
    this.spent += took
    this.now += took
  }

  #answer() {
    for (const { check, token } of this.#asked.splice(0)) {
      const value = { user: token, id: '', issued: 0, after: 0, expires: 0, ...everything }
      this.node.handleAuthenticated(check, { ok: true, value }, this.now)
    }
    for (const call of this.#calls.splice(0))
      this.node.handleReply(call, { ok: true, value: text('') }, this.now)
  }

  /** Takes what the node has written. False: nothing. */
  #hear() {
    const packets = this.#packets.splice(0)
    for (const packet of packets) {
      this.sent += packet.length
      this.received += packet.length
      // Of the larger packets only those with logs' batches: the entries of the session log are small.
      for (const message of this.codec.decode(packet, 'server')) {
        if (message.type === 'welcome') this.session = message.session
        else if (message.type === 'joined' || message.type === 'subscribed') this.told = message
        else if (message.type === 'failed' && message.error === 'RATE') {
          this.refused++
          this.now += message.retryAfter
        }
        if (ofSession.has(message.type)) this.entries++
      }
    }
    return packets.length > 0
  }

  /** One message of the attacker's, without waiting for what it has to say. */
  next(type, fields = {}) {
    return { type, call: ++this.call, ...fields }
  }

  subscribe(topic, fields = {}) {
    const whole = { topic, since: nowhere, history: 0, conflate: false, maxHz: 0, policy: 0, keys: [] }
    return { ...whole, ...fields }
  }

  join(meeting, fields = {}) {
    return this.next('join', { ...membership(meeting), ...fields })
  }

  publish(topic, key, data = text('x'), tombstone = false) {
    const answer = this.node.publish(topic, data, key, tombstone, this.now)
    if (typeof answer === 'string') throw new Error(answer)
  }

  settle() {
    while (this.node.deadline(this.now) <= this.now) this.node.sweep(this.now)
  }

  forget() {
    this.up = 0
    this.received = 0
    this.longest = 0
    this.spent = 0
    this.begun = this.now
  }

  /** Percent of a processor that the client has taken. */
  get share() {
    return (100 * this.spent) / (this.now - this.begun)
  }
}

const ofSession = new Set('joined subscribed done failed reply nack push direct ended charter'.split(' '))

const times = (count, make) => Array.from({ length: count }, (_, n) => make(n))

/** A topic of 10,000 keys, published by others. */
function keyed(rig) {
  for (let n = 0; n < KEYS; n++) {
    rig.publish('k', `key${n}`)
    if (n % 500 === 499) rig.settle()
  }
  rig.settle()
}

/** A topic whose ring holds 10,000 entries, each of another key or of none. */
function long(rig, isKeyed = false) {
  rig.node.defineTopics('long', LONG)
  for (let n = 0; n < 10_000; n++) {
    rig.publish('long', isKeyed ? `key${n}` : '')
    if (n % 500 === 499) rig.settle()
  }
  rig.settle()
}

function room(rig, options = {}) {
  rig.node.openMeeting(
    'm',
    { frameRate: 0, inputBytes: 4_096, inputsPerSecond: 1e6, inputBurst: 1e6, ...options },
    rig.now,
  )
  rig.send([rig.join('m')])
  return rig.told
}

/** A quiet meeting without a clock, whose ring is full. */
function fullRoom(rig, inputs = 1_100, bytes = 4_000) {
  const { log, world } = room(rig)
  for (let n = 1; n <= inputs; n++)
    rig.send([{ type: 'input', log, seq: n, after: 0, seen: 0, data: size(bytes) }])
  rig.seq = inputs
  return { log, world }
}

/** On a node whose cluster has a secret: members are given what they need to have their meeting go on elsewhere. */
const IN_CLUSTER = ', in a cluster'
const cluster = { address: '', health: '', lineage: lineageOf('a secret of the cluster') }

/** Name, and what prepares the rig and returns what sends the next packet. */
const cases = {
  ping: (rig) => () => rig.send(times(1_000, () => ({ type: 'ping', time: 0 }))),
  pong: (rig) => () => rig.send(times(1_000, () => ({ type: 'pong', echo: 0, time: 0, lateness: 0 }))),
  'hello (again and again)': (rig) => () => {
    rig.node.handleClose(rig.connection, false, rig.now)
    rig.connect()
  },
  ack: (rig) => () =>
    rig.send(times(1_000, () => ({ type: 'ack', bytes: rig.sent, received: rig.entries, seen: [] }))),
  'ack of 1,000 logs': (rig) => {
    const { log } = room(rig)
    let frame = 0
    const seen = () => times(1_000, () => ({ log, frame: ++frame }))
    return () => rig.send([{ type: 'ack', bytes: rig.sent, received: rig.entries, seen: seen() }])
  },
  'join (no such meeting)': (rig) => () => rig.send(times(5, () => rig.join('n'))),
  'join again, the whole ring': (rig) => {
    const { world } = fullRoom(rig)
    return () => rig.send([rig.join('m', { world })])
  },
  'join again, another place in the ring': (rig) => {
    const { world } = fullRoom(rig)
    let at = 0
    return () => rig.send([rig.join('m', { world, next: rig.seq - 100 - (at++ % 900) })])
  },
  'join again, 250 members': (rig) => {
    const { world } = room(rig, { capacity: 255 })
    for (let n = 0; n < 250; n++) rig.node.addBot('m', `bot${n}${'x'.repeat(200)}`)
    rig.settle()
    return () => rig.send(times(50, () => rig.join('m', { world, next: 1_000 })))
  },
  [`join again, 250 members${IN_CLUSTER}`]: (rig) => {
    room(rig, { capacity: 255 })
    for (let n = 0; n < 250; n++) rig.node.addBot('m', `bot${n}${'x'.repeat(50)}`)
    rig.settle()
    // An earlier charter is of no use to who joins from now on.
    return () => {
      rig.node.say('m', text(''))
      rig.send([rig.join('m', { world: 0, next: 2 ** 40 })])
    }
  },
  'join and leave': (rig) => {
    rig.node.openMeeting('m', { frameRate: 0, joinsPerMinute: 1_000 }, rig.now)
    return () => {
      rig.send([rig.join('m', { spectator: true })])
      rig.send([rig.next('leave', { log: rig.told.log })])
    }
  },
  input: (rig) => {
    const { log } = room(rig)
    let seq = 0
    return () =>
      rig.send(times(200, () => ({ type: 'input', log, seq: ++seq, after: 0, seen: 0, data: size(0) })))
  },
  'input (not joined)': (rig) => () =>
    rig.send(times(10, (n) => ({ type: 'input', log: 99, seq: n + 1, after: 0, seen: 0, data: size(0) }))),
  leave: (rig) => () => rig.send(times(5, () => rig.next('leave', { log: 99 }))),
  'subscribe: 1,000 × one topic of 10,000 keys, conflated': (rig) => {
    keyed(rig)
    const topics = times(1_000, () => rig.subscribe('k', { conflate: true }))
    return () => rig.send([rig.next('subscribe', { topics })])
  },
  'subscribe: … resumed from 1,000 places': (rig) => {
    keyed(rig)
    rig.send([rig.next('subscribe', { topics: [rig.subscribe('k', { conflate: true })] })])
    const { epoch } = rig.told.position
    const topics = times(1_000, (n) =>
      rig.subscribe('k', { conflate: true, since: { epoch, at: 1 + n * 9, numbers: [] } }),
    )
    return () => rig.send([rig.next('subscribe', { topics })])
  },
  'subscribe: one topic of 10,000 keys': (rig) => {
    keyed(rig)
    const topics = [rig.subscribe('k')]
    return () => rig.send([rig.next('subscribe', { topics })])
  },
  'subscribe: 240 keys of 10,000': (rig) => {
    keyed(rig)
    const keys = times(240, (n) => ({ key: `key${n * 40}` }))
    return () => rig.send([rig.next('subscribe', { topics: [rig.subscribe('k', { conflate: true, keys })] })])
  },
  'subscribe: 1,000 × two keys of 10,000': (rig) => {
    keyed(rig)
    const keys = [{ key: 'key0' }, { key: 'key5000' }]
    const topics = times(1_000, () => rig.subscribe('k', { conflate: true, keys }))
    return () => rig.send([rig.next('subscribe', { topics })])
  },
  'subscribe: 1,000 × history of a ring of 10,000': (rig) => {
    long(rig)
    const topics = times(1_000, (n) => rig.subscribe('long', { history: 9_000 - n }))
    return () => rig.send([rig.next('subscribe', { topics })])
  },
  'subscribe: two keys, resumed at the start of a ring of 10,000': (rig) => {
    long(rig, true)
    rig.send([rig.next('subscribe', { topics: [rig.subscribe('long')] })])
    const { epoch } = rig.told.position
    const keys = [{ key: 'key0' }, { key: 'key9999' }]
    const since = { epoch, at: 2, numbers: [] }
    const topics = times(1_000, () => rig.subscribe('long', { keys, since }))
    return () => rig.send([rig.next('subscribe', { topics })])
  },
  'subscribe: names of 255 bytes that exist nowhere': (rig) => {
    let n = 0
    return () => {
      const topics = times(200, () => rig.subscribe(`${n++}`))
      rig.send([rig.next('subscribe', { topics })])
    }
  },
  'subscribe: another topic each time, topics full': (rig) => {
    let n = 0
    const fresh = () => {
      rig.send([rig.next('subscribe', { topics: times(500, () => rig.subscribe(`${n++}`)) })])
      rig.node.handleClose(rig.connection, false, rig.now)
      rig.connect()
    }
    for (let round = 0; round < 100; round++) fresh()
    return fresh
  },
  'unsubscribe of 1,000': (rig) => () =>
    rig.send(times(4, () => rig.next('unsubscribe', { logs: times(1_000, (log) => ({ log: log + 1 })) }))),
  publish: (rig) => () =>
    rig.send(
      times(200, () => ({
        ...rig.next('publish'),
        call: 0,
        topic: 't',
        key: '',
        tombstone: false,
        data: size(0),
      })),
    ),
  'publish: a new key, all keys taken': (rig) => {
    keyed(rig)
    let n = 0
    const make = () => rig.next('publish', { topic: 'k', key: `new${n++}`, tombstone: false, data: size(0) })
    return () => rig.send(times(20, make))
  },
  'publish: a new key, all keys removed': (rig) => {
    keyed(rig)
    for (let n = 0; n < KEYS; n++) {
      rig.publish('k', `key${n}`, size(0), true)
      if (n % 500 === 499) rig.settle()
    }
    rig.settle()
    let n = 0
    const make = (tombstone) => ({
      ...rig.next('publish'),
      call: 0,
      topic: 'k',
      key: `new${tombstone ? n++ : n}`,
      tombstone,
      data: size(0),
    })
    return () => rig.send(times(100, (each) => make(each % 2 === 1)))
  },
  'publish to 200 topics, all kept': (rig) => () =>
    rig.send(
      times(200, (n) => ({
        ...rig.next('publish'),
        call: 0,
        topic: `t${n}`,
        key: '',
        tombstone: false,
        data: size(0),
      })),
    ),
  'publish to oneself, conflated and by keys': (rig) => {
    keyed(rig)
    const keys = times(240, (n) => ({ key: `key${n * 40}` }))
    rig.send([rig.next('subscribe', { topics: [rig.subscribe('k', { keys })] })])
    let n = 0
    const make = () => ({
      ...rig.next('publish'),
      call: 0,
      topic: 'k',
      key: `key${n++ % KEYS}`,
      tombstone: false,
      data: size(0),
    })
    return () => rig.send(times(100, make))
  },
  request: (rig) => () =>
    rig.send(times(50, () => rig.next('request', { method: 'm', timeout: 0, data: size(0) }))),
  cancel: (rig) => () => rig.send(times(200, () => ({ type: 'cancel', call: 1 }))),
  refresh: (rig) => () => rig.send([rig.next('refresh', { token: 'mallory' })]),
}

/** What is read as JSON has to be made for its readers. */
const IN_JSON = ', in JSON'
for (const name of [
  'join again, the whole ring',
  'subscribe: 1,000 × one topic of 10,000 keys, conflated',
  'subscribe: one topic of 10,000 keys',
  'subscribe: 1,000 × history of a ring of 10,000',
])
  cases[`${name}${IN_JSON}`] = cases[name]

function measure(name, make) {
  const rig = new Rig(
    name.endsWith(IN_JSON) ? jsonCodec : binaryCodec,
    name.endsWith(IN_CLUSTER) ? cluster : undefined,
  )
  const next = make(rig)
  rig.forget()
  // The first rounds compile, and use up what the user may do at once.
  const until = cpu() + options.ms / 4
  const end = cpu() + WARM_UP
  while (cpu() < until || (rig.refused === 0 && rig.received > 500 * rig.up && cpu() < end)) next()
  rig.forget()
  let rounds = 0
  for (; rig.spent < options.ms && rounds < 100_000; rounds++) next()
  const { spent, up, received, longest, share } = rig
  return { rounds, perByte: (spent * 1_000) / up, down: received / up, longest, share }
}

const promises = new Promises()
const results = []
const least = (list, of) => Math.min(...list.map(of))
for (const [name, make] of Object.entries(cases)) {
  if (!name.includes(options.only)) continue
  const runs = []
  for (let run = 0; run < options.runs; run++) {
    try {
      runs.push(measure(name, make))
    } catch (error) {
      console.log(`${name}: ${error.message}`)
    }
  }
  if (runs.length === 0) {
    promises.check(name, '', 'failed', false)
    continue
  }
  const perByte = least(runs, (run) => run.perByte)
  const longest = least(runs, (run) => run.longest)
  const down = least(runs, (run) => run.down)
  results.push({ name, runs })
  const share = least(runs, (run) => run.share)
  const isShared = perByte > GOAL_PER_BYTE
  const cost = isShared ? `${fixed(share, 1)} %` : `${fixed(perByte)} µs/B`
  const figures = `${cost}, ${fixed(down, 1)} B down, ${fixed(longest, 1)} ms`
  console.log(`${name}: ${figures} (${runs.map(({ rounds }) => rounds).join(', ')} rounds)`)
  promises.check(
    name,
    `${isShared ? `≤ ${GOAL_SHARE} %` : `≤ ${GOAL_PER_BYTE} µs/B`}, sweep ≤ ${GOAL_SWEEP} ms`,
    figures,
    (!isShared || share <= GOAL_SHARE) && longest <= GOAL_SWEEP,
  )
}
await promises.end('Work for each byte that a client sends', 'work', options, { results })
