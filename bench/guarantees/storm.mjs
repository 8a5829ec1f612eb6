import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { TICK_MS, Witnesses } from '../lib/witnesses.mjs'

/*
 * Everybody comes at once, and comes again where turned away. Nearly all are in soon, and the meetings that run hardly
 * notice. Half of the run is without the storm, for comparison.
 */

const options = readOptions({ count: 5_000, seconds: 5, dist: '../dist' })
const WITHIN_S = 30

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const storm = new Child('clients/storm.mjs')
const witnesses = new Witnesses()

const results = await withChildren([server, storm, witnesses.child], async () => {
  const { dist, count, seconds } = options
  const where = await server.call('start', { dist })
  await witnesses.join(server, where, dist)
  const tokens = await server.call('tokens', { count })
  await storm.call('load', { dist })
  await sleep(2_000)
  const calm = await witnesses.during(() => sleep(seconds * 1000))
  console.log(
    `calm: frames come ${fixed(calm.lateness.p99)} ms late (p99), at most ${fixed(calm.lateness.max)} ms`,
  )
  const stormy = await witnesses.during(() =>
    storm.call('storm', { server: where, tokens, seconds, withinMs: WITHIN_S * 1000 }, 180_000),
  )
  const { connections } = await server.call('health')
  // Who is in stays in.
  await sleep(20_000)
  const lost = await storm.call('lost')
  const verified = await witnesses.verify()
  await storm.call('close')
  const faults = await server.call('faults')
  return { calm, stormy, connections, lost, verified, faults }
})

const { calm, stormy, lost, connections, faults } = results
const { result: came, lateness } = stormy
const part = (came.inTime / options.count) * 100
const promises = new Promises()
promises.check(`welcomed within ${WITHIN_S} s`, '≥ 99.9 %', `${fixed(part, 2)} %`, part >= 99.9)
promises.note(
  'time to the welcome: median, p99 and most',
  '',
  `${['p50', 'p99', 'max'].map((at) => fixed(came.waits[at], 0)).join(', ')} ms`,
)
promises.note('attempts', '', `${came.attempts}`)
promises.check('lost in the 20 s after that', '0', `${lost}`, lost === 0)
const witnessed = `${TICK_MS} ms (a tick)`
promises.check(
  'frames of running meetings come late by, at most',
  `≤ ${witnessed}`,
  `${fixed(lateness.max)} ms`,
  lateness.max <= TICK_MS,
)
promises.note('the same in calm', '', `${fixed(calm.lateness.max)} ms`)
promises.note(
  'p99, in the storm and in calm',
  '',
  `${fixed(lateness.p99)} and ${fixed(calm.lateness.p99)} ms`,
)
Witnesses.check(promises, results.verified)
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
for (const [why, times] of came.failures) console.log(`${times} × ${why}`)
console.log(`${connections} connections after the storm`)
const { count, seconds } = options
await promises.end(`Storm: ${count} clients connect within ${seconds} s`, `storm-${count}`, options, results)
