import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { pageOf, type Search } from '../../../src/core/ground/page.ts'

/** What a search finds, and how many steps it took. */
function searched<T>(search: Search<T>): { found: T; steps: number } {
  for (let steps = 1; ; steps++) {
    const step = search.next()
    if (step.done === true) return { found: step.value, steps }
  }
}
const page = <T>(search: Search<T>): T => searched(search).found

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
        expect(page(pageOf(named(names), wish)).map((each) => each.name)).toEqual(all.slice(0, count))
      },
    ),
  )
})

test('no more than it was asked for is kept, of however many', () => {
  const names = Array.from({ length: 5_000 }, (_, at) => String(9_999 - at))
  const found = page(pageOf(named(names), { count: 2, after: '' }, (each) => each.name !== '5000'))
  expect(found.map(({ name }) => name)).toEqual(['5001', '5002'])
})

test('of names that come in order, those behind the page are passed over unasked', () => {
  const names = Array.from({ length: 5_000 }, (_, at) => String(10_000 + at))
  let asked = 0
  const found = page(pageOf(named(names), { count: 2, after: '' }, () => ++asked > 0))
  expect(found.map(({ name }) => name)).toEqual(['10000', '10001'])
  // A page and what may lie before its last name: at most twice as many and a few.
  expect(asked).toBeLessThanOrEqual(20)
})

test('as many are found as there are, below one page, at one page and above', () => {
  for (const count of [1, 2, 3, 4, 5]) {
    const found = page(pageOf(named(['c', 'a', 'd', 'b']), { count, after: '' }))
    expect(found.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd'].slice(0, count))
  }
})

test('a long list is looked at in many steps, whether or not anything is found', () => {
  const names = Array.from({ length: 10_000 }, (_, at) => String(10_000 + at))
  for (const wish of [
    { count: 3, after: '' },
    { count: 3, after: '', contains: 'x' },
    { count: 3, after: '9' },
  ]) {
    let looked = 0
    let most = 0
    const counted = (function* () {
      for (const each of named(names)) {
        looked++
        yield each
      }
    })()
    const search = pageOf(counted, wish)
    for (let before = 0; search.next().done !== true; before = looked) most = Math.max(most, looked - before)
    expect([looked, most]).toEqual([10_000, 1_024])
  }
})

test('a list may change between two steps', () => {
  const all = new Map(Array.from({ length: 3_000 }, (_, at) => [at, { name: String(10_000 + at) }]))
  const search = pageOf(all.values(), { count: 2, after: '' })
  search.next()
  for (let at = 0; at < 2_999; at++) all.delete(at)
  all.set(9_999, { name: '00000' })
  expect(page(search).map(({ name }) => name)).toEqual(['00000', '10000'])
})
