import { Child, withChildren } from './lib/child.mjs'
import { sleep } from './lib/clock.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'
import { median } from './lib/samples.mjs'

const options = readOptions({
  connections: 2_000,
  warmup: 1_000,
  runs: 5,
  dist: '../dist',
  /** A second build of the product, measured in the same run as `rtms-old`. */
  old: '',
  profile: false,
})

/** `ws` alone, and `ws` whose first message is a token that `jose` verifies. */
const programs = ['rtms', 'ws', 'ws+jose', ...(options.old === '' ? [] : ['rtms-old'])]

async function settled(server, connections) {
  for (let tries = 0; (await server.call('health')).connections !== connections; tries++) {
    if (tries === 500) throw new Error(`there are not ${connections} connections`)
    await sleep(10)
  }
}

/** Twice, with time in between: what the first collection frees is given back to the system later. */
async function memory(server) {
  await server.call('memory')
  await sleep(500)
  return server.call('memory')
}

async function measure(program) {
  const isRtms = program.startsWith('rtms')
  const dist = program === 'rtms-old' ? options.old : options.dist
  const server = new Child(isRtms ? 'servers/rtms.mjs' : 'servers/ws.mjs', ['--expose-gc'])
  // Tickets are issued elsewhere: what it leaves on the heap would hide what connections take.
  const office = new Child('servers/rtms.mjs')
  const clients = new Child('clients/idlers.mjs')
  return withChildren([server, office, clients], async () => {
    const { connections, warmup } = options
    const where = await server.call('start', { dist, verify: program === 'ws+jose' })
    await office.call('start', { dist })
    const tokens = await office.call('tokens', { count: warmup + connections })
    const connect = (from, count) =>
      clients.call('connect', { server: where, dist, tokens: tokens.slice(from, from + count), count })
    // The first connections pay for compiling and for the heap's first growth. They stay.
    await connect(0, warmup)
    await settled(server, warmup)
    const before = await memory(server)
    await server.call('begin', { profile: options.profile })
    await connect(warmup, connections)
    const spent = await server.call('end', `idle-${program}`)
    await settled(server, warmup + connections)
    const after = await memory(server)
    if ((await clients.call('check')) !== warmup + connections) throw new Error('connections are missing')
    const { sessions } = await server.call('health')
    if (isRtms && sessions !== warmup + connections) throw new Error(`${sessions} sessions`)
    const each = (part) => (after[part] - before[part]) / connections / 1024
    return {
      program,
      resident: each('rss'),
      heap: each('heapUsed'),
      external: each('external'),
      handshake: (spent.cpu * 1000) / connections,
    }
  })
}

const results = []
for (let run = 0; run < options.runs; run++) {
  for (let turn = 0; turn < programs.length; turn++) {
    const result = await measure(programs[(turn + run) % programs.length])
    results.push({ run, ...result })
    const figures = `${fixed(result.resident)} KiB, handshake ${fixed(result.handshake, 0)} µs`
    console.log(`run ${run + 1}: ${result.program}: ${figures}`)
  }
}

const of = (program, value) => results.filter((result) => result.program === program).map(value)
const other = (program, run) => results.find((result) => result.program === program && result.run === run)
printTable(
  `Idle: ${options.connections} connections, ${options.runs} runs`,
  ['program', 'resident KiB', 'JS heap KiB', 'external KiB', 'KiB over ws', 'handshake CPU µs', '× ws+jose'],
  programs.map((program) => [
    program,
    spread(of(program, (r) => r.resident)),
    fixed(median(of(program, (r) => r.heap))),
    fixed(median(of(program, (r) => r.external))),
    spread(of(program, (r) => r.resident - other('ws', r.run).resident)),
    spread(
      of(program, (r) => r.handshake),
      0,
    ),
    spread(of(program, (r) => r.handshake / other('ws+jose', r.run).handshake)),
  ]),
)
await save('idle', options, { runs: results })
