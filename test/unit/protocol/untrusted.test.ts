import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binaryCodec } from '../../../src/protocol/binary.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import type { Codec } from '../../../src/protocol/codec.ts'
import { decodeEvent, eachFrame, joinFrames } from '../../../src/protocol/frames.ts'
import { jsonCodec } from '../../../src/protocol/json.ts'
import { limits, MAX_SIGNED, MAX_UINT } from '../../../src/protocol/limits.ts'
import { eachPublication } from '../../../src/protocol/publications.ts'
import { schema, type MeetingEvent, type Message, type Side, tailOf } from '../../../src/protocol/schema.ts'
import { arbitraryMessage, arbitraryPacket, encodeFrame, messageTypes, senderOf } from './arbitrary.ts'
import { byteArraysIn, fromHex, readAll, readOrRefuse } from './read.ts'

/*
 * A packet is refused with a PROTOCOL error or read; nothing else may happen, whatever its bytes are.
 * `readOrRefuse` lets any other error through, which fails the test.
 */

const codecs: readonly Codec[] = [binaryCodec, jsonCodec]
const sides: readonly Side[] = ['client', 'server']

function bodyOf(code: number, write: (w: Writer) => void): Uint8Array {
  const body = new Writer()
  write(body)
  const message = new Writer()
  message.byte(code)
  message.bytes(body.finish())
  return message.finish()
}

describe('any bytes', () => {
  test('noise is read or refused, never worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (packet) => {
        for (const codec of codecs) for (const from of sides) readOrRefuse(codec, packet, from)
      }),
      { numRuns: 3_000 },
    )
  })

  test('noise as the body of a message is read or refused, for every message', () => {
    const small = fc.oneof(fc.nat(255), fc.nat(4), fc.constantFrom(0x7f, 0x80, 0xff))
    for (const type of messageTypes) {
      fc.assert(
        fc.property(fc.array(small, { maxLength: 40 }), (list) => {
          const body = bodyOf(schema[type].code, (w) => w.raw(Uint8Array.from(list)))
          readOrRefuse(binaryCodec, body, senderOf(type))
        }),
        { numRuns: 150 },
      )
    }
  })

  test('any JSON is read or refused', () => {
    const type = fc.constantFrom(...messageTypes, 'nonsense', '__proto__', 'constructor')
    const messages = fc.array(
      fc
        .tuple(type, fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue()))
        .map(([t, d]) => ({ ...d, type: t })),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          messages.map((list) => JSON.stringify(list)),
        ),
        (packet) => {
          for (const from of sides) readOrRefuse(jsonCodec, packet, from)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('a field of any other JSON value is read or refused, for every field of every message', () => {
    const values: readonly unknown[] = [
      null, true, -1, 1.5, 2 ** 53, 'x', '\ud800', '', [], [[]], [1], [[1, 2, 3]], {}, { text: 1 },
      { base64: '!' }, { text: 'a', base64: '' }, [{}], [null], [[null, null]], [{ entries: [] }], 'x'.repeat(9_000),
    ] // prettier-ignore
    for (const type of messageTypes) {
      const [message] = fc.sample(arbitraryMessage(type), { numRuns: 1, seed: 7 })
      const [json] = JSON.parse(new TextDecoder().decode(jsonCodec.encode([message as Message]))) as [object]
      for (const field of Object.keys(json)) {
        for (const value of values) {
          readOrRefuse(jsonCodec, JSON.stringify([{ ...json, [field]: value }]), senderOf(type))
        }
        if (field in tailOf(type)) continue
        const { [field as keyof typeof json]: _left, ...rest } = json
        expect(typeof readOrRefuse(jsonCodec, JSON.stringify([rest]), senderOf(type))).toBe('string')
      }
    }
  })
})

