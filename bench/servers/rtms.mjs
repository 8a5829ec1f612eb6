import { createServer } from 'node:http'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { feed } from '../lib/feed.mjs'
import { Meter } from '../lib/meter.mjs'
import { load, logger, SECRET } from '../lib/product.mjs'
import { Samples } from '../lib/samples.mjs'

const PATH = '/rtms'
const TOPIC = 'bench'
/** A connection whose URL has this in it is watched under the number behind it: what it is handed is counted. */
const WATCH = /[?&]watch=(\d+)/

const meter = new Meter()
const lateness = new Samples()
/** @type {Map<number, { bytes: number, writes: number, largest: number }>} */
const watched = new Map()
/** Opens meetings and publishes. */
let rtms
/** The node that the clients are connected to: another one, where they are to be on the wrong node. */
let front
let server

/** Counts the payload bytes of the WebSocket messages that are handed to a socket. */
function watch(socket, number) {
  const seen = { bytes: 0, writes: 0, largest: 0 }
  watched.set(number, seen)
  const { write } = socket
  let upgraded = false
  socket.write = function count(chunk, ...rest) {
    if (upgraded) {
      const size = chunk.length - (chunk[1] < 126 ? 2 : chunk[1] === 126 ? 4 : 10)
      seen.bytes += size
      seen.writes++
      seen.largest = Math.max(seen.largest, size)
    } else upgraded = true
    return write.call(this, chunk, ...rest)
  }
}

/** A copy of the counters: they go on. */
function stats() {
  const { framesSealed, framesSlipped, inputsFramed } = rtms.stats
  const { writes, bytesOut, sweeps, inputsReceived } = front.stats
  const { creditStalls, socketStalls, connectionsOpened, sessionsOpened } = front.stats
  const refused = [...front.stats.inputsRefused].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return {
    writes,
    bytesOut,
    sweeps,
    framesSealed,
    framesSlipped,
    inputsReceived,
    inputsFramed,
    creditStalls,
    socketStalls,
    connectionsOpened,
    sessionsOpened,
    refused,
  }
}

serve({
  /**
   * `mode`: `rtms-right` for a node that is one of two in the process, `rtms-wrong` for clients that are connected to
   * another of the two than their meetings are on.
   */
  async start({ dist, limits = {}, mode = 'rtms' }) {
    const { Rtms } = await load(dist, 'server')
    server = createServer()
    server.on('upgrade', (request, socket) => {
      const [, number] = WATCH.exec(request.url) ?? []
      if (number !== undefined) watch(socket, Number(number))
    })
    const whole = { logger, server, path: PATH, secret: SECRET, limits }
    if (mode === 'rtms-wrong' || mode === 'rtms-right') {
      const { inProcess } = await load(dist, 'bus/in-process.js')
      const bus = inProcess()
      const apart = { logger, port: 0, host: '127.0.0.1', secret: SECRET, limits, bus }
      // Who is on the wrong node stays there: what that costs is to be seen.
      front = await Rtms.start({ ...whole, bus, moves: false })
      const other = await Rtms.start(apart)
      rtms = mode === 'rtms-wrong' ? other : front
      while (rtms.cluster.nodes().length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
    } else rtms = front = await Rtms.start(whole)
    // The node reports the lateness of each seal; its own counters keep only the worst of a second.
    const { sealed } = rtms.stats
    Object.defineProperty(rtms.stats, 'sealed', {
      value: function observe(at, late) {
        lateness.push(late)
        sealed.call(this, at, late)
      },
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { kind: 'rtms', port: server.address().port, path: PATH, topic: TOPIC, clockOffset }
  },

  async openMeetings({ meetings, rate, members, inputsPerSecond }) {
    const options = {
      frameRate: rate,
      capacity: members,
      inputsPerSecond: Math.max(30, 2 * inputsPerSecond),
    }
    for (let meeting = 0; meeting < meetings; meeting++) await rtms.meetings.open(`m${meeting}`, options)
  },

  /** Tokens for users `from` … `from + count − 1`, who may do everything. */
  tokens: ({ count, from = 0 }) =>
    Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const user = `u${from + at}`
        const { token } = await rtms.tickets.issue({ user, meetings: ['*'], topics: { read: ['*'] } })
        return token
      }),
    ),

  async begin(options) {
    lateness.clear()
    await meter.begin(options)
    return stats()
  },

  async end(name) {
    const spent = await meter.end(name)
    return { ...spent, stats: stats(), lateness: lateness.summary() }
  },

  publish: (options) =>
    feed(options, (texts) => {
      for (const text of texts) rtms.topics.publish(TOPIC, text)
    }),

  /** What each of the watched was handed, by its number. */
  watched: () => watched,
  subscribers: () => rtms.topics.get(TOPIC)?.subscribers ?? 0,
  health: () => rtms.health(),

  memory() {
    globalThis.gc?.()
    return process.memoryUsage()
  },
})
