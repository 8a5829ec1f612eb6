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
