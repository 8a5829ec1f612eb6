import { Child, withChildren } from './lib/child.mjs'
import { sleep } from './lib/clock.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'
import { median } from './lib/samples.mjs'

const options = readOptions({
  meetings: 100,
  members: 10,
  rate: 20,
  seconds: 10,
  'inputs-per-second': 5,
  'input-bytes': 16,
  warmup: 3,
  runs: 3,
  window: 131_072,
  /** Processes of clients; one holds about 2,000 members at 20 Hz. */
  clients: 1,
  /**
   * Also `ticks` and `ws`, relays without RTMS: see servers/relay.mjs; and two nodes of a cluster in one process, so
   * that its processor time is that of both: `rtms-right`, with all members on the node that has their meetings, and
   * `rtms-wrong`, with all on the other one.
   */
  programs: 'rtms',
  dist: '../dist',
  /** A second build of the product, measured in the same run as `rtms-old`. */
  old: '',
  profile: false,
})

const { meetings, members, rate, seconds } = options
const programs = options.programs.split(',')
if (options.old !== '' && !programs.includes('rtms-old')) programs.push('rtms-old')

/** How many meetings each process of clients has. */
const shares = Array.from({ length: options.clients }, (_, at) => {
  const first = Math.floor((at * meetings) / options.clients)
  return { first, meetings: Math.floor(((at + 1) * meetings) / options.clients) - first }
})

const all = (children, method, args) => Promise.all(children.map((child) => child.call(method, args)))
const sum = (list, of) => list.reduce((total, item) => total + of(item), 0)

/** One program, in processes of its own. Throws where a frame is missing, or differs between two members. */
async function measure(program) {
  const isRtms = program.startsWith('rtms')
  const dist = program === 'rtms-old' ? options.old : options.dist
  const server = new Child(isRtms ? 'servers/rtms.mjs' : 'servers/relay.mjs')
  const clients = shares.map(() => new Child('clients/members.mjs'))
  return withChildren([server, ...clients], async () => {
    const inputsPerSecond = options['inputs-per-second']
    const room = { meetings, rate, members, inputsPerSecond }
    const where = await server.call('start', { dist, mode: program, ...room })
    if (isRtms) await server.call('openMeetings', room)
    await Promise.all(
      shares.map(async (share, at) => {
        const count = share.meetings * members
        const tokens = isRtms ? await server.call('tokens', { count, from: share.first * members }) : []
        const { window } = options
        await clients[at].call('connect', {
          server: where,
          dist,
          tokens,
          perMeeting: members,
          ...share,
          window,
        })
      }),
    )
    await all(clients, 'send', { inputsPerSecond, inputBytes: options['input-bytes'] })
    await sleep(options.warmup * 1000)

    await all(clients, 'begin')
    const before = await server.call('begin', { profile: options.profile })
    await sleep(seconds * 1000)
    const [spent, got] = await Promise.all([server.call('end', `meetings-${program}`), all(clients, 'end')])
    const checked = await all(clients, 'verify')

    const frames = sum(got, (one) => one.frames)
    const inputs = sum(got, (one) => one.inputs)
    const cpu = spent.cpu * 1000
    const worst = (of, part) => Math.max(...got.map((one) => one[of][part]))
    const result = {
      program,
      cpuPerInput: cpu / inputs,
      cpuPerFrame: cpu / frames,
      core: spent.cpu / spent.wall,
      userShare: spent.user / spent.cpu,
      frames,
      inputs,
      /** 1 where every member got every frame of the time measured. */
      pace: frames / (meetings * members * rate * (spent.wall / 1000)),
      roundTrip: { p50: worst('roundTrip', 'p50'), p99: worst('roundTrip', 'p99') },
      clientCore: Math.max(...got.map((one) => one.cpu / one.wall)),
      checked: { chains: sum(checked, (c) => c.chains), frames: sum(checked, (c) => c.frames) },
    }
    if (!isRtms) return result
    const { stats } = spent
    if (stats.refused !== '') throw new Error(`inputs were refused: ${stats.refused}`)
    return {
      ...result,
      delivery: {
        p50: worst('lateness', 'p50'),
        p99: worst('lateness', 'p99'),
        max: worst('lateness', 'max'),
      },
      sealing: spent.lateness,
      slipped: stats.framesSlipped - before.framesSlipped,
      framesPerWrite: frames / (stats.writes - before.writes),
      bytesPerFrame: (stats.bytesOut - before.bytesOut) / frames,
      sweepsPerSecond: (stats.sweeps - before.sweeps) / (spent.wall / 1000),
    }
  })
}

const results = []
for (let run = 0; run < options.runs; run++) {
  for (let turn = 0; turn < programs.length; turn++) {
    const program = programs[(turn + run) % programs.length]
    const result = await measure(program)
    results.push({ run, ...result })
    const figures = `${fixed(result.cpuPerInput)} µs per input, ${fixed(result.core * 100, 1)} % of a core`
    console.log(`run ${run + 1}: ${program}: ${figures}, ${result.checked.frames} frames at members checked`)
  }
}

const of = (program, value) => results.filter((result) => result.program === program).map(value)
const load = `${meetings} meetings × ${members} members × ${rate} Hz, ${options['inputs-per-second']} inputs/s each`
printTable(
  `Meetings: ${load}, ${seconds} s, ${options.runs} runs`,
  ['program', 'CPU µs/input', 'CPU µs/frame', '% of a core', 'round trip p50', 'p99 ms', 'client core'],
  programs.map((program) => [
    program,
    spread(of(program, (r) => r.cpuPerInput)),
    spread(of(program, (r) => r.cpuPerFrame)),
    spread(
      of(program, (r) => r.core * 100),
      1,
    ),
    fixed(median(of(program, (r) => r.roundTrip.p50)), 1),
    fixed(median(of(program, (r) => r.roundTrip.p99)), 1),
    `${fixed(median(of(program, (r) => r.clientCore)) * 100, 0)} %`,
  ]),
)
printTable(
  'How late, in ms: sealing as the node sees it, delivery as the members do',
  [
    'program',
    'seal p50',
    'p99',
    'max',
    'delivery p50',
    'p99',
    'max',
    'slipped',
    'frames/write',
    'sweeps/s',
    'pace',
  ],
  programs
    .filter((program) => program.startsWith('rtms'))
    .map((program) => [
      program,
      ...['p50', 'p99', 'max'].map((part) => spread(of(program, (r) => r.sealing[part]))),
      ...['p50', 'p99', 'max'].map((part) => spread(of(program, (r) => r.delivery[part]))),
      spread(
        of(program, (r) => r.slipped),
        0,
      ),
      spread(of(program, (r) => r.framesPerWrite)),
      fixed(median(of(program, (r) => r.sweepsPerSecond)), 0),
      fixed(median(of(program, (r) => r.pace)), 3),
    ]),
)
console.log(
  '\nEvery member got every frame, without a gap, equal to that of the other members of its meeting.',
)
await save('meetings', options, { runs: results })
