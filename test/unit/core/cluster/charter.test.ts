import { describe, expect, it } from 'vitest'
import { readCharter, writeCharter } from '../../../../src/core/cluster/charter.ts'
import { Charters } from '../../../../src/core/cluster/charters.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { MeetingLogic, MeetingOptions } from '../../../../src/core/index.ts'
import { Lineage } from '../../../../src/core/meeting/lineage.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import { seatOf } from '../../../../src/core/meeting/seat.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { binaryCodec } from '../../../../src/protocol/binary.ts'
import { Writer } from '../../../../src/protocol/bytes.ts'
import { encodeMesh } from '../../../../src/core/cluster/mesh-messages.ts'
import { limits } from '../../../../src/protocol/limits.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { simLineage } from '../../../../src/testing/lineage.ts'
import { bytes } from '../harness.ts'
import { followedOf, inputOf, joinOf, ownerOn, Parts, seal } from './parts.ts'

const SELF = 5
/** Milliseconds since 1970 at the time 0 of the node. */
const EPOCH = 1_000_000
const BEAT = 1_000

/** A meeting of this node, whose members are given charters; these are noted as user and first frame. */
class Desk extends Parts {
  override lineage: Lineage | null
  readonly owner: Owner
  readonly charters: Charters
  readonly open: Map<string, Owner> = new Map()
  readonly given: { readonly user: string; readonly charter: MessageOf<'charter'> }[] = []
  /** How many were written. */
  written = 0

  constructor(
    limits: Partial<Limits> = {},
    options: Partial<MeetingOptions> = {},
    metadata: Readonly<Record<string, unknown>> = {},
    hasSecret = true,
  ) {
    super({ charterBeatMs: BEAT, ...limits })
    const seal = (charter: Uint8Array): Uint8Array => {
      this.written++
      return simLineage.seal(charter)
    }
    this.lineage = hasSecret ? new Lineage({ ...simLineage, seal }, (now) => EPOCH + now) : null
    this.owner = ownerOn(this, { inputsPerSecond: 1_000, ...options }, null, {}, { kind: 'k', metadata })
    this.open.set('m', this.owner)
    const { lineage, timers, work } = this
    this.charters = new Charters({
      self: SELF,
      lineage,
      limits: this.limits,
      timers,
      work,
      downstream: {
        sendEncoded: ({ user }: Session, message: Uint8Array) => {
          const [charter] = binaryCodec.decode(message, 'server') as [MessageOf<'charter'>]
          this.given.push({ user, charter })
        },
      } as never,
      meetings: () => ({ get: (name: string) => this.open.get(name) }) as never,
    })
  }

  /** A member comes and gets a charter, where it may. */
  member(user: string, parts: Partial<MessageOf<'join'>> = {}, owner: Owner = this.owner): Session {
    const session = this.session(user)
    this.joins(session, parts, owner)
    return session
  }

  joins(session: Session, parts: Partial<MessageOf<'join'>> = {}, owner: Owner = this.owner): void {
    const joined = owner.join(session, joinOf(parts), this.now)
    if (typeof joined === 'string' || !('world' in joined)) throw new Error('not seated')
    this.charters.give(session, { ...joined, meeting: owner.name }, this.now)
    seal(owner, this.now)
  }

  /** The log grows by a frame with so much in it. */
  grow(session: Session, length: number): void {
    const seat = seatOf(session, this.owner.log.number)
    if (seat === undefined) throw new Error('not seated')
    const { last } = seat
    expect(
      this.owner.accept(seat, inputOf(last + 1, { after: last, data: bytes(length) }), this.now),
    ).toBeNull()
    seal(this.owner, this.now)
  }

  wait(ms: number): void {
    const until = this.now + ms
    while (this.timers.next <= until) {
      this.now = Math.max(this.now, this.timers.next)
      this.timers.run(this.now)
    }
    this.now = until
  }

  /** Who was given what since it was last looked at. */
  override news(): string[] {
    return this.given.splice(0).map(({ user, charter: { first } }) => `${user} ${first}`)
  }
}

