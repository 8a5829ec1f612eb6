import { describe, expect, it } from 'vitest'
import { Elector } from '../../../src/core/meeting/electorate.ts'
import { Entrance, type EntranceHost, isMember } from '../../../src/core/meeting/entrance.ts'
import { defaultMeeting } from '../../../src/core/meeting/options.ts'
import { Roster } from '../../../src/core/meeting/roster.ts'
import type { Member, Occupant } from '../../../src/core/meeting/seat.ts'
import type { Visitor } from '../../../src/core/meeting/visitor.ts'

/** A meeting of so many slots, whose next frame is 5; what the entrance does is noted. */
class Desk {
  readonly noted: string[] = []
  readonly roster: Roster
  readonly entrance: Entrance
  /** Bytes that the meeting pays. */
  held = 0
  /** Slots whose members have inputs that wait for a frame: they get free later. */
  readonly late: Set<number> = new Set()
  refusal: { readonly code: 'FORBIDDEN'; readonly message: string; readonly retryAfterMs: number } | null =
    null

  constructor(capacity: number, joinsPerMinute = 1_000) {
    const { noted } = this
    this.roster = new Roster(capacity, (event) => {
      if (event.type === 'takeover' || event.type === 'back') noted.push(`${event.type} ${event.slot}`)
    })
    const host = {
      options: { ...defaultMeeting, joinsPerMinute },
      business: { logic: { join: (slot: number, user: string) => this.#decide(slot, user) } },
      log: { next: 5, hold: (bytes: number) => void (this.held += bytes) },
      roster: this.roster,
      electorate: {
        join: (_: Elector, from: number) => noted.push(`elector from ${from}`),
        leave: (_: Elector, at: number, isGone: boolean) => noted.push(`elector left ${at} ${isGone}`),
      },
      departures: { makeWay() {}, makeRoom: () => {} },
      limits: { joinUsers: 10 },
      run: (now: number) => noted.push(`run ${now}`),
      kick: (slot: number, message: string) => this.#kick(slot, message),
    }
    this.entrance = new Entrance(host as unknown as EntranceHost)
  }

  #decide(slot: number, user: string) {
    this.noted.push(`may ${user} ${slot}`)
    return this.refusal
  }

  #kick(slot: number, message: string): boolean {
    this.noted.push(`kick ${slot}: ${message}`)
    const member = this.roster.get(slot) as Member
    if (this.late.has(slot)) member.standing = { is: 'leaving' } as Member['standing']
    else this.roster.remove(member, message)
    return true
  }

  visitor(user: string, parts: Partial<Visitor> = {}): Visitor {
    return { user, former: '', held: null, slot: NaN, config: '', ...parts }
  }

  /** A user asks for a seat, in a session of this name. Returns its slot, or why it gets none. */
  come(user: string, now: number, session = user, isHere = true): unknown {
    const found = this.entrance.memberFor(this.visitor(user), () => isHere, now)
    if (!isMember(found)) return typeof found === 'string' ? found : found.code
    this.entrance.sit(found, this.occupant(session), false)
    return found.slot
  }

  occupant(id: string): Occupant {
    const evict = (message: string): unknown => this.noted.push(`evict ${id}: ${message}`)
    return { id, elector: new Elector(), isVacant: false, evict } as unknown as Occupant
  }

  news(): string[] {
    return this.noted.splice(0)
  }
}

describe('The entrance to a meeting', () => {
  it('gives a newcomer the lowest slot once the business agrees, and starts the clock', () => {
    const desk = new Desk(2)
    expect([desk.come('ann', 10), desk.news()]).toEqual([0, ['may ann 0', 'run 10', 'elector from 5']])
    desk.refusal = { code: 'FORBIDDEN', message: '', retryAfterMs: 0 }
    expect([desk.come('bob', 20), desk.news(), desk.roster.free]).toEqual(['FORBIDDEN', ['may bob 1'], 1])
    desk.refusal = null
    expect([desk.come('bob', 20, 'bob', false), desk.news(), desk.roster.free]).toEqual([
      'UNKNOWN',
      ['may bob 1'],
      1,
    ])
  })

  it('refuses who runs another configuration than the first one that a member has named', () => {
    const desk = new Desk(3)
    const named = (config: string) => desk.entrance.memberFor(desk.visitor('ann', { config }), () => true, 0)
    const ann = named('v1') as Member
    expect(desk.entrance.config).toBe('')
    desk.entrance.enter(ann, 'v1')
    desk.entrance.enter(ann, 'v2')
    desk.news()
    expect([desk.entrance.config, named('v2'), desk.news()]).toMatchObject([
      'v1',
      { code: 'CONFIG_MISMATCH' },
      [],
    ])
    expect(isMember(named('v1'))).toBe(true)
  })

  it('refuses who joins too often, which costs nobody a seat', () => {
    const desk = new Desk(2, 1)
    desk.come('eve', 0, 'e1')
    expect([desk.come('eve', 1), desk.roster.free]).toEqual(['RATE', 1])
    desk.roster.seat('eve', 1).seat = desk.occupant('e2')
    const bob = new Desk(2, 1)
    bob.come('bob', 0)
    bob.roster.remove(bob.roster.get(0) as Member, 'left')
    for (const slot of [0, 1]) bob.roster.seat('eve', slot).seat = bob.occupant(`e${slot}`)
    bob.news()
    expect([bob.come('bob', 1), bob.news()]).toEqual(['RATE', []])
  })

  it('forgets who has joined when the meeting ends: it pays for them no more', () => {
    const desk = new Desk(2)
    desk.come('ann', 0)
    expect(desk.held).toBeGreaterThan(0)
    desk.entrance.clear()
    expect(desk.held).toBe(0)
  })
})

