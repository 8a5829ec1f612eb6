import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { Fleet, NODES } from '../lib/fleet.mjs'
import { checkMovers, noteSteps } from '../lib/movers.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'

/*
 * A new version: each of three nodes in turn is drained, ended and started anew, while clients play, ask and send.
 */

const options = readOptions({
  meetings: 150,
  connections: 1_500,
  perMeeting: 2,
  frameRate: 20,
  requests: 200,
  inputs: 200,
  timeout: 15,
  balance: 30,
  dist: '../dist',
})

/** How far the connections of a node are off the mean, as a part of it. */
function deviationOf(loads) {
  const held = loads.map((each) => each.connections)
  const mean = held.reduce((sum, count) => sum + count, 0) / held.length
  return Math.max(...held.map((count) => Math.abs(count - mean))) / mean
}

const { meetings, connections, perMeeting, frameRate, dist } = options
const clients = new Child('clients/movers.mjs')
const fleet = await Fleet.start({ dist, frameRate })

const results = await withChildren([clients, fleet], async () => {
  for (const [at, name] of NODES.entries()) {
    const names = Array.from({ length: meetings }, (_, n) => `m${n}`)
    await fleet.node(name).call('open', { names: names.filter((_, n) => n % NODES.length === at) })
  }
  const tickets = []
  for (const name of NODES) tickets.push(await fleet.node(name).call('tickets', { count: connections }))
  // In turn, so that each is where its meeting is.
  const own = Array.from({ length: connections }, (_, n) => tickets[(n % meetings) % NODES.length][n])
  await clients.call('connect', { dist, tickets: own, url: fleet.url, meetings, perMeeting }, 300_000)
  await clients.call('begin', { requestsPerSecond: options.requests, inputsPerSecond: options.inputs })
  await sleep(3_000)
  const drains = []
  for (const name of NODES) {
    const { ms, left } = await fleet.node(name).call('drain', { timeoutMs: options.timeout * 1000 }, 120_000)
    drains.push({ name, ms, left })
    await fleet.node(name).call('close')
    await fleet.node(name).stop()
    await fleet.startNode(name)
    await fleet.whole()
    // The balancer looks once a second.
    await sleep(3_000)
  }
  const steps = await clients.call('steps')
  // The clients still play, ask and send.
  const begun = performance.now()
  let loads = []
  do {
    await sleep(500)
    loads = await Promise.all(NODES.map((name) => fleet.node(name).call('load')))
  } while (deviationOf(loads) > 0.1 && performance.now() - begun < options.balance * 1000)
  const evenMs = performance.now() - begun
  await clients.call('stop')
  await sleep(3_000)
  const counts = await clients.call('counts')
  await clients.call('close')
  return { drains, counts, steps, loads, evenMs }
})

const { drains, counts, steps, loads, evenMs } = results
const promises = new Promises()
for (const { name, ms, left } of drains) {
  const rest = left.meetings + left.staying + left.connections + left.sessions
  promises.check(
    `${name} is empty`,
    `≤ ${options.timeout} s; 0 left`,
    `${fixed(ms / 1000)} s; ${rest}`,
    rest === 0,
  )
}
// The nodes that have ended tell nothing any more of when they sealed.
checkMovers(promises, { counts, late: [], tickMs: 1000 / frameRate, connections })
promises.check(
  'clients connected afterwards',
  `${connections}`,
  `${counts.connected}`,
  counts.connected === connections,
)
const held = loads.map((each) => each.connections)
promises.check(
  'connections of each node, off the mean by',
  '≤ 10 %',
  `${fixed(deviationOf(loads) * 100, 1)} % (${held.join(', ')}) after ${fixed(evenMs / 1000, 1)} s`,
  deviationOf(loads) <= 0.1,
)
promises.note('meetings of each node afterwards', '', loads.map((each) => each.meetings).join(', '))
noteSteps(promises, steps)
await promises.end(
  `Rolling restart: three nodes, ${meetings} meetings, ${connections} connections`,
  `rolling-${connections}`,
  options,
  results,
)
