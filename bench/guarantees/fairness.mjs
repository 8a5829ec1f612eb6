import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed, spread } from '../lib/report.mjs'
import { median } from '../lib/samples.mjs'

/* A hundred users do all they may, and six addresses say nothing: the others go on as if they were alone. */

const options = readOptions({ users: 100, pairs: 3, seconds: 15, dist: '../dist' })
/** An honest step may take so long beside the others, or twice as long as alone where that is more. */
const MOST_MS = 100
/** So many newcomers fit, fewer than six addresses open within the time that one may take for its HELLO. */
const limits = { handshakes: 256 }

/** How long the business takes over what the others ask. */
const slowMs = 500
/** Requests to its URL at a time: fewer than the others ask for, so that every place is taken all the time. */
const concurrency = 40

const business = new Child('servers/business.mjs')
const server = new Child('servers/fairness.mjs', ['--expose-gc'])
const attackers = new Child('clients/greedy.mjs')
const honest = new Child('clients/honest.mjs')

const results = await withChildren([business, server, attackers, honest], async () => {
  const { dist, users, seconds } = options
  const url = await business.call('start', { slowMs })
  const where = await server.call('start', { dist, limits, url, concurrency, slowMs })
  const honestTokens = await server.call('tokens', { count: 500, prefix: 'honest' })
  const tokens = await server.call('tokens', { count: users, prefix: 'greedy' })
  const visits = async (watched) => {
    await honest.call('begin', { server: where, dist, tokens: honestTokens, everyMs: 100 })
    await sleep(watched * 1000)
    return honest.call('end')
  }
  await visits(3)
  const pairs = []
  for (let pair = 0; pair < options.pairs; pair++) {
    const alone = await visits(seconds)
    await attackers.call('begin', { server: where, dist, tokens })
    // Until all of them are there, and hold what they can hold.
    await sleep(5_000)
    const beside = await visits(seconds)
    const attack = await attackers.call('end')
    pairs.push({ alone, beside, attack })
    console.log(`pair ${pair + 1}: ${JSON.stringify(attack)}`)
    // What the others have asked for still waits at the URL, though they have gone.
    await server.call('settled')
  }
  return { pairs, refused: await server.call('refused'), faults: await server.call('faults') }
})

const { pairs, refused, faults } = results
const promises = new Promises()
const words = {
  connect: 'connect, until welcomed',
  ask: 'ask a handler',
  hook: 'ask a URL of the business',
  join: 'join a meeting',
  read: 'subscribe to a topic',
  publish: 'publish, and read it',
}
for (const [step, what] of Object.entries(words)) {
  const alone = pairs.map((pair) => pair.alone.took[step].p99)
  const beside = pairs.map((pair) => pair.beside.took[step].p99)
  const goal = Math.max(MOST_MS, 2 * median(alone))
  promises.check(
    `p99: ${what}`,
    `≤ ${fixed(goal, 0)} ms`,
    `${spread(beside)} ms (alone ${spread(alone)})`,
    median(beside) <= goal,
  )
}
const failures = pairs.flatMap(({ alone, beside }) => [...alone.failures, ...beside.failures])
const visits = pairs.reduce((sum, { beside }) => sum + beside.took.connect.count, 0)
promises.check(
  'honest steps that were refused or failed',
  '0',
  `${failures.length} of ${visits} visits${failures.length > 0 ? `, e.g. ${failures[0]}` : ''}`,
  failures.length === 0,
)
const sum = (count) => pairs.reduce((all, { attack }) => all + attack[count], 0)
promises.note('messages of the others, and how many were refused', '', `${sum('sent')}, ${sum('refused')}`)
promises.note('silent connections', '', `${sum('silent')}; refused: ${refused.flat().join(' ')}`)
promises.check(
  'reloads of theirs that were welcomed',
  'all',
  `${sum('reloads')}`,
  sum('reloads') >= pairs.length * 5 * options.seconds,
)
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
await promises.end(
  `Fairness: ${options.users} users do all they may, median of ${pairs.length} pairs of runs`,
  'fairness',
  options,
  results,
)
