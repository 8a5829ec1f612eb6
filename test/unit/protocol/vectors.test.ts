import { describe, expect, test } from 'vitest'
import { binaryCodec } from '../../../src/protocol/binary.ts'
import type { Codec } from '../../../src/protocol/codec.ts'
import { jsonCodec } from '../../../src/protocol/json.ts'
import { schema, type MessageType } from '../../../src/protocol/schema.ts'
import { fromHex, readAll, readOrRefuse, toHex } from './read.ts'
import vectors from './vectors.json' with { type: 'json' }

/*
 * The golden vectors are the protocol in bytes, for implementations in other languages too. They never change
 * within a version: if one of these tests fails, the codec is wrong and not the file.
 */

type From = 'client' | 'server'

describe('golden vectors', () => {
  test.each(vectors.valid)('$name', ({ from, json, hex }) => {
    const messages = binaryCodec.decode(fromHex(hex), from as From)
    expect(jsonCodec.decode(json, from as From)).toStrictEqual(messages)
    expect(toHex(binaryCodec.encode(messages))).toBe(hex)
    expect(new TextDecoder().decode(jsonCodec.encode(messages))).toBe(json)
    readAll(binaryCodec, fromHex(hex), from as From)
  })

  test('there is one for every message type', () => {
    const types = vectors.valid.flatMap(({ json }) =>
      (JSON.parse(json) as { type: MessageType }[]).map((m) => m.type),
    )
    expect([...new Set(types)].sort()).toEqual(Object.keys(schema).sort())
  })

  test('their names are unique', () => {
    for (const list of [
      vectors.valid,
      vectors.later.binary,
      vectors.later.json,
      vectors.invalid.binary,
      vectors.invalid.json,
    ]) {
      expect(new Set(list.map(({ name }) => name)).size).toBe(list.length)
    }
  })
})

/** What a receiver makes of a packet, as JSON. */
const read = (codec: Codec, packet: Uint8Array | string, from: string): string =>
  new TextDecoder().decode(jsonCodec.encode(codec.decode(packet, from as From)))

describe('what a later minor of the protocol may add is passed over', () => {
  test.each(vectors.later.binary)('rtms.v1: $name', ({ from, hex, reads }) => {
    expect(read(binaryCodec, fromHex(hex), from)).toBe(reads)
    readAll(binaryCodec, fromHex(hex), from as From)
  })

  test.each(vectors.later.json)('rtms.v1.json: $name', ({ from, json, reads }) => {
    expect(read(jsonCodec, json, from)).toBe(reads)
    readAll(jsonCodec, json, from as From)
  })
})

describe('what a receiver refuses', () => {
  test.each(vectors.invalid.binary)('rtms.v1: $name', ({ from, hex }) => {
    expect(typeof readOrRefuse(binaryCodec, fromHex(hex), from as From)).toBe('string')
  })

  test.each(vectors.invalid.json)('rtms.v1.json: $name', ({ from, json }) => {
    expect(typeof readOrRefuse(jsonCodec, json, from as From)).toBe('string')
  })
})
