import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'

/*
 * Clients come and go, and nothing is left behind: memory, descriptors, timers, connections, sessions, topics and
 * meetings are where they were.
 */

const options = readOptions({ minutes: 2, 'per-second': 100, dist: '../dist' })
const USERS = 2_000
const MIB = 2 ** 20

const server = new Child('servers/churn.mjs', ['--expose-gc'])
const clients = new Child('clients/churners.mjs')

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** How much `y` rises with `x`, by least squares. */
function rise(x, y) {
  const [middleX, middleY] = [mean(x), mean(y)]
  const below = x.reduce((sum, value) => sum + (value - middleX) ** 2, 0)
  return below === 0
    ? 0
    : x.reduce((sum, value, at) => sum + (value - middleX) * (y[at] - middleY), 0) / below
}

/** Per cent an hour by least squares. */
function slope(samples, of) {
  const y = samples.map(of)
  return (rise(hours(samples), y) * 100) / mean(y)
}

/**
 * The same of what is held whatever is open: how many sessions there are at a sample moves with the machine's pace, and
 * each holds some memory. What goes with their number is taken out of both, time and memory (Frisch and Waugh, 1933).
 */
function slopeBesideSessions(samples, of) {
  const sessions = samples.map((sample) => sample.sessions)
  const without = (values) => {
    const each = rise(sessions, values)
    return values.map((value, at) => value - each * sessions[at])
  }
  const y = samples.map(of)
  return (rise(without(hours(samples)), without(y)) * 100) / mean(y)
}

const hours = (samples) => samples.map((sample) => sample.minute / 60)

/** Waits until the last session has expired and the last meeting has ended. */
async function rested() {
  for (let tries = 0; tries < 60; tries++) {
    const sample = await server.call('sample')
    if (sample.connections === 0 && sample.sessions === 0) return sample
    await sleep(1_000)
  }
  return server.call('sample')
}

const results = await withChildren([server, clients], async () => {
  const where = await server.call('start', { dist: options.dist })
  await clients.call('start', { dist: options.dist, server: where })
  const renew = async () => clients.call('tokens', await server.call('tokens', { count: USERS, from: 0 }))
  await renew()
  // A first wave, so that caches and code are warm and every topic has been published to.
  await clients.call('begin', { perSecond: options['per-second'] })
  await sleep(20_000)
  await clients.call('stop')
  const before = await rested()
  await clients.call('begin', { perSecond: options['per-second'] })
  const samples = []
  for (let minute = 1; minute <= options.minutes; minute++) {
    await sleep(60_000)
    await renew()
    const sample = { minute, ...(await server.call('sample')), ...(await clients.call('counts')) }
    samples.push(sample)
    console.log(
      `minute ${minute}: ${sample.connectionsOpened} connections so far, ${sample.connections} open, ` +
        `${sample.sessions} sessions, rss ${fixed(sample.rss / MIB, 1)} MiB, heap ${fixed(sample.heapUsed / MIB, 1)} MiB, ` +
        `${sample.descriptors} descriptors, ${sample.timers} timers, ${sample.failed} failed`,
    )
  }
  await clients.call('stop')
  const after = await rested()
  return { before, after, samples, counts: await clients.call('counts') }
})

const { before, after, samples, counts } = results
const settled = samples.slice(Math.ceil(samples.length / 6))
const promises = new Promises()
for (const name of ['connections', 'sessions', 'descriptors', 'upstream_queue_bytes'])
  promises.check(`${name} at rest`, `${before[name]}`, `${after[name]}`, after[name] <= before[name])
// Each second opens a meeting that ends after three: a few come and go.
for (const name of ['meetings', 'topics', 'timers'])
  promises.check(`${name} at rest`, `${before[name]} + 5`, `${after[name]}`, after[name] <= before[name] + 5)
/** @type {[string, (sample: any) => number, typeof slope][]} */
const memory = [
  ['resident memory, slope', (sample) => sample.rss, slope],
  [
    'heap after a collection, slope beside the sessions open',
    (sample) => sample.heapUsed,
    slopeBesideSessions,
  ],
]
for (const [name, of, slopeOf] of memory) {
  const isLong = settled.length >= 20
  const measured = `${fixed(slopeOf(settled, of))} %/h`
  const range = settled.map((sample) => fixed(of(sample) / MIB, 1))
  const shown = `${measured} (${range[0]} … ${range.at(-1)} MiB)`
  if (settled.length < 2) continue
  if (isLong) promises.check(name, '≤ 1 %/h', shown, slopeOf(settled, of) <= 1)
  else promises.note(name, 'from 24 minutes on', shown)
}
promises.check('clients that were refused or not resumed', '0', `${counts.failed}`, counts.failed === 0)
for (const [why, count] of counts.failures) console.log(`${count} × ${why}`)
const minutes = `${options.minutes} minutes, ${options['per-second']} connects a second`
await promises.end(`Churn: ${minutes}, ${after.connectionsOpened} connections`, 'churn', options, results)
