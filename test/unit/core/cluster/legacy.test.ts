import { describe, expect, it } from 'vitest'
import type { Legacy } from '../../../../src/core/cluster/heritage.ts'
import { keyOf, legacyOf } from '../../../../src/core/cluster/legacy.ts'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import type { Bot } from '../../../../src/core/meeting/business.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import { seatOf } from '../../../../src/core/meeting/seat.ts'
import { inputOf, joinOf, ownerOn, Parts, seal } from './parts.ts'

const read = (owner: Owner, now = 0): Legacy => JSON.parse(legacyOf(owner, now)) as Legacy

/** A member comes; returns what it sends. */
function member(parts: Parts, owner: Owner, user: string): (seq: number) => void {
  const session = parts.session(user)
  owner.join(session, joinOf(), parts.now)
  const seat = seatOf(session, owner.log.number)
  if (seat === undefined) throw new Error('not seated')
  return (seq) => expect(owner.accept(seat, inputOf(seq, { after: 0 }), parts.now)).toBeNull()
}

describe('What an owner tells for the case that it ends', () => {
  it('are options, kind and metadata, and the last seq of each slot that is in a frame', () => {
    const parts = new Parts()
    const business = { kind: 'k', metadata: { of: 1 } }
    const owner = ownerOn(parts, { inputsPerSecond: 1_000, capacity: 7 }, null, {}, business)
    const [ann, bob] = [member(parts, owner, 'ann'), member(parts, owner, 'bob')]
    member(parts, owner, 'cid')
    seal(owner, parts.now)
    ann(1)
    ann(2)
    seal(owner, parts.now)
    // These wait for a frame.
    for (const seq of [3, 4, 5]) ann(seq)
    bob(1)
    const { options, kind, metadata, seqs, terms } = read(owner)
    expect([options, kind, metadata]).toEqual([owner.options, 'k', { of: 1 }])
    expect(options.capacity).toBe(7)
    expect(seqs).toEqual([
      [0, 2],
      [1, 0],
      [2, 0],
    ])
    expect(terms).toEqual([0, 1, 2].map((slot) => ({ slot, from: 1, until: null })))
  })

  it('has the last seq of slots whose members have left, and none of them as members', () => {
    const parts = new Parts()
    const owner = ownerOn(parts, { inputsPerSecond: 1_000 })
    const ann = member(parts, owner, 'ann')
    member(parts, owner, 'bob')
    ann(1)
    seal(owner, parts.now)
    const gone = owner.roster.get(0)
    if (gone !== undefined) owner.depart(gone, 'left')
    seal(owner, parts.now)
    const { seqs, terms } = read(owner)
    expect(seqs).toEqual([
      [0, 1],
      [1, 0],
    ])
    expect(terms).toEqual([
      { slot: 255, from: 1, until: 2 },
      { slot: 1, from: 1, until: null },
    ])
  })

  it('is nothing where its business cannot go on without a state, or has something that is no JSON', () => {
    const logic = (parts: MeetingLogic): MeetingLogic => parts
    const told = (own: MeetingLogic | null, metadata: object = {}): string =>
      legacyOf(ownerOn(new Parts(), {}, own, {}, { metadata: metadata as Record<string, unknown> }), 0)
    expect(told(logic({ close: () => {} }))).toBe('')
    expect(told(logic({ close: () => {}, revive: () => {} }))).not.toBe('')
    const circle: Record<string, unknown> = {}
    circle['of'] = circle
    expect(told(null, circle)).toBe('')
  })

  it('names bots by their slot and the frame in which they come, sealed or not', () => {
    const parts = new Parts()
    const owner = ownerOn(parts)
    const bots = ['x', 'y'].map((user) => owner.addBot(user) as Bot)
    expect(owner.bots.runs).toEqual([
      { slot: 0, from: 1 },
      { slot: 1, from: 1 },
    ])
    const told = keyOf(owner.bots.runs)
    bots[0]?.leave()
    expect(owner.bots.runs).toEqual([{ slot: 1, from: 1 }])
    expect(keyOf(owner.bots.runs)).not.toBe(told)
    owner.sealNow(parts.now, () => false)
    owner.addBot('z')
    expect(owner.bots.runs).toEqual([
      { slot: 1, from: 1 },
      { slot: 0, from: 2 },
    ])
    expect(keyOf(owner.bots.runs)).not.toBe(told)
    expect(keyOf([])).toBe('')
  })
})
