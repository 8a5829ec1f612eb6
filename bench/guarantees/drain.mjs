import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { Fleet, latenessOf, mostInASecond } from '../lib/fleet.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { checkMovers, noteSteps, noteUsage } from '../lib/movers.mjs'

/*
 * One of three nodes is drained, with all that there is on it: meetings at full rate, and connections that ask and send
 * meanwhile. Nobody is cut off, no frame comes late or is missing, and each session goes on elsewhere.
 */

const options = readOptions({
  meetings: 500,
  connections: 5_000,
  perMeeting: 2,
  frameRate: 20,
  requests: 200,
  inputs: 200,
  timeout: 15,
  dist: '../dist',
})
const WITHIN_S = 10

const { meetings, connections, perMeeting, frameRate, dist } = options
const clients = new Child('clients/movers.mjs')
const fleet = await Fleet.start({ dist, frameRate })

const results = await withChildren([clients, fleet], async () => {
  const node = fleet.node('rtms-0')
  await node.call('open', { names: Array.from({ length: meetings }, (_, n) => `m${n}`) })
  const tickets = await node.call('tickets', { count: connections })
  await clients.call('connect', { dist, tickets, url: fleet.url, meetings, perMeeting }, 300_000)
  const before = await clients.call('where')
  await clients.call('begin', { requestsPerSecond: options.requests, inputsPerSecond: options.inputs })
  const usage = async () => ({ clients: await clients.call('usage'), ...(await fleet.usage()) })
  const used = [await usage()]
  await sleep(3_000)
  used.push(await usage())
  const drained = await node.call('drain', { timeoutMs: options.timeout * 1000 }, 120_000)
  used.push(await usage())
  await sleep(2_000)
  await clients.call('stop')
  await sleep(2_000)
  const counts = await clients.call('counts')
  const after = await clients.call('where')
  const steps = await clients.call('steps')
  const seals = await fleet.seals()
  const delays = []
  for (const each of fleet.nodes.values()) delays.push(await each.call('delays'))
  await clients.call('close')
  return { before, after, drained, counts, steps, used, delays, late: latenessOf(seals, 1000 / frameRate) }
})

const { drained, counts, steps, used, delays, late, before, after } = results
const promises = new Promises()
const { left, ms } = drained
promises.check('the node is empty', `≤ ${WITHIN_S} s`, `${fixed(ms / 1000)} s`, ms <= WITHIN_S * 1000)
const rest = left.meetings + left.staying + left.connections + left.sessions
promises.check('meetings, connections and sessions left on it', '0', `${rest}`, rest === 0)
promises.check('meetings that went on', `${meetings}`, `${late.length}`, late.length === meetings)
checkMovers(promises, { counts, late, tickMs: 1000 / frameRate, connections: before['rtms-0'] ?? 0 })
const worst = (at) => fixed(Math.max(...delays.map((each) => each[at])))
promises.note('other frames are late by: p99 and most', '', `${worst('p99')} and ${worst('max')} ms`)
const closed = mostInASecond(counts.losses)
promises.check(
  'connections lost in any second',
  '≤ 10 %',
  `${closed} of ${connections}`,
  closed <= connections / 10,
)
promises.check(
  'clients connected afterwards',
  `${connections}`,
  `${counts.connected}`,
  counts.connected === connections,
)
promises.note('connections before and after', '', `${JSON.stringify(before)} ${JSON.stringify(after)}`)
noteSteps(promises, steps)
noteUsage(promises, 'at rest', used[0], used[1], 3_000)
noteUsage(promises, 'while draining', used[1], used[2], ms)
await promises.end(
  `Drain: ${meetings} meetings and ${connections} connections go to two other nodes`,
  `drain-${connections}`,
  options,
  results,
)
