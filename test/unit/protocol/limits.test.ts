import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { utf8Length, Writer } from '../../../src/protocol/bytes.ts'
import type { Codec } from '../../../src/protocol/codec.ts'
import { joinFrames, writeEmptyRun, writeEntry } from '../../../src/protocol/frames.ts'
import { binaryCodec, jsonCodec } from '../../../src/protocol/index.ts'
import { limits, MAX_SIGNED, MAX_UINT } from '../../../src/protocol/limits.ts'
import { isKey, isName, isUser } from '../../../src/protocol/names.ts'
import type { Payload } from '../../../src/protocol/payload.ts'
import { PublicationWriter } from '../../../src/protocol/publications.ts'
import {
  events,
  schema,
  tailOf,
  type Fields,
  type Kind,
  type Message,
  type MessageOf,
  type MessageType,
} from '../../../src/protocol/schema.ts'
import { messageTypes, senderOf } from './arbitrary.ts'

/*
 * Each limit of the protocol, exactly: what is as large as allowed passes through both encodings unchanged, and what is
 * larger by one is refused by both. The fields are taken from the schema, so one that is added is tried at once.
 */

const codecs: readonly Codec[] = [binaryCodec, jsonCodec]
const refused = expect.objectContaining({ name: 'RtmsError', code: 'PROTOCOL' })

const letters = (count: number): string => 'x'.repeat(count)
const bytesOf = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * 7 + (i >> 8)) % 256)
const textOf = (count: number): Payload => ({ text: true, bytes: new TextEncoder().encode(letters(count)) })
const listOf = (count: number, fields: Fields): object[] => Array.from({ length: count }, () => plain(fields))

/** A small value of each kind. */
function small(kind: Kind): unknown {
  if (typeof kind === 'object') return []
  const values: Record<Exclude<Kind, object>, unknown> = {
    uint: 1,
    bool: true,
    name: 'a',
    wish: 'a',
    reason: 'a',
    token: 'a',
    bytes: bytesOf(3),
    payload: textOf(1),
    error: 'FULL',
    why: '',
    position: { epoch: 0, at: 0, numbers: [] },
    frames: new Uint8Array([3]),
    publications: new Uint8Array(0),
  }
  return values[kind]
}

function plain(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, small(kind)]))
}

const numbersOf = (size: number) => Array.from({ length: size }, (_, i) => [i, i + 1])

/** A value of the kind that is of the given size, and the largest size; null for a kind without a limit of its own. */
function bounded(kind: Kind): { readonly max: number; of(size: number): unknown } | null {
  if (typeof kind === 'object') return { max: limits[kind.max], of: (size) => listOf(size, kind.list) }
  if (kind === 'name' || kind === 'reason' || kind === 'token') return { max: limits[kind], of: letters }
  if (kind === 'payload') return { max: limits.payload, of: textOf }
  if (kind !== 'position') return null
  return { max: limits.publishers, of: (size) => ({ epoch: 3, at: 4, numbers: numbersOf(size) }) }
}

/** Sets the value of `path` in a message made of small values; each list on the way has one item. */
function messageWith(type: MessageType, path: readonly string[], value: unknown): Message {
  const message = { type, ...plain({ ...schema[type].fields, ...tailOf(type) }) }
  let struct: Record<string, unknown> = message
  let fields: Fields = { ...schema[type].fields, ...tailOf(type) }
  for (const name of path.slice(0, -1)) {
    fields = (fields[name] as { list: Fields }).list
    const item = plain(fields)
    struct[name] = [item]
    struct = item
  }
  struct[path.at(-1) as string] = value
  return message as unknown as Message
}

/** The path of every field, also of those in lists. */
function pathsOf(fields: Fields): [readonly string[], Kind][] {
  return Object.entries(fields).flatMap(([name, kind]): [readonly string[], Kind][] => [
    [[name], kind],
    ...(typeof kind === 'object'
      ? pathsOf(kind.list).map(([path, inner]): [readonly string[], Kind] => [[name, ...path], inner])
      : []),
  ])
}

