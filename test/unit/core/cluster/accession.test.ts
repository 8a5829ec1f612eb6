import { describe, expect, it } from 'vitest'
import { Accession } from '../../../../src/core/cluster/accession.ts'
import { Candidacy } from '../../../../src/core/cluster/candidacy.ts'
import type { Legacy } from '../../../../src/core/cluster/heritage.ts'
import type { MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'
import { Orphan } from '../../../../src/core/cluster/orphan.ts'
import { Superseding } from '../../../../src/core/cluster/superseding.ts'
import type { MeetingBusiness } from '../../../../src/core/index.ts'
import { plain } from '../../../../src/core/meeting/business.ts'
import { seatOf } from '../../../../src/core/meeting/seat.ts'
import type { MeetingEvent } from '../../../../src/protocol/index.ts'
import { EDGE, FENCE, HAS, HAS_NOT, Heir, heldBy, NUMBER, OWNER, promiseOf, SELF, SILENT } from './heir.ts'
import { joinOf } from './parts.ts'

/** Since when the owner has ended, and since when this node stands. */
const ORPHANED = 1_000
const STOOD = 1_100

/** What of a node begins with a meeting, alone. */
class Desk extends Heir {
  readonly candidacy: Candidacy = new Candidacy(FENCE, STOOD)
  readonly follows: Map<number, MeshMessageOf<'follow'>> = new Map()
  readonly superseding: Superseding
  readonly accession: Accession

  constructor(legacy: Partial<Legacy> = {}, ...more: MeetingEvent[]) {
    super([HAS, HAS_NOT, SILENT, EDGE])
    this.superseding = new Superseding(this.host, () => {})
    this.accession = new Accession(this.host, this.superseding)
    this.copy(legacy, ...more)
  }

  /** A member has promised the fence. */
  promise(user: string, slot: number): void {
    const told = promiseOf(user, slot, FENCE)
    if (this.candidacy.take(told, this.members, STOOD) === null) throw new Error('not kept')
  }

  /** This node begins 500 ms after the owner has ended; `silent`: it may live. */
  begin(
    goesOn = true,
    { silent = 0, business = plain }: { silent?: number; business?: MeetingBusiness } = {},
  ) {
    this.replica.lost(ORPHANED)
    const orphan = new Orphan(this.replica, ORPHANED)
    orphan.silent = silent
    for (const [node, follow] of this.follows) orphan.follows.set(node, follow)
    this.candidacy.denied.set(HAS, true).set(HAS_NOT, false).set(EDGE, true)
    this.now = 1_500
    this.accession.begin(orphan, this.candidacy, business, goesOn, this.now)
    return this.owner
  }
}

describe('A node that goes on with a meeting', () => {
  it('seals the same world at its fence, behind the frames that it has, and is known to have it', () => {
    const desk = new Desk()
    const { room, log, config, options } = desk.begin()
    const { world, term, incarnation, reigns } = room.facts
    expect([world, term, incarnation, log.next]).toEqual([77, 3, SELF, 4])
    expect(reigns).toEqual([
      { term: 2, incarnation: OWNER, from: 1 },
      { ...FENCE, from: 4 },
    ])
    // What was stable is so still.
    expect([log.stableAt(3), config, options.frameRate]).toEqual([2, 'abc', 0])
    const { meetingsRevived, meetingsForked } = desk.stats
    expect([desk.heard(), meetingsRevived, meetingsForked]).toEqual([['m is its own at 3'], 1, 0])
    expect(desk.successions.told(1_000, desk.now)).toEqual([
      { meeting: 'm', from: OWNER, how: 'revival', frame: 4, agoMs: 0 },
    ])
  })

  it('begins another world with the same frames, none of which is stable, where too few have promised', () => {
    const desk = new Desk()
    const { room, log } = desk.begin(false)
    const { world, term, incarnation, reigns } = room.facts
    expect([world, term, incarnation, log.next, log.stableAt(3)]).toEqual([78, 3, SELF, 4, 0])
    expect(reigns).toEqual([{ ...FENCE, from: 1 }])
    expect([desk.stats.meetingsRevived, desk.stats.meetingsForked]).toEqual([0, 1])
    expect(desk.successions.told(1_000, desk.now)).toMatchObject([{ how: 'fork' }])
  })

  it('says so in its first frame; bots have ended with their node, and whoever does not come is away in a moment', () => {
    const desk = new Desk()
    const owner = desk.begin()
    const { members } = owner
    expect(members).toEqual([
      { slot: 0, user: 'ann', away: false },
      { slot: 1, user: 'bob', away: true },
    ])
    expect(desk.sealed()).toEqual(['epoch 3 9', 'leave 2 expired'])
    desk.timers.run(desk.now + desk.limits.revivalWaitMs - 1)
    expect(owner.members).toEqual(members)
    desk.timers.run(desk.now + desk.limits.revivalWaitMs)
    expect(owner.members[0]).toEqual({ slot: 0, user: 'ann', away: true })
    expect(desk.sealed()).toContain('away 0')
  })

  it('goes on with the number of the last input of each slot, also of one that is free', () => {
    const desk = new Desk()
    for (const user of ['cid', 'dan']) desk.join(user)
    const owner = desk.begin()
    expect([0, 1].map((slot) => owner.roster.get(slot)?.seq)).toEqual([4, 7])
    // The robot has a slot until the frame in which it leaves.
    expect(desk.answers).toEqual(['cid: slot 3, seq 9', 'dan: slot 4, seq 0'])
  })

  it('goes by the frames that it has, where the owner has told of others that have not come', () => {
    const desk = new Desk()
    const dan = { slot: 1, user: 'dan', away: false }
    desk.facts = { head: 6, next: 7, hidden: 6, members: [dan], shown: [dan], spectatorDelayMs: 250 }
    desk.copy()
    const { members, roster, room } = desk.begin(false)
    expect(members.map(({ user }) => user)).toEqual(['ann', 'bob'])
    expect([0, 1].map((slot) => roster.get(slot)?.seq)).toEqual([4, 0])
    desk.sealed()
    expect(room.attendance.list.map(({ user }) => user)).toEqual(['ann', 'bob'])
    expect(room.beginning).toMatchObject({ head: 4, hidden: 4 })
  })

  it('answers whoever waits: members have their places, in the same run of their client or another one', () => {
    const desk = new Desk()
    desk.promise('ann', 0)
    const next = { world: 77, next: 4 }
    desk.join('ann', { ...next, held: heldBy(0) })
    desk.join('bob')
    const { members } = desk.begin()
    expect(desk.answers).toEqual(['ann: slot 0, seq 4, continued', 'bob: slot 1, seq 7'])
    expect(members.map(({ user, away }) => `${user} ${away}`)).toEqual(['ann false', 'bob false'])
    expect(desk.sealed()).toEqual(['epoch 3 9', 'resume 500', 'takeover 1', 'back 1', 'leave 2 expired'])
  })

  it('gives members their places in another world as well, though they name what they hold of the old one', () => {
    const desk = new Desk()
    desk.promise('ann', 0)
    desk.join('ann', { world: 77, next: 4, held: heldBy(0) })
    desk.join('cid')
    const { members } = desk.begin(false)
    expect(desk.answers).toEqual(['ann: slot 0, seq 4', 'cid: slot 3, seq 9'])
    expect(members.map(({ user, away }) => `${user} ${away}`)).toEqual(['ann false', 'bob true', 'cid false'])
    expect(desk.sealed()).toEqual(['epoch 3 9', 'takeover 0', 'resume 500', 'join 3 cid', 'leave 2 expired'])
  })

  it('has its spectators read on in the same world, and join again where there is another one', () => {
    for (const goesOn of [true, false]) {
      const desk = new Desk()
      const eve = desk.watch('eve')
      const owner = desk.begin(goesOn)
      expect([desk.rejoined, owner.room.spectators]).toEqual(goesOn ? [[], 1] : [['eve'], 0])
      // It is a seat of this meeting from now on.
      seatOf(eve, NUMBER)?.end('left')
      expect(owner.room.spectators).toBe(0)
    }
  })

  it('runs the clock for those who read, which has stood still since the owner has ended', () => {
    const desk = new Desk()
    desk.watch('eve')
    desk.begin()
    expect(desk.sealed()).toContain('resume 500')
    const alone = new Desk()
    alone.begin()
    expect(alone.sealed().filter((event) => event.startsWith('resume'))).toEqual([])
  })

  it('lets the nodes follow it that wait for that', () => {
    const desk = new Desk()
    const about = { meeting: 'm', world: 77, next: 4, readers: 1, spectators: 0 }
    for (const node of [SILENT, HAS]) desk.follows.set(node, { type: 'follow', replica: node + 10, ...about })
    desk.begin()
    expect(desk.heard()).toEqual(['m is its own at 3', '8: follow 18', '6: follow 16'])
  })

  it('lets go of members who have not come within the time for which sessions are kept, and of no others', () => {
    const desk = new Desk()
    const owner = desk.begin()
    const { sessionKeepMs } = desk.limits
    const bob = desk.session('bob')
    desk.sealed()
    owner.join(bob, joinOf(), 2_000)
    desk.timers.run(desk.now + sessionKeepMs - 1)
    expect(owner.members).toHaveLength(2)
    desk.timers.run(desk.now + sessionKeepMs)
    expect(owner.members).toEqual([{ slot: 1, user: 'bob', away: false }])
    expect(desk.sealed()).toContain('leave 0 expired')
  })

  it('waits for nobody where all have come, and for nobody in a meeting that has ended meanwhile', () => {
    const all = new Desk()
    for (const user of ['ann', 'bob']) all.join(user)
    all.begin()
    expect(all.waits).not.toHaveProperty('grace')
    const ended = new Desk()
    const owner = ended.begin()
    expect(ended.waits).toMatchObject({ grace: 2 })
    ended.meetings.close('m', ended.now)
    ended.timers.run(ended.now + ended.limits.sessionKeepMs)
    expect(owner.events.list).toEqual([])
  })
})

describe('The business of a meeting whose node has ended', () => {
  const logic = { input: () => null } as never
  const reviving = (revived: string[]): MeetingBusiness => ({
    kind: 'k',
    metadata: { a: 1 },
    logic: { revive: () => void revived.push('revived') },
  })

  it('can go on where it needs no state, or can be had without its state, and not otherwise', () => {
    const desk = new Desk({ kind: 'k' })
    const can = (adopted: MeetingBusiness | null): boolean => {
      desk.adopted = adopted
      return desk.accession.businessFor(desk.replica) !== null
    }
    expect([can(null), can(plain), can({ ...plain, logic }), can(reviving([]))]).toEqual([
      false,
      true,
      false,
      true,
    ])
  })

  it('is told once that it goes on, before those who have waited come in', () => {
    const desk = new Desk()
    const told: string[] = []
    const business = reviving(told)
    Object.assign(business.logic as object, { join: (_: number, user: string) => void told.push(user) })
    desk.join('cid')
    const owner = desk.begin(true, { business })
    expect([told, owner.business]).toEqual([['revived', 'cid'], business])
  })

  it('has those look for the meeting again whom its business would take too long to ask about now', () => {
    const desk = new Desk()
    const business = reviving([])
    const join = (): null => {
      desk.hookTime += 3e6
      return null
    }
    Object.assign(business.logic as object, { join })
    for (const user of ['cid', 'dan', 'eve', 'fay']) desk.join(user)
    desk.begin(true, { business })
    expect(desk.answers).toEqual([
      'cid: slot 3, seq 9',
      'dan: slot 4, seq 0',
      'eve: NOT_FOUND',
      'fay: NOT_FOUND',
    ])
  })
})

describe('Those that may go on with the meeting as well', () => {
  it('are held to be holders of its frames: all but edges and those that have said that they have none', () => {
    const desk = new Desk()
    const { backing } = desk.begin()
    expect([...backing.holders]).toEqual([
      [HAS, STOOD],
      [SILENT, -Infinity],
    ])
  })

  it('are told to stop, of those that were not heard, where the owner was only silent and the world is the same', () => {
    const isPending = (silent: number, goesOn: boolean): boolean[] => {
      const desk = new Desk()
      desk.begin(goesOn, { silent })
      return [HAS, HAS_NOT, SILENT, EDGE].map((node) => desk.superseding.isPending(node))
    }
    expect(isPending(OWNER, true)).toEqual([false, false, true, false])
    expect(isPending(0, true)).toEqual([false, false, false, false])
    expect(isPending(OWNER, false)).toEqual([false, false, false, false])
  })

  it('are told so, too, where the owner has ended and had gone on with the meeting of another one', () => {
    const desk = new Desk({}, { type: 'epoch', term: 2, incarnation: OWNER + 1 })
    desk.begin()
    const pending = [HAS, HAS_NOT, SILENT, EDGE].map((node) => desk.superseding.isPending(node))
    expect(pending).toEqual([false, false, true, false])
  })

  it('need not be asked while half of the members support it: a promise counts from when it was asked for', () => {
    const permits = (users: readonly string[], since: number): boolean => {
      const desk = new Desk()
      for (const user of users) desk.promise(user, user === 'ann' ? 0 : 1)
      const owner = desk.begin()
      Object.assign(desk, { until: -Infinity, since })
      return owner.backing.permit(owner.room, desk.now) !== null
    }
    expect(permits(['ann'], STOOD)).toBe(true)
    expect(permits(['ann'], STOOD + 1)).toBe(false)
    expect(permits([], STOOD)).toBe(false)
  })
})
