import { expect, it } from 'vitest'
import { SignsOfLife } from '../../../src/server/edge/signs-of-life.ts'

it('Every byte of a peer is a sign of life, but not for ever where no message becomes whole', () => {
  const signs = new SignsOfLife(1_000)
  expect([1_000, 100_000, 300_999, 301_000].map((now) => signs.count(now))).toEqual([true, true, true, false])
  signs.whole(302_000)
  expect([302_000, 601_999, 602_000].map((now) => signs.count(now))).toEqual([true, true, false])
})
