import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed, spread } from '../lib/report.mjs'
import { median } from '../lib/samples.mjs'

/*
 * A page's largest file, asked for hundreds of times at once by connections that leave, and by some that read nothing:
 * no descriptor and no memory stays, honest clients are served meanwhile and connect as before afterwards, and who
 * takes nothing is cut off.
 */

const options = readOptions({ requests: 800, everyMs: 100, stopped: 50, pairs: 5, dist: '../dist' })
const WATCHED_S = 8
/** `serverLimits.takenMs`, and the time to notice. */
const TAKEN_S = 70
const PAGE_BYTES = 204_800
const KIB = 1_024

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const readers = new Child('clients/readers.mjs')
const stopped = new Child('clients/readers.mjs')
const honest = new Child('clients/prober.mjs')

const results = await withChildren([server, readers, stopped, honest], async () => {
  const { dist, requests, everyMs } = options
  const where = await server.call('start', { dist, pageBytes: PAGE_BYTES, limits: { sessionKeepMs: 1_000 } })
  const tokens = await server.call('tokens', { count: 500 })
  const probing = async (seconds) => {
    await honest.call('begin', { server: where, dist, tokens, everyMs: 100 })
    await sleep(seconds * 1000)
    return honest.call('end')
  }
  /** The last of several looks: the first ones collect what the others free. */
  const settled = async () => {
    await sleep(3_000)
    for (let look = 0; look < 3; look++) {
      await sleep(300)
      await server.call('sample')
    }
    return server.call('sample')
  }
  const pairOf = async () => {
    const calm = await probing(WATCHED_S)
    await readers.call('begin', { server: where, requests, everyMs })
    const attacked = await probing(WATCHED_S)
    const { left } = await readers.call('end')
    await sleep(1_000)
    const after = await probing(WATCHED_S)
    return { calm, attacked, after, left, ratio: after.p99 / calm.p99 }
  }
  // The first pair costs buffers that stay, and V8 takes about a minute to compile what is busy.
  await pairOf()
  const before = await settled()
  const pairs = []
  while (pairs.length < options.pairs) {
    const pair = await pairOf()
    pairs.push(pair)
    const [before, meanwhile, afterwards] = [pair.calm, pair.attacked, pair.after].map(({ p99 }) =>
      fixed(p99),
    )
    console.log(
      `pair ${pairs.length}: honest p99 ${before} ms, attacked ${meanwhile} ms, after ${afterwards} ms; ${pair.left} left so far`,
    )
  }
  const left = await settled()
  await stopped.call('hold', { server: where, count: options.stopped, requests: 50 })
  const begun = performance.now()
  let held = await server.call('sample')
  for (let tries = 0; tries < 60 && held.descriptors < left.descriptors + options.stopped; tries++) {
    await sleep(500)
    held = await server.call('sample')
  }
  // A socket that reads nothing does not learn of its end, so the node's descriptors tell.
  let seconds = 0
  for (let now = held; now.descriptors > left.descriptors && seconds < 2 * TAKEN_S; await sleep(500)) {
    now = await server.call('sample')
    seconds = (performance.now() - begun) / 1000
  }
  await stopped.call('end')
  return { before, pairs, left, held, seconds, after: await settled(), faults: await server.call('faults') }
})

const { before, pairs, left, held, seconds, after, faults } = results
const promises = new Promises()
/** What is held, but for compiled code, which grows for minutes. */
const heapOf = ({ heapUsed, compiled, external }) => heapUsed - compiled + external
const ratios = pairs.map(({ ratio }) => ratio)
promises.check(
  'p99 of honest connects afterwards, by that before',
  '≤ 2',
  spread(ratios),
  median(ratios) <= 2,
)
promises.note('p99 meanwhile', '', `${spread(pairs.map(({ attacked }) => attacked.p99))} ms`)
promises.note('p99 in calm', '', `${spread(pairs.map(({ calm }) => calm.p99))} ms`)
const failed = pairs.flatMap(({ calm, attacked, after }) =>
  [calm, attacked, after].flatMap(({ failures }) => failures),
)
promises.check('honest connects that failed', '0', `${failed.length}`, failed.length === 0)
const each = (heapOf(held) - heapOf(left)) / options.stopped / KIB
promises.check('held for each that reads nothing', '≤ 256 KiB', `${fixed(each, 1)} KiB`, each <= 256)
const count = held.descriptors - left.descriptors
promises.check('connections that read nothing', `${options.stopped}`, `${count}`, count === options.stopped)
promises.check('all are cut off after', `≤ ${TAKEN_S} s`, `${fixed(seconds, 1)} s`, seconds <= TAKEN_S)
for (const [when, sample] of [
  ['when all have left', left],
  ['when all were cut off', after],
]) {
  promises.check(
    `descriptors ${when}`,
    `${before.descriptors}`,
    `${sample.descriptors}`,
    sample.descriptors <= before.descriptors,
  )
  const grown = (heapOf(sample) - heapOf(before)) / KIB / KIB
  promises.check(`heap and buffers ${when}`, '≤ 1 MiB more', `${fixed(grown)} MiB`, grown <= 1)
  promises.note(`resident memory ${when}, by that before`, '', fixed(sample.rss / before.rss))
}
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
for (const one of faults.slice(0, 10)) console.log(one)
await promises.end(
  `Static files: ${options.requests} requests at once every ${options.everyMs} ms, median of ${pairs.length} pairs`,
  'static',
  options,
  results,
)
