import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Roster } from '../../../src/core/meeting/roster.ts'
import type { Member, Occupant } from '../../../src/core/meeting/seat.ts'
import { Attendance } from '../../../src/core/meeting/attendance.ts'
import type { MeetingEvent } from '../../../src/protocol/schema.ts'

function opened(capacity: number): { readonly roster: Roster; readonly events: MeetingEvent[] } {
  const events: MeetingEvent[] = []
  return { roster: new Roster(capacity, (event) => events.push(event)), events }
}

const typesOf = (events: readonly MeetingEvent[]): string[] => events.map(({ type }) => type)

describe('A roster', () => {
  it('gives the lowest free slot, up to its capacity', () => {
    const { roster } = opened(3)
    const members = ['a', 'b', 'c'].map((user) => roster.seat(user, roster.free))
    expect(members.map(({ slot }) => slot)).toEqual([0, 1, 2])
    expect(roster.free).toBe(-1)
    roster.remove(members[1] as Member, '')
    expect(roster.free).toBe(1)
    roster.remove(members[0] as Member, '')
    expect(roster.free).toBe(0)
  })

  it('keeps the slot that is being decided about for whom it is decided', () => {
    const { roster } = opened(2)
    const seen = roster.reserving(roster.free, () => {
      const during = roster.free
      roster.seat('bot', during)
      return [during, roster.free]
    })
    expect([seen, roster.free]).toEqual([[1, -1], 0])
    roster.seat('ann', 0)
    expect(roster.free).toBe(-1)
  })

  it('goes on with the number of a slot’s last input when the slot changes hands', () => {
    const { roster } = opened(2)
    const ann = roster.seat('ann', 0)
    ann.seq = 17
    roster.remove(ann, '')
    expect([roster.seat('bob', 0).seq, roster.seat('eve', 1).seq]).toEqual([17, 0])
  })

  it('knows a member by itself, not by its slot', () => {
    const { roster } = opened(2)
    const ann = roster.seat('ann', 0)
    roster.remove(ann, '')
    const bob = roster.seat('bob', 0)
    expect([roster.isSeated(ann), roster.isSeated(bob), roster.get(0), roster.get(1)]).toEqual([
      false,
      true,
      bob,
      undefined,
    ])
  })

  it('finds the member of a user that has been away for longest', () => {
    const { roster } = opened(9)
    const keptFor = (user: string) => roster.keptFor({ user, former: '', held: null, slot: NaN, config: '' })
    const [first, second, third, other] = ['ann', 'ann', 'ann', 'bob'].map((user) =>
      roster.seat(user, roster.free),
    ) as [Member, Member, Member, Member]
    expect(keptFor('ann')).toBe(undefined)
    for (const member of [other, second, first]) roster.away(member)
    expect(keptFor('ann')).toBe(second)
    // To be away again is to be away for less long.
    roster.back(second)
    roster.away(second)
    expect(keptFor('ann')).toBe(first)
    roster.away(third)
    roster.remove(first, '')
    expect([keptFor('ann'), keptFor('bob'), keptFor('eve')]).toEqual([second, other, undefined])
  })

  it('finds the member in the slot that a client of the same user had, of several that are kept', () => {
    const { roster } = opened(9)
    const [first, second, third, other] = ['ann', 'ann', 'ann', 'bob'].map((user) =>
      roster.seat(user, roster.free),
    ) as [Member, Member, Member, Member]
    const keptFor = (slot: number) =>
      roster.keptFor({ user: 'ann', former: '', held: null, slot, config: '' })
    for (const member of [first, second, other]) roster.away(member)
    third.seat = { id: '', isVacant: true } as Occupant
    expect([0, 1, 2, 3, 4].map(keptFor)).toEqual([first, second, third, first, first])
    // It is in use.
    roster.back(second)
    third.seat = { id: '' } as Occupant
    expect([1, 2].map(keptFor)).toEqual([first, first])
  })

  it('tells each change once', () => {
    const { roster, events } = opened(2)
    const ann = roster.seat('ann', 0)
    for (const change of ['back', 'away', 'away', 'back', 'back'] as const) roster[change](ann)
    roster.remove(ann, 'tired')
    expect(events).toEqual([
      { type: 'join', slot: 0, user: 'ann' },
      { type: 'away', slot: 0 },
      { type: 'back', slot: 0 },
      { type: 'leave', slot: 0, reason: 'tired' },
    ])
  })

  it('that is cleared has no members and tells nothing', () => {
    const { roster, events } = opened(1)
    roster.seat('ann', 0)
    roster.clear()
    expect([[...roster.all()], roster.list, roster.free, typesOf(events)]).toEqual([[], [], 0, ['join']])
  })

  it('is what its events say, in whatever order members come, go and are away', () => {
    const step = fc.record({
      kind: fc.constantFrom('seat', 'away', 'back', 'remove'),
      at: fc.nat(5),
      user: fc.nat(2),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { roster, events } = opened(4)
        const attendance = new Attendance()
        for (const { kind, at, user } of steps) {
          const before = events.length
          const member = roster.get(at)
          if (kind === 'seat' && roster.free >= 0) roster.seat(`u${user}`, roster.free)
          else if (member !== undefined && kind === 'away') roster.away(member)
          else if (member !== undefined && kind === 'back') roster.back(member)
          else if (member !== undefined && kind === 'remove') roster.remove(member, '')
          attendance.apply(events.slice(before))
          expect(attendance.list).toEqual(roster.list)
          const slots = roster.list.map(({ slot }) => slot)
          expect(new Set(slots).size).toBe(slots.length)
          const lowest = [0, 1, 2, 3].find((slot) => !slots.includes(slot)) ?? -1
          expect(roster.free).toBe(lowest)
        }
      }),
    )
  })
})
