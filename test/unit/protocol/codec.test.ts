import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binaryCodec } from '../../../src/protocol/binary.ts'
import type { Codec } from '../../../src/protocol/codec.ts'
import { jsonCodec } from '../../../src/protocol/json.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { isOfSessionLog, schema, type Message } from '../../../src/protocol/schema.ts'
import {
  arbitraryMessage,
  arbitraryPacket,
  encodeFrame,
  frame,
  messageTypes,
  encodePublications,
  publicationList,
  senderOf,
} from './arbitrary.ts'
import { fromHex, readAll, toHex } from './read.ts'
import { joinFrames, eachFrame, type FrameEntry } from '../../../src/protocol/frames.ts'
import {
  eachPublication,
  type PublicationEntry,
  PublicationWriter,
} from '../../../src/protocol/publications.ts'
import { Writer } from '../../../src/protocol/bytes.ts'

const codecs: readonly Codec[] = [binaryCodec, jsonCodec]

/** The schema's own comparison is too slow here; a failure still shows both values. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected)
}

describe('every message survives a round trip', () => {
  for (const type of messageTypes) {
    test(`${type} is the same after either encoding`, () => {
      const from = senderOf(type)
      fc.assert(
        fc.property(arbitraryMessage(type), (message) => {
          for (const codec of codecs) same(codec.decode(codec.encode([message]), from), [message])
        }),
        { numRuns: 150 },
      )
    })
  }

  for (const from of ['client', 'server'] as const) {
    test(`a packet of several messages of a ${from} keeps them in order, whichever encoding it passes through`, () => {
      fc.assert(
        fc.property(arbitraryPacket(from), (messages) => {
          const viaJson = jsonCodec.decode(jsonCodec.encode(messages), from)
          const binary = binaryCodec.encode(messages)
          same(binaryCodec.decode(binary, from), messages)
          expect(toHex(binaryCodec.encode(viaJson))).toBe(toHex(binary))
        }),
        { numRuns: 200 },
      )
    })
  }

  test('a JSON packet may come as text or as its UTF-8', () => {
    fc.assert(
      fc.property(arbitraryPacket('client'), (messages) => {
        const packet = jsonCodec.encode(messages)
        same(
          jsonCodec.decode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(packet), 'client'),
          messages,
        )
      }),
    )
  })
})

describe('the entries of logs', () => {
  test('frames come back with their numbers, empty ones included', () => {
    const some = fc.array(fc.oneof(frame, fc.constant<FrameEntry[]>([])), { maxLength: 12 })
    fc.assert(
      fc.property(some, fc.nat(1_000_000), (frames, first) => {
        const w = new Writer()
        joinFrames(w, frames.map(encodeFrame))
        const seen: [number, readonly FrameEntry[]][] = []
        eachFrame(w.finish(), first, frames.length, (number, entries) => seen.push([number, entries]))
        same(
          seen,
          frames.map((entries, i) => [first + i, entries]),
        )
      }),
    )
  })

  test('batches of frames put one behind the other are a batch again', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 4 }), fc.nat(9), fc.nat(9), (frames, before, after) => {
        const halves = [
          [...frames.map(encodeFrame), ...Array.from({ length: before }, () => encodeFrame([]))],
          [...Array.from({ length: after }, () => encodeFrame([])), ...frames.map(encodeFrame)],
        ]
        const w = new Writer()
        for (const half of halves) joinFrames(w, half)
        const count = frames.length * 2 + before + after
        let visited = 0
        eachFrame(w.finish(), 1, count, () => visited++)
        expect(visited).toBe(count)
      }),
    )
  })

  test('publications come back as they were, whoever published them', () => {
    fc.assert(
      fc.property(publicationList, ({ at, list }) => {
        const seen: PublicationEntry[] = []
        eachPublication(encodePublications(at, list), at, (entry) => seen.push(entry))
        same(seen, list)
      }),
    )
  })

  test('the last publication may say its length or not', () => {
    const seen: string[] = []
    for (const hex of ['20 05 01 41', '60 05 41'])
      eachPublication(fromHex(hex), 3, ({ at, number, time, data }) =>
        seen.push(`${at} ${number} ${time} ${String.fromCharCode(...data.bytes)}`),
      )
    expect(seen).toEqual(['3 3 5 A', '3 3 5 A'])
  })

  test('a publication that continues a batch of one publisher has a head of four bytes at most', () => {
    const w = new Writer()
    const writer = new PublicationWriter(w, 9_000)
    const data = { text: true, bytes: new Uint8Array(110) }
    const time = 3_600_000
    writer.add(9_000, 0, 9_000, time, '', false, data, false)
    const before = w.length
    writer.add(9_001, 0, 9_001, time + 100, '', false, data, false)
    expect(w.length - before - data.bytes.length).toBe(3)
    writer.add(9_002, 0, 9_002, time + 100, '', false, { ...data, bytes: new Uint8Array(200) }, false)
    expect(w.length - before - 113 - 200).toBe(4)
  })

  test('a quiet second of a meeting costs a few bytes', () => {
    const w = new Writer()
    joinFrames(
      w,
      Array.from({ length: 20 }, () => encodeFrame([])),
    )
    expect(w.length).toBe(1)
  })
})

const pings = (count: number): Message[] => Array.from({ length: count }, () => ({ type: 'ping', time: 0 }))

describe('the table', () => {
  test('no two messages share a code, and a code fits in the one byte it has', () => {
    const codes = messageTypes.map((type) => schema[type].code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toBeLessThan(256)
  })

  test('only a server sends entries of the session log', () => {
    for (const type of messageTypes) if (isOfSessionLog(type)) expect(schema[type].from).toBe('server')
  })

  test('a message is refused from the side that does not send it', () => {
    for (const type of messageTypes) {
      if (schema[type].from === 'both') continue
      const other = schema[type].from === 'client' ? 'server' : 'client'
      const [message] = fc.sample(arbitraryMessage(type), { numRuns: 1, seed: 1 })
      for (const codec of codecs) {
        const packet = codec.encode([message as Message])
        expect(() => readAll(codec, packet, other)).toThrow(`a message ${type} from a ${other}`)
      }
    }
  })

  test('a packet of a client holds as many messages as the table of limits says, one of a server any number', () => {
    for (const codec of codecs) {
      expect(codec.decode(codec.encode(pings(limits.messages)), 'client')).toHaveLength(limits.messages)
      const larger = codec.encode(pings(limits.messages + 1))
      expect(() => codec.decode(larger, 'client')).toThrow(/at most|more than/)
      expect(codec.decode(larger, 'server')).toHaveLength(limits.messages + 1)
    }
  })
})
