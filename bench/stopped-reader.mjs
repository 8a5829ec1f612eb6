import { readOptions } from './lib/options.mjs'
import { printTable, save, spread } from './lib/report.mjs'
import { runPairs, stoppedDefaults } from './lib/stopped.mjs'

const options = readOptions(stoppedDefaults)
const runs = await runPairs(options)
for (const { stopped } of runs) {
  const { outstanding, excess, window, largest } = stopped
  if (excess > 0) throw new Error(`${outstanding} bytes were handed over, ${window + largest} allowed`)
}

const column = (of) => spread(runs.map(of))
const whole = (of) => spread(runs.map(of), 0)
const rows = ['baseline', 'stopped'].map((name) => [
  name === 'baseline' ? 'all read' : `${options.stopped} stopped`,
  column((run) => run[name].latency.p50),
  column((run) => run[name].latency.p99),
  name === 'baseline' ? '1' : column((run) => run.ratio),
  whole((run) => run[name].cpu),
  whole((run) => run[name].handed),
  whole((run) => run[name].missed),
])
const { subscribers, bytes, interval, seconds, 'per-burst': perBurst } = options
printTable(
  `Stopped reader: ${options.stopped} of ${subscribers} subscribers, ${perBurst} × ${bytes} bytes per ${interval} ms, ` +
    `${seconds} s, ${runs.length} pairs`,
  ['', 'p50 of the others ms', 'p99 ms', 'ratio of p99', 'CPU ms', 'bytes to the worst', 'told it missed'],
  rows,
)
const { window: granted, largest } = runs[0].stopped
console.log(
  `\nWho stopped was never handed more than its window and one write (${granted} + ${largest} bytes);\n` +
    'the others got everything, and when it read on it was told exactly what it had missed.',
)
await save('stopped-reader', options, { runs })
