import { describe, expect, it } from 'vitest'
import { lineageOf } from '../../../src/server/ground/lineage.ts'

type Tag = (bytes: Uint8Array) => number

const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => at)

describe('What the nodes of a cluster share', () => {
  it('is a keyed hash: the same on each node, another one for other bytes or another secret, and an integer of the wire', () => {
    const [one, other, stranger] = ['s', 's', 't'].map((letter) => lineageOf(letter.repeat(32)).tag) as [
      Tag,
      Tag,
      Tag,
    ]
    const lengths = [0, 1, 2, 4_063, 4_064, 4_065, 70_000, 3]
    const tags = lengths.map((length) => one(bytes(length)))
    expect(lengths.map((length) => other(bytes(length)))).toEqual(tags)
    expect(new Set([...tags, ...lengths.map((length) => stranger(bytes(length)))]).size).toBe(16)
    for (const tag of tags) expect(Number.isSafeInteger(tag)).toBe(true)
    expect(Math.max(...tags)).toBeGreaterThan(2 ** 48)
  })
  it('is a cipher: a node opens what another has sealed, and nothing that others have made or changed', () => {
    const [one, other, stranger] = ['s', 's', 't'].map((letter) => lineageOf(letter.repeat(32)))
    const plain = Buffer.from('metadata that is no client’s business')
    const sealed = one?.seal(plain) ?? plain
    expect(Buffer.from(sealed).includes('metadata')).toBe(false)
    expect(other?.open(sealed)).toEqual(plain)
    expect(stranger?.open(sealed)).toBeNull()
    for (const at of [0, 12, sealed.length - 1])
      expect(other?.open(sealed.map((byte, n) => (n === at ? byte ^ 1 : byte)))).toBeNull()
    for (const length of [0, 27, 28]) expect(other?.open(bytes(length))).toBeNull()
    expect(other?.open(one?.seal(bytes(0)) ?? plain)).toHaveLength(0)
  })
})
