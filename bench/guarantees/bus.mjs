import { withChildren } from '../lib/child.mjs'
import { now, sleep } from '../lib/clock.mjs'
import { Fleet, NODES } from '../lib/fleet.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { quantiles, Survivors } from '../lib/survivors.mjs'

/*
 * NATS fails: it is killed and gone for a while, and it hangs. Meetings go on for members who are on their nodes, and
 * everybody else is told what is missing. Seconds of each; 0 leaves it out.
 */

const options = readOptions({
  killed: 30,
  stopped: 60,
  meetings: 12,
  perMeeting: 4,
  spectators: 1,
  readers: 9,
  frameRate: 20,
  publications: 20,
  requests: 20,
  inputs: 50,
  dist: '../dist',
})
/** Longest gap of members beside their meeting; when NATS is missed; memory that a node may take. */
const CALM_MS = 300
const NOTICED_MS = 15_000
const MEMORY_MIB = 64
const LOOK_MS = 200
const TELL_MS = 15_000

/** How soon all get what they follow once NATS is back; sooner where it was away for minutes. */
const WHOLE_MS = options.killed > 120 ? 2_000 : 5_000

const { killed, stopped, meetings, perMeeting, spectators, readers, frameRate, dist } = options
const fleet = await Fleet.start({ dist, frameRate })
const clients = new Survivors()
const promises = new Promises()

const memory = () => Math.max(...NODES.map((name) => fleet.memoryOf(name)))
const busIsUp = async () => Promise.all(NODES.map((name) => fleet.node(name).call('bus')))

/** What is noticed while NATS is away from `begin` to `end`. */
async function without(seconds, title, begin, end) {
  await clients.call('mark')
  const { frames, readerGaps: before, wrong } = await clients.call('counts')
  const held = memory()
  const since = now()
  begin()
  let [noticedMs, most, unhealthy, tellAt] = [null, held, 0, TELL_MS]
  while (now() - since < seconds * 1000) {
    await sleep(LOOK_MS)
    const passed = now() - since
    if (noticedMs === null && (await busIsUp()).every((isUp) => !isUp)) noticedMs = passed
    most = Math.max(most, memory())
    for (const name of NODES) if ((await fleet.healthOf(name)) !== 200) unhealthy++
    if (passed < tellAt) continue
    console.log(`${title}: ${fixed(passed / 1000, 0)} s; ${fixed(most - held, 0)} MiB more`)
    tellAt += TELL_MS
  }
  const { members } = await clients.call('gaps', { names: clients.names })
  const losses = await clients.call('losses', { since })
  const endedAt = now()
  await end()
  const wholeMs = await clients.flows(60_000)
  await fleet.whole()
  const allMs = now() - endedAt
  await sleep(6_000)
  const counts = await clients.call('counts')
  most = Math.max(most, memory())
  const gap = quantiles(members)
  promises.check(
    `${title}: nodes have noticed`,
    `≤ ${NOTICED_MS / 1000} s`,
    noticedMs === null ? 'no' : `${fixed(noticedMs / 1000, 1)} s`,
    noticedMs !== null && noticedMs <= NOTICED_MS,
  )
  promises.check(
    'longest gap of members beside their meetings',
    `≤ ${CALM_MS} ms`,
    `${fixed(gap.max, 0)} ms`,
    gap.max <= CALM_MS,
  )
  promises.check('connections lost', '0', `${losses}`, losses === 0)
  promises.check('answers of /healthz other than 200', '0', `${unhealthy}`, unhealthy === 0)
  promises.check(
    'spectators and readers of other nodes go on',
    `≤ ${WHOLE_MS / 1000} s`,
    wholeMs === null ? 'not all' : `${fixed(wholeMs / 1000, 1)} s`,
    wholeMs !== null && wholeMs <= WHOLE_MS,
  )
  promises.note('all nodes know one another again', '', `${fixed(allMs / 1000, 1)} s`)
  const gapped = counts.readerGaps.filter((gaps, at) => gaps > before[at]).length
  promises.note('readers who were told of a gap', '', `${gapped} of ${readers}`)
  promises.check(
    'memory of a node',
    `+ ≤ ${MEMORY_MIB} MiB`,
    `+ ${fixed(most - held, 0)} MiB`,
    most - held <= MEMORY_MIB,
  )
  console.log(
    `${title}: over; ${counts.frames - frames} frames, ${counts.wrong.length - wrong.length} faults`,
  )
  return { noticedMs, members, losses, unhealthy, wholeMs, allMs, gapped, memory: most - held }
}

const results = await withChildren([clients, fleet], async () => {
  await clients.join(fleet, { dist, meetings, perMeeting, spectators, readers })
  await fleet.node(NODES[0]).call('publish', { topic: 'numbers', perSecond: options.publications })
  await sleep(3_000)
  await clients.call('begin', { requestsPerSecond: options.requests, inputsPerSecond: options.inputs })
  await sleep(2_000)
  const faults = {}
  if (killed > 0)
    faults.killed = await without(
      killed,
      `killed for ${killed} s`,
      () => fleet.signalNats('SIGKILL'),
      () => fleet.startNats(),
    )
  if (stopped > 0)
    faults.stopped = await without(
      stopped,
      `halted for ${stopped} s`,
      () => fleet.signalNats('SIGSTOP'),
      () => fleet.signalNats('SIGCONT'),
    )
  return { ...faults, counts: await clients.check(promises) }
})

const name = killed > 120 ? 'bus-gone' : 'bus'
await promises.end(
  `The bus fails: three nodes, ${meetings} meetings of ${perMeeting}`,
  name,
  options,
  results,
)
