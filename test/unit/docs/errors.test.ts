import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { closeCodes, type ErrorCode, errors, errorTexts } from '../../../src/protocol/index.ts'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')

/** The cells of every row of a table whose first cell is a name in backquotes. */
const rows = [...page.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, name = '', rest = '']) => [
  name,
  ...rest.split('|').map((cell) => cell.trim()),
])

describe('docs/errors.md', () => {
  it('has every error of the table, with its number, retry and text, and something to do', () => {
    const told = rows.filter((row) => row.length === 5).map((row) => row.slice(0, 4))
    const known = Object.entries(errors).map(([name, retry], place) => [
      name,
      `${place + 1}`,
      retry,
      errorTexts[name as ErrorCode],
    ])
    expect(told).toEqual(known)
    for (const row of rows) if (row.length === 5) expect(row[4]).not.toBe('')
  })

  it('has every close code, and whether the client comes back', () => {
    const told = rows.filter((row) => row.length === 3)
    const known = Object.entries(closeCodes).map(([name, code]) => [
      name,
      `${code}`,
      code < 4450 ? 'no' : 'yes',
    ])
    expect(told).toEqual(known)
  })
})