describe('a valid packet that was damaged', () => {
  for (const codec of codecs) {
    test(`cut off anywhere it is refused (${codec.subprotocol})`, () => {
      for (const type of messageTypes) {
        fc.assert(
          fc.property(arbitraryMessage(type), fc.nat(), (message, at) => {
            const packet = codec.encode([message])
            const cut = packet.subarray(0, at % packet.length)
            expect(typeof readOrRefuse(codec, cut, senderOf(type))).toBe('string')
          }),
          { numRuns: 60 },
        )
      }
    })

    test(`with one byte changed it is read or refused (${codec.subprotocol})`, () => {
      for (const from of ['client', 'server'] as const) {
        fc.assert(
          fc.property(arbitraryPacket(from), fc.nat(), fc.nat(255), (messages, at, value) => {
            const packet = codec.encode(messages)
            packet[at % packet.length] = value
            readOrRefuse(codec, packet, from)
          }),
          { numRuns: 2_000 },
        )
      }
    })

    test(`followed by anything it is refused, or its own messages are read as they were (${codec.subprotocol})`, () => {
      fc.assert(
        fc.property(
          arbitraryPacket('client'),
          fc.uint8Array({ minLength: 1, maxLength: 12 }),
          (messages, tail) => {
            const result = readOrRefuse(codec, Buffer.concat([codec.encode(messages), tail]), 'client')
            // What follows may be more messages, or one of an unknown type, which is passed over.
            if (typeof result !== 'string' && !codec.text)
              expect(result.messages.slice(0, messages.length)).toEqual(
                codec.decode(codec.encode(messages), 'client'),
              )
          },
        ),
      )
    })
  }
})

describe('a packet inside a larger buffer', () => {
  test('reads the same, and every field it gives out lies inside it', () => {
    for (const from of ['client', 'server'] as const) {
      fc.assert(
        fc.property(
          arbitraryPacket(from),
          fc.nat(40),
          fc.nat(255),
          fc.boolean(),
          (messages, before, canary, node) => {
            const packet = binaryCodec.encode(messages)
            const room = new Uint8Array(before + packet.length + 40).fill(canary)
            room.set(packet, before)
            const view = node
              ? Buffer.from(room.buffer, before, packet.length)
              : room.subarray(before, before + packet.length)
            const contents = readAll(binaryCodec, view, from)
            expect(isDeepStrictEqual(contents, readAll(binaryCodec, packet, from))).toBe(true)
            for (const field of byteArraysIn(contents)) {
              // A field is a copy, or a view; of length 0, it may stand at the very end.
              if (field.buffer === room.buffer) {
                expect(field.byteOffset).toBeGreaterThanOrEqual(before)
                expect(field.byteOffset + field.byteLength).toBeLessThanOrEqual(before + packet.length)
              } else expect(field.buffer.byteLength).toBe(field.length)
              // A Buffer's slice shares memory: whoever copies a field with it would not have copied it.
              expect(field.constructor).toBe(Uint8Array)
            }
            expect(room.subarray(0, before).every((byte) => byte === canary)).toBe(true)
            expect(room.subarray(before + packet.length).every((byte) => byte === canary)).toBe(true)
          },
        ),
        { numRuns: 300 },
      )
    }
  })

  test('cut off, it is refused even where the missing bytes stand behind it', () => {
    for (const type of messageTypes) {
      fc.assert(
        fc.property(arbitraryMessage(type), fc.nat(), (message, at) => {
          const packet = binaryCodec.encode([message])
          const cut = packet.subarray(0, at % packet.length)
          expect(typeof readOrRefuse(binaryCodec, cut, senderOf(type))).toBe('string')
        }),
        { numRuns: 30 },
      )
    }
  })
})

/** The times of publications with these differences between them. */
function times(differences: readonly number[]): number[] {
  const w = new Writer()
  for (const difference of differences) {
    w.byte(difference < 0 ? 128 : 0)
    w.uint(Math.abs(difference))
    w.byte(0)
  }
  const seen: number[] = []
  eachPublication(w.finish(), 1, ({ time }) => seen.push(time))
  return seen
}

function publicationOf(parts: object): string {
  const entry = { at: 1, publisher: 1, number: 1, time: 0, text: '', ...parts }
  return JSON.stringify([{ type: 'publications', log: 1, at: 1, publications: [entry] }])
}

