import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'

/*
 * A bad network: a tenth of all connections is reset every second, for a minute. Members with the real client library
 * come back by themselves, and nobody misses a frame or gets one twice.
 */

const options = readOptions({ members: 500, meetings: 50, percent: 10, seconds: 60, dist: '../dist' })

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const clients = new Child('clients/wanderers.mjs')

const results = await withChildren([server, clients], async () => {
  const { dist, members: count, meetings, percent, seconds } = options
  const where = await server.call('start', { dist })
  await server.call('openMeetings', { meetings })
  const tickets = await server.call('tickets', { count })
  await clients.call('connect', { dist, tickets, meetings, server: where }, 300_000)
  await sleep(2_000)
  const before = await server.call('sample')
  await clients.call('begin', { inputsPerSecond: 1, resetsPerSecond: (count * percent) / 100 })
  for (let second = 10; second <= seconds; second += 10) {
    await sleep(10_000)
    const { resets, recovered, rejoined, wrong } = await clients.call('counts')
    console.log(
      `${second} s: ${resets} resets, ${rejoined} came back, ${recovered} recovered, ${wrong.length} faults`,
    )
  }
  await clients.call('stop')
  for (let tries = 0; tries < 60 && (await clients.call('counts')).stillAway > 0; tries++) await sleep(500)
  const positions = await clients.call('positions')
  await sleep(2_000)
  const moved = await clients.call('positions')
  const stuck = moved.filter((frame, at) => frame <= positions[at]).length
  const counts = await clients.call('counts')
  const after = await server.call('sample')
  await clients.call('close')
  return { before, after, counts, stuck, faults: await server.call('faults') }
})

const { before, after, counts, stuck, faults } = results
const promises = new Promises()
const part = (counts.recovered / counts.resets) * 100
promises.check(`of ${counts.resets} resets, recovered: true`, '≥ 99.9 %', `${fixed(part, 2)} %`, part >= 99.9)
promises.check(
  'frames missed or doubled',
  '0',
  `${counts.wrong.length} of ${counts.frames}`,
  counts.wrong.length === 0,
)
promises.check('members who get no more frames afterwards', '0', `${stuck}`, stuck === 0)
promises.check(
  'inputs neither in a frame nor told to be lost',
  '0',
  `${counts.sent - counts.framed - counts.failed} of ${counts.sent}`,
  counts.sent === counts.framed + counts.failed,
)
promises.note(
  'away for, median, p99 and most',
  '',
  `${['p50', 'p99', 'max'].map((at) => fixed(counts.away[at], 0)).join(', ')} ms`,
)
for (const name of ['connections', 'sessions', 'descriptors'])
  promises.check(`${name} afterwards`, `${before[name]}`, `${after[name]}`, after[name] <= before[name])
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
for (const one of [...counts.wrong, ...faults].slice(0, 10)) console.log(one)
const { members, meetings, percent, seconds } = options
await promises.end(
  `Resets: ${percent} % a second of ${members} members of ${meetings} meetings, for ${seconds} s`,
  'resets',
  options,
  results,
)