describe('A charter', () => {
  it('says who has written it when, and what a replica is told that has all frames so far', () => {
    const desk = new Desk({}, { capacity: 7 }, { text: 'x' })
    desk.member('ann', { config: 'abc' })
    desk.owner.addBot('robot')
    seal(desk.owner, desk.now)
    const { log, room } = desk.owner
    desk.now = 2_000.7
    const charter = readCharter(
      writeCharter(desk.owner, SELF, desk.lineage as Lineage, desk.now) as Uint8Array,
    )
    expect([charter?.owner, charter?.written]).toEqual([SELF, EPOCH + 2_000])
    expect(charter?.facts).toMatchObject({
      type: 'followed',
      world: 77,
      term: 2,
      incarnation: 5,
      config: 'abc',
      first: 3,
      head: 2,
      next: 3,
      hidden: 3,
      due: 0,
      chain: log.trace?.behind(2),
      members: room.attendance.list,
      shown: [],
      bots: [{ slot: 1, from: 2 }],
    })
    expect(JSON.parse(charter?.facts.legacy ?? '')).toMatchObject({ kind: 'k', metadata: { text: 'x' } })
  })

  it('has delayed spectators know who was there', () => {
    const desk = new Desk({}, { spectatorDelayMs: 500 })
    desk.member('ann')
    const charter = readCharter(
      writeCharter(desk.owner, SELF, desk.lineage as Lineage, desk.now) as Uint8Array,
    )
    expect(charter?.facts.shown.map(({ user }) => user)).toEqual(['ann'])
  })

  it('is not written before 1970, whatever the clock says', () => {
    const early = new Lineage(simLineage, () => -5)
    const written = writeCharter(new Desk().owner, SELF, early, 0) as Uint8Array
    expect(readCharter(written)?.written).toBe(0)
  })

  it('is none where nobody could go on: the business has state of its own, or the nodes share no secret', () => {
    const desk = new Desk()
    const lineage = desk.lineage as Lineage
    const logic: MeetingLogic = { input: (_, __, data) => data }
    expect(writeCharter(ownerOn(desk, {}, logic), SELF, lineage, 0)).toBeNull()
    expect(writeCharter(new Desk({}, {}, {}, false).owner, SELF, lineage, 0)).toBeNull()
  })

  it.each([
    ['another message', encodeMesh({ type: 'absent', replica: 1 })],
    ['what no meeting is like', encodeMesh(followedOf({ frameRate: 61 }))],
    ['noise', new Uint8Array(40).fill(255)],
  ])('is none that has %s in the place of facts', (_, facts) => {
    const w = new Writer(64)
    w.uint(SELF)
    w.uint(EPOCH)
    w.raw(facts)
    expect(readCharter(w.finish())).toBeNull()
  })
})

