import { cpus } from 'node:os'
import { withChildren } from '../lib/child.mjs'
import { now, sleep } from '../lib/clock.mjs'
import { Fleet, NODES } from '../lib/fleet.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { quantiles, Survivors } from '../lib/survivors.mjs'

/*
 * Nodes are killed, one after another, as a crash or the kernel does it: without a word. Their meetings go on on other
 * nodes, and the members hardly notice.
 */

const options = readOptions({
  kills: 20,
  meetings: 30,
  perMeeting: 4,
  spectators: 1,
  frameRate: 20,
  requests: 50,
  inputs: 100,
  dist: '../dist',
})
/** Time for members to be back, and for the node that is started anew to be known to the balancer. */
const BACK_MS = 5_000
const READY_MS = 4_000
/** For so long the processor time is looked at, before a kill and behind it. */
const LOOKED_MS = 2_000

const { kills, meetings, perMeeting, spectators, frameRate, dist } = options
const fleet = await Fleet.start({ dist, frameRate })
const clients = new Survivors()
const promises = new Promises()

/** Processor time that all processes have used, in milliseconds: the nodes, the balancer, NATS and the clients. */
async function used() {
  const each = [...Object.values(await fleet.usage()), await clients.call('usage')]
  return each.reduce((sum, ms) => sum + ms, 0)
}

const results = await withChildren([clients, fleet], async () => {
  await clients.join(fleet, { dist, meetings, perMeeting, spectators })
  await sleep(3_000)
  await clients.call('begin', { requestsPerSecond: options.requests, inputsPerSecond: options.inputs })
  await sleep(1_000)
  const rounds = []
  for (let kill = 1; kill <= kills; kill++) {
    // The one that has most.
    const owned = new Map()
    for (const name of NODES) owned.set(name, await clients.on(name))
    const victim = NODES.toSorted((a, b) => owned.get(b).length - owned.get(a).length)[0]
    const names = owned.get(victim)
    const rest = clients.names.filter((name) => !names.includes(name))
    await clients.call('mark')
    const others = NODES.filter((name) => name !== victim)
    const quiet = await used()
    await sleep(LOOKED_MS)
    const before = (await used()) - quiet
    for (const name of others) await fleet.node(name).call('changedAt')
    const since = now()
    await fleet.node(victim).kill()
    fleet.nodes.delete(victim)
    const killed = await used()
    await sleep(LOOKED_MS)
    const after = (await used()) - killed
    await sleep(BACK_MS - LOOKED_MS)
    const noticed = []
    for (const name of others) noticed.push((await fleet.node(name).call('changedAt')) - since)
    const back = await clients.call('back', { names, since })
    const gaps = await clients.call('gaps', { names })
    const elsewhere = await clients.call('gaps', { names: rest })
    const losses = await clients.call('losses', { since, names: rest })
    const { wrong } = await clients.call('counts')
    const { text } = quantiles(gaps.members)
    console.log(
      `${kill} of ${kills}: ${victim} with ${names.length} meetings; ${gaps.flowing} of ${gaps.all} go on, gaps p50, p99 and most ${text}; ${wrong.length} faults`,
    )
    console.log(
      `  noticed after ${noticed.map((ms) => fixed(ms, 0)).join(' and ')} ms; connected again ${quantiles(back.connected).text}; seated ${quantiles(back.seated).text}`,
    )
    console.log(
      `  processor time in ${LOOKED_MS / 1000} s, of ${LOOKED_MS * cpus().length} ms that there are: ${fixed(before, 0)} ms before, ${fixed(after, 0)} ms after`,
    )
    rounds.push({ victim, names: names.length, noticed, back, gaps, elsewhere, losses, before, after })
    await fleet.startNode(victim)
    await fleet.whole()
    await sleep(READY_MS)
  }
  const of = (part) => rounds.flatMap(({ gaps }) => gaps[part])
  const members = quantiles(of('members'))
  const title = `gaps of ${of('members').length} members whose node was killed`
  promises.check(`${title}, p50`, '≤ 300 ms', `${fixed(members.p50, 0)} ms`, members.p50 <= 300)
  promises.check('the same, p99', '≤ 1,000 ms', `${fixed(members.p99, 0)} ms`, members.p99 <= 1_000)
  promises.note('the same, longest', '', `${fixed(members.max, 0)} ms`)
  if (of('spectators').length > 0)
    promises.note('gaps of their spectators: p50, p99, longest', '', quantiles(of('spectators')).text)
  const back = rounds.reduce((sum, { gaps }) => sum + gaps.flowing, 0)
  const all = rounds.reduce((sum, { gaps }) => sum + gaps.all, 0)
  promises.check('members and spectators who went on', `${all}`, `${back}`, back === all)
  const theirs = quantiles(rounds.flatMap(({ elsewhere }) => elsewhere.members))
  promises.note('gaps of the members of other nodes: p50, p99, longest', '', theirs.text)
  const losses = rounds.reduce((sum, round) => sum + round.losses, 0)
  promises.check('connections that these have lost', '0', `${losses}`, losses === 0)
  const counts = await clients.check(promises)
  promises.check('new epochs', '0', `${counts.resets}`, counts.resets === 0)
  return { rounds, counts }
})

await promises.end(
  `Kills: ${kills} nodes of three, ${meetings} meetings of ${perMeeting} at ${frameRate} Hz`,
  'kill',
  options,
  results,
)