/** Decodes an event `away`, or of another code. */
function away(hex: string, text = false, seq = 3): MeetingEvent | null {
  return decodeEvent({ slot: 255, seq, data: { text, bytes: fromHex(hex) } })
}

/** Reads publications whose message says `at`. */
const visit = (hex: string, at: number): void => eachPublication(fromHex(hex), at, () => {})

describe('a small packet that claims much', () => {
  /** Lengths and counts a forger would write. */
  const claims = [limits.packet, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 50, MAX_UINT]

  test('is refused without making room for it, wherever a length stands', () => {
    const forgeries: Uint8Array[] = []
    for (const claim of claims) {
      forgeries.push(
        // The message itself.
        Uint8Array.of(schema.ack.code, ...bodyOf(0, (w) => w.uint(claim)).subarray(2)),
        // A list of topics, of logs, of keys; a position.
        bodyOf(schema.subscribe.code, (w) => [w.uint(1), w.uint(claim)]),
        bodyOf(schema.unsubscribe.code, (w) => [w.uint(1), w.uint(claim)]),
        bodyOf(schema.subscribe.code, (w) => [
          w.uint(1), w.uint(1), w.text('t'), w.byte(0), w.uint(0), w.byte(0), w.uint(0), w.uint(0), w.uint(claim),
        ]), // prettier-ignore
        bodyOf(schema.subscribe.code, (w) => [w.uint(1), w.uint(1), w.text('t'), w.byte(1), w.uint(claim)]),
        // A payload, a name, a token.
        bodyOf(schema.input.code, (w) => [w.uint(1), w.uint(1), w.uint(0), w.uint(claim)]),
        bodyOf(schema.join.code, (w) => [w.uint(1), w.uint(claim)]),
        bodyOf(schema.refresh.code, (w) => [w.uint(1), w.uint(claim)]),
      )
    }
    const before = process.memoryUsage()
    for (const packet of forgeries) expect(typeof readOrRefuse(binaryCodec, packet, 'client')).toBe('string')
    const after = process.memoryUsage()
    const grown = after.heapTotal + after.arrayBuffers - before.heapTotal - before.arrayBuffers
    expect(grown).toBeLessThan(32 * 1024 * 1024)
  })

  test('a run of 2^50 empty frames is refused before a single one is visited', () => {
    for (const run of [limits.frames + 1, 2 ** 31, 2 ** 50, 2 ** 52 - 1]) {
      const w = new Writer()
      w.uint(run * 2 + 1)
      const bytes = w.finish()
      let visited = 0
      expect(() => eachFrame(bytes, 1, run, () => visited++)).toThrow('at most 65536 are allowed')
      expect(() => eachFrame(bytes, 1, 20, () => visited++)).toThrow('does not fit')
      expect(visited).toBe(0)
    }
  })

  test('as many empty frames as the limit allows are visited, each once', () => {
    const w = new Writer()
    joinFrames(
      w,
      Array.from({ length: limits.frames }, () => encodeFrame([])),
    )
    let next = 5
    eachFrame(w.finish(), 5, limits.frames, (frame) => {
      if (frame === next) next++
    })
    expect(next).toBe(5 + limits.frames)
  })

  test('a packet full of claims of empty frames costs its reader no more than its bytes', () => {
    const claim = { type: 'frames', log: 0, first: 1, count: limits.frames, frames: [] }
    const packet = JSON.stringify(Array.from({ length: limits.messages }, () => claim))
    const before = process.cpuUsage().user
    const messages = jsonCodec.decode(packet, 'server')
    expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(500)
    for (const message of messages) expect((message as { frames: Uint8Array }).frames).toHaveLength(3)
  })

  test('frame numbers above 2^53 - 1 are refused', () => {
    const w = new Writer()
    w.uint(9)
    expect(() => eachFrame(w.finish(), MAX_UINT, 4, () => {})).toThrow('a frame number above')
    const json = { type: 'frames', log: 0, first: MAX_UINT, count: 4, frames: [] }
    expect(readOrRefuse(jsonCodec, JSON.stringify([json]), 'server')).toContain('a frame number above')
  })

  test('a frame that claims more entries than it has bytes is refused', () => {
    for (const size of [2, 1_000, 2 ** 31, 2 ** 51]) {
      const w = new Writer()
      w.uint(size * 2)
      w.raw(fromHex('000000'))
      expect(() => eachFrame(w.finish(), 1, 1, () => {})).toThrow('more entries than bytes')
    }
  })

  test('publications that claim to be more than they are end at the last byte', () => {
    let visited = 0
    expect(() => eachPublication(fromHex('00 01 00 00'), 1, () => visited++)).toThrow('ends too early')
    expect(visited).toBe(1)
  })

  test('a time of 2^52 or more from the origin is refused in either encoding', () => {
    expect(times([5, -6, 2 ** 51, 2 ** 51])).toEqual([5, -1, 2 ** 51 - 1, MAX_SIGNED])
    expect(() => times([2 ** 51, 2 ** 51])).toThrow('out of range')
    expect(() => times([-(2 ** 51), -(2 ** 51)])).toThrow('out of range')
    for (const time of [MAX_SIGNED, -MAX_SIGNED]) readAll(jsonCodec, publicationOf({ time }), 'server')
    for (const time of [MAX_SIGNED + 1, -MAX_SIGNED - 1])
      expect(() => jsonCodec.decode(publicationOf({ time }), 'server')).toThrow('out of range')
  })

  test('a position that no number can stand at is refused in either encoding', () => {
    expect(() => visit('60 01', 0)).toThrow('position 0')
    // A number of −1, and one behind 2^53 − 1.
    expect(() => visit('62 04 01', 1)).toThrow('out of range')
    expect(() => visit('62 01 01', MAX_UINT)).toThrow('out of range')
    expect(() => visit('64 01 01', MAX_UINT)).toThrow('out of range')
    expect(() => jsonCodec.decode(publicationOf({ number: 2 ** 52 + 1 }), 'server')).toThrow('out of range')
    expect(() => jsonCodec.decode(publicationOf({ at: 0 }), 'server')).toThrow('out of order')
  })

  test('publications out of order are refused', () => {
    const entries = [2, 1].map((at) => ({ at, publisher: 0, number: at, time: 0, text: '' }))
    const packet = JSON.stringify([{ type: 'publications', log: 1, at: 1, publications: entries }])
    expect(() => jsonCodec.decode(packet, 'server')).toThrow('out of order')
  })

  test('an event with too few fields or as text is refused', () => {
    expect(away('05')).toEqual({ type: 'away', slot: 5 })
    expect(() => away('')).toThrow('ends too early')
    expect(() => away('05', true)).toThrow('are text')
  })
})

