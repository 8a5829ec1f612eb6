import { Child, withChildren } from './lib/child.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'
import { median } from './lib/samples.mjs'

/*
 * What a second node costs: one feed, published on the first node, with the same subscribers on one node, on two, and
 * with a third node that has none. What of it is the cluster's is seen beside two nodes that have no bus. And what goes
 * over the bus, for few subscribers and for many.
 */

const options = readOptions({
  subscribers: 1_000,
  bytes: 100,
  interval: 50,
  perBurst: 10,
  bursts: 100,
  // Fewer, and much of the time goes to code that is being compiled: more for each node that has code of its own.
  warmup: 200,
  runs: 5,
  window: 131_072,
  dist: '../dist',
})

const { bytes, interval, bursts, warmup, perBurst } = options

/** How many client processes there are in each case: the same, so that how fast they read weighs in none of them. */
const READERS = 2

/** Nodes that know nothing of each other, and are each published to: what it costs to be two, without any bus. */
const APART = 'two nodes of no cluster'

/** How many subscribers each node has. */
const cases = {
  'one node': [options.subscribers],
  [APART]: [options.subscribers / 2, options.subscribers / 2],
  'two nodes': [options.subscribers / 2, options.subscribers / 2],
  'two nodes and one without': [options.subscribers / 2, options.subscribers / 2, 0],
  'two nodes, a tenth of the subscribers': [options.subscribers / 20, options.subscribers / 20],
}

/** What has gone over the bus of publications. */
const topics = ({ traffic }) => traffic.topics ?? { messages: 0, bytes: 0 }

async function measure(name, counts) {
  const server = new Child('servers/cluster.mjs')
  const clients = Array.from({ length: READERS }, () => new Child('clients/subscribers.mjs'))
  const all = (method, args) => Promise.all(clients.map((child) => child.call(method, args)))
  return withChildren([server, ...clients], async () => {
    const { dist, window } = options
    const where = await server.call('start', { dist, count: counts.length, isCluster: name !== APART })
    const nodes = counts.filter((count) => count > 0).length
    const count = counts.reduce((sum, each) => sum + each, 0) / READERS
    for (const [at, client] of clients.entries()) {
      const tokens = await server.call('tokens', { count })
      await client.call('connect', { server: where[at % nodes], dist, tokens, count, window })
    }
    const connected = await server.call('subscribers')
    if (String(connected) !== String(counts)) throw new Error(`${name}: ${connected} connected of ${counts}`)

    const feed = { perBurst, interval, bytes }
    await server.call('publish', { ...feed, bursts: warmup, from: 1 })
    await all('until', warmup * perBurst)
    await all('begin')
    const before = await server.call('begin')
    await server.call('publish', { ...feed, bursts, from: warmup * perBurst + 1 })
    await all('until', (warmup + bursts) * perBurst)
    const spent = await server.call('end')
    const got = await all('end')

    const each = bursts * perBurst
    if (got.some(({ missed, received }) => missed > 0 || received.some((count) => count !== each)))
      throw new Error(`${name}: a subscriber did not get everything`)
    const deliveries = counts.reduce((sum, count) => sum + count, 0) * each
    return {
      name,
      cpuPerDelivery: (spent.cpu * 1000) / deliveries,
      latencyP50: median(got.map(({ latency }) => latency.p50)),
      latencyP99: Math.max(...got.map(({ latency }) => latency.p99)),
      busMessages: topics(spent).messages - topics(before).messages,
      busBytes: topics(spent).bytes - topics(before).bytes,
      eastWest:
        (topics(spent).bytes - topics(before).bytes) / got.reduce((sum, { bytes: all }) => sum + all, 0),
    }
  })
}

const results = []
for (let run = 0; run < options.runs; run++)
  for (const [name, counts] of Object.entries(cases)) {
    const result = await measure(name, counts)
    results.push({ run, ...result })
    console.log(
      `run ${run + 1}: ${name}: ${fixed(result.cpuPerDelivery)} µs, ${result.busBytes} bytes on the bus`,
    )
  }

const of = (name, value) => results.filter((result) => result.name === name).map(value)
const summary = Object.keys(cases).map((name) => ({
  name,
  cpuPerDelivery: of(name, (r) => r.cpuPerDelivery),
  timesOne: of(name, (r) => {
    const one = results.find((other) => other.name === 'one node' && other.run === r.run)
    return r.cpuPerDelivery / one.cpuPerDelivery
  }),
  busMessages: median(of(name, (r) => r.busMessages)),
  busBytes: median(of(name, (r) => r.busBytes)),
  eastWest: median(of(name, (r) => r.eastWest)),
  latencyP50: median(of(name, (r) => r.latencyP50)),
  latencyP99: median(of(name, (r) => r.latencyP99)),
}))
printTable(
  `A feed on several nodes: ${options.subscribers} subscribers, ${bytes}-byte messages, ${perBurst} per ${interval} ms, ${bursts} bursts`,
  ['nodes', 'CPU µs/delivery', '× one', 'bus messages', 'bus bytes', 'bus/client bytes', 'p50 ms', 'p99 ms'],
  summary.map((row) => [
    row.name,
    spread(row.cpuPerDelivery),
    spread(row.timesOne),
    fixed(row.busMessages, 0),
    fixed(row.busBytes, 0),
    fixed(row.eastWest, 4),
    fixed(row.latencyP50, 1),
    fixed(row.latencyP99, 1),
  ]),
)
// One message for each burst, whatever the number of subscribers and of nodes without any.
const wrong = summary.filter(
  ({ name, busMessages }) => busMessages !== (name === 'one node' || name === APART ? 0 : bursts),
)
if (wrong.length > 0) throw new Error(`not one message for each burst: ${JSON.stringify(wrong)}`)
console.log(
  '\nEvery subscriber got every publication, in order; each burst was one message on the bus of a cluster.',
)
await save('cluster', options, { summary, runs: results })
