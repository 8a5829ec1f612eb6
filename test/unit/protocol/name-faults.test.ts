import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  keyFault,
  keyWords,
  nameFault,
  nameWords,
  patternFault,
  patternWords,
  userFault,
  userWords,
} from '../../../src/protocol/name-faults.ts'
import { isKey, isName, isPattern, isUser } from '../../../src/protocol/names.ts'

test.each([
  ['chat room', 'a space at character 5 is not allowed'],
  ['a\tb', 'a tab at character 2 is not allowed'],
  ['a\r\nb', 'a carriage return at character 2 is not allowed'],
  ['a\nb', 'a line feed at character 2 is not allowed'],
  ['a\u00a0b', 'a no-break space at character 2 is not allowed'],
  ['a\u2028b', 'U+2028 at character 2 is not allowed'],
  ['a\0', 'U+0000 at character 2 is not allowed'],
  ['\ufeffa', 'U+FEFF at character 1 is not allowed'],
  ['stock.*', '"*" at character 7 is not allowed'],
  ['stock.>', '">" at character 7 is not allowed'],
  ['$SYS', '"$" at character 1 is not allowed'],
  ['😺😺 x', 'a space at character 3 is not allowed'],
  ['a\ud800', 'half a character (U+D800) at character 2 is not allowed'],
  ['.a', 'the dot at character 1 has no segment before it'],
  ['.', 'the dot at character 1 has no segment before it'],
  ['a.', 'the dot at character 2 has no segment behind it'],
  ['a..b', 'the dot at character 2 has no segment behind it'],
  ['', 'it is empty'],
  ['猫'.repeat(86), 'it has 258 bytes of UTF-8'],
  [undefined, 'it is undefined, not a text'],
  [null, 'it is null, not a text'],
  [7, 'it is number, not a text'],
  ['chat.room-7', ''],
])('of the name %o it is told that %s', (name, fault) => {
  expect(nameFault(name)).toBe(fault)
})

test.each([
  [userFault, '', 'it is empty'],
  [userFault, 'ann\n', 'a line feed at character 4 is not allowed'],
  [userFault, 'ann\u007f', 'U+007F at character 4 is not allowed'],
  [userFault, 'a b..*$', ''],
  [keyFault, '', ''],
  [keyFault, 'a\udc00b', 'half a character (U+DC00) at character 2 is not allowed'],
  [keyFault, 'x'.repeat(256), 'it has 256 bytes of UTF-8'],
  [keyFault, 5, 'it is number, not a text'],
  [patternFault, '*', ''],
  [patternFault, 'chat.*', ''],
  [patternFault, 'chat room.*', 'a space at character 5 is not allowed'],
  [patternFault, 'chat*', '"*" at character 5 is not allowed'],
  [patternFault, '.*', 'it is empty'],
])('%o of %o says %o', (fault, value, words) => {
  expect(fault(value)).toBe(words)
})

test('the whole sentence names what was given, cut where it is long, and a hint where a topic has a star', () => {
  const begins = (words: string): string => words.slice(0, words.indexOf(';'))
  expect(begins(nameWords('meeting', 'a b'))).toBe(
    '"a b" cannot be a meeting: a space at character 2 is not allowed',
  )
  expect(begins(userWords(null))).toBe('null cannot be a user: it is null, not a text')
  expect(begins(keyWords('key', 7))).toBe('7 cannot be a key: it is number, not a text')
  expect(begins(patternWords('pattern', 'a*'))).toContain('"a*" cannot be a pattern: ')
  for (const [length, isCut] of [
    [57, false],
    [58, true],
  ] as const) {
    const words = nameWords('meeting', ` ${'x'.repeat(length)}`)
    expect(words.startsWith(`" ${'x'.repeat(isCut ? 58 : length)}${isCut ? '…' : '"'} cannot`)).toBe(true)
  }
  const hint = 'use keys of one topic'
  expect(nameWords('topic', 'a.*')).toContain(hint)
  for (const words of [nameWords('meeting', 'a.*'), nameWords('topic', 'a b'), nameWords('topic', 7)])
    expect(words).not.toContain(hint)
  const valid = [nameWords('topic', 'a'), userWords('ann'), keyWords('key', ''), patternWords('pattern', '*')]
  expect(valid).toEqual(['', '', '', ''])
  expect(keyFault('x'.repeat(255))).toBe('')
})

test('a fault is told of all that is not valid, and of nothing else', () => {
  const unit = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('a', '.', '.*', '*', ' ', '猫', '\ud83d', '$', '\u007f') },
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  const texts = fc.oneof(
    fc.array(unit, { maxLength: 9 }).map((units) => units.join('')),
    fc.integer({ min: 250, max: 260 }).map((length) => 'x'.repeat(length)),
  )
  fc.assert(
    fc.property(texts, (text) => {
      expect(nameFault(text) === '').toBe(isName(text))
      expect(userFault(text) === '').toBe(isUser(text))
      expect(keyFault(text) === '').toBe(isKey(text))
      expect(patternFault(text) === '').toBe(isPattern(text))
    }),
    { numRuns: 2_000 },
  )
})
