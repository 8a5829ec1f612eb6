import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import { median } from './samples.mjs'

/** @param {number} value @param {number} [digits] */
export const fixed = (value, digits = 2) => value.toFixed(digits)

/** Median and, in brackets, lowest and highest. @param {number[]} values @param {number} [digits] */
export function spread(values, digits = 2) {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const middle = fixed(median(values), digits)
  return values.length === 1 ? middle : `${middle} (${fixed(low, digits)}–${fixed(high, digits)})`
}

/** @param {string} title @param {string[]} head @param {string[][]} rows */
export function printTable(title, head, rows) {
  const widths = head.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at].length)))
  const line = (cells) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ')
  console.log(`\n${title}\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`)
  for (const row of rows) console.log(line(row))
}

/** Writes what was measured to results/<name>.json. */
export async function save(name, options, results) {
  const folder = new URL('../results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    // What else ran: a figure from a busy machine says so itself.
    load: loadavg(),
  }
  const record = { bench: name, at: new Date().toISOString(), machine, options, ...results }
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(record, null, 2)}\n`)
  console.log(`\nresults/${name}.json written; load average ${machine.load.map((n) => fixed(n)).join(' ')}`)
}
