import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isKey, isName, isPattern, isUser, matches } from '../../../src/protocol/names.ts'

const word = fc.stringMatching(/^[a-z0-9_\-é猫]{1,8}$/)
const name = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('.'))

describe('names', () => {
  test('words joined by single dots are a name', () => {
    fc.assert(
      fc.property(name, (value) => {
        expect(isName(value)).toBe(true)
      }),
    )
  })

  test('the limit of 255 counts bytes of UTF-8, not characters', () => {
    expect(isName('x'.repeat(255))).toBe(true)
    expect(isName('x'.repeat(256))).toBe(false)
    expect(isName('猫'.repeat(85))).toBe(true)
    expect(isName('猫'.repeat(86))).toBe(false)
    expect(isUser('猫'.repeat(85))).toBe(true)
    expect(isUser('猫'.repeat(86))).toBe(false)
  })

  test.each([
    ['nothing', ''],
    ['a dot', '.'],
    ['a leading dot', '.a'],
    ['a trailing dot', 'a.'],
    ['an empty segment', 'a..b'],
    ['a wildcard of one segment', 'stock.*'],
    ['a wildcard of the rest', 'stock.>'],
    ['a dollar', '$SYS.account'],
    ['a space', 'a b'],
    ['a tab', 'a\tb'],
    ['CR LF', 'a\r\nPUB b'],
    ['NUL', 'a\0b'],
    ['an escape', 'a\u001b[31m'],
    ['DEL', 'a\u007f'],
    ['a C1 control', 'a\u0085b'],
    ['a no-break space', 'a\u00a0b'],
    ['a line separator', 'a\u2028b'],
    ['a byte order mark', '\ufeffa'],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', '\udc00a'],
  ])('%s is refused', (_what, value) => {
    expect(isName(value)).toBe(false)
  })

  test('a whole surrogate pair is fine', () => {
    expect(isName('cat.😺')).toBe(true)
    expect(isUser('😺')).toBe(true)
  })

  test('what is a name has no white space, no control character and no wildcard, whatever it was made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (value) => {
        if (!isName(value)) return
        expect(value).not.toMatch(/[\s*>$\p{Cc}\p{Zl}\p{Zp}]/u)
        expect(value.split('.').every((segment) => segment.length > 0)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('a user may have what a name may not, except control characters', () => {
    for (const user of ['a b', 'mail@host', '$x', '.', 'a..b', '*']) expect(isUser(user)).toBe(true)
    for (const user of ['', 'a\nb', 'a\0', '\u007f', '\ud800']) expect(isUser(user)).toBe(false)
  })
})

describe('patterns', () => {
  test('a name allows itself and nothing else', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(matches(a, b)).toBe(a === b)
      }),
    )
  })

  test('a prefix allows every name below it, and neither itself nor a sibling that begins alike', () => {
    fc.assert(
      fc.property(name, name, (prefix, rest) => {
        expect(matches(`${prefix}.*`, `${prefix}.${rest}`)).toBe(true)
        expect(matches(`${prefix}.*`, prefix)).toBe(false)
        expect(matches(`${prefix}.*`, `${prefix}${rest}`)).toBe(rest.startsWith('.'))
        expect(matches(`${prefix}.*`, `${prefix}.`)).toBe(false)
      }),
    )
  })

  test('* allows every name', () => {
    fc.assert(
      fc.property(name, (value) => {
        expect(matches('*', value)).toBe(true)
      }),
    )
  })

  test('a pattern is a name, a name followed by .*, or *', () => {
    fc.assert(
      fc.property(name, (value) => {
        expect(isPattern(value)).toBe(true)
        expect(isPattern(`${value}.*`)).toBe(true)
        expect(isPattern(`${value}*`)).toBe(false)
        expect(isPattern(`*.${value}`)).toBe(false)
        expect(isPattern(`${value}.*.*`)).toBe(false)
      }),
    )
    expect(isPattern('*')).toBe(true)
    for (const pattern of ['', '.*', '**', '>', 'a.>', 'a.*.b', '*.']) expect(isPattern(pattern)).toBe(false)
  })
})

describe('A key', () => {
  test('has at most 255 bytes of UTF-8, and no lone surrogates: keys that differ only there are one on the wire', () => {
    for (const key of ['', 'a', 'a b', '.', '*', '\u0000', '水'.repeat(85), '\ud83d\ude00'])
      expect(isKey(key)).toBe(true)
    for (const key of ['a'.repeat(256), '水'.repeat(86), '\ud83d', 'a\ude00b', '\ude00\ud83d'])
      expect(isKey(key)).toBe(false)
  })
})
