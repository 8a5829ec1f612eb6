import { withChildren } from '../lib/child.mjs'
import { now, sleep } from '../lib/clock.mjs'
import { Fleet, NODES } from '../lib/fleet.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { quantiles, Survivors } from '../lib/survivors.mjs'

/*
 * A node hangs, as a process in a debugger or a machine that is moved does: SIGSTOP, and SIGCONT a minute later. It
 * knows nothing of that minute. First one that only has spectators and copies, then one that owns meetings.
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
/** Longest gap of members whose node does not hang. */
const CALM_MS = 300

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
  const all = meetings * (perMeeting + spectators)
  let movedMs = null
  for (let left = seconds * 1000; left > 0; left = seconds * 1000 - (now() - since)) {
    await sleep(Math.min(250, left))
    const { seats } = await clients.call('flowing')
    if (movedMs !== null || seats < all || now() - since < 2_000) continue
    movedMs = now() - since
    console.log(`${title}: after ${fixed(movedMs / 1000, 1)} s all ${all} get frames`)
  }
  const { seats } = await clients.call('flowing')
  const during = await clients.call('gaps', { names })
  const elsewhere = await clients.call('gaps', { names: others })
  console.log(
    `${title}: ${seats} of ${all} get frames before it goes on; gaps of its members ${quantiles(during.members).text}`,
  )
  fleet.node(name).signal('SIGCONT')
  const wholeMs = await clients.flows(WHOLE_MS)
  await sleep(3_000)
  console.log(
    `${title}: goes on, and all get frames after ${wholeMs === null ? 'too long' : `${fixed(wholeMs / 1000, 1)} s`}`,
  )
  return {
    names: names.length,
    moved: movedMs === null ? `${seats} of ${all}` : `${fixed(movedMs / 1000, 1)} s`,
    movedMs,
    during,
    elsewhere,
    wholeMs,
    losses: await clients.call('losses', { since, names: others }),
  }
}

function checkMoved(title, { moved, movedMs }) {
  const isMet = movedMs !== null && movedMs <= MOVED_MS
  promises.check(`${title}: all get frames`, `≤ ${MOVED_MS / 1000} s`, moved, isMet)
}

function checkWhole({ wholeMs }) {
  promises.check(
    'all get frames once it goes on',
    `≤ ${WHOLE_MS / 1000} s`,
    wholeMs === null ? 'not all' : `${fixed(wholeMs / 1000, 1)} s`,
    wholeMs !== null,
  )
}

const results = await withChildren([clients, fleet], async () => {
  // One node owns nothing: it has spectators, and copies.
  await clients.join(fleet, { dist, meetings, perMeeting, spectators, owners: NODES.length - 1 })
  await sleep(3_000)
  await clients.call('begin', { requestsPerSecond: options.requests, inputsPerSecond: options.inputs })
  await sleep(1_000)
  const reader = await halt(NODES.at(-1), 'not an owner')
  checkMoved('a node hangs that owns nothing', reader)
  const most = Math.max(...reader.elsewhere.members)
  promises.check(
    'longest gap of the members of other nodes',
    `≤ ${CALM_MS} ms`,
    `${fixed(most, 0)} ms`,
    most <= CALM_MS,
  )
  promises.check('connections that these have lost', '0', `${reader.losses}`, reader.losses === 0)
  checkWhole(reader)
  const owner = await halt(NODES[0], 'owner')
  checkMoved(`a node hangs that owns ${owner.names} meetings`, owner)
  const theirs = quantiles(owner.elsewhere.members)
  promises.note('gaps of members of the other node meanwhile: p50, p99, longest', '', theirs.text)
  promises.check('connections that these have lost', '0', `${owner.losses}`, owner.losses === 0)
  checkWhole(owner)
  return { reader, owner, counts: await clients.check(promises) }
})

await promises.end(
  `Pauses: a node hangs for ${seconds} s, ${meetings} meetings of ${perMeeting}`,
  'pause',
  options,
  results,
)
