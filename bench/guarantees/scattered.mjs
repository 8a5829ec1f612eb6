import { withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { Fleet } from '../lib/fleet.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { Survivors } from '../lib/survivors.mjs'

/*
 * A bad network in front of a cluster: connections are reset, and the balancer leads each client back to whichever node
 * it likes. Its session and its seat go with it.
 */

const options = readOptions({
  meetings: 15,
  perMeeting: 4,
  readers: 30,
  frameRate: 20,
  publications: 20,
  percent: 10,
  seconds: 60,
  inputs: 50,
  dist: '../dist',
})

const { meetings, perMeeting, readers, frameRate, percent, seconds, dist } = options
const fleet = await Fleet.start({ dist, frameRate })
const clients = new Survivors()
const promises = new Promises()

const results = await withChildren([clients, fleet], async () => {
  await clients.join(fleet, { dist, meetings, perMeeting, readers, standby: 0 })
  await fleet.node('rtms-0').call('publish', { topic: 'numbers', perSecond: options.publications })
  await sleep(3_000)
  const resetsPerSecond = ((meetings * perMeeting + readers) * percent) / 100
  await clients.call('begin', { inputsPerSecond: options.inputs, resetsPerSecond })
  for (let second = 10; second <= seconds; second += 10) {
    await sleep(10_000)
    const { moves, recovered, wrong } = await clients.call('counts')
    console.log(`${second} s: ${moves} came back, ${recovered} recovered, ${wrong.length} faults`)
  }
  await clients.call('stop')
  const wholeMs = await clients.flows(15_000)
  promises.check(
    'all get frames afterwards',
    '≤ 15 s',
    wholeMs === null ? 'not all' : `${fixed(wholeMs / 1000, 1)} s`,
    wholeMs !== null,
  )
  const counts = await clients.check(promises)
  const part = counts.moves === 0 ? 0 : (counts.recovered / counts.moves) * 100
  promises.check(
    `of ${counts.moves} clients that came back, recovered: true`,
    '≥ 99.9 %',
    `${fixed(part, 2)} %`,
    part >= 99.9,
  )
  promises.check('new epochs', '0', `${counts.resets}`, counts.resets === 0)
  return { counts }
})

await promises.end(
  `Resets through a balancer: ${percent} % a second of ${meetings * perMeeting + readers} clients on three nodes, for ${seconds} s`,
  'scattered',
  options,
  results,
)
