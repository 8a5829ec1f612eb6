import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed, spread } from '../lib/report.mjs'
import { median } from '../lib/samples.mjs'

/* Sockets that send headers at a byte a second: each is closed in time, and honest clients hardly wait longer meanwhile. */

const options = readOptions({ sockets: 2_000, pairs: 5, dist: '../dist' })
const WITHIN_S = 10
/** Honest clients are watched so long, without and with the attack. */
const WATCHED_S = 10

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const attackers = new Child('clients/slow.mjs')
const honest = new Child('clients/prober.mjs')

const results = await withChildren([server, attackers, honest], async () => {
  const { dist, sockets: count } = options
  const where = await server.call('start', { dist })
  const tokens = await server.call('tokens', { count: 500 })
  const probing = async (seconds) => {
    await honest.call('begin', { server: where, dist, tokens, everyMs: 25 })
    await sleep(seconds * 1000)
    return honest.call('end')
  }
  await probing(3)
  await sleep(1_000)
  const before = await server.call('sample')
  const pairs = []
  for (let pair = 0; pair < options.pairs; pair++) {
    const calm = await probing(WATCHED_S)
    await attackers.call('begin', { server: where, count })
    const attacked = await probing(WATCHED_S)
    const attack = await attackers.call('end')
    pairs.push({ calm, attacked, attack, ratio: attacked.p99 / calm.p99 })
    console.log(
      `pair ${pair + 1}: honest p99 ${fixed(calm.p99)} ms, attacked ${fixed(attacked.p99)} ms; ` +
        `${attack.count} sockets closed, each within ${fixed(attack.max / 1000, 1)} s`,
    )
  }
  await sleep(1_000)
  return { before, after: await server.call('sample'), pairs, faults: await server.call('faults') }
})

const { before, after, pairs, faults } = results
const longest = Math.max(...pairs.map(({ attack }) => attack.max)) / 1000
const promises = new Promises()
promises.check(
  'each is closed after, at most',
  `≤ ${WITHIN_S} s`,
  `${fixed(longest, 1)} s`,
  longest <= WITHIN_S,
)
const answers = new Set(pairs.flatMap(({ attack }) => attack.answers.map(([status]) => status)))
promises.check('and answered', '408', [...answers].join(', '), answers.size === 1 && answers.has('408'))
const ratios = pairs.map(({ ratio }) => ratio)
promises.check('p99 of honest connects, by that in calm', '≤ 2', spread(ratios), median(ratios) <= 2)
promises.note('p99 in calm', '', `${spread(pairs.map(({ calm }) => calm.p99))} ms`)
const failed = pairs.flatMap(({ calm, attacked }) => [...calm.failures, ...attacked.failures])
promises.check('honest connects that failed', '0', `${failed.length}`, failed.length === 0)
promises.check(
  'descriptors afterwards',
  `${before.descriptors}`,
  `${after.descriptors}`,
  after.descriptors <= before.descriptors,
)
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
await promises.end(
  `Slowloris: ${options.sockets} sockets at a byte a second at any time, median of ${pairs.length} pairs of runs`,
  'slowloris',
  options,
  results,
)
