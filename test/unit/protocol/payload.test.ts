import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Writer } from '../../../src/protocol/bytes.ts'
import { payloadLength, toLatePayload, toPayload } from '../../../src/protocol/payload.ts'
import { eachPublication, PublicationWriter } from '../../../src/protocol/publications.ts'
import { writePayload } from '../../../src/protocol/struct.ts'

/** Two publications of the same payload: one with its length before it, one that is the rest. */
function published(value: unknown, make: typeof toPayload): Uint8Array {
  const w = new Writer()
  const entries = new PublicationWriter(w, 1)
  entries.add(1, 0, 1, 0, '', false, make(value), false)
  entries.add(2, 0, 2, 0, '', false, make(value), true)
  return w.finish()
}

function written(value: unknown, make: typeof toPayload): Uint8Array {
  const w = new Writer()
  writePayload(w, make(value))
  return w.finish()
}

describe('a payload that is encoded where it is written', () => {
  test('has the length and the bytes of one that was encoded at once, wherever it is written', () => {
    const values = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.uint8Array())
    fc.assert(
      fc.property(values, (value) => {
        expect(payloadLength(toLatePayload(value))).toBe(toPayload(value).bytes.length)
        expect(toLatePayload(value).bytes).toEqual(toPayload(value).bytes)
        expect(written(value, toLatePayload)).toEqual(written(value, toPayload))
        expect(published(value, toLatePayload)).toEqual(published(value, toPayload))
      }),
    )
  })

  test('is read as what was published, also where a character takes three bytes', () => {
    const texts: string[] = []
    eachPublication(published('年兽', toLatePayload), 1, ({ data }) =>
      texts.push(new TextDecoder().decode(data.bytes)),
    )
    expect(texts).toEqual(['"年兽"', '"年兽"'])
  })

  test('cannot be made of what has no JSON form, and keeps no hold of the bytes it was given', () => {
    expect(() => toLatePayload(undefined)).toThrow(TypeError)
    const bytes = Uint8Array.of(1, 2)
    const payload = toLatePayload(bytes)
    bytes[0] = 9
    expect(payload.bytes).toEqual(Uint8Array.of(1, 2))
  })
})
