import { withChildren } from '../lib/child.mjs'
import { now, sleep } from '../lib/clock.mjs'
import { Fleet } from '../lib/fleet.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { quantiles, Survivors } from '../lib/survivors.mjs'

/*
 * A node hangs, as a process in a debugger or a machine that is moved does: SIGSTOP, and SIGCONT a minute later. It
 * knows nothing of that minute. First one that owns meetings, then one that only reads and keeps copies.
 */

const options = readOptions({
  seconds: 60,
  meetings: 12,
  perMeeting: 4,
  spectators: 1,
  frameRate: 20,
  requests: 20,
  inputs: 50,
  dist: '../dist',
})
/** Where clients of the node that hangs are to be on others, and all to be one again after it goes on. */
const MOVED_MS = 15_000
const WHOLE_MS = 15_000

const { seconds, meetings, perMeeting, spectators, frameRate, dist } = options
const fleet = await Fleet.start({ dist, frameRate })
const clients = new Survivors()
const promises = new Promises()

/** Halts a node for a while. Returns what was noticed of that. */
async function halt(name, title) {
  const names = await clients.on(name)
  const others = clients.names.filter((each) => !names.includes(each))
  await clients.call('mark')
  const since = now()
  fleet.node(name).signal('SIGSTOP')
  let movedMs = null
  for (let left = seconds * 1000; left > 0; left = seconds * 1000 - (now() - since)) {
    await sleep(Math.min(250, left))
    const { flowing, all } = await clients.call('gaps', { names })
    if (movedMs === null && flowing === all && now() - since > 2_000) {
      movedMs = now() - since
      console.log(
        `${title}: after ${fixed(movedMs / 1000, 1)} s all ${all} of its ${names.length} meetings go on`,
      )
    }
  }
  const during = await clients.call('gaps', { names })
  const elsewhere = await clients.call('gaps', { names: others })
  console.log(
    `${title}: ${during.flowing} of ${during.all} get frames before it goes on; gaps ${quantiles(during.members).text}`,
  )
  fleet.node(name).signal('SIGCONT')
  const wholeMs = await clients.flows(WHOLE_MS)
  await sleep(3_000)
  console.log(
    `${title}: goes on, and all get frames after ${wholeMs === null ? 'too long' : `${fixed(wholeMs / 1000, 1)} s`}`,
  )
  return {
    names: names.length,
    movedMs,
    during,
    elsewhere,
    wholeMs,
    losses: await clients.call('losses', { since, names: others }),
  }
}

const results = await withChildren([clients, fleet], async () => {
  await clients.join(fleet, { dist, meetings, perMeeting, spectators })
  await sleep(3_000)
  await clients.call('begin', { requestsPerSecond: options.requests, inputsPerSecond: options.inputs })
  await sleep(1_000)
  const owner = await halt('rtms-0', 'owner')
  const moved =
    owner.movedMs === null
      ? `${owner.during.flowing} of ${owner.during.all}`
      : `${fixed(owner.movedMs / 1000, 1)} s`
  promises.check(
    `members of ${owner.names} meetings whose node hangs get frames elsewhere`,
    `≤ ${MOVED_MS / 1000} s`,
    moved,
    owner.movedMs !== null && owner.movedMs <= MOVED_MS,
  )
  const theirs = quantiles(owner.elsewhere.members)
  promises.note('gaps of members of other nodes meanwhile: p50, p99, longest', '', theirs.text)
  promises.check('connections that these have lost', '0', `${owner.losses}`, owner.losses === 0)
  promises.check(
    'all get frames once it goes on',
    `≤ ${WHOLE_MS / 1000} s`,
    owner.wholeMs === null ? 'not all' : `${fixed(owner.wholeMs / 1000, 1)} s`,
    owner.wholeMs !== null,
  )
  // What was its own goes on elsewhere by now.
  const left = await clients.on('rtms-0')
  if (left.length === 0) {
    const reader = await halt('rtms-0', 'not an owner')
    const most = Math.max(...reader.elsewhere.members)
    promises.check(
      'members, where a node hangs that owns nothing: longest gap',
      '≤ 300 ms',
      `${fixed(most, 0)} ms`,
      most <= 300,
    )
    promises.check('connections that these have lost', '0', `${reader.losses}`, reader.losses === 0)
    return { owner, reader, counts: await clients.check(promises) }
  }
  promises.note('a node that owns nothing hangs', '', `not tried: ${left.length} meetings are on each`)
  return { owner, counts: await clients.check(promises) }
})

await promises.end(
  `Pauses: a node hangs for ${seconds} s, ${meetings} meetings of ${perMeeting}`,
  'pause',
  options,
  results,
)
