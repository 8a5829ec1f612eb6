// Replays or searches seeds of the simulator. `npm run simulate -- --help` says how.
import { fork } from 'node:child_process'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  clusterSometimes,
  runClusterSeed,
  runSeed,
  SeedFailure,
  shrink,
  sometimes,
} from '../dist/testing/index.js'

const help = `simulate [--cluster] --seed N [--without A,B] [--clients N] [--faulty MS]
    One run, its history printed; with --cluster of up to five nodes that know one another; smaller by leaving out faults or traits, clients, time with faults.

simulate [--cluster] [--from N] [--count N] [--jobs N] [--state FILE] [--failures N] [--hang SECONDS]
    Many runs, on all cores unless told otherwise. A failure is made as small as possible and printed with the
    command that replays it; the search ends after --failures of them (1). A seed that takes longer than --hang
    (60 s) is a failure too. With --state the search goes on where the one before it with the same file stopped.
    At the end: how often everything happened. After 1,000 seeds it fails where something never did that has to.`

/** Seeds after which everything has to have happened. */
const ENOUGH = 1_000
const TELL_MS = 10_000

/** How this script is started to run seeds for another of itself. */
const WORKER = '--worker'
const CLUSTER = '--cluster'

const isCluster = process.argv.includes(CLUSTER)
const runOne = isCluster ? runClusterSeed : runSeed
/** What has to happen in enough seeds. */
const due = isCluster ? clusterSometimes : sometimes

if (process.argv[2] === WORKER) work()
else await main()

// ---- one run after the other, for the main process

function work() {
  process.on('message', (seed) => void run(seed))
}

async function run(seed) {
  try {
    process.send({ seed, counts: [...(await runOne(seed)).counts] })
  } catch (error) {
    if (!(error instanceof SeedFailure)) throw error
    const told = await shrink(error, () => process.send({ alive: true }))
    process.send({ seed, failure: told.message, invariant: told.invariant })
  }
}

// ---- the main process

async function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      without: { type: 'string' },
      clients: { type: 'string' },
      faulty: { type: 'string' },
      from: { type: 'string', default: '1' },
      count: { type: 'string', default: '300' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      failures: { type: 'string', default: '1' },
      hang: { type: 'string', default: '60' },
      state: { type: 'string' },
      cluster: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) console.log(help)
  else if (values.seed === undefined) await search(values)
  else await replay(values)
}

async function replay({ seed, without, clients, faulty }) {
  const smaller = {
    ...(without === undefined ? {} : { without: without.split(',') }),
    ...(clients === undefined ? {} : { clients: Number(clients) }),
    ...(faulty === undefined ? {} : { faulty: Number(faulty) }),
  }
  try {
    const result = await runOne(Number(seed), { smaller, trace: (line) => console.log(line) })
    console.log(`seed ${result.seed} kept every promise; history ${result.hash}`)
  } catch (error) {
    if (!(error instanceof SeedFailure)) throw error
    console.log(error.message.split('\n').slice(0, 2).join('\n'))
    process.exitCode = 1
  }
}

/** What was found so far: every seed below `next`, and all counts of them. */
function load({ from, count, state }) {
  const fresh = {
    isCluster,
    from: Number(from),
    count: Number(count),
    next: Number(from),
    counts: {},
    failures: [],
  }
  if (state === undefined) return fresh
  try {
    const known = JSON.parse(readFileSync(state, 'utf8'))
    if ((known.isCluster ?? false) !== isCluster)
      throw new Error(
        `${state} is of a search ${isCluster ? 'without' : 'with'} --cluster: name another file`,
      )
    if (known.from === fresh.from) return { ...known, count: fresh.count }
    console.log(`${state} is of a search from ${known.from}; it is begun anew from ${fresh.from}`)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  return fresh
}

function save(found, state) {
  if (state === undefined) return
  writeFileSync(`${state}.new`, JSON.stringify(found))
  renameSync(`${state}.new`, state)
}

async function search(values) {
  const found = load(values)
  const end = found.from + found.count
  const first = found.next
  const mostFailures = found.failures.length + Number(values.failures)
  const start = performance.now()
  /** Seeds that are done, above one that is not. */
  const done = new Map()
  let handed = first
  let told = start

  const take = () => (handed < end && found.failures.length < mostFailures ? handed++ : null)
  const finished = (seed, result) => {
    done.set(seed, result)
    for (let next = done.get(found.next); next !== undefined; next = done.get(found.next)) {
      for (const [kind, number] of next.counts ?? []) found.counts[kind] = (found.counts[kind] ?? 0) + number
      done.delete(found.next++)
    }
    if (result.failure !== undefined) {
      found.failures.push({ seed, invariant: result.invariant })
      console.log(`\n${result.failure}\n`)
    }
    if (performance.now() - told < TELL_MS) return
    told = performance.now()
    save(found, values.state)
    tellProgress(found.next - first, end - first, told - start)
  }
  await Promise.all(
    Array.from({ length: Number(values.jobs) }, () => employ(take, finished, Number(values.hang))),
  )
  save(found, values.state)
  tellEnd(found, found.next - first, performance.now() - start)
}

function tellProgress(runs, all, ms) {
  const rate = (runs * 1000) / ms
  const left = (all - runs) / rate
  console.log(`${runs} of ${all} seeds, ${rate.toFixed(1)} a second, ${(left / 60).toFixed(1)} min left`)
}

/** A worker that gets one seed after the other; one that hangs is ended and replaced. */
function employ(take, finished, hangSeconds) {
  return new Promise((resolve) => {
    let worker
    let seed
    let timer
    const watch = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        const hung = worker
        worker = null
        hung.kill('SIGKILL')
        const failure = `seed ${seed}: no end after ${hangSeconds} s\nreplay: npm run simulate --${isCluster ? ' --cluster' : ''} --seed ${seed}`
        finished(seed, { failure, invariant: 'hang' })
        begin()
      }, hangSeconds * 1000)
    }
    const next = () => {
      seed = take()
      if (seed === null) {
        clearTimeout(timer)
        worker.disconnect()
        resolve()
        return
      }
      watch()
      worker.send(seed)
    }
    const begin = () => {
      const mine = fork(fileURLToPath(import.meta.url), isCluster ? [WORKER, CLUSTER] : [WORKER])
      worker = mine
      mine.on('exit', (code) => {
        if (worker !== mine || seed === null) return
        finished(seed, { failure: `seed ${seed}: the process ended with ${code}`, invariant: 'crash' })
        begin()
      })
      mine.on('message', (message) => {
        watch()
        if (message.alive) return
        finished(message.seed, message)
        next()
      })
      next()
    }
    begin()
  })
}

function tellEnd({ from, next, counts, failures }, runs, ms) {
  for (const kind of Object.keys(counts).sort()) console.log(`${String(counts[kind]).padStart(10)} ${kind}`)
  const seconds = ms / 1000
  console.log(
    `${runs} seeds in ${seconds.toFixed(1)} s, ${(runs / seconds).toFixed(1)} a second; ${next - from} from ${from} on in all`,
  )
  const missing = due.filter((kind) => counts[kind] === undefined)
  const enough = next - from >= ENOUGH
  if (enough && missing.length > 0) console.log(`FAILED: never happened: ${missing.join(', ')}`)
  else console.log(`${due.length - missing.length} of ${due.length} rare things happened`)
  if (failures.length > 0)
    console.log(`FAILED: ${failures.map(({ seed, invariant }) => `seed ${seed} (${invariant})`).join(', ')}`)
  if (failures.length > 0 || (enough && missing.length > 0)) process.exitCode = 1
}