const cases = messageTypes.flatMap((type) =>
  pathsOf({ ...schema[type].fields, ...tailOf(type) }).flatMap(([path, kind]) => {
    const range = bounded(kind)
    return range === null ? [] : [{ what: `${type}.${path.join('.')}`, type, path, range }]
  }),
)

function decodeFrom(codec: Codec, packet: Uint8Array, type: MessageType): Message {
  return codec.decode(packet, senderOf(type))[0] as Message
}

describe.each(codecs)('$subprotocol', (codec) => {
  test.each(cases)('$what is as large as its limit, and no larger', ({ type, path, range }) => {
    const full = messageWith(type, path, range.of(range.max))
    // Vitest's own comparison takes seconds for the longest lists.
    expect(isDeepStrictEqual(decodeFrom(codec, codec.encode([full]), type), full)).toBe(true)
    const over = codec.encode([messageWith(type, path, range.of(range.max + 1))])
    expect(() => decodeFrom(codec, over, type)).toThrow(refused)
  })

  test('a payload of bytes comes back whatever its length: the sizes of buffers and chunks, and one beside them', () => {
    for (const edge of [0, 1, 3, 4, 64, 128, 1_024, 4_096, 8_192, 16_384, limits.payload])
      for (const length of [edge - 1, edge, edge + 1].filter((size) => size >= 0 && size <= limits.payload)) {
        const message: Message = { type: 'push', name: 'n', data: { text: false, bytes: bytesOf(length) } }
        expect(isDeepStrictEqual(decodeFrom(codec, codec.encode([message]), 'push'), message)).toBe(true)
      }
  })

  test('a payload of bytes above the limit is refused', () => {
    const message: Message = {
      type: 'push',
      name: 'n',
      data: { text: false, bytes: bytesOf(limits.payload + 1) },
    }
    expect(() => decodeFrom(codec, codec.encode([message]), 'push')).toThrow(refused)
  })

  test('a name comes back whatever its length, in characters of one, two, three and four bytes', () => {
    for (const character of ['a', 'é', '猫', '😺'])
      for (let length = 1; length <= 70; length++) {
        const name = character.repeat(Math.floor(length / utf8Length(character)))
        const message: Message = { type: 'push', name, data: textOf(length) }
        expect(decodeFrom(codec, codec.encode([message]), 'push')).toEqual(message)
      }
  })

  test('integers go up to 2^53 - 1', () => {
    const message: Message = { type: 'cancel', call: MAX_UINT }
    expect(decodeFrom(codec, codec.encode([message]), 'cancel')).toEqual(message)
    if (!codec.text) return
    const over = new TextDecoder().decode(codec.encode([message])).replace(`${MAX_UINT}`, `${MAX_UINT + 1}`)
    expect(() => codec.decode(over, 'client')).toThrow(refused)
  })
})

function emptyRun(first: number, count: number): MessageOf<'frames'> {
  const w = new Writer()
  writeEmptyRun(w, count)
  return { type: 'frames', log: 1, first, count, frames: w.finish(), stable: 0, tag: 0 }
}

