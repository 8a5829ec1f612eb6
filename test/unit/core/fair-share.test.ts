import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { share } from '../../../src/core/meeting/fair-share.ts'
import type { Payload } from '../../../src/protocol/payload.ts'

interface Entry {
  readonly member: { readonly slot: number; waiting: number }
  readonly data: Payload
  readonly name: string
}

/** Waiting inputs in order of arrival: each is its member's slot, and its bytes where they are not 10. */
function waiting(...list: (number | readonly [slot: number, bytes: number])[]): Entry[] {
  const members = new Map<number, Entry['member']>()
  const counts = new Map<number, number>()
  return list.map((item) => {
    const [slot, bytes] = typeof item === 'number' ? [item, 10] : item
    const member = members.get(slot) ?? { slot, waiting: 0 }
    members.set(slot, member)
    member.waiting++
    const count = (counts.get(slot) ?? 0) + 1
    counts.set(slot, count)
    return { member, data: { text: false, bytes: new Uint8Array(bytes) }, name: `${slot}:${count}` }
  })
}

function shared(entries: readonly Entry[], perMember: number, bytes: number, after = -1) {
  const { taken, left, last } = share(entries, perMember, bytes, after)
  return { taken: taken.map(({ name }) => name), left: left.map(({ name }) => name), last }
}

describe('A frame', () => {
  it('takes all that waits where all fits, to the byte, and does not move the rotation', () => {
    const all = waiting(2, 0, 2, 1)
    expect(shared(all, 2, 40, 7)).toEqual({ taken: ['2:1', '0:1', '2:2', '1:1'], left: [], last: 7 })
    expect(shared(all, 2, 39, 7).left).toHaveLength(1)
    expect(shared(all, 1, 40, 7)).toEqual({ taken: ['2:1', '0:1', '1:1'], left: ['2:2'], last: 2 })
  })

  it('takes the first input of each member before the second of any, in order of arrival', () => {
    const all = waiting(0, 0, 0, 1, 2)
    expect(shared(all, 9, 30)).toEqual({ taken: ['0:1', '1:1', '2:1'], left: ['0:2', '0:3'], last: 2 })
    expect(shared(all, 9, 40)).toEqual({ taken: ['0:1', '0:2', '1:1', '2:1'], left: ['0:3'], last: 0 })
  })

  it('begins behind the slot that was served last, and comes round', () => {
    const all = waiting(0, 1, 254)
    expect(shared(all, 1, 10, -1)).toMatchObject({ taken: ['0:1'], last: 0 })
    expect(shared(all, 1, 10, 0)).toMatchObject({ taken: ['1:1'], last: 1 })
    expect(shared(all, 1, 10, 1)).toMatchObject({ taken: ['254:1'], last: 254 })
    expect(shared(all, 1, 10, 254)).toMatchObject({ taken: ['0:1'], last: 0 })
    expect(shared(all, 1, 20, 253)).toMatchObject({ taken: ['0:1', '254:1'], last: 0 })
  })

  it('takes one input though it alone is above the bytes of a frame', () => {
    expect(shared(waiting([0, 100], 1), 5, 50)).toEqual({ taken: ['0:1'], left: ['1:1'], last: 0 })
  })

  it('passes nobody over: what does not fit is the first of the next frame', () => {
    const all = waiting([0, 30], [1, 30], 2)
    expect(shared(all, 5, 45)).toEqual({ taken: ['0:1'], left: ['1:1', '2:1'], last: 0 })
    expect(shared(waiting([1, 30], 2), 5, 45, 0)).toMatchObject({ taken: ['1:1', '2:1'] })
  })

  it('leaves nothing out, keeps the order of each member, and stays within its limits', () => {
    const one = fc.tuple(fc.nat(6), fc.nat(40))
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: -1, max: 254 }),
        (list, perMember, bytes, after) => {
          const all = waiting(...list)
          const { taken, left } = share(all, perMember, bytes, after)
          expect(taken.length).toBeGreaterThan(0)
          expect(new Set([...taken, ...left])).toEqual(new Set(all))
          expect(taken.length + left.length).toBe(all.length)
          const size = taken.reduce((sum, { data }) => sum + data.bytes.length, 0)
          expect(size <= bytes || taken.length === 1).toBe(true)
          for (let slot = 0; slot <= 6; slot++) {
            const of = (entries: readonly Entry[]) => entries.filter(({ member }) => member.slot === slot)
            expect(of(taken).length).toBeLessThanOrEqual(perMember)
            expect([...of(taken), ...of(left)]).toEqual(of(all))
          }
          // Nobody gets two more than somebody who still waits, unless there was no room for that one.
          const counts = [0, 1, 2, 3, 4, 5, 6].map((slot) => ({
            got: taken.filter(({ member }) => member.slot === slot).length,
            waits: left.some(({ member }) => member.slot === slot),
          }))
          const most = Math.max(...counts.map(({ got }) => got))
          for (const { got, waits } of counts) if (waits) expect(got).toBeGreaterThanOrEqual(most - 1)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('serves everybody within as many frames as there are members, however full each is', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(254), { minLength: 2, maxLength: 20 }), (slots) => {
        let all = waiting(...slots, ...slots)
        let last = -1
        const served: number[] = []
        for (let frame = 0; frame < slots.length; frame++) {
          const next = share(all, 1, 10, last)
          served.push(...next.taken.map(({ member }) => member.slot))
          for (const { member } of next.taken) member.waiting--
          all = next.left
          last = next.last
        }
        expect(served.toSorted((a, b) => a - b)).toEqual(slots.toSorted((a, b) => a - b))
      }),
    )
  })
})
