import { describe, expect, it } from 'vitest'
import { Candidacy } from '../../../../src/core/cluster/candidacy.ts'
import type { MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'

const members = [
  { slot: 0, user: 'ann', away: false },
  { slot: 1, user: 'bob', away: true },
]
const candidacy = (): Candidacy => new Candidacy({ term: 5, incarnation: 7 }, 100)

function promise(user: string, slot: number, parts: Partial<MeshMessageOf<'promised'>> = {}) {
  return {
    type: 'promised',
    replica: 1,
    meeting: 'm',
    user,
    slot,
    elected: 3,
    term: 2,
    incarnation: 9,
    seen: 8,
    promisedTerm: 5,
    promisedIncarnation: 7,
    age: 0,
    ...parts,
  } as const
}

describe('Promises to a node that stands', () => {
  it('count for the member who gave them, the last one of each', () => {
    const standing = candidacy()
    expect([standing.term, standing.incarnation, standing.since]).toEqual([5, 7, 100])
    expect(standing.take(promise('ann', 0, { seen: 6 }), members, 0)).toBe('kept')
    expect(standing.take(promise('ann', 0), members, 0)).toBe('kept')
    // Said once more, it is no news.
    expect(standing.take(promise('ann', 0), members, 0)).toBeNull()
    for (const parts of [{ elected: 4 }, { elected: 3, term: 1 }, { term: 2, incarnation: 8 }, {}])
      expect(standing.take(promise('ann', 0, parts), members, 0)).toBe('kept')
    const { slot, elected, term, incarnation, seen } = promise('ann', 0)
    expect([...standing.promisesOf(members)]).toMatchObject([[0, { slot, elected, term, incarnation, seen }]])
  })

  it('are nothing by whoever has no such place, and change nothing about those of others', () => {
    const standing = candidacy()
    for (const [user, slot] of [
      ['ann', 0],
      ['eve', 0],
      ['ann', 1],
      ['eve', 5],
    ] as const)
      expect(standing.take(promise(user, slot), members, 0)).toBe(
        user === 'ann' && slot === 0 ? 'kept' : null,
      )
    expect([...standing.promisesOf(members).keys()]).toEqual([0])
    // The frames that say who is a member may come later.
    expect([...standing.promisesOf([...members, { slot: 5, user: 'eve', away: false }]).keys()]).toEqual([
      0, 5,
    ])
  })

  it('say when a member came last: once for each, and for nobody else', () => {
    const standing = candidacy()
    standing.take(promise('ann', 0), members, 200)
    standing.take(promise('ann', 0), members, 300)
    standing.take(promise('eve', 0), members, 400)
    const limits = { revivalMs: 1_000, orphanMs: 10_000 }
    const lateAt = (now: number): boolean => standing.isLate(now, limits)
    expect([lateAt(1_199), lateAt(1_200)]).toEqual([false, true])
    standing.take(promise('bob', 1), members, 500)
    expect([lateAt(1_499), lateAt(1_500)]).toEqual([false, true])
    limits.revivalMs = 20_000
    expect([lateAt(10_099), lateAt(10_100)]).toEqual([false, true])
  })

  it('have time to be given anew where it stands above somebody, by those who had come, but not for ever', () => {
    const limits = { revivalMs: 1_000, orphanMs: 3_000 }
    /** It stands anew at a time, and Ann promises that. */
    const lateAt = (raisedAt: number, promisedAt: number, ...times: number[]): boolean[] => {
      const standing = candidacy()
      standing.take(promise('ann', 0), members, 200)
      standing.take(promise('eve', 0), members, 200)
      standing.raise(6, raisedAt)
      const late: boolean[] = []
      for (const now of times) {
        if (now >= promisedAt) standing.take(promise('ann', 0, { promisedTerm: 6 }), members, promisedAt)
        late.push(standing.isLate(now, limits))
      }
      return late
    }
    expect(lateAt(1_150, Infinity, 1_200, 2_149, 2_150)).toEqual([false, false, true])
    // She had come before.
    expect(lateAt(1_150, 1_300, 1_299, 1_300)).toEqual([false, true])
    expect(lateAt(300, 400, 1_199, 1_200)).toEqual([false, true])
    expect(lateAt(2_900, Infinity, 3_099, 3_100)).toEqual([false, true])
    const nobody = candidacy()
    nobody.raise(6, 1_000)
    expect([1_099, 1_100].map((now) => nobody.isLate(now, limits))).toEqual([false, true])
    // Whoever has promised more has come with that.
    const more = candidacy()
    more.take(promise('ann', 0, { promisedTerm: 8 }), members, 1_000)
    more.raise(9, 1_000)
    more.take(promise('ann', 0, { promisedTerm: 9 }), members, 1_500)
    expect([1_999, 2_000].map((now) => more.isLate(now, limits))).toEqual([false, true])
  })

  it('are kept of a thousand who are no members yet, each in a slot that there can be, and of all who are', () => {
    const standing = candidacy()
    const strangers = Array.from({ length: 1_200 }, (_, n) => ({ slot: n % 255, user: `u${n}`, away: false }))
    standing.take(promise('eve', 255), members, 0)
    for (const { user, slot } of strangers) standing.take(promise(user, slot), members, 0)
    const kept = (each: (typeof strangers)[number]): boolean => standing.promisesOf([each]).size === 1
    expect(strangers.filter(kept)).toHaveLength(1_000)
    expect(kept({ slot: 255, user: 'eve', away: false })).toBe(false)
    expect(standing.take(promise('bob', 1), members, 0)).toBe('kept')
    standing.raise(6, 0)
    const again = { promisedTerm: 6 }
    for (const { user, slot } of strangers) standing.take(promise(user, slot, again), members, 0)
    expect(strangers.filter(kept)).toHaveLength(1_000)
  })

  it('of a lower fence, or of another node at this term, mean nothing', () => {
    const standing = candidacy()
    expect(standing.take(promise('ann', 0, { promisedTerm: 4 }), members, 0)).toBeNull()
    expect(standing.take(promise('ann', 0, { promisedIncarnation: 6 }), members, 0)).toBeNull()
    expect(standing.promisesOf(members).size).toBe(0)
  })

  it('of a higher fence have it stand above that, once for each member and not far above', () => {
    const standing = candidacy()
    const higher = (user: string, slot: number, promisedTerm: number, promisedIncarnation = 1): unknown =>
      standing.take(promise(user, slot, { promisedTerm, promisedIncarnation }), members, 0)
    expect(higher('eve', 0, 6)).toBeNull()
    expect(higher('ann', 0, 5 + 2 ** 20 + 1)).toBeNull()
    expect(higher('ann', 0, 5, 8)).toBe('raise')
    standing.take(promise('bob', 1), members, 0)
    standing.raise(9, 0)
    expect([standing.term, standing.promisesOf(members).size]).toEqual([9, 0])
    expect(higher('ann', 0, 10)).toBeNull()
    expect(higher('bob', 1, 9 + 2 ** 20)).toBe('raise')
    expect(standing.take(promise('ann', 0, { promisedTerm: 9 }), members, 0)).toBe('kept')
  })
})
