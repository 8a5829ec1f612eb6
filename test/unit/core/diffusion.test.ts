import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeDiffusion,
  decodeHeads,
  encodeDiffusion,
  encodeHeads,
} from '../../../src/core/topic/diffusion.ts'
import { Publication } from '../../../src/core/topic/publication.ts'
import { Publisher } from '../../../src/core/topic/publishers.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { limits, MAX_SIGNED, MAX_UINT } from '../../../src/protocol/limits.ts'
import type { Payload } from '../../../src/protocol/payload.ts'
import { writePayload } from '../../../src/protocol/struct.ts'
import { bytes, text, textOf } from './harness.ts'

const own = new Publisher(77, 0)

function entry(
  number: number,
  stamp: number,
  key = '',
  tombstone = false,
  data: Payload = text(''),
): Publication {
  return new Publication(number, own, number, stamp, key, tombstone, data, 0, 0)
}

/** A message of one publication, written field by field; those not given are left out. */
function message({
  flags = 0,
  number,
  stamp = 0,
  key,
  by,
}: {
  flags?: number
  number?: number
  stamp?: number
  key?: string
  by?: string
}): Uint8Array {
  const w = new Writer()
  w.byte(flags)
  if (number !== undefined) w.uint(number)
  w.uint(stamp)
  if (key !== undefined) w.text(key)
  if (by !== undefined) w.text(by)
  writePayload(w, text('x'))
  return w.finish()
}

const [NUMBER, KEY, TOMBSTONE, USER] = [1, 2, 4, 16] as const

const told = (of: Pick<Publication, 'number' | 'stamp' | 'key' | 'tombstone' | 'data'>): unknown => [
  of.number,
  of.stamp,
  of.key,
  of.tombstone,
  of.data.text ? textOf(of.data) : [...of.data.bytes],
]

describe('What one node publishes to a topic in a sweep', () => {
  it('comes to the others as it was: numbers, stamps, keys, removals and payloads', () => {
    const one = fc.record({
      step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1_000_000 })),
      later: fc.integer({ min: -(2 ** 30), max: 2 ** 40 }),
      key: fc.constantFrom('', 'a', 'ä', 'k'.repeat(limits.name)),
      tombstone: fc.boolean(),
      data: fc.oneof(
        fc.string().map((string) => text(string)),
        fc.nat(300).map((length) => bytes(length)),
      ),
    })
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 20 }), (list) => {
        let number = 0
        let stamp = 0
        const entries = list.map(({ step, later, key, tombstone, data }) => {
          number += step
          stamp = Math.max(0, stamp + later)
          return entry(number, stamp, key, tombstone && key !== '', data)
        })
        const decoded = decodeDiffusion(encodeDiffusion(entries))
        expect(decoded?.map(told)).toEqual(entries.map(told))
      }),
    )
  })

  it('carries a number only where it does not follow the one before', () => {
    const sizes = [
      [entry(2 ** 40, 0), entry(2 ** 40 + 1, 0), entry(2 ** 40 + 2, 0)],
      [entry(2 ** 40, 0), entry(2 ** 40 + 1, 0), entry(2 ** 40 + 3, 0)],
    ].map((entries) => encodeDiffusion(entries).length)
    // An integer of 41 bits takes six bytes.
    expect((sizes[1] as number) - (sizes[0] as number)).toBe(6)
  })

  it('is accepted at each limit, and refused one above', () => {
    const accepted = [
      message({}),
      message({ flags: NUMBER, number: 1 }),
      message({ flags: NUMBER, number: MAX_UINT }),
      message({ stamp: MAX_SIGNED }),
      message({ flags: KEY, key: 'k'.repeat(limits.name) }),
      message({ flags: NUMBER | KEY | TOMBSTONE, number: 1, key: 'k' }),
      message({ flags: KEY | USER, key: 'k', by: 'u'.repeat(limits.name) }),
    ]
    for (const each of accepted) expect(decodeDiffusion(each)).toHaveLength(1)
    expect(decodeDiffusion(message({ flags: KEY | TOMBSTONE, key: 'k' }))?.[0]).toMatchObject({
      number: 1,
      key: 'k',
      tombstone: true,
    })
    // With all flags: a removal, by a clock that was ahead, after numbers that were left out.
    const all = [entry(1, 2_000_000), entry(5, 1_000_000, 'k', true)]
    expect(decodeDiffusion(encodeDiffusion(all))).toMatchObject([
      { number: 1, stamp: 2_000_000 },
      { number: 5, stamp: 1_000_000, key: 'k', tombstone: true },
    ])
    const refused = [
      message({ flags: 32 }),
      message({ flags: USER, by: 'ann' }).subarray(0, 4),
      message({ flags: USER, by: 'u'.repeat(limits.name + 1) }),
      // The same as nobody before it.
      message({ flags: USER, by: '' }),
      message({ flags: 8, stamp: 1 }),
      message({ flags: 128 | KEY, key: 'k' }),
      message({ flags: NUMBER, number: 0 }),
      message({ stamp: MAX_SIGNED + 1 }),
      message({ flags: KEY, key: 'k'.repeat(limits.name + 1) }),
      message({ flags: KEY, key: '' }),
      message({ flags: TOMBSTONE }),
      message({}).subarray(0, 1),
      message({}).subarray(0, -1),
      new Uint8Array(),
    ]
    for (const each of refused) expect(decodeDiffusion(each)).toBeNull()
  })

  it('says which user has published each, if one has', () => {
    const users = ['ann', 'ann', '', 'ann', 'eve', '', 'ann']
    const all = users.map((_, at) => entry(at + 1, 0, at === 1 ? 'k' : ''))
    const encoded = encodeDiffusion(all, ({ number }) => users[number - 1] as string)
    expect(decodeDiffusion(encoded)?.map(({ by }) => by)).toEqual(users)
    expect(decodeDiffusion(encodeDiffusion(all))?.map(({ by }) => by)).toEqual(users.map(() => ''))
    // Whom the one before it names as well takes a byte.
    const named = encodeDiffusion(all, () => 'u'.repeat(limits.name)).length
    expect(named - encodeDiffusion(all).length).toBe(2 + limits.name + all.length - 1)
  })

  it('is refused where numbers or stamps add up beyond their limits', () => {
    const [first, second] = [message({ flags: NUMBER, number: MAX_UINT, stamp: MAX_SIGNED }), message({})]
    const after = (rest: Uint8Array): Uint8Array => Uint8Array.from([...first, ...rest])
    expect(decodeDiffusion(first)).not.toBeNull()
    expect(decodeDiffusion(after(second))).toBeNull()
    expect(decodeDiffusion(after(message({ flags: NUMBER, number: 1 })))).toHaveLength(2)
    expect(decodeDiffusion(after(message({ flags: NUMBER, number: 1, stamp: 1 })))).toBeNull()
  })
})

describe('A digest of topics', () => {
  it('comes as it was said, and is nothing where it is malformed', () => {
    const heads = [
      { name: 'a', number: 1 },
      { name: 'x'.repeat(limits.name), number: 2 ** 40 },
    ]
    expect(decodeHeads(encodeHeads(heads))).toEqual(heads)
    expect([decodeHeads(encodeHeads([])), decodeHeads(encodeHeads(heads).subarray(0, -1))]).toEqual([
      [],
      null,
    ])
    expect(decodeHeads(encodeHeads([{ name: 'x'.repeat(limits.name + 1), number: 1 }]))).toBeNull()
  })
})
