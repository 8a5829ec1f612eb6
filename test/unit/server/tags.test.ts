import { describe, expect, it } from 'vitest'
import { tagsBy } from '../../../src/server/ground/tags.ts'

const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => at)

describe('The keyed hash of a cluster', () => {
  it('is the same on each node, another one for other bytes or another secret, and an integer of the wire', () => {
    const [one, other, stranger] = [tagsBy('s'.repeat(32)), tagsBy('s'.repeat(32)), tagsBy('t'.repeat(32))]
    const lengths = [0, 1, 2, 4_063, 4_064, 4_065, 70_000, 3]
    const tags = lengths.map((length) => one(bytes(length)))
    expect(lengths.map((length) => other(bytes(length)))).toEqual(tags)
    expect(new Set([...tags, ...lengths.map((length) => stranger(bytes(length)))]).size).toBe(16)
    for (const tag of tags) expect(Number.isSafeInteger(tag)).toBe(true)
    expect(Math.max(...tags)).toBeGreaterThan(2 ** 48)
  })
})
