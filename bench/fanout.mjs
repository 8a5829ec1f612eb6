import { Child, withChildren } from './lib/child.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'
import { median } from './lib/samples.mjs'

const options = readOptions({
  subscribers: 1_000,
  bytes: 100,
  interval: 50,
  bursts: 60,
  warmup: 20,
  runs: 5,
  window: 131_072,
  programs: 'rtms,net,ws,socketio',
  loads: '1,10',
  dist: '../dist',
  /** A second build of the product, measured in the same run as `rtms-old`. */
  old: '',
  profile: false,
})

const { subscribers, bytes, interval, bursts, warmup } = options
const programs = options.programs.split(',')
if (options.old !== '' && !programs.includes('rtms-old')) programs.push('rtms-old')
const loads = options.loads.split(',').map(Number)

/** One program under one load, in processes of its own. Throws where a single delivery is missing. */
async function measure(program, perBurst) {
  const isRtms = program.startsWith('rtms')
  const dist = program === 'rtms-old' ? options.old : options.dist
  const server = new Child(`servers/${isRtms ? 'rtms' : program}.mjs`)
  const clients = new Child('clients/subscribers.mjs')
  return withChildren([server, clients], async () => {
    // Nobody is pinged in the time that a run takes: one write per subscriber and sweep is all there is.
    const where = await server.call('start', { dist, limits: { heartbeatMs: 600_000 } })
    const tokens = isRtms ? await server.call('tokens', { count: subscribers }) : []
    await clients.call('connect', { server: where, dist, tokens, count: subscribers, window: options.window })
    const connected = await server.call('subscribers')
    if (connected !== subscribers) throw new Error(`${program}: ${connected} of ${subscribers} connected`)

    const feed = { perBurst, interval, bytes }
    await server.call('publish', { ...feed, bursts: warmup, from: 1 })
    await clients.call('until', warmup * perBurst)

    await clients.call('begin')
    const before = await server.call('begin', { profile: options.profile })
    await server.call('publish', { ...feed, bursts, from: warmup * perBurst + 1 })
    await clients.call('until', (warmup + bursts) * perBurst)
    const spent = await server.call('end', `fanout-${program}-${perBurst}`)
    const got = await clients.call('end')

    const each = bursts * perBurst
    if (got.missed > 0 || got.received.some((count) => count !== each)) {
      const counts = `${Math.min(...got.received)}–${Math.max(...got.received)}`
      throw new Error(`${program}: subscribers got ${counts} of ${each} publications`)
    }
    const deliveries = subscribers * each
    const result = {
      program,
      perBurst,
      cpuPerDelivery: (spent.cpu * 1000) / deliveries,
      userShare: spent.user / spent.cpu,
      core: spent.cpu / spent.wall,
      deliveries,
      bytesPerDelivery: got.bytes / deliveries,
      messagesPerBurst: got.messages / subscribers / bursts,
      latency: got.latency,
      clientCore: got.cpu / got.wall,
    }
    if (!isRtms) return result
    const writes = spent.stats.writes - before.writes
    if (writes !== subscribers * bursts || got.packets.some((count) => count !== bursts)) {
      throw new Error(`${program}: ${writes} writes where ${subscribers * bursts} were expected`)
    }
    return { ...result, writesPerBurst: writes / subscribers / bursts }
  })
}

const results = []
for (let run = 0; run < options.runs; run++) {
  for (const perBurst of loads) {
    for (let turn = 0; turn < programs.length; turn++) {
      // Each run begins with another program, so that none is always first.
      const program = programs[(turn + run) % programs.length]
      const result = await measure(program, perBurst)
      results.push({ run, ...result })
      const figures = `${fixed(result.cpuPerDelivery)} µs, ${fixed(result.core * 100, 0)} % of a core`
      console.log(`run ${run + 1}: ${program}, ${perBurst} per ${interval} ms: ${figures}`)
    }
  }
}

const summary = []
for (const perBurst of loads) {
  const of = (program, value) =>
    results.filter((r) => r.program === program && r.perBurst === perBurst).map(value)
  const rows = programs.map((program) => {
    // Ratios within one run, then their median.
    const ratios = of(program, (r) => {
      const first = results.find((o) => o.program === 'rtms' && o.perBurst === perBurst && o.run === r.run)
      return first === undefined ? Number.NaN : r.cpuPerDelivery / first.cpuPerDelivery
    })
    const row = {
      program,
      perBurst,
      cpuPerDelivery: of(program, (r) => r.cpuPerDelivery),
      timesRtms: ratios,
      latencyP50: median(of(program, (r) => r.latency.p50)),
      latencyP99: median(of(program, (r) => r.latency.p99)),
      core: median(of(program, (r) => r.core)),
      clientCore: median(of(program, (r) => r.clientCore)),
      bytesPerDelivery: median(of(program, (r) => r.bytesPerDelivery)),
      messagesPerBurst: median(of(program, (r) => r.messagesPerBurst)),
    }
    summary.push(row)
    return [
      program,
      spread(row.cpuPerDelivery),
      spread(row.timesRtms),
      fixed(row.messagesPerBurst),
      fixed(row.bytesPerDelivery, 0),
      `${fixed(row.core * 100, 0)} %`,
      fixed(row.latencyP50, 1),
      fixed(row.latencyP99, 1),
    ]
  })
  printTable(
    `Fan-out: ${subscribers} subscribers, ${bytes}-byte messages, ${perBurst} per ${interval} ms, ${options.runs} runs`,
    ['program', 'CPU µs/delivery', '× rtms', 'messages/burst', 'bytes/delivery', 'core', 'p50 ms', 'p99 ms'],
    rows,
  )
}
console.log('\nEvery subscriber got every publication, in order; rtms wrote once per subscriber and burst.')
await save('fanout', options, { summary, runs: results })
