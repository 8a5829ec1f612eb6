import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { readOptions } from '../lib/options.mjs'
import { printTable } from '../lib/report.mjs'

/*
 * Every guarantee, one after another. Ends with 1 where one is missed. `--only kill,bus` runs some of them; `--long`
 * adds those that mostly wait.
 */

/**
 * Name, its own options, about how many minutes it takes, and its file where that has another name.
 *
 * @type {[name: string, args: string[], minutes: number, file?: string][]}
 */
const programs = [
  ['storm', [], 1],
  ['work', [], 2],
  ['half-open', [], 1],
  ['stopped-readers', [], 2],
  ['slowloris', [], 4],
  ['resets', [], 2],
  ['oversize', [], 2],
  ['weight', [], 2],
  ['malformed', [], 8],
  ['static', [], 4],
  ['ports', [], 2],
  ['fairness', [], 3],
  ['drain', [], 2],
  ['rolling', [], 3],
  ['kill', [], 5],
  ['pause', [], 4],
  ['bus', [], 3],
  ['scattered', [], 2],
  ['churn', ['--minutes', '2'], 4],
]
/** @type {typeof programs} */
const long = [['bus-gone', ['--killed', '420', '--stopped', '0'], 9, 'bus']]

/** What is listed with `--help`. @param {typeof programs} list */
const lines = (list) => list.map(([name, , minutes]) => `${name.padEnd(16)} about ${minutes} min`)

if (process.argv.includes('--help')) {
  console.log([...lines(programs), '', 'with --long, or by name:', ...lines(long)].join('\n'))
  console.log('\nOptions and what they are by default; --only takes names with commas between.')
}
const options = readOptions({ only: '', long: false, dist: '../dist' })
const only = options.only === '' ? [] : options.only.split(',')
const all = [...programs, ...long]
const chosen = only.length > 0 ? all.filter(([name]) => only.includes(name)) : options.long ? all : programs
if (chosen.length === 0) {
  console.error(`--only takes some of ${all.map(([name]) => name).join(',')}`)
  process.exit(2)
}

/** The exit code of one program, which prints as it likes. */
function run(name, args) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args, '--dist', options.dist], { stdio: 'inherit' })
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

const rows = []
for (const [at, [name, args, minutes, file = name]] of chosen.entries()) {
  console.log(`\n[${at + 1}/${chosen.length}] ${name}, about ${minutes} min`)
  const begun = performance.now()
  const code = await run(file, args)
  const took = `${((performance.now() - begun) / 60_000).toFixed(1)} min`
  rows.push([name, code === 0 ? 'PASS' : code === 1 ? 'MISSED' : `ended with ${code}`, took])
}
printTable('Guarantees', ['', '', 'took'], rows)
process.exit(rows.every(([, outcome]) => outcome === 'PASS') ? 0 : 1)
