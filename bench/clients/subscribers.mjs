import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { readSeq, readTime } from '../lib/feed.mjs'
import { Meter } from '../lib/meter.mjs'
import { load } from '../lib/product.mjs'
import { RtmsSink, subscription } from '../lib/rtms-client.mjs'
import { Samples } from '../lib/samples.mjs'
import { openMany, Sink } from '../lib/websocket.mjs'

/*
 * Subscribers of one feed. Each checks the number of every publication it gets: one that is missing, repeated or out
 * of order fails the run. Latency is measured for every delivery, from `publish` to here.
 */

const PUBLICATIONS = 0x43
/** Text of Socket.IO in front of the publication: `42["m","`. */
const EVENT_HEAD = 8
/** The JSON text of a publication begins with a quotation mark. */
const QUOTE = 1

const latency = new Samples()
const meter = new Meter()
let measuring = false
let failure = null
/** All that are connected; the watched ones come and go. */
let subscribers = []
/** @type {Subscriber[]} */
let watched = []
let protocol
let where
let expected = 0
let complete = 0
let onComplete = () => {}

function fail(why) {
  failure ??= why
  onComplete()
}

class Subscriber {
  /** Number of the last publication, and how many came as messages and as a gap. */
  seq = 0
  received = 0
  missed = 0
  /** WebSocket messages that carried publications. */
  packets = 0
  counted = true
  sink = null

  /** A run of publications. @param {number} first @param {number} count @param {number} time of the last */
  take(first, count, time) {
    if (first !== this.seq + 1) fail(`publication ${first} came after ${this.seq}`)
    this.seq = first + count - 1
    this.received += count
    if (measuring && this.counted) {
      const late = now() - time
      for (let i = 0; i < count; i++) latency.push(late)
    }
    if (this.counted && this.seq === expected && ++complete === subscribers.length) onComplete()
  }

  ended(why) {
    fail(`a subscriber was cut off after publication ${this.seq}: ${why}`)
  }
}

/** What all subscribers of a node are sent is the same bytes: a packet is decoded once, then compared. */
const known = []

/** The numbers in a message of publications: the first, how many, and when the last was made. */
function runOf({ publications, at }) {
  const seqs = []
  let time = 0
  protocol.eachPublication(publications, at, ({ data }) => {
    const text = Buffer.from(data.bytes.buffer, data.bytes.byteOffset, data.bytes.length)
    seqs.push(readSeq(text, QUOTE))
    time = readTime(text, QUOTE)
  })
  if (seqs.some((seq, at) => seq !== seqs[0] + at)) fail(`a batch with publications ${seqs.join(', ')}`)
  return { first: seqs[0], count: seqs.length, time }
}

/** Of a packet that is one message of publications; null of another. */
function batchOf(buffer, start, end) {
  for (const batch of known) {
    if (batch.bytes.length === end - start && buffer.compare(batch.bytes, 0, end - start, start, end) === 0) {
      return batch
    }
  }
  const bytes = Buffer.from(buffer.subarray(start, end))
  const messages = protocol.binaryCodec.decode(bytes, 'server')
  if (messages.length > 1) return null
  const batch = { bytes, ...runOf(messages[0]) }
  known.push(batch)
  if (known.length > 64) known.shift()
  return batch
}

async function openRtms(subscriber, token, window, query = '') {
  const client = new RtmsSink(protocol.binaryCodec, { ...where, path: where.path + query })
  await client.open(token, window)
  client.onEnd = (why) => subscriber.ended(why)
  client.onMessage = (message) => {
    if (message.type === 'gap') {
      subscriber.missed += message.to - message.from
      subscriber.seq += message.to - message.from
    } else if (message.type === 'publications') {
      // Behind a gap or a ping in one packet.
      subscriber.packets++
      const { first, count, time } = runOf(message)
      subscriber.take(first, count, time)
      // Tells who publishes on other nodes.
    } else if (message.type !== 'publishers') fail(`a message ${message.type}`)
  }
  client.onPacket = (buffer, start, end) => {
    if (buffer[start] !== PUBLICATIONS) return false
    const batch = batchOf(buffer, start, end)
    if (batch === null) return false
    subscriber.packets++
    subscriber.take(batch.first, batch.count, batch.time)
    return true
  }
  await client.call(subscription(where.topic), 'subscribed')
  subscriber.sink = client.sink
  subscriber.client = client
}