describe('A full meeting', () => {
  /** Three slots, of which eve has the last two; what was noted so far is gone. */
  const full = (): Desk => {
    const desk = new Desk(3)
    desk.come('ann', 0)
    for (const session of ['e1', 'e2']) desk.come('eve', 0, session)
    desk.news()
    return desk
  }

  it('ends a seat of who has several for who has none, and none for who has one or where nobody has several', () => {
    const desk = full()
    expect([desk.come('eve', 10), desk.come('ann', 10), desk.news()]).toEqual(['FULL', 'FULL', []])
    expect([desk.come('bob', 10), desk.news()]).toEqual([
      2,
      ['kick 2: the meeting is full, and its user has another seat', 'may bob 2', 'run 10', 'elector from 5'],
    ])
    expect([desk.come('cid', 10), desk.news()]).toEqual(['FULL', []])
  })

  it('keeps a slot that gets free later for users without a seat, for ten seconds, and ends no other seat meanwhile', () => {
    const desk = full()
    desk.roster.seat('x', 3)
    desk.late.add(2)
    expect([desk.come('bob', 1_000), desk.news().length]).toEqual(['FULL', 1])
    // Full still: eve, who had two, loses no other one.
    expect([desk.come('cid', 1_001), desk.news()]).toEqual(['FULL', []])
    for (const slot of [2, 3]) desk.roster.remove(desk.roster.get(slot) as Member, 'left')
    expect([desk.come('eve', 10_999), desk.come('ann', 10_999), desk.news()]).toEqual(['FULL', 'FULL', []])
    expect([desk.come('bob', 10_999), desk.news()[0]]).toEqual([2, 'may bob 2'])
    // Whom it was kept for has it, so it is kept no longer.
    desk.roster.remove(desk.roster.get(2) as Member, 'left')
    expect(desk.come('eve', 10_999)).toBe(2)
    const other = full()
    other.late.add(2)
    other.come('bob', 1_000)
    other.roster.remove(other.roster.get(2) as Member, 'left')
    expect([other.come('eve', 10_999), other.come('eve', 11_000)]).toEqual(['FULL', 2])
  })
})

describe('A place that is kept', () => {
  it('goes on where the same run of a client has it: no other elector, and nobody has taken it over', () => {
    const desk = new Desk(2)
    desk.come('ann', 0, 'tab')
    const [member] = [...desk.roster.all()] as [Member]
    const { elector } = member.seat as Occupant
    desk.news()
    const visitor = desk.visitor('ann', { former: 'tab' })
    expect(desk.entrance.memberFor(visitor, () => true, 9)).toBe(member)
    expect(desk.news()).toEqual(['evict tab: its user came back in another session'])
    const occupant = desk.occupant('new')
    desk.entrance.sit(member, occupant, true)
    expect([member.seat === occupant, occupant.elector === elector, desk.news()]).toEqual([true, true, []])
  })

  it('is taken over by another run: what that had confirmed counts no more', () => {
    const desk = new Desk(2)
    desk.come('ann', 0, 'tab')
    const [member] = [...desk.roster.all()] as [Member]
    desk.roster.away(member)
    const { elector } = member.seat as Occupant
    desk.news()
    expect(desk.entrance.memberFor(desk.visitor('ann'), () => true, 9)).toBe(member)
    const occupant = desk.occupant('new')
    desk.entrance.sit(member, occupant, false)
    desk.entrance.enter(member, '')
    expect(desk.news()).toEqual([
      'elector left 5 false',
      'takeover 0',
      'evict tab: its user came back in another session',
      'elector from 5',
      'back 0',
    ])
    expect(occupant.elector).not.toBe(elector)
  })

  it('is taken as it is where nobody sits there', () => {
    const desk = new Desk(2)
    const member = desk.roster.seat('ann', 0)
    desk.roster.away(member)
    expect(desk.entrance.memberFor(desk.visitor('ann'), () => true, 9)).toBe(member)
    expect(desk.news()).toEqual([])
    desk.entrance.sit(member, desk.occupant('new'), true)
    expect(desk.news()).toEqual(['elector from 5'])
  })
})
