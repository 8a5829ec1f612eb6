import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed, spread } from '../lib/report.mjs'
import { median } from '../lib/samples.mjs'
import { runPairs, stoppedDefaults } from '../lib/stopped.mjs'

/* One subscriber in twenty stops reading: it is handed its window and one write, and the others notice nothing. */

const options = readOptions({ ...stoppedDefaults, stopped: 50 })
const runs = await runPairs(options)

const promises = new Promises()
const worst = runs.map(({ stopped }) => stopped).reduce((a, b) => (a.excess > b.excess ? a : b))
promises.check(
  'bytes handed to a stopped reader and not acknowledged, the most of all',
  `≤ window + one write (${worst.window} + ${worst.largest})`,
  `${worst.outstanding}`,
  worst.excess <= 0,
)
const ratio = median(runs.map((run) => run.ratio))
promises.check(
  'the others’ p99, by that of the baseline',
  '≤ 1.5',
  spread(runs.map((run) => run.ratio)),
  ratio <= 1.5,
)
for (const name of ['baseline', 'stopped'])
  promises.note(`p99, ${name}`, '', `${spread(runs.map((run) => run[name].latency.p99))} ms`)
const missed = Math.min(...runs.map(({ stopped }) => stopped.missed))
promises.note('missed by who stopped, and told to the last one', '', `${fixed(missed, 0)} and more`)
const { stopped, subscribers } = options
await promises.end(
  `Stopped readers: ${stopped} of ${subscribers} stop reading, median of ${runs.length} pairs of runs`,
  'stopped-readers',
  options,
  { runs },
)
