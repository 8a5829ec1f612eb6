import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binaryCodec } from '../../../src/protocol/binary.ts'
import { plain, Writer } from '../../../src/protocol/bytes.ts'
import { eachFrame } from '../../../src/protocol/frames.ts'
import { jsonCodec } from '../../../src/protocol/json.ts'
import { type Payload, payloadLength, toLatePayload, toPayload } from '../../../src/protocol/payload.ts'
import { eachPublication, PublicationWriter } from '../../../src/protocol/publications.ts'
import type { Message } from '../../../src/protocol/schema.ts'
import { writePayload } from '../../../src/protocol/struct.ts'
import { arbitraryMessage, encodeFrame, messageTypes, senderOf } from './arbitrary.ts'

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

describe('a payload that was decoded', () => {
  /** As a socket hands it over: a part of a Node.js Buffer that holds much more. */
  const received = (packet: Uint8Array): Uint8Array => {
    const all = Buffer.alloc(65_536)
    all.set(packet, 1_000)
    return all.subarray(1_000, 1_000 + packet.length)
  }

  const isOwn = ({ bytes }: Payload): void => {
    expect(bytes.constructor).toBe(Uint8Array)
    expect(bytes.buffer.byteLength).toBe(bytes.length)
  }

  const withData = messageTypes.filter((type) => {
    const [message] = fc.sample(arbitraryMessage(type), 1)
    return message !== undefined && 'data' in message
  })

  test.each(withData)('holds no more memory than its length: of a message %s', (type) => {
    fc.assert(
      fc.property(arbitraryMessage(type), (message) => {
        const decoded: Message[] = [
          ...binaryCodec.decode(received(binaryCodec.encode([message])), senderOf(type)),
          ...jsonCodec.decode(jsonCodec.encode([message]), senderOf(type)),
        ]
        expect(decoded).toHaveLength(2)
        for (const each of decoded) isOwn((each as Message & { data: Payload }).data)
      }),
      { numRuns: 50 },
    )
  })

  test('holds no more memory than its length: of an entry of a frame or a batch', () => {
    const found: Payload[] = []
    const data = toPayload('x'.repeat(100))
    const bytes = plain(received(encodeFrame([{ slot: 1, seq: 1, data }])))
    eachFrame(bytes, 1, 1, (_, entries) => found.push(...entries.map((entry) => entry.data)))
    eachPublication(plain(received(published('y', toPayload))), 1, (entry) => found.push(entry.data))
    expect(found).toHaveLength(3)
    for (const each of found) isOwn(each)
  })
})
