import { Child, withChildren } from './lib/child.mjs'
import { sleep } from './lib/clock.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'

const options = readOptions({
  subscribers: 1_000,
  bytes: 400,
  'per-burst': 10,
  interval: 50,
  seconds: 4,
  pairs: 7,
  window: 131_072,
  dist: '../dist',
})

const { subscribers, bytes, interval, window } = options
const perBurst = options['per-burst']
const bursts = Math.round((options.seconds * 1000) / interval)
if (bursts * perBurst * bytes < window * 1.5) {
  console.error('Too little is published to fill the window: raise --seconds, --bytes or --per-burst.')
  process.exit(2)
}

const server = new Child('servers/rtms.mjs')
const clients = new Child('clients/subscribers.mjs')

let seq = 0

async function publish(count) {
  await server.call('publish', { bursts: count, perBurst, interval, bytes, from: seq + 1 })
  seq += count * perBurst
}

/** One of the subscribers reads on, or stops before the first publication. What the others saw of it. */
async function phase(stops, user) {
  const [token] = await server.call('tokens', { count: 1, from: user })
  await clients.call('connectWatched', { token, window })
  await publish(5)
  await clients.call('until', seq)
  const acknowledged = stops ? await clients.call('pauseWatched') : 0
  await clients.call('begin')
  await server.call('begin')
  await publish(bursts)
  await clients.call('until', seq)
  const spent = await server.call('end')
  const got = await clients.call('end')
  const each = bursts * perBurst
  if (got.missed > 0 || got.received.some((count) => count !== each)) {
    throw new Error(`the others did not get all of the ${each} publications`)
  }
  const handed = await server.call('watched')
  const end = await clients.call('resumeWatched', seq)
  await clients.call('closeWatched')
  const outstanding = handed.bytes - acknowledged
  if (stops) {
    const limit = end.window + handed.largest
    if (outstanding > limit) throw new Error(`${outstanding} bytes were handed over, ${limit} allowed`)
    if (end.missed === 0) throw new Error('the reader that stopped missed nothing: it was not stopped')
  } else if (end.missed > 0) throw new Error('a subscriber that read on missed something')
  await sleep(100)
  return {
    cpu: spent.cpu,
    latency: got.latency,
    handed: handed.bytes,
    outstanding,
    largest: handed.largest,
    ...end,
  }
}

const runs = await withChildren([server, clients], async () => {
  const { dist } = options
  const where = await server.call('start', { dist })
  const count = subscribers - 1
  const tokens = await server.call('tokens', { count })
  await clients.call('connect', { server: where, dist, tokens, count, window })
  await publish(20)
  await clients.call('until', seq)
  const pairs = []
  for (let pair = 0; pair < options.pairs; pair++) {
    const measured = {}
    // Which comes first alternates.
    for (const stops of pair % 2 === 0 ? [false, true] : [true, false]) {
      measured[stops ? 'stopped' : 'baseline'] = await phase(stops, subscribers + pair * 2 + Number(stops))
    }
    const { baseline, stopped } = measured
    const ratio = stopped.latency.p99 / baseline.latency.p99
    pairs.push({ ...measured, ratio })
    console.log(
      `pair ${pair + 1}: p99 ${fixed(baseline.latency.p99)} ms, with a stopped reader ` +
        `${fixed(stopped.latency.p99)} ms; it was handed ${stopped.outstanding} bytes`,
    )
  }
  return pairs
})

const column = (of) => spread(runs.map(of))
const whole = (of) => spread(runs.map(of), 0)
const rows = ['baseline', 'stopped'].map((name) => [
  name === 'baseline' ? 'all read' : 'one stopped',
  column((run) => run[name].latency.p50),
  column((run) => run[name].latency.p99),
  name === 'baseline' ? '1' : column((run) => run.ratio),
  whole((run) => run[name].cpu),
  whole((run) => run[name].handed),
  whole((run) => run[name].missed),
])
const rate = `${perBurst} × ${bytes} bytes per ${interval} ms`
printTable(
  `Stopped reader: one of ${subscribers} subscribers, ${rate}, ${options.seconds} s, ${runs.length} pairs`,
  ['', 'p50 of the others ms', 'p99 ms', 'ratio of p99', 'CPU ms', 'bytes to the one', 'told it missed'],
  rows,
)
const { window: granted, largest } = runs[0].stopped
console.log(
  `\nThe one that stopped was never handed more than its window and one write (${granted} + ${largest} bytes);\n` +
    'the others got everything, and when it read on it was told exactly what it had missed.',
)
await save('stopped-reader', options, { runs })
