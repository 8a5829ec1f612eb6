import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../scripts/programs.mjs'
import { Child, withChildren } from './lib/child.mjs'
import { sleep } from './lib/clock.mjs'
import { freePort } from './lib/free-port.mjs'
import { readOptions } from './lib/options.mjs'
import { fixed, printTable, save, spread } from './lib/report.mjs'

/*
 * What an edge is good for. Users are far from the nodes: everything takes `--delay` milliseconds each way. They
 * connect to the node over the long way, or to an edge beside them, which has the long way to the node: two NATS
 * servers, one here and one there, joined as leaf node over that way. Delay and bytes are those of a proxy in user
 * space; it has no loss, and room for everything.
 */

const options = readOptions({
  delay: 50,
  runs: 3,
  readers: '1,10,100',
  connects: 30,
  seconds: 10,
  pricesPerSecond: 20,
  bytes: 60,
  members: 10,
  inputs: 60,
  frameRate: 20,
  dist: '../dist',
})
const { delay, seconds, dist } = options

async function until(holds) {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 300) throw new Error('the nodes do not find each other')
    await sleep(100)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'rtms-edge-'))
const programs = []
function startNats(name, config) {
  const file = join(folder, `${name}.conf`)
  writeFileSync(file, `server_name: ${name}\nhost: 127.0.0.1\n${config}`)
  const program = findProgram('nats-server')
  if (program === undefined) throw new Error('nats-server is missing: npm run setup')
  programs.push(spawn(program, ['-c', file], { stdio: 'ignore' }))
}

const ways = new Child('servers/far.mjs')
const home = new Child('servers/edge.mjs')
const edge = new Child('servers/edge.mjs')
const users = new Child('clients/far.mjs')

const url = (port) => `ws://127.0.0.1:${port}/rtms?route={node}`
const nats = (port) => `nats://127.0.0.1:${port}`

async function measure() {
  const [natsPort, leafPort, farNatsPort, homePort, edgePort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const busWay = await ways.call('open', { name: 'bus', target: leafPort, delayMs: delay })
  const directWay = await ways.call('open', { name: 'direct', target: homePort, delayMs: delay })
  startNats('home', `port: ${natsPort}\nleafnodes { host: 127.0.0.1, port: ${leafPort} }\n`)
  startNats(
    'far',
    `port: ${farNatsPort}\nleafnodes { remotes: [{ url: "nats-leaf://127.0.0.1:${busWay}" }] }\n`,
  )
  await home.call('start', {
    dist,
    nodeId: 'home',
    port: homePort,
    publicUrl: url(directWay),
    nats: nats(natsPort),
  })
  await edge.call('start', {
    dist,
    nodeId: 'edge',
    role: 'edge',
    port: edgePort,
    publicUrl: url(edgePort),
    nats: nats(farNatsPort),
  })
  for (const node of [home, edge]) await until(async () => (await node.call('known')) === 2)
  const { frameRate, bytes, pricesPerSecond: perSecond } = options
  await home.call('begin', { frameRate, perSecond, bytes })

  /** Tickets that lead one way alone. */
  const leading = async (way, count) => {
    const tickets = await home.call('tickets', { count, edges: true })
    return tickets.map(({ url: direct, urls, ...ticket }) => ({
      ...ticket,
      url: way === 'direct' ? direct : urls.find((each) => each !== direct),
    }))
  }
  const bytesOf = async (way) => (await ways.call('bytes'))[way === 'direct' ? 'direct' : 'bus']
  const flow = async (way, act) => {
    const before = await bytesOf(way)
    const result = await act()
    return { ...result, bytesPerSecond: ((await bytesOf(way)) - before) / seconds }
  }

  const { bytesPerSecond: idle } = await flow('edge', () => sleep(seconds * 1_000))
  const runs = []
  for (const way of Array.from({ length: options.runs }, () => ['direct', 'edge']).flat()) {
    const first = await users.call('firstValue', { dist, tickets: await leading(way, options.connects) })
    const readers = []
    for (const count of options.readers.split(',').map(Number)) {
      const on = await users.call('read', { dist, tickets: await leading(way, count) })
      if (on[way === 'direct' ? 'home' : 'edge'] !== count) throw new Error(JSON.stringify(on))
      const ages = await flow(way, () => users.call('ages', { seconds }))
      if (ages.count < count * seconds * perSecond * 0.9) throw new Error(`only ${ages.count} prices came`)
      readers.push({ ...ages, prices: ages.count, count })
      await users.call('close')
    }
    const members = await users.call('play', {
      dist,
      tickets: await leading(way, options.members),
      inputs: options.inputs,
      everyMs: 100,
    })
    await users.call('close')
    runs.push({ way, first, readers, members })
    console.log(`${way}: first value ${fixed(first.p50, 0)} ms, input to frame ${fixed(members.p50, 0)} ms`)
  }

  // With both addresses in the ticket the clients choose; then the edge is killed.
  const count = options.members
  const tickets = await home.call('tickets', { count, edges: true })
  const chosen = await users.call('read', { dist, tickets })
  const left = users.call('leave', { node: 'edge' })
  await sleep(500)
  await edge.stop()
  const moved = await left
  await users.call('close')
  return { idle, runs, choice: { count, chosen, moved } }
}

try {
  const { idle, runs, choice } = await withChildren([users, edge, home, ways], measure)
  const readerCounts = runs[0].readers.map(({ count }) => count)
  /** A figure of both ways: the median of the runs, and the lowest and highest. */
  const figures = (of, digits) =>
    ['direct', 'edge'].map((way) => spread(runs.filter((run) => run.way === way).map(of), digits))
  printTable(
    `Users ${delay} ms away: ${options.pricesPerSecond} prices a second, a meeting of ${options.members} at ${options.frameRate} frames a second`,
    ['', 'directly', 'by an edge'],
    [
      ['first value, p50 ms', ...figures(({ first }) => first.p50, 0)],
      ...readerCounts.map((count, at) => [
        `age of a price, ${count} readers, p50 ms`,
        ...figures(({ readers }) => readers[at].p50, 0),
      ]),
      ...readerCounts.map((count, at) => [
        `bytes a second on the long way for each of ${count} readers`,
        ...figures(({ readers }) => readers[at].bytesPerSecond / count, 0),
      ]),
      ['bytes a second on the long way without users', '–', fixed(idle, 0)],
      ['input to own frame, p50 ms', ...figures(({ members }) => members.p50, 0)],
      ['input to own frame, p99 ms', ...figures(({ members }) => members.p99, 0)],
    ],
  )
  const { chosen, moved } = choice
  console.log(
    `\nOf ${choice.count} clients that may choose, ${chosen.edge ?? 0} chose the edge. When it was ended, ${moved.nodes.home ?? 0} went to the node: without a price for ${fixed(moved.p50, 0)} ms (p50), ${fixed(moved.max, 0)} ms at most.`,
  )
  if (chosen.edge !== choice.count) throw new Error('some chose the far node')
  await save('edge', options, { idle, runs, choice })
} finally {
  for (const each of programs) each.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