const ping = (fields: string): string => `[{"type":"ping",${fields}}]`
const input = (data: string): string => `[{"type":"input","log":1,"seq":1,"after":0,"seen":0,"data":${data}}]`

describe('JSON', () => {
  test('deep nesting is refused, not recursed into', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const deep = `${open.repeat(200_000)}1${close.repeat(200_000)}`
      expect(typeof readOrRefuse(jsonCodec, deep, 'client')).toBe('string')
      expect(typeof readOrRefuse(jsonCodec, ping(`"time":${deep}`), 'client')).toBe('string')
      expect(typeof readOrRefuse(jsonCodec, input(deep), 'client')).toBe('string')
    }
  })

  test('__proto__ is a field like any other: it stands for no other field, and no prototype changes', () => {
    const refused = ['[{"__proto__":{"type":"ping","time":1}}]', input('{"__proto__":{"text":"a"}}')]
    for (const packet of refused) expect(typeof readOrRefuse(jsonCodec, packet, 'client')).toBe('string')
    const passedOver = [
      ping('"time":1,"__proto__":{"polluted":1}'),
      '[{"type":"__proto__"}]',
      '[{"type":"constructor"}]',
      input('{"text":"a","__proto__":{}}'),
    ]
    for (const packet of passedOver) {
      const [message] = jsonCodec.decode(packet, 'client')
      expect(message ?? {}).not.toHaveProperty('polluted')
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('a number is an integer from 0 to 2^53 - 1 or it is refused', () => {
    for (const good of ['0', '1', '1.0', '1e3', String(MAX_UINT)]) {
      expect(readAll(jsonCodec, ping(`"time":${good}`), 'client').messages).toEqual([
        { type: 'ping', time: Number(good) },
      ])
    }
    for (const bad of [
      '-0',
      '-1',
      '0.5',
      '1e400',
      '-1e400',
      '1e-400x',
      '9007199254740992',
      '"1"',
      'null',
      'NaN',
      'true',
      '01',
    ]) {
      expect(typeof readOrRefuse(jsonCodec, ping(`"time":${bad}`), 'client'), bad).toBe('string')
    }
  })

  test('of a repeated field the last one counts', () => {
    expect(readAll(jsonCodec, ping('"time":1,"time":2'), 'client').messages).toEqual([
      { type: 'ping', time: 2 },
    ])
    expect(typeof readOrRefuse(jsonCodec, ping('"time":1,"time":"x"'), 'client')).toBe('string')
  })

  test('a lone surrogate is refused, escaped or not, a pair is not', () => {
    for (const bad of ['"\\ud800"', '"\\udc00a"', '"\ud800"', '"\\ud800\\ud800"']) {
      expect(readOrRefuse(jsonCodec, input(`{"text":${bad}}`), 'client')).toContain('lone surrogate')
    }
    expect(readAll(jsonCodec, input('{"text":"\\ud83d\\ude3a"}'), 'client').messages[0]).toMatchObject({
      data: { text: true, bytes: fromHex('f09f98ba') },
    })
  })

  test('base64 is the padded standard alphabet and nothing else', () => {
    for (const good of ['', 'AA==', 'AAA=', 'AAAA', '+/+/'])
      readAll(jsonCodec, input(`{"base64":"${good}"}`), 'client')
    for (const bad of ['A', 'AA', 'AAA', '=', '====', 'A===', 'AA==AAAA', ' AAAA', 'AA-_', 'AAAA\\n']) {
      expect(readOrRefuse(jsonCodec, input(`{"base64":"${bad}"}`), 'client'), bad).toContain('not base64')
    }
  })

  test('base64 is written as everybody else writes it', () => {
    const written = (bytes: Uint8Array): unknown => {
      const packet = jsonCodec.encode([{ type: 'push', name: 'p', data: { text: false, bytes } }])
      return (JSON.parse(new TextDecoder().decode(packet)) as [{ data: unknown }])[0].data
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10_000, size: 'max' }), (bytes) => {
        expect(written(bytes)).toEqual({ base64: Buffer.from(bytes).toString('base64') })
      }),
    )
  })

  test('the limit of a payload counts the bytes it stands for', () => {
    const full = 'x'.repeat(limits.payload)
    readAll(jsonCodec, input(JSON.stringify({ text: full })), 'client')
    expect(typeof readOrRefuse(jsonCodec, input(JSON.stringify({ text: `${full}x` })), 'client')).toBe(
      'string',
    )
    const base64 = Buffer.alloc(limits.payload + 1).toString('base64')
    expect(typeof readOrRefuse(jsonCodec, input(JSON.stringify({ base64 })), 'client')).toBe('string')
  })

  test('a packet of bytes that are not UTF-8, and one of text on the binary encoding, are refused', () => {
    expect(typeof readOrRefuse(jsonCodec, fromHex('5bff5d'), 'client')).toBe('string')
    expect(typeof readOrRefuse(jsonCodec, fromHex('efbbbf5b5d'), 'client')).toBe('string')
    expect(typeof readOrRefuse(binaryCodec, '[]', 'client')).toBe('string')
  })
})
