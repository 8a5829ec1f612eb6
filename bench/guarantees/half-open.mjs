import { Child, withChildren } from '../lib/child.mjs'
import { now, sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { Witnesses } from '../lib/witnesses.mjs'

/*
 * Clients that stop answering: no reading, no writing, no FIN. They are members of meetings and subscribers of a feed,
 * so that there is something to give back.
 */

const options = readOptions({ clients: 1_000, dist: '../dist' })
const KEEP_MS = 5_000
const GOAL_S = 20

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const crowd = new Child('clients/idlers.mjs')
const witnesses = new Witnesses()

/** Seconds until `is` holds of the node's health; at most a minute. */
async function until(is) {
  const begun = now()
  while (!is(await server.call('health')) && now() - begun < 60_000) await sleep(100)
  return (now() - begun) / 1000
}

const results = await withChildren([server, crowd, witnesses.child], async () => {
  const { dist, clients: count } = options
  const where = await server.call('start', { dist, limits: { sessionKeepMs: KEEP_MS } })
  await witnesses.join(server, where, dist)
  await server.call('openMeetings', { meetings: 20, prefix: 'crowd' })
  await server.call('feed', { perSecond: 5 })
  await sleep(2_000)
  const before = await server.call('sample')
  const tokens = await server.call('tokens', { count })
  await crowd.call('connect', { server: where, dist, tokens, count, meetings: 20, prefix: 'crowd' })
  await sleep(2_000)
  await crowd.call('check')
  const open = await server.call('sample')
  console.log(
    `${open.connections} connections, ${open.timers} timers, ${open.descriptors} descriptors; they stop answering`,
  )
  const { result: reaped, lateness } = await witnesses.during(async () => {
    await crowd.call('freeze')
    return until(({ connections }) => connections <= before.connections)
  })
  console.log(`gone after ${fixed(reaped, 1)} s`)
  await until(({ sessions }) => sessions <= before.sessions)
  // The last members have left in the next frames, and the clocks of their meetings stand still.
  await sleep(2_000)
  const after = await server.call('sample')
  return {
    before,
    open,
    after,
    reaped,
    lateness,
    verified: await witnesses.verify(),
    faults: await server.call('faults'),
  }
})

const { before, open, after, reaped, lateness, faults } = results
const promises = new Promises()
promises.check('all of them given up after', `≤ ${GOAL_S} s`, `${fixed(reaped, 1)} s`, reaped <= GOAL_S)
for (const name of ['connections', 'sessions', 'descriptors'])
  promises.check(
    `${name}, with them ${open[name]}`,
    `${before[name]}`,
    `${after[name]}`,
    after[name] <= before[name],
  )
// The time to live of the meetings they left.
promises.check(
  `timers, with them ${open.timers}`,
  `${before.timers} + 20`,
  `${after.timers}`,
  after.timers <= before.timers + 20,
)
promises.note(
  'frames of the others came late by, p99 and most',
  '',
  `${fixed(lateness.p99)} and ${fixed(lateness.max)} ms`,
)
Witnesses.check(promises, results.verified)
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
await promises.end(`Half-open: ${options.clients} clients stop answering`, 'half-open', options, results)
