import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { defaultLimits, defaultRetention } from '../../../src/core/ground/config.ts'
import { WarmCaches } from '../../../src/core/log/batches.ts'
import { Work } from '../../../src/core/ground/work.ts'
import { FrameLog } from '../../../src/core/meeting/frame-log.ts'
import { defaultMeeting } from '../../../src/core/meeting/options.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { EMPTY_FRAME, writeEntry } from '../../../src/protocol/frames.ts'
import { limits } from '../../../src/protocol/index.ts'
import { endless } from '../core/payers.ts'

const page = readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8')

/** The rows of the table below a heading, cell by cell. */
function tableOf(heading: string): string[][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? ''
  const rows = [...section.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
  return rows.slice(2)
}

const numberOf = (cell = ''): number => Number(/^[\d,.]+/.exec(cell)?.[0].replaceAll(',', ''))

const namedIn = (heading: string): Record<string, number> =>
  Object.fromEntries(
    tableOf(heading).map(([name = '', value]) => [name.replaceAll('`', ''), numberOf(value)]),
  )

it('docs/limits.md names every limit of a node, a meeting and a topic, with its default', () => {
  expect(namedIn('Of a node')).toEqual(defaultLimits)
  const { config: _, ...numbers } = defaultMeeting
  expect(namedIn('Of a meeting')).toEqual(numbers)
  expect(namedIn('Of a topic')).toEqual(defaultRetention)
})

it('docs/limits.md names sizes of the protocol as they are', () => {
  expect(limits).toMatchObject(namedIn('Of the protocol'))
})

/** How many minutes of a meeting are kept, at 20 frames a second and 24 bytes an input. */
function minutesOf(members: number, perSecond: number): number {
  const log = new FrameLog(
    1,
    defaultLimits.meetingLogBytes,
    endless().ledgers.meeting,
    new Work(),
    new WarmCaches(),
  )
  const data = { text: true, bytes: new Uint8Array(24) }
  let owed = 0
  for (let input = 0; log.first === 1;) {
    owed += (members * perSecond) / 20
    const count = Math.floor(owed)
    owed -= count
    const w = new Writer()
    w.uint(count * 2)
    for (let n = 0; n < count; n++, input++)
      writeEntry(w, input % members, Math.floor(input / members) + 1, data)
    log.append(count === 0 ? EMPTY_FRAME : w.finish(), 0)
  }
  return (log.next - 1) / 20 / 60
}

it('docs/limits.md tells how long a meeting can be, in minutes', () => {
  for (const [members = 0, perSecond = 0, ...minutes] of tableOf('How long').map((row) =>
    row.map(numberOf),
  )) {
    const measured = minutesOf(members, perSecond)
    for (const [at, times] of [1, 4, 16].entries()) {
      // The numbers of inputs take a byte more as they grow.
      const atMost = Math.max(0.6, measured * times * 0.03)
      expect(Math.abs((minutes[at] ?? 0) - measured * times)).toBeLessThanOrEqual(atMost)
    }
  }
})