describe('Who joins a meeting of this node', () => {
  it('gets a charter with a tag that proves it, which nobody else can read', () => {
    const desk = new Desk()
    desk.member('ann')
    const [{ charter } = { charter: undefined }] = desk.given
    expect(charter).toMatchObject({ type: 'charter', log: 3, first: 1 })
    const { bytes: data, tag } = charter as MessageOf<'charter'>
    expect(tag).toBe(desk.lineage?.ofCharter('m', 1, data))
    expect(readCharter(data)).toBeNull()
    expect(readCharter(simLineage.open(data) as Uint8Array)?.facts.first).toBe(1)
  })

  it('gets the same as others, as long as all the frames behind it come', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.member('bob')
    expect([desk.news(), desk.written]).toEqual([['ann 1', 'bob 1'], 1])
    desk.grow(ann, 9)
    // It holds the frames up to here, so it gets what follows alone.
    desk.member('cid', { world: 77, next: 3 })
    desk.member('dan', { world: 77, next: 3 })
    desk.member('eve', { world: 77, next: 5 })
    expect([desk.news(), desk.written]).toEqual([['cid 4', 'dan 4', 'eve 6'], 3])
  })

  it('gets another one once a bot has come, or a member has named the configuration', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.owner.addBot('robot')
    seal(desk.owner, desk.now)
    desk.joins(ann)
    desk.joins(ann)
    expect([desk.news(), desk.written]).toEqual([['ann 1', 'ann 3', 'ann 3'], 2])
    desk.member('bob', { config: 'abc' })
    expect([desk.news(), desk.written]).toEqual([['bob 3'], 3])
  })

  it('gets none as a spectator, of a meeting that is another node’s, or where the nodes share no secret', () => {
    const desk = new Desk()
    desk.member('eve', { spectator: true })
    const joined = { type: 'joined', meeting: 'm', log: 4, slot: 0, next: 1 } as MessageOf<'joined'>
    desk.charters.give(desk.session('ann'), joined, desk.now)
    desk.charters.give(desk.session('ann'), { ...joined, meeting: 'n', log: 3 }, desk.now)
    const alone = new Desk({}, {}, {}, false)
    alone.member('ann')
    alone.charters.add(alone.owner, alone.now)
    expect([desk.news(), alone.news(), desk.waits, alone.waits]).toEqual([[], [], {}, {}])
  })

  it('pays for its bytes, and far more for each where it has to be written', () => {
    const worksOf = (text: string): { readonly written: number; readonly sent: number } => {
      const desk = new Desk({}, {}, { text })
      const [written = 0, sent = 0] = ['ann', 'bob'].map((user) => {
        const session = desk.session(user)
        const joined = desk.owner.join(session, joinOf(), desk.now) as MessageOf<'joined'>
        const before = desk.work.done
        desk.charters.give(session, joined, desk.now)
        return desk.work.done - before
      })
      return { written: written - sent, sent }
    }
    const [small, large] = [worksOf(''), worksOf('x'.repeat(10_000))]
    expect(small.sent).toBeGreaterThan(0)
    expect((large.sent - small.sent) / 10_000).toBeCloseTo(4, 1)
    expect((large.written - small.written) / 10_000).toBeGreaterThan(10)
  })

  it('gets none that its client would not keep, and that is not tried again for each', () => {
    const desk = new Desk({}, {}, { text: 'x'.repeat(60_000) })
    const ann = desk.member('ann')
    desk.grow(ann, 9)
    desk.member('bob', { world: 77, next: 3 })
    expect([desk.news(), desk.written]).toEqual([[], 1])
    expect(desk.held.meeting).toBeLessThan(60_000)
  })

  it('gets one that is as large as its client keeps, and none above', () => {
    const lengthOf = (count: number): number | undefined => {
      const desk = new Desk({}, {}, { text: 'x'.repeat(count) })
      desk.member('ann')
      return desk.given[0]?.charter.bytes.length
    }
    const most = 40_000 + limits.kept - (lengthOf(40_000) ?? 0)
    expect([lengthOf(most), lengthOf(most + 1)]).toEqual([limits.kept, undefined])
  })

  it('has the meeting pay for what is kept of it, once', () => {
    const desk = new Desk({}, {}, { text: 'x'.repeat(20_000) })
    const before = desk.held.meeting
    const ann = desk.member('ann')
    const kept = desk.held.meeting - before
    expect(kept).toBeGreaterThan(20_000)
    desk.grow(ann, 9)
    desk.member('bob', { world: 77, next: 3 })
    expect([desk.written, Math.abs(desk.held.meeting - before - kept) < 1_000]).toEqual([2, true])
    desk.open.delete('m')
    desk.wait(BEAT)
    expect(desk.held.meeting - before).toBeLessThan(2_000)
  })
})

