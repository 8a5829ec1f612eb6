import { readOptions } from './lib/options.mjs'
import { load } from './lib/product.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'
import { wish } from './lib/rtms-client.mjs'
import { median } from './lib/samples.mjs'

/*
 * What a topic costs that has one subscriber and was not yet published to: the core alone, in this process, with
 * connections that swallow what is written. Then every topic gets a publication, and each must reach its subscriber.
 */

const options = readOptions({ topics: 1_000_000, runs: 3, dist: '../dist' })
const PER_SESSION = 1_000
const PER_MESSAGE = 100

if (globalThis.gc === undefined) {
  console.error('memory is measured after a collection: run it with `npm run topics`')
  process.exit(2)
}
const { defaultLimits, idlePorts, RtmsNode } = await load(options.dist, 'core')
const { binaryCodec, eachPublication } = await load(options.dist, 'protocol')

const names = Array.from({ length: options.topics }, (_, n) => `stock.${n}`)
const data = { text: true, bytes: new TextEncoder().encode('{"price":1700.5}') }

function newNode() {
  let session = 0
  return new RtmsNode(
    {
      id: 'bench',
      incarnation: 7,
      wallOffset: 0,
      entropy: (length) => Buffer.alloc(length, `${session++}`.padStart(length)),
      limits: { ...defaultLimits, topics: options.topics },
    },
    {
      ...idlePorts,
      application,
      fault: (error) => console.error(error),
    },
  )
}

const asked = []
const application = {
  ...idlePorts.application,
  authenticate: (check) => asked.push(check),
}
const grant = {
  user: 'bench',
  id: '',
  issued: 0,
  expires: 0,
  meetings: [],
  read: ['*'],
  write: [],
}

class Swallow {
  delivered = 0
  bytes = 0
  received = 0

  write({ bytes }) {
    this.bytes += bytes.length
    for (const message of binaryCodec.decode(bytes, 'server')) {
      if (message.type === 'failed' || message.type === 'goodbye') throw new Error(JSON.stringify(message))
      if (message.type === 'subscribed') this.received++
      if (message.type === 'publications')
        eachPublication(message.publications, message.at, () => this.delivered++)
    }
    return true
  }

  pause() {}

  resume() {}

  /** What a client tells of what it has got: its session log need not keep that any longer. */
  ack() {
    return binaryCodec.encode([{ type: 'ack', bytes: this.bytes, received: this.received, seen: [] }])
  }

  close(code, reason) {
    throw new Error(`closed with ${code} ${reason}`)
  }
}

function heap() {
  globalThis.gc()
  return process.memoryUsage().heapUsed + process.memoryUsage().external
}

function measure() {
  const node = newNode()
  const peers = []
  let now = 1_000
  for (let at = 0; at < options.topics; at += PER_SESSION) {
    const transport = new Swallow()
    const connection = node.handleOpen(transport, binaryCodec, now)
    peers.push({ transport, connection, from: at })
    const hello = {
      type: 'hello',
      version: 1,
      client: 'bench',
      token: 'x',
      session: '',
      received: 0,
      window: 0,
      moves: 0,
    }
    node.handlePacket(connection, binaryCodec.encode([hello]), now)
    node.handleAuthenticated(asked.pop(), { ok: true, value: { ...grant, user: `u${at}` } }, now)
  }
  node.sweep(now)
  const before = heap()
  const started = process.cpuUsage()
  for (const { connection, transport, from } of peers) {
    for (let at = from; at < Math.min(from + PER_SESSION, options.topics); at += PER_MESSAGE) {
      const topics = names.slice(at, at + PER_MESSAGE).map(wish)
      node.handlePacket(connection, binaryCodec.encode([{ type: 'subscribe', call: at + 1, topics }]), now)
      while (node.deadline(now) <= now) node.sweep(now)
      node.handlePacket(connection, transport.ack(), now)
    }
  }
  const spent = process.cpuUsage(started)
  const quiet = (heap() - before) / options.topics
  if (node.topics !== options.topics) throw new Error(`there are ${node.topics} topics`)
  for (const name of names) {
    node.publish(name, data, '', false, now)
    if (node.deadline(now) > now) throw new Error('nothing is due')
  }
  now++
  while (node.deadline(now) <= now) node.sweep(now)
  const delivered = peers.reduce((sum, { transport }) => sum + transport.delivered, 0)
  if (delivered !== options.topics) throw new Error(`${delivered} of ${options.topics} were delivered`)
  const published = (heap() - before) / options.topics
  // Used here, so that no collection takes it before.
  if (node.subscribers(names[0]) !== 1) throw new Error('a subscriber is missing')
  return { quiet, published, subscribe: (spent.user + spent.system) / options.topics }
}

const results = []
for (let run = 0; run < options.runs; run++) {
  const result = measure()
  results.push(result)
  console.log(
    `run ${run + 1}: ${fixed(result.quiet, 0)} B a topic, ${fixed(result.published, 0)} B with a publication`,
  )
}
const of = (value) => results.map(value)
printTable(
  `Topics: ${options.topics} with one subscriber each, ${options.runs} runs`,
  ['goal', 'bytes a topic', 'with one publication kept', 'CPU µs per subscription'],
  [
    [
      median(of(({ quiet }) => quiet)) <= 400 ? '≤ 400: met' : '≤ 400: missed',
      spread(
        of(({ quiet }) => quiet),
        0,
      ),
      spread(
        of(({ published }) => published),
        0,
      ),
      spread(of(({ subscribe }) => subscribe)),
    ],
  ],
)
await save('topics', options, { runs: results })
