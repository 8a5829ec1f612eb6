import { Child, withChildren } from './child.mjs'
import { sleep } from './clock.mjs'
import { fixed } from './report.mjs'

/*
 * Subscribers of one feed, some of which stop reading: pairs of runs with and without, and what the others notice.
 * Whatever is not exactly as it has to be fails the run.
 */

export const stoppedDefaults = {
  subscribers: 1_000,
  /** How many of them stop. */
  stopped: 1,
  bytes: 400,
  'per-burst': 10,
  interval: 50,
  seconds: 4,
  pairs: 7,
  window: 131_072,
  dist: '../dist',
}

/**
 * Each pair: `baseline` and `stopped` with the latency of the others, what the watched ones were handed beyond what
 * they had acknowledged (`outstanding`, the worst), their largest write and window, and what they were told they
 * missed.
 *
 * @param {typeof stoppedDefaults} options
 */
export async function runPairs(options) {
  const { subscribers, stopped, bytes, interval, window, dist, 'per-burst': perBurst } = options
  const bursts = Math.round((options.seconds * 1000) / interval)
  if (bursts * perBurst * bytes < window * 1.5) {
    console.error('Too little is published to fill the window: raise --seconds, --bytes or --per-burst.')
    process.exit(2)
  }
  const server = new Child('servers/rtms.mjs')
  const clients = new Child('clients/subscribers.mjs')
  let seq = 0
  const publish = async (count) => {
    await server.call('publish', { bursts: count, perBurst, interval, bytes, from: seq + 1 })
    seq += count * perBurst
  }

  /** The watched ones read on, or stop before the first publication. */
  async function phase(stops, user) {
    const tokens = await server.call('tokens', { count: stopped, from: user })
    await clients.call('connectWatched', { tokens, window })
    await publish(5)
    await clients.call('until', seq)
    const acknowledged = stops ? await clients.call('pauseWatched') : Array.from({ length: stopped }, () => 0)
    await clients.call('begin')
    await server.call('begin')
    await publish(bursts)
    await clients.call('until', seq)
    const spent = await server.call('end')
    const got = await clients.call('end')
    if (got.missed > 0 || got.received.some((count) => count !== bursts * perBurst))
      throw new Error(`the others did not get all of the ${bursts * perBurst} publications`)
    const watched = await server.call('watched')
    const ends = await clients.call('resumeWatched', seq)
    await clients.call('closeWatched')
    const each = ends.map((end, number) => {
      const handed = watched.get(number)
      return {
        ...end,
        handed: handed.bytes,
        outstanding: handed.bytes - acknowledged[number],
        largest: handed.largest,
      }
    })
    if (!stops && each.some(({ missed }) => missed > 0))
      throw new Error('a subscriber that read on missed something')
    if (stops && each.some(({ missed }) => missed === 0))
      throw new Error('a reader that stopped missed nothing: it was not stopped')
    await sleep(100)
    const worst = (of) => Math.max(...each.map(of))
    return {
      cpu: spent.cpu,
      latency: got.latency,
      handed: worst(({ handed }) => handed),
      outstanding: worst(({ outstanding }) => outstanding),
      /** By how much the worst of them was above its window and one write; not above 0. */
      excess: worst((one) => one.outstanding - one.window - one.largest),
      largest: worst(({ largest }) => largest),
      missed: worst(({ missed }) => missed),
      window: each[0].window,
    }
  }

  return withChildren([server, clients], async () => {
    // Who stops does not answer pings either, and is not to be taken for dead on a slow machine.
    const where = await server.call('start', { dist, limits: { heartbeatMs: 60_000 } })
    const count = subscribers - stopped
    const tokens = await server.call('tokens', { count })
    await clients.call('connect', { server: where, dist, tokens, count, window })
    await publish(20)
    await clients.call('until', seq)
    const pairs = []
    for (let pair = 0; pair < options.pairs; pair++) {
      const measured = {}
      // Which comes first alternates.
      for (const stops of pair % 2 === 0 ? [false, true] : [true, false])
        measured[stops ? 'stopped' : 'baseline'] = await phase(
          stops,
          subscribers + (pair * 2 + Number(stops)) * stopped,
        )
      const { baseline, stopped: without } = measured
      const ratio = without.latency.p99 / baseline.latency.p99
      pairs.push({ ...measured, ratio })
      console.log(
        `pair ${pair + 1}: p99 ${fixed(baseline.latency.p99)} ms, with ${stopped} stopped ` +
          `${fixed(without.latency.p99)} ms; at most ${without.outstanding} bytes were handed to one of them`,
      )
    }
    return pairs
  })
}