describe('Members who are here', () => {
  it('get a new charter once the log has grown so much', () => {
    const desk = new Desk({ charterBytes: 1_000 }, { inputBytes: 2_000 })
    const ann = desk.member('ann')
    desk.member('bob')
    desk.member('eve', { spectator: true })
    desk.news()
    desk.grow(ann, 700)
    desk.wait(BEAT)
    expect(desk.news()).toEqual([])
    desk.grow(ann, 300)
    desk.wait(BEAT - 1)
    expect(desk.news()).toEqual([])
    desk.wait(1)
    const { next } = desk.owner.log
    expect(desk.news()).toEqual([`ann ${next}`, `bob ${next}`])
    desk.wait(10 * BEAT)
    expect(desk.news()).toEqual([])
  })

  it('get a new charter after a while, and once a bot has come', () => {
    const desk = new Desk({ charterMs: 5_000 })
    desk.member('ann')
    desk.news()
    desk.wait(4_999)
    expect(desk.news()).toEqual([])
    desk.wait(1)
    expect(desk.news()).toEqual(['ann 2'])
    desk.owner.addBot('robot')
    seal(desk.owner, desk.now)
    desk.wait(BEAT)
    expect(desk.news()).toEqual(['ann 3'])
    desk.wait(4_000)
    expect(desk.news()).toEqual([])
  })

  it('get theirs, though others keep coming', () => {
    const desk = new Desk({ charterMs: 5_000 })
    desk.member('ann')
    for (let at = 0; at < 7; at++) {
      desk.wait(900)
      desk.member(`u${at}`)
    }
    expect(desk.news()).toContain('ann 7')
  })

  it('get one at once where this node goes on with the meeting', () => {
    const desk = new Desk()
    desk.owner.join(desk.session('ann'), joinOf(), desk.now)
    seal(desk.owner, desk.now)
    desk.charters.add(desk.owner, desk.now)
    desk.charters.add(desk.owner, desk.now)
    desk.wait(BEAT - 1)
    expect(desk.news()).toEqual([])
    desk.wait(1)
    expect(desk.news()).toEqual(['ann 2'])
    // What it was given does not count as missing.
    desk.charters.add(desk.owner, desk.now)
    desk.wait(BEAT)
    expect(desk.news()).toEqual([])
  })

  it('get a later one where they read slowly', () => {
    const desk = new Desk({ charterMs: 5_000 })
    const ann = desk.member('ann')
    desk.member('bob')
    desk.news()
    let isBehind = true
    Object.defineProperty(ann.log, 'isBehind', { get: () => isBehind })
    desk.wait(5_000)
    expect(desk.news()).toEqual(['bob 3'])
    isBehind = false
    desk.wait(5_000)
    expect(desk.news()).toEqual(['ann 3', 'bob 3'])
  })

  it('get none where there can be none, which is tried anew each time', () => {
    const desk = new Desk({ charterMs: 5_000 }, {}, { text: 'x'.repeat(60_000) })
    desk.member('ann')
    desk.wait(15_000)
    expect([desk.news(), desk.written]).toEqual([[], 4])
  })

  it('get no more once nobody reads, or the meeting has ended, and nothing waits', () => {
    for (const end of [
      (desk: Desk, ann: Session) => desk.owner.leave(seatOf(ann, 3) as never, 'left'),
      (desk: Desk) => desk.open.delete('m'),
    ]) {
      const desk = new Desk({ charterMs: 5_000 })
      end(desk, desk.member('ann'))
      desk.news()
      desk.wait(BEAT)
      expect([desk.news(), desk.timers.next]).toEqual([[], Infinity])
    }
  })

  it('get theirs a few meetings at a time, those that are due first, and none of one that has ended meanwhile', () => {
    const desk = new Desk({ charterMs: 5_000, sweepWork: 240_000 })
    const names = ['m', 'n', 'o']
    for (const name of names.slice(1)) {
      const owner = ownerOn(desk, {}, null, { name })
      desk.open.set(name, owner)
      desk.member(`of ${name}`, {}, owner)
    }
    desk.member('of m')
    desk.news()
    // The first beat was after the first of them came.
    desk.wait(5_000)
    expect(desk.news()).toEqual(['of n 2'])
    desk.wait(9)
    expect(desk.news()).toEqual([])
    desk.open.delete('o')
    desk.wait(1)
    expect(desk.news()).toEqual(['of m 2'])
    desk.wait(10)
    expect(desk.news()).toEqual([])
    expect(desk.timers.next).toBe(desk.now + BEAT - 10)
  })
})
