import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkUtf8,
  Reader,
  uintLength,
  utf8Decode,
  utf8Encode,
  utf8Length,
  Writer,
} from '../../../src/protocol/bytes.ts'
import { readInt, writeInt } from '../../../src/protocol/publications.ts'
import { MAX_SIGNED, MAX_UINT } from '../../../src/protocol/limits.ts'
import { fromPayload, toPayload } from '../../../src/protocol/payload.ts'
import { fromHex, toHex } from './read.ts'

/** Strings as JavaScript allows them: any code units, lone surrogates too. */
const units = fc.array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd7f0, max: 0xe010 }), fc.nat(0x90)), {
  maxLength: 60,
})
const anyString = units.map((list) => String.fromCharCode(...list))

const uints = fc.oneof(
  fc.nat(70_000),
  fc.maxSafeNat(),
  fc.constantFrom(...Array.from({ length: 53 }, (_, bit) => 2 ** bit).flatMap((edge) => [edge - 1, edge])),
  fc.constant(MAX_UINT),
)

const refused = expect.objectContaining({ name: 'RtmsError', code: 'PROTOCOL' })

function thrownBy(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}

describe('text', () => {
  test('the length in UTF-8 is the one Node counts, with lone surrogates too', () => {
    fc.assert(
      fc.property(anyString, (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text))
      }),
    )
  })

  test('text is encoded as Node encodes it', () => {
    fc.assert(
      fc.property(anyString, (text) => {
        expect(toHex(utf8Encode(text))).toBe(Buffer.from(text).toString('hex'))
        const w = new Writer(0)
        w.text(text)
        expect(toHex(w.finish().subarray(uintLength(utf8Length(text))))).toBe(
          Buffer.from(text).toString('hex'),
        )
      }),
    )
  })

  test('text without lone surrogates comes back unchanged, a byte order mark included', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.constant('\ufeffmark'))
    fc.assert(
      fc.property(text, (value) => {
        expect(utf8Decode(utf8Encode(value))).toBe(value)
      }),
    )
  })

  test('bytes are text exactly where a strict decoder says so', () => {
    const strict = new TextDecoder('utf-8', { fatal: true })
    const some = fc.oneof(
      fc.uint8Array({ maxLength: 48 }),
      fc.array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xa0, 0xf0, 0xf4, 0x90), {
        maxLength: 48,
      }),
    )
    fc.assert(
      fc.property(some, (list) => {
        const bytes = Uint8Array.from(list)
        const valid = !(thrownBy(() => strict.decode(bytes)) instanceof Error)
        expect(!(thrownBy(() => utf8Decode(bytes)) instanceof Error)).toBe(valid)
        expect(!(thrownBy(() => checkUtf8(bytes)) instanceof Error)).toBe(valid)
      }),
      { numRuns: 1_000 },
    )
  })

  test('bytes that are not UTF-8 are a PROTOCOL error, short or long', () => {
    for (const hex of ['ff', 'c080', 'eda080', 'f4908080', `${'41'.repeat(64)}c3`]) {
      expect(thrownBy(() => utf8Decode(fromHex(hex)))).toEqual(refused)
      expect(thrownBy(() => checkUtf8(fromHex(hex)))).toEqual(refused)
    }
  })
})

describe('integers', () => {
  test('an unsigned integer comes back, in as many bytes as was foretold', () => {
    fc.assert(
      fc.property(uints, (value) => {
        const w = new Writer()
        w.uint(value)
        expect(w.length).toBe(uintLength(value))
        const r = new Reader(w.finish())
        expect(r.uint()).toBe(value)
        r.finish()
      }),
      { numRuns: 500 },
    )
  })

  test('a signed integer of less than 2^52 comes back, and zero is never negative', () => {
    const ints = fc.tuple(uints, fc.boolean()).map(([value, minus]) => {
      const small = Math.min(value, MAX_SIGNED)
      return minus && small !== 0 ? -small : small
    })
    fc.assert(
      fc.property(ints, (value) => {
        const w = new Writer()
        writeInt(w, value)
        expect(readInt(new Reader(w.finish()))).toBe(value)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['ffffffffffffff1f', 'above 2^53 - 1', false],
    ['ffffffffffffff10', 'above 2^53 - 1', false],
    ['ffffffffffffff0f', 'is exactly 2^53 - 1', true],
    ['8080808080808010', 'above 2^53 - 1', false],
    ['808080808080808001', 'above 2^53 - 1', false],
    ['ffffffffffffffffffff01', 'above 2^53 - 1', false],
    ['8000', 'not in its shortest form', false],
    ['ff8000', 'not in its shortest form', false],
    ['80', 'cut off', false],
    ['', 'cut off', false],
  ])('the integer %s %s', (hex, _why, valid) => {
    const result = thrownBy(() => new Reader(fromHex(hex)).uint())
    if (valid) expect(result).toBe(MAX_UINT)
    else expect(result).toEqual(refused)
  })
})

describe('buffers', () => {
  test('what a writer finished is not changed by what it writes later', () => {
    const w = new Writer(4)
    w.raw(fromHex('0102'))
    const finished = w.finish()
    w.reset()
    w.raw(fromHex('0909090909'))
    expect(toHex(finished)).toBe('0102')
  })

  test('a reader of a part ends where the part ends', () => {
    const r = new Reader(fromHex('0102030405'), 1, 4)
    const part = r.part(2)
    expect(toHex(part.raw(2))).toBe('0203')
    expect(thrownBy(() => part.byte())).toEqual(refused)
    expect(thrownBy(() => r.raw(2))).toEqual(refused)
    expect(thrownBy(() => r.part(2))).toEqual(refused)
    expect(thrownBy(() => r.finish())).toEqual(refused)
    expect(r.byte()).toBe(4)
    r.finish()
  })

  test('a payload made of a buffer keeps its bytes when the caller writes to the buffer again', () => {
    for (const buffer of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3])]) {
      const payload = toPayload(buffer)
      buffer[0] = 9
      expect(toHex(payload.bytes)).toBe('010203')
    }
  })

  test('a value comes back from a payload, bytes as bytes and anything else by way of JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fromPayload(toPayload(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
    expect(fromPayload(toPayload(Uint8Array.of(7)))).toEqual(Uint8Array.of(7))
    expect(fromPayload({ text: true, bytes: utf8Encode('not JSON') })).toBe('not JSON')
    expect(() => toPayload(undefined)).toThrow(TypeError)
  })
})
