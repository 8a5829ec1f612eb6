// Runs a cluster on this machine, with the demo on it: three nodes, NATS between them and HAProxy in front.
// `npm run cluster`; PORT changes the port, and AWAY the seconds after which a node that has ended is started anew.
// Where NATS is not installed, the nodes are threads of one process; where HAProxy is not, each node is reached by a
// port of its own.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findProgram } from './programs.mjs'

const NODES = 3
const READY_MS = 60_000
const LOOK_MS = 200
/** A node that has ended is started anew after this time, in which there is something to see, if it ran for so long. */
const AWAY_MS = Number(process.env.AWAY || 10) * 1_000
const LASTING_MS = 5_000

const root = fileURLToPath(new URL('..', import.meta.url))
const port = Number(process.env.PORT || 7788)
const nats = findProgram('nats-server')
const haproxy = findProgram('haproxy')
const names = Array.from({ length: NODES }, (_, n) => `rtms-${n}`)
/** With a balancer, the demo's port is its own. */
const portOf = (n) => port + n + (haproxy === undefined ? 0 : 1)
const key = randomBytes(32).toString('hex')
const folder = mkdtempSync(join(tmpdir(), 'rtms-cluster-'))

/** By name, those that run, and nodes that will be started anew. */
const running = new Map()
const awaited = new Set()
let isEnding = false

/** Starts a program, and shows those of its lines that match. `again`: starts it anew where it has ended. */
function run(name, program, args, { env = {}, shows = /./, again } = {}) {
  // A process group of its own: Ctrl-C is for this script, which ends the others in order.
  const options = {
    cwd: root,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  }
  const child = spawn(program, args, options)
  const startedAt = performance.now()
  running.set(name, child)
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', (line) => {
      if (shows.test(line) && !isEnding) console.log(`${name.padEnd(7)} | ${line}`)
    })
  child.on('exit', (code, signal) => {
    running.delete(name)
    if (isEnding) return
    const isLasting = again !== undefined && performance.now() - startedAt >= LASTING_MS
    const next = isLasting ? `; it is started anew in ${AWAY_MS / 1_000} s` : ''
    say(name, `has ended (${signal ?? `code ${code}`})${next}`)
    if (isLasting) startLater(name, again)
    else if (![...names, 'nodes'].some((each) => running.has(each) || awaited.has(each))) void end(1)
  })
}

const say = (name, text) => console.log(`${name.padEnd(7)} | ${text}`)

function startLater(name, again) {
  awaited.add(name)
  setTimeout(() => {
    awaited.delete(name)
    if (isEnding) return
    again()
    void isReady(portOf(names.indexOf(name))).then(
      (isUp) => isUp && say(name, `is up again${howToEnd(name)}`),
    )
  }, AWAY_MS)
}

const howToEnd = (name) => (running.has(name) ? `; kill -9 ${running.get(name).pid} ends it` : '')

async function end(code) {
  if (isEnding) process.exit(1)
  isEnding = true
  // The nodes first: they tell their clients.
  for (const group of [(name) => /^(?:rtms-|nodes)/.test(name), () => true]) {
    const ending = [...running].filter(([name]) => group(name)).map(([, child]) => child)
    for (const child of ending) child.kill('SIGTERM')
    // eslint-disable-next-line no-await-in-loop
    await Promise.all(ending.map((child) => once(child, 'exit')))
  }
  rmSync(folder, { recursive: true, force: true })
  process.exit(code)
}

process.on('SIGINT', () => void end(0))
process.on('SIGTERM', () => void end(0))
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))

async function startNodes() {
  const env = {
    RTMS_SECRET: randomBytes(32).toString('hex'),
    RTMS_API_KEY: key,
    RTMS_PUBLIC_URL:
      haproxy === undefined
        ? 'ws://{host}:{port}/rtms?route={node}'
        : `ws://localhost:${port}/rtms?route={node}`,
  }
  const serve = ['dist/cli/main.js', 'serve', '--dev']
  // Each node would say the same again: only what goes wrong is shown.
  const shows = / (?:WARN|ERROR) (?!.*DEVELOPMENT MODE)|up again|^ /
  if (nats === undefined) {
    console.log('NATS is not installed (Debian: nats-server): the nodes are threads of one process')
    const args = [...serve, '--nodes', String(NODES), '--node-id', 'rtms', '--port', String(portOf(0))]
    run('nodes', process.execPath, args, { env, shows })
    return
  }
  const natsPort = await freePort()
  run('nats', nats, ['-a', '127.0.0.1', '-p', String(natsPort)], { shows: /\[(?:ERR|FTL)\]/ })
  Object.assign(env, {
    RTMS_NATS: `nats://127.0.0.1:${natsPort}`,
    RTMS_CLUSTER_SECRET: randomBytes(32).toString('hex'),
  })
  for (const [n, name] of names.entries()) {
    const args = [...serve, '--node-id', name, '--port', String(portOf(n))]
    const start = () => run(name, process.execPath, args, { env, shows, again: start })
    start()
  }
}

/** The file of `deploy/`, with addresses of this machine. */
function startBalancer() {
  let text = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8')
  text = text.replace('bind :80\n', `bind 127.0.0.1:${port}\n`)
  for (const [n, name] of names.entries()) text = text.replaceAll(`${name}:7788`, `127.0.0.1:${portOf(n)}`)
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, text)
  run('haproxy', haproxy, ['-db', '-f', file], { shows: /ALERT/ })
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return free
}

async function isReady(at) {
  const until = performance.now() + READY_MS
  while (performance.now() < until) {
    if (isEnding) return false
    // eslint-disable-next-line no-await-in-loop
    const answer = await fetch(`http://127.0.0.1:${at}/readyz`).catch(() => null)
    if (answer?.ok === true) return true
    // eslint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return false
}

async function ready(at) {
  if ((await isReady(at)) || isEnding) return
  console.error(`cluster: nothing is ready at port ${at}; is it taken? PORT=<number> chooses others`)
  await end(1)
}

await startNodes()
await Promise.all(names.map((_, n) => ready(portOf(n))))
if (haproxy === undefined)
  console.log('HAProxy is not installed (Debian: haproxy): each node has its own port')
else startBalancer()
await ready(port)
const through = haproxy === undefined ? 'on the first node' : 'through HAProxy'
console.log(`
The demo, ${through}: http://localhost:${port}
Each page says at its top which node it is on, and goes to another one where you choose it there.
${names.map((name, n) => `${name}: the cluster as a picture at http://localhost:${portOf(n)}/admin/#/cluster${howToEnd(name)}`).join('\n')}
There, nodes are drained, cut off and killed by buttons. One that has ended is started anew after a while.
For the commands:  export RTMS_URL=http://localhost:${port}/rtms RTMS_KEY=${key}
                   node dist/cli/main.js doctor http://localhost:${port}/rtms
Ctrl-C ends all of it.`)
