import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { pageOf } from '../../../src/core/ground/page.ts'

const named = (names: Iterable<string>) => Array.from(names, (name) => ({ name }))

test('a page is what sorting all of them would give', () => {
  const name = fc.stringMatching(/^[a-cA-C]{1,3}$/)
  fc.assert(
    fc.property(
      fc.uniqueArray(name),
      fc.nat(8),
      fc.option(name),
      fc.option(name),
      (names, count, after, contains) => {
        const wish = { count, after: after ?? '', contains: contains ?? undefined }
        const part = (contains ?? '').toLowerCase()
        const all = names.filter((each) => each > wish.after && each.toLowerCase().includes(part)).sort()
        expect(pageOf(named(names), wish).map((each) => each.name)).toEqual(all.slice(0, count))
      },
    ),
  )
})

test('no more than it was asked for is kept, of however many', () => {
  const names = Array.from({ length: 5_000 }, (_, at) => String(9_999 - at))
  const found = pageOf(named(names), { count: 2, after: '' }, (each) => each.name !== '5000')
  expect(found.map(({ name }) => name)).toEqual(['5001', '5002'])
})

test('of names that come in order, those behind the page are passed over unasked', () => {
  const names = Array.from({ length: 5_000 }, (_, at) => String(10_000 + at))
  let asked = 0
  const found = pageOf(named(names), { count: 2, after: '' }, () => ++asked > 0)
  expect(found.map(({ name }) => name)).toEqual(['10000', '10001'])
  // A page and what may lie before its last name: at most twice as many and a few.
  expect(asked).toBeLessThanOrEqual(20)
})

test('as many are found as there are, below one page, at one page and above', () => {
  for (const count of [1, 2, 3, 4, 5]) {
    const found = pageOf(named(['c', 'a', 'd', 'b']), { count, after: '' })
    expect(found.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd'].slice(0, count))
  }
})
