import { readOptions } from './lib/options.mjs'
import { load, logger, SECRET } from './lib/product.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'
import { median } from './lib/samples.mjs'

/*
 * What publishing costs where nobody reads, in this process: processor time per publication, sweeps and trimming
 * included, beside that of `JSON.stringify` of the same value in the same run. Each shape differs from the first in
 * one thing that the cost must not depend on.
 */

const options = readOptions({
  /** Publications in one turn of the event loop. */
  burst: 500,
  bursts: 400,
  runs: 5,
  dist: '../dist',
  /** A second build of the product, measured in the same run as `old`. */
  old: '',
})

const LONG = { entries: 10_000, bytes: 2 ** 24, ageMs: 3_600_000 }
const shapes = [
  { name: '500 topics', topics: 500, keys: 0, retention: undefined },
  { name: '50,000 topics', topics: 50_000, keys: 0, retention: undefined },
  { name: '1 topic, 10,000 kept', topics: 1, keys: 0, retention: LONG },
  { name: '1 topic, 100 kept', topics: 1, keys: 0, retention: undefined },
  { name: '1 topic, 5,000 keys', topics: 1, keys: 5_000, retention: undefined },
]

/** About 100 bytes of JSON. */
const quote = (n) => ({
  symbol: `60${n % 10_000}`,
  price: 1_700 + (n % 977) / 100,
  change: -1.25,
  volume: 120_000 + n,
  bid: 1_700.25,
  ask: 1_700.5,
  at: 1_790_000_000_000 + n,
})

const turn = () => new Promise((resolve) => setImmediate(resolve))
const quotes = Array.from({ length: 10_000 }, (_, n) => quote(n))
const names = Array.from({ length: 50_000 }, (_, n) => `stock.${n}`)
const keys = Array.from({ length: 5_000 }, (_, n) => `key${n}`)

/** Microseconds of processor time per call of `publish`, the turns of the event loop between bursts included. */
async function costOf(publish) {
  for (let n = 0; n < options.burst * 40; n++) {
    publish(n)
    if (n % options.burst === 0) await turn()
  }
  await turn()
  const started = process.cpuUsage()
  for (let burst = 0, n = 0; burst < options.bursts; burst++) {
    for (let each = 0; each < options.burst; each++) publish(n++)
    await turn()
  }
  const { user, system } = process.cpuUsage(started)
  return (user + system) / options.burst / options.bursts
}

let length = 0

/** The whole way that a business has: `rtms.topics.publish`. */
async function ofServer({ Rtms }, { topics, keys: count, retention }) {
  const rtms = await Rtms.start({ logger, port: 0, secret: SECRET })
  if (retention !== undefined) rtms.topics.define('*', retention)
  for (let n = 0; n < topics; n++) rtms.topics.publish(names[n], 0)
  const before = rtms.stats.publications
  const cost = await costOf((n) => {
    const key = count === 0 ? undefined : { key: keys[n % count] }
    rtms.topics.publish(names[n % topics], quotes[n % quotes.length], key)
  })
  const published = rtms.stats.publications - before
  await rtms.close()
  if (published !== options.burst * (options.bursts + 40)) throw new Error(`${published} were published`)
  return cost
}

/** The core alone, with the payload made before. */
async function ofCore({ defaultLimits, RtmsNode }, { topics, keys: count, retention }) {
  const node = new RtmsNode(
    { id: 'bench', incarnation: 7, wallOffset: 0, entropy: (n) => new Uint8Array(n), limits: defaultLimits },
    {
      application: {},
      bus: { hears: () => false, publish() {}, subscribe() {}, unsubscribe() {} },
    },
  )
  if (retention !== undefined) node.defineTopics('*', retention)
  const payloads = quotes.map((value) => ({
    text: true,
    bytes: new TextEncoder().encode(JSON.stringify(value)),
  }))
  return costOf((n) => {
    const now = performance.now()
    if (n % options.burst === 0) while (node.deadline(now) <= now) node.sweep(now)
    const key = count === 0 ? '' : keys[n % count]
    node.publish(names[n % topics], payloads[n % payloads.length], key, false, now)
  })
}

const builds = [
  ['rtms', options.dist],
  ['old', options.old],
].filter(([, dist]) => dist !== '')
const parts = new Map()
for (const [name, dist] of builds)
  parts.set(name, { server: await load(dist, 'server'), core: await load(dist, 'core') })

const results = []
for (let run = 0; run < options.runs; run++) {
  const json = await costOf((n) => (length += JSON.stringify(quotes[n % quotes.length]).length))
  for (const shape of shapes) {
    for (const [build, { server, core }] of parts) {
      const result = { run, build, shape: shape.name, json }
      result.server = await ofServer(server, shape)
      result.core = await ofCore(core, shape)
      results.push(result)
      const figures = `${fixed(result.server)} µs, in the core ${fixed(result.core)}, JSON ${fixed(json)}`
      console.log(`run ${run + 1}: ${build}, ${shape.name}: ${figures}`)
    }
  }
}
if (length === 0) throw new Error('nothing was measured')

printTable(
  `Publishing a quote of ${JSON.stringify(quotes[0]).length} bytes, nobody reading, ${options.runs} runs`,
  ['shape', 'build', 'CPU µs', '× JSON.stringify', 'goal', 'in the core µs'],
  shapes.flatMap(({ name: shape }) =>
    builds.map(([build]) => {
      const of = (value) =>
        results.filter((result) => result.shape === shape && result.build === build).map(value)
      const ratios = of(({ server, json }) => server / json)
      return [
        shape,
        build,
        spread(of(({ server }) => server)),
        spread(ratios, 1),
        median(ratios) <= 5 ? '≤ 5: met' : '≤ 5: missed',
        spread(of(({ core }) => core)),
      ]
    }),
  ),
)
await save('publish', options, { runs: results })