describe('frames', () => {
  test.each(codecs)('a run is as long as the limit, and no longer ($subprotocol)', (codec) => {
    const full = emptyRun(1, limits.frames)
    expect(codec.decode(codec.encode([full]), 'server')).toEqual([full])
    const over = { ...emptyRun(1, limits.frames), count: limits.frames + 1 }
    if (!codec.text) return
    const text = new TextDecoder()
      .decode(codec.encode([full]))
      .replace(`"count":${limits.frames}`, `"count":${over.count}`)
    expect(() => codec.decode(text, 'server')).toThrow(refused)
  })

  test.each(codecs)('the last frame has at most the number 2^53 - 1 ($subprotocol)', (codec) => {
    const last = emptyRun(MAX_UINT - 2, 2)
    expect(codec.decode(codec.encode([last]), 'server')).toEqual([last])
    if (!codec.text) return
    const text = new TextDecoder().decode(codec.encode([last])).replace('"count":2', '"count":3')
    expect(() => codec.decode(text, 'server')).toThrow(refused)
  })

  test.each(codecs)('the slot of a member is at most 254 ($subprotocol)', (codec) => {
    const w = new Writer()
    w.uint(2)
    writeEntry(w, 254, 1, textOf(1))
    const frames = w.finish()
    const full: Message = { type: 'frames', log: 1, first: 1, count: 1, frames, stable: 0, tag: 0 }
    expect(codec.decode(codec.encode([full]), 'server')).toEqual([full])
    if (!codec.text) return
    const over = new TextDecoder().decode(codec.encode([full])).replace('"slot":254', '"slot":255')
    expect(() => codec.decode(over, 'server')).toThrow(refused)
  })

  test('an empty frame between two runs and beside frames with entries stays where it was', () => {
    const w = new Writer()
    w.uint(2)
    writeEntry(w, 3, 1, textOf(2))
    const one = w.finish()
    const nothing = new Uint8Array(0)
    joinFrames(w, [nothing, one, nothing, nothing, one, one, nothing])
    const full: Message = {
      type: 'frames',
      log: 1,
      first: 9,
      count: 7,
      frames: w.finish(),
      stable: 0,
      tag: 0,
    }
    for (const codec of codecs) expect(codec.decode(codec.encode([full]), 'server')).toEqual([full])
  })
})

/** PUBLICATIONS with one entry. */
function publicationAt(at: number, number: number, time: number, key = ''): MessageOf<'publications'> {
  const w = new Writer()
  new PublicationWriter(w, at).add(at, 0, number, time, key, false, textOf(1), true)
  return { type: 'publications', log: 1, at, publications: w.finish() }
}

describe('publications', () => {
  test.each([
    ['a position', publicationAt(MAX_UINT, MAX_UINT, 0), '"at":', MAX_UINT],
    ['a distance from the position to the number', publicationAt(MAX_SIGNED, 0, 0), '"at":', MAX_SIGNED],
    ['a time', publicationAt(1, 1, MAX_SIGNED), '"time":', MAX_SIGNED],
    ['a time before the origin', publicationAt(1, 1, -MAX_SIGNED), '"time":', -MAX_SIGNED],
  ])('%s is as large as its limit, and no larger', (_what, full, field, value) => {
    for (const codec of codecs) expect(codec.decode(codec.encode([full]), 'server')).toEqual([full])
    const text = new TextDecoder().decode(jsonCodec.encode([full]))
    const over = text.replaceAll(`${field}${value}`, `${field}${value + Math.sign(value)}`)
    expect(over).not.toBe(text)
    expect(() => jsonCodec.decode(over, 'server')).toThrow(refused)
  })

  test('what lies beyond a limit is refused in the binary encoding as well', () => {
    for (const over of [
      publicationAt(MAX_SIGNED + 1, 0, 0),
      publicationAt(1, 1, MAX_SIGNED + 1),
      publicationAt(1, 1, -MAX_SIGNED - 1),
    ]) {
      const visit = () => jsonCodec.encode([over])
      expect(visit).toThrow(refused)
    }
  })

  test('a key has at most 255 bytes', () => {
    for (const codec of codecs) {
      const full = publicationAt(1, 1, 0, letters(limits.name))
      expect(codec.decode(codec.encode([full]), 'server')).toEqual([full])
    }
    expect(() => jsonCodec.encode([publicationAt(1, 1, 0, letters(limits.name + 1))])).toThrow(refused)
  })
})

describe('names', () => {
  test.each([
    ['a name', isName],
    ['a user', isUser],
    ['a key', isKey],
  ])('%s has at most 255 bytes of UTF-8', (_what, allows) => {
    expect([letters(255), letters(256), '猫'.repeat(85), `${'猫'.repeat(85)}x`].map(allows)).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  test('a key may be empty, and may hold anything else', () => {
    for (const key of ['', ' ', '.', '*', 'a..b', '\n']) expect(isKey(key)).toBe(true)
  })
})

test('the events of a meeting have no limits of their own that a frame does not have', () => {
  const kinds = Object.values(events).flatMap(({ fields }) => Object.values<Kind>(fields))
  expect(new Set(kinds)).toEqual(new Set(['uint', 'name', 'reason', 'payload']))
})