async function openPlain(subscriber) {
  const sink = new Sink(where)
  await sink.upgraded
  sink.onEnd = (why) => subscriber.ended(why)
  sink.onMessage = (buffer, start) => {
    subscriber.packets++
    subscriber.take(readSeq(buffer, start), 1, readTime(buffer, start))
  }
  subscriber.sink = sink
}

async function openSocketIo(subscriber) {
  const sink = new Sink(where)
  await sink.upgraded
  sink.onEnd = (why) => subscriber.ended(why)
  await new Promise((resolve) => {
    sink.onMessage = (buffer, start, end) => {
      const text = buffer.latin1Slice(start, Math.min(end, start + 2))
      if (text === '42') {
        const at = start + EVENT_HEAD
        subscriber.packets++
        subscriber.take(readSeq(buffer, at), 1, readTime(buffer, at))
      } else if (text.startsWith('0')) sink.sendText('40')
      else if (text === '40') resolve()
      else if (text === '2') sink.sendText('3')
      else fail(`a message ${text} of Socket.IO`)
    }
  })
  subscriber.sink = sink
}

const sum = (of) => subscribers.reduce((total, subscriber) => total + of(subscriber), 0)

/** Resolves once every subscriber has all publications up to number `seq`. */
async function until(seq) {
  expected = seq
  complete = subscribers.filter((subscriber) => subscriber.seq === seq).length
  if (complete < subscribers.length && failure === null) {
    await new Promise((resolve) => (onComplete = resolve))
  }
  if (failure !== null) throw new Error(failure)
}

serve({
  async connect({ server, dist, tokens = [], count, window = 0 }) {
    where = server
    if (server.kind === 'rtms') protocol = await load(dist, 'protocol')
    subscribers = await openMany(count, async (index) => {
      const subscriber = new Subscriber()
      if (server.kind === 'rtms') await openRtms(subscriber, tokens[index], window)
      else if (server.kind === 'socketio') await openSocketIo(subscriber)
      else await openPlain(subscriber)
      return subscriber
    })
  },

  /** More subscribers, each watched by the node under its number; they join in where the others stand. */
  async connectWatched({ tokens, window }) {
    watched = await openMany(tokens.length, async (index) => {
      const subscriber = new Subscriber()
      subscriber.counted = false
      subscriber.seq = subscribers[0].seq
      await openRtms(subscriber, tokens[index], window, `?watch=${index}`)
      subscriber.start = subscriber.seq
      return subscriber
    })
  },
  /** Stops them. Returns what each has acknowledged: no ack follows while it stands. */
  pauseWatched() {
    for (const { sink } of watched) sink.pause()
    return watched.map(({ client }) => client.acknowledged)
  },
  /** They read on. Resolves when all stand at publication `seq`, with what each got and was told it missed. */
  async resumeWatched(seq) {
    for (const { sink } of watched) sink.resume()
    for (let tries = 0; watched.some((subscriber) => subscriber.seq < seq) && tries < 1_000; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    if (failure !== null) throw new Error(failure)
    return watched.map(({ received, missed, start, seq: end, client }) => {
      if (end !== seq || received + missed !== seq - start)
        throw new Error(`a watched subscriber stands at ${end} instead of ${seq}`)
      return { received, missed, window: client.window }
    })
  },
  closeWatched() {
    for (const { sink } of watched) sink.close()
  },

  async begin() {
    latency.clear()
    for (const subscriber of subscribers) {
      subscriber.received = 0
      subscriber.packets = 0
      subscriber.sink.bytes = 0
      subscriber.sink.messages = 0
    }
    measuring = true
    await meter.begin()
  },

  until,

  /** What arrived since `begin`: of every subscriber, and whether each got the same. */
  async end() {
    measuring = false
    const spent = await meter.end()
    return {
      ...spent,
      received: subscribers.map(({ received }) => received),
      packets: subscribers.map(({ packets }) => packets),
      messages: sum(({ sink }) => sink.messages),
      bytes: sum(({ sink }) => sink.bytes),
      missed: sum(({ missed }) => missed),
      latency: latency.summary(),
    }
  },
})
