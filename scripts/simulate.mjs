// Replays or searches seeds of the simulator: `npm run simulate -- --seed 42` prints one run's whole history,
// `npm run simulate -- --from 1 --count 50000` searches, goes on where it was interrupted with --from.
import { parseArgs } from 'node:util'
import { runSeed } from '../dist/testing/index.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '300' },
    help: { type: 'boolean' },
  },
})

if (values.help) {
  console.log('simulate --seed N             one run, its history printed')
  console.log('simulate [--from N] [--count N]  many runs; the first failure ends the search')
} else if (values.seed !== undefined) {
  const result = runSeed(Number(values.seed), { trace: (line) => console.log(line) })
  console.log(`seed ${result.seed} kept every promise; history ${result.hash}`)
} else {
  const from = Number(values.from)
  const count = Number(values.count)
  const start = performance.now()
  const counts = new Map()
  let told = start
  for (let seed = from; seed < from + count; seed++) {
    for (const [kind, number] of runSeed(seed).counts) counts.set(kind, (counts.get(kind) ?? 0) + number)
    if (performance.now() - told < 10_000) continue
    told = performance.now()
    const done = seed - from + 1
    console.log(
      `seed ${seed}: ${done} of ${count} clean, ${((done * 1000) / (told - start)).toFixed(1)} a second`,
    )
  }
  const seconds = (performance.now() - start) / 1000
  console.log(
    `${count} seeds from ${from} clean in ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(1)} a second`,
  )
  for (const [kind, number] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${String(number).padStart(10)} ${kind}`)
  }
}
