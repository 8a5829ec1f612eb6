import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { Witnesses } from '../lib/witnesses.mjs'

/*
 * A node whose ports throw at random under load: sockets, the logger, every hook and handler of the business. Honest
 * members notice nothing, nothing stays behind, and no error is left uncaught. The same seed throws alike.
 */

const options = readOptions({ perSecond: 50, seconds: 60, seed: 1, dist: '../dist' })
const KEPT_MS = 2_000
const GAUGES = [
  'connections',
  'sessions',
  'meetings',
  'topics',
  'timers',
  'upstream_queue_bytes',
  'descriptors',
]

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const churners = new Child('clients/churners.mjs')
const witnesses = new Witnesses()

/** The node when it has forgotten the sessions, meetings and topics of those who have gone. */
async function settled(before) {
  let sample
  for (let tries = 0; tries < 60; tries++) {
    sample = await server.call('sample')
    if (GAUGES.every((name) => sample[name] <= before[name])) break
    await sleep(500)
  }
  return sample
}

console.log(`seed ${options.seed}`)
const results = await withChildren([server, churners, witnesses.child], async () => {
  const { dist, seed, perSecond, seconds } = options
  const limits = { sessionKeepMs: KEPT_MS, topicIdleMs: KEPT_MS }
  const where = await server.call('start', { dist, limits })
  await witnesses.join(server, where, dist)
  const prefix = 'churner'
  await churners.call('start', { dist, server: where, method: 'fragile', meetings: 'fragile' })
  await churners.call('tokens', await server.call('tokens', { count: 2_000, prefix }))
  await sleep(2_000)
  const before = await server.call('sample')
  await server.call('breakPorts', { seed, honest: 'witness' })
  const { lateness } = await witnesses.during(async () => {
    await churners.call('begin', { perSecond })
    await sleep(seconds * 1000)
    await churners.call('stop')
    await sleep(8_000)
  })
  const thrown = await server.call('mendPorts')
  const after = await settled(before)
  const counts = await churners.call('counts')
  const verified = await witnesses.verify()
  return { before, after, thrown, counts, lateness, verified, faults: await server.call('faults') }
})

const { before, after, thrown, counts, lateness, verified, faults } = results
const promises = new Promises()
const total = thrown.reduce((sum, [, count]) => sum + count, 0)
promises.check('ports that threw; the process lives', '≥ 12', `${thrown.length}`, thrown.length >= 12)
promises.note('how often', '', `${total}`)
Witnesses.check(promises, verified)
promises.note(
  'their frames came late by, p99 and most',
  '',
  `${fixed(lateness.p99)} and ${fixed(lateness.max)} ms`,
)
promises.note(
  'others that were served to their end',
  '',
  `${counts.left + counts.dropped}, and ${counts.failed} not`,
)
for (const name of GAUGES)
  promises.check(`${name} afterwards`, `${before[name]}`, `${after[name]}`, after[name] <= before[name])
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
for (const one of faults.slice(0, 10)) console.log(one)
console.log(thrown.map(([port, count]) => `${port} ${count}`).join(', '))
await promises.end(`Ports that throw, seed ${options.seed}`, 'ports', options, results)
