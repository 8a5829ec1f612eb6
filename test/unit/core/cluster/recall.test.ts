import { describe, expect, it, vi } from 'vitest'
import { Copy } from '../../../../src/core/cluster/copy.ts'
import type { Frames } from '../../../../src/core/cluster/datagrams.ts'
import { encodeMesh, type MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'
import { Recall } from '../../../../src/core/cluster/recall.ts'
import { type Joining, WaitingJoins } from '../../../../src/core/cluster/waiting-joins.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { LineageKeys } from '../../../../src/core/index.ts'
import { Lineage } from '../../../../src/core/meeting/lineage.ts'
import type { OpenedFrame } from '../../../../src/core/meeting/sealed.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { Writer } from '../../../../src/protocol/bytes.ts'
import { joinFrames } from '../../../../src/protocol/frames.ts'
import { simLineage } from '../../../../src/testing/lineage.ts'
import { disconnect, followedOf, frameOf, hostOf, joinOf, Parts } from './parts.ts'

const WORLD = 77
const OWNER = 5
/** Milliseconds since 1970 at the time 0 of the node. */
const EPOCH = 1_000_000
/** The meeting's log as its owner has sealed it: six frames, the fourth of them empty. */
const sealed = [
  frameOf([{ type: 'join', slot: 0, user: 'ann' }]),
  frameOf([], [[0, 1]]),
  frameOf([], [[0, 2]]),
  frameOf(),
  frameOf([], [[0, 3]]),
  frameOf([], [[0, 4]]),
]
const END = sealed.length + 1

type Held = MessageOf<'join'>['held'][number]
type Kept = MessageOf<'kept'>

/** A replica of the meeting, and members who wait there. What is asked of them, and how it ends, is noted in words. */
class Desk extends Parts {
  override readonly lineage: Lineage
  readonly joins: WaitingJoins = new WaitingJoins()
  readonly copy: Copy
  readonly recall: Recall
  /** The frames that the replica was given. */
  readonly came: number[] = []
  readonly ends: string[] = []
  /** What has been put together of members' logs alone. */
  other: Copy | null = null
  maySucceed = true
  /** What the replica does once it has frames. */
  enough = (): void => {}
  readonly #frames: readonly OpenedFrame[]
  readonly #chains: number[] = [0]
  #calls = 0

  constructor(limits: Partial<Limits> = {}, frames: readonly OpenedFrame[] = sealed, keys = simLineage) {
    super(limits)
    this.lineage = new Lineage(keys, (now) => EPOCH + now)
    this.#frames = frames
    for (const [at, { bytes }] of frames.entries())
      this.#chains.push(this.lineage.after(this.#chains[at] as number, at + 1, bytes))
    const host = {
      ...hostOf(this),
      lineage: this.lineage as Lineage | null,
      maySucceed: () => this.maySucceed,
    }
    this.copy = new Copy(host, 'm', 9, () => {})
    const replica = {
      name: 'm',
      copy: this.copy,
      frames: (frames: Frames, now: number) => {
        const { room } = this.copy
        if (room !== null) this.copy.append(room, frames, now, () => {})
        this.came.push(...frames.frames.map((_, at) => frames.first + at))
        this.enough()
      },
    }
    this.recall = new Recall(host, replica, this.joins, (other, owner, now) => {
      this.other = other
      this.ends.push(
        `${other === null ? 'nothing else' : `up to ${other.log.next - 1}`}, owner ${owner} @${now}`,
      )
    })
    this.forgetLineage = () => {
      host.lineage = null
    }
  }

  forgetLineage: () => void

  /** The replica has this many frames of the owner. */
  has(count: number, parts: Partial<MeshMessageOf<'followed'>> = {}): void {
    this.copy.follow(followedOf({ frameRate: 0, ...parts }), this.now)
    const frames = this.#frames.slice(0, count)
    const { room } = this.copy
    if (room === null) throw new Error('it follows nothing')
    this.copy.append(
      room,
      { type: 'frames', replica: 9, first: 1, frames, marks: frames.map(() => 0) },
      this.now,
      () => {},
    )
  }

  /** A member waits who says that it has all frames before `next`. Its JOIN has the next number. */
  member(
    user: string,
    next = END,
    held: Partial<Held> = {},
    parts: Partial<MessageOf<'join'>> = {},
  ): Joining {
    const nothing = { promisedTerm: 0, promisedIncarnation: 0, seen: 0, stable: 0 }
    const message = joinOf({
      call: ++this.#calls,
      world: WORLD,
      next,
      held: [{ slot: 0, elected: 1, term: 2, incarnation: OWNER, ...nothing, ...held }],
      ...parts,
    })
    const joining: Joining = {
      session: this.session(user),
      message,
      joined: () => {},
      since: this.now,
      seat: 0,
      seated: null,
    }
    this.joins.add(joining)
    return joining
  }

  /** A charter of the frames from one on; written a second ago. */
  charter(
    first = 1,
    parts: Partial<MeshMessageOf<'followed'>> = {},
    written = EPOCH + this.now - 1_000,
  ): Kept {
    const facts = { replica: 0, frameRate: 0, first, next: first, head: first - 1, hidden: first, due: 0 }
    const w = new Writer(512)
    w.uint(OWNER)
    w.uint(written)
    w.raw(encodeMesh(followedOf({ ...facts, chain: this.#chains[first - 1] as number, ...parts })))
    return this.charterOf(simLineage.seal(w.finish()), first)
  }

  charterOf(bytes: Uint8Array, first = 1): Kept {
    const tag = this.lineage.ofCharter('m', first, bytes)
    return { type: 'kept', call: 0, first, count: 0, bytes, stable: 0, tag }
  }

  /** Frames `first` … `last` as the owner has sealed them. */
  piece(first: number, last: number, stable = 0): Kept {
    const w = new Writer(64)
    joinFrames(
      w,
      this.#frames.slice(first - 1, last).map(({ bytes }) => bytes),
    )
    const named = { name: 'm', world: WORLD }
    const tag = this.lineage.ofHead(named, this.#chains[last] as number, last, stable)
    return { type: 'kept', call: 0, first, count: last - first + 1, bytes: w.finish(), stable, tag }
  }

  /** It shows this, one after the other. */
  shows({ session, message: { call } }: Joining, ...pieces: Kept[]): void {
    for (const piece of pieces) this.recall.kept(session, { ...piece, call }, this.now)
  }

  /** Its client has no more. */
  nothingMore(): Kept {
    return { type: 'kept', call: 0, first: 0, count: 0, bytes: new Uint8Array(0), stable: 0, tag: 0 }
  }

  /** All of it, from a frame on. */
  showsAll(joining: Joining, first = 1, last = this.#frames.length): void {
    this.shows(joining, this.charter(first), this.piece(first, last), this.nothingMore())
  }

  wait(ms: number): void {
    const until = this.now + ms
    while (this.timers.next <= until) {
      this.now = Math.max(this.now, this.timers.next)
      this.timers.run(this.now)
    }
    this.now = until
  }

  /** How long the one has that was asked, or goes on. */
  get left(): number {
    return this.timers.next - this.now
  }

  ended(): string[] {
    return this.ends.splice(0)
  }
}

describe('Of the members who wait where a meeting has no owner', () => {
  it('the one is asked first that shows the latest owner, and of those the longest log', () => {
    const desk = new Desk()
    desk.member('short', 5)
    desk.member('long', 9)
    desk.member('later', 3, { incarnation: OWNER + 1 })
    desk.member('latest', 2, { term: 3, incarnation: 1 })
    expect(desk.recall.ask(desk.now)).toBe(true)
    expect(desk.news()).toEqual(['pull call:4'])
    desk.wait(3_000)
    expect(desk.news()).toEqual(['pull call:3', 'pull call:2', 'pull call:1'])
  })

  it('nobody is asked who shows no more than is here', () => {
    const desk = new Desk()
    desk.has(3)
    desk.member('equal', 4)
    desk.member('earlier', 9, { term: 1 })
    desk.member('other', 9, {}, { world: WORLD + 1 })
    expect([desk.recall.ask(desk.now), desk.news()]).toEqual([false, []])
    desk.member('more', 5)
    expect([desk.recall.ask(desk.now), desk.news()]).toEqual([true, ['pull call:4 from:4']])
  })

  it('nobody is asked who was no member, or is not connected', () => {
    const desk = new Desk()
    desk.member('new', 9, {}, { held: [] })
    desk.member('spectator', 9, { elected: 0 })
    desk.member('worldless', 9, {}, { world: 0 })
    disconnect(desk.member('away', 9).session)
    expect([desk.recall.ask(desk.now), desk.news(), desk.waits]).toEqual([false, [], {}])
  })

  it('nobody is asked where the cluster has no secret', () => {
    const desk = new Desk()
    desk.forgetLineage()
    const ann = desk.member('ann')
    expect([desk.recall.ask(desk.now), desk.recall.askFor(ann, desk.now), desk.news()]).toEqual([
      false,
      false,
      [],
    ])
  })

  it('nobody is asked where this node could not go on from what is here, though it may lack frames', () => {
    const desk = new Desk()
    desk.has(3, { legacy: '' })
    desk.member('ann')
    expect(desk.recall.ask(desk.now)).toBe(false)
  })

  it('nobody is asked who has no more than the node that stands for the meeting, until another JOIN comes', () => {
    const desk = new Desk()
    const standing = {
      type: 'standing',
      lastTerm: 2,
      lastIncarnation: OWNER,
      next: 5,
    } as MeshMessageOf<'standing'>
    const ann = desk.member('ann', 5)
    expect(desk.recall.ask(desk.now, standing)).toBe(false)
    expect(desk.recall.askOne(desk.now)).toBe(false)
    desk.member('bob', 6)
    expect([desk.recall.ask(desk.now, standing), desk.news()]).toEqual([true, ['pull call:2']])
    desk.wait(1_000)
    expect(desk.ended()).toEqual(['nothing else, owner 0 @2000'])
    expect([desk.recall.askFor(ann, desk.now), desk.news()]).toEqual([true, ['pull call:1']])
  })

  it('one is asked at a time, whoever comes meanwhile', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    expect([desk.recall.askFor(ann, desk.now), desk.news()]).toEqual([true, ['pull call:1']])
    const bob = desk.member('bob', 99)
    const watcher = desk.member('watcher', 0, {}, { held: [] })
    expect(desk.recall.askFor(watcher, desk.now)).toBe(true)
    expect([desk.recall.askFor(bob, desk.now), desk.recall.askOne(desk.now), desk.news()]).toEqual([
      true,
      true,
      [],
    ])
  })

  it('who comes and has nothing has nobody else looked at', () => {
    const desk = new Desk()
    desk.member('ann')
    const watcher = desk.member('watcher', 0, {}, { held: [] })
    const all = vi.spyOn(desk.joins, 'all')
    expect(desk.recall.askFor(watcher, desk.now)).toBe(false)
    expect(all).not.toHaveBeenCalled()
  })

  it('each is asked once for a JOIN, and a user some times at most, those first who were asked less often', () => {
    const desk = new Desk({ recallTries: 2 })
    desk.member('eve', 99)
    desk.member('eve', 98)
    desk.member('ann', 3)
    desk.member('eve', 97)
    desk.recall.ask(desk.now)
    desk.wait(10_000)
    expect(desk.news()).toEqual(['pull call:1', 'pull call:3', 'pull call:2'])
    expect(desk.ended()).toHaveLength(1)
    expect(desk.recall.ask(desk.now)).toBe(false)
  })

  it('each has a second to begin; the next ones less where others have shown nothing, a fifth at least', () => {
    const desk = new Desk()
    for (let at = 0; at < 7; at++) desk.member(`u${at}`)
    desk.recall.ask(desk.now)
    const times: number[] = []
    for (; desk.left < Infinity; desk.wait(desk.left)) times.push(Math.round(desk.left))
    expect(times).toEqual([1_000, 500, 333, 250, 200, 200, 200])
    expect(desk.ended()).toEqual(['nothing else, owner 0 @3683.3333333333335'])
  })

  it('one who goes while it is asked is waited for no longer, another one who goes changes nothing', () => {
    const desk = new Desk()
    const ann = desk.member('ann', 9)
    const bob = desk.member('bob', 8)
    desk.recall.ask(desk.now)
    desk.recall.dropped(bob.session)
    expect(desk.left).toBe(1_000)
    desk.recall.dropped(ann.session)
    expect(desk.left).toBeLessThanOrEqual(0)
    desk.wait(0)
    expect(desk.news()).toEqual(['pull call:1', 'pull call:2'])
    desk.recall.stop()
    desk.recall.dropped(bob.session)
    expect(desk.waits).toEqual({})
  })
})

describe('What a member shows of a meeting of which nothing is here', () => {
  it('is a log to go on from, once it has shown a charter and frames', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.shows(ann, desk.charter(), desk.piece(1, 2, 1), desk.piece(3, 6, 4))
    expect(desk.ended()).toEqual([])
    desk.shows(ann, desk.nothingMore())
    expect(desk.ended()).toEqual([`up to 6, owner ${OWNER} @1000`])
    expect(desk.other).toMatchObject({ isShown: true, canGoOn: true })
    // Marks are told with a piece, of its last frame.
    expect([1, 2, 3, 5, 6].map((frame) => desk.other?.room?.log.stableAt(frame))).toEqual([0, 1, 1, 1, 4])
    expect([desk.came, desk.waits]).toEqual([[], {}])
    expect(desk.other?.room?.attendance.list.map(({ user }) => user)).toEqual(['ann'])
  })

  it('costs its user the work that it makes', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    const pay = vi.spyOn(ann.session.account, 'pay')
    desk.recall.ask(desk.now)
    const piece = desk.piece(1, 6)
    desk.shows(ann, desk.charter(), piece)
    expect(pay.mock.calls[1]).toEqual([6 * 10 + piece.bytes.length * 4, 1_000])
  })

  it('is passed over where nobody has asked for it', () => {
    const desk = new Desk()
    const [ann, bob] = [desk.member('ann', 9), desk.member('bob', 8)]
    const pay = vi.spyOn(bob.session.account, 'pay')
    desk.shows(ann, desk.charter())
    desk.recall.ask(desk.now)
    desk.shows(bob, desk.charter(), desk.nothingMore())
    desk.recall.kept(ann.session, { ...desk.nothingMore(), call: 7 }, desk.now)
    expect([desk.news(), desk.ended(), pay.mock.calls, desk.held.meeting]).toEqual([
      ['pull call:1'],
      [],
      [],
      0,
    ])
  })

  it('may take a second for each piece that is new, and four in all', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.wait(900)
    desk.shows(ann, desk.charter())
    expect(desk.left).toBe(1_000)
    desk.wait(900)
    desk.shows(ann, desk.piece(1, 2))
    expect(desk.left).toBe(1_000)
    desk.wait(900)
    // Known already.
    desk.shows(ann, desk.piece(1, 1), desk.piece(1, 2), desk.piece(2, 2), desk.charter())
    expect(desk.left).toBe(100)
    desk.shows(ann, desk.piece(2, 3))
    expect(desk.left).toBe(1_000)
    desk.wait(900)
    desk.shows(ann, desk.piece(4, 5))
    expect(desk.left).toBe(400)
    desk.wait(400)
    expect(desk.ended()).toEqual([`up to 5, owner ${OWNER} @5000`])
  })

  it('gives the next member all its time, as one who shows nothing does not', () => {
    const desk = new Desk()
    const ann = desk.member('ann', 9)
    desk.member('bob', 8)
    desk.recall.ask(desk.now)
    desk.showsAll(ann)
    expect([desk.news(), desk.left]).toEqual([['pull call:1', 'pull call:2 from:7'], 1_000])
  })

  it.each<[string, (desk: Desk) => Kept]>([
    ['no charter', (desk) => desk.piece(1, 6)],
    ['a charter with another tag', (desk) => ({ ...desk.charter(), tag: 1 })],
    ['a charter of another world', (desk) => desk.charter(1, { world: WORLD + 1 })],
    ['a charter that is none', (desk) => desk.charterOf(new Uint8Array(40).fill(0x5a))],
    ['a charter from which nobody can go on', (desk) => desk.charter(1, { legacy: '' })],
  ])('is not waited for where it is %s', (_, shown) => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.shows(ann, shown(desk))
    expect(desk.ended()).toEqual(['nothing else, owner 0 @1000'])
    expect([desk.other, desk.held.meeting, desk.budget.inside.size]).toEqual([null, 0, 0])
  })

  it.each<[string, (desk: Desk) => Kept[]]>([
    ['does not lead', (desk) => [desk.charter(), desk.piece(1, 2), desk.charter(5)]],
    ['leads elsewhere', (desk) => [desk.charter(), desk.piece(1, 6), desk.charter(5, { chain: 8 })]],
    ['leads', (desk) => [desk.charter(1, {}, EPOCH + desk.now - 150_001), desk.piece(1, 6)]],
  ])('does not count where it %s to a charter that is recent', (_, shown) => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.shows(ann, ...shown(desk))
    expect(desk.ended()).toEqual([])
    desk.shows(ann, desk.nothingMore())
    expect(desk.ended()).toEqual(['nothing else, owner 0 @1000'])
    expect([desk.other, desk.held.meeting, desk.budget.inside.size]).toEqual([null, 0, 0])
  })

  it.each<[string, (desk: Desk) => Kept]>([
    ['frames behind a hole', (desk) => desk.piece(2, 6)],
    ['frames with another tag', (desk) => ({ ...desk.piece(1, 6), tag: 1 })],
    ['another stable mark', (desk) => ({ ...desk.piece(1, 6, 2), stable: 3 })],
    ['bytes that are no frames', (desk) => ({ ...desk.piece(1, 6), bytes: new Uint8Array(9) })],
    ['more frames than its bytes have', (desk) => ({ ...desk.piece(1, 6), count: 7 })],
  ])('counts up to its charter where %s follow, and nothing behind them', (_, shown) => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.shows(ann, desk.charter(), shown(desk))
    expect(desk.ended()).toEqual([`up to 0, owner ${OWNER} @1000`])
  })

  it('counts up to a hole, and not as what leads to a charter behind one, though all frames in it are empty', () => {
    const quiet = [...sealed.slice(0, 2), ...Array.from({ length: 8 }, () => frameOf())]
    for (const behind of [(desk: Desk) => desk.piece(5, 6), (desk: Desk) => desk.charter(7)]) {
      const desk = new Desk({}, quiet)
      const ann = desk.member('ann')
      desk.recall.ask(desk.now)
      desk.shows(ann, desk.charter(), desk.piece(1, 2), behind(desk), desk.nothingMore())
      const isFrames = behind(desk).count > 0
      expect(desk.ended()).toEqual([
        `${isFrames ? `up to 2, owner ${OWNER}` : 'nothing else, owner 0'} @1000`,
      ])
    }
  })

  it('is asked for from its beginning where its client names no owner', () => {
    const desk = new Desk()
    const ann = desk.member('ann', END, { term: 0, incarnation: 0 })
    desk.recall.ask(desk.now)
    desk.showsAll(ann)
    expect([desk.news(), desk.ended()]).toEqual([['pull call:1'], [`up to 6, owner ${OWNER} @1000`]])
  })

  it('counts where its last charter is as old as may be, and leads on from an older one', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    const old = desk.charter(1, {}, EPOCH - 999_000)
    const recent = desk.charter(5, {}, EPOCH + desk.now - 150_000)
    desk.shows(ann, old, desk.piece(1, 6), recent, desk.nothingMore())
    expect(desk.ended()).toEqual([`up to 6, owner ${OWNER} @1000`])
  })

  it('counts as far as it is proven: what comes behind something else is not looked at', () => {
    const desk = new Desk()
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.shows(ann, desk.charter(), desk.piece(1, 3), { ...desk.piece(4, 5), tag: 1 }, desk.piece(4, 6))
    expect(desk.ended()).toEqual([`up to 3, owner ${OWNER} @1000`])
  })

  it('tells who owns the meeting: the last owner of its frames, where they say so', () => {
    const reign = { type: 'owner', incarnation: 8 } as const
    const epoch = { type: 'epoch', term: 3, incarnation: 6 } as const
    const join = { type: 'join', slot: 0, user: 'ann' } as const
    for (const [frames, owner] of [
      [[frameOf([join, reign])], 8],
      [[frameOf([join, reign]), frameOf([epoch])], 6],
    ] as const) {
      const desk = new Desk({}, frames)
      desk.recall.ask(desk.now)
      const ann = desk.member('ann', 9, { term: 4 })
      desk.recall.ask(desk.now)
      desk.showsAll(ann)
      expect(desk.ended()).toEqual([`up to ${frames.length}, owner ${owner} @1000`])
    }
  })

  it('gives way to what another one shows that is better, and is let go of then', () => {
    const desk = new Desk()
    const ann = desk.member('ann', 9)
    // Its log begins later, so what ann has shown cannot be gone on with from it.
    const bob = desk.member('bob', 8, { term: 3, incarnation: 1 })
    desk.recall.ask(desk.now)
    desk.showsAll(bob, 1, 3)
    expect(desk.news()).toEqual(['pull call:2', 'pull call:1 from:4'])
    desk.shows(ann, desk.piece(4, 6), desk.nothingMore())
    expect(desk.ended()).toEqual([`up to 6, owner ${OWNER} @1000`])
    expect(desk.budget.inside.size).toBe(1)
  })

  it('is taken apart where it begins behind the end of what is here', () => {
    const desk = new Desk()
    const [ann, bob] = [desk.member('ann', 9), desk.member('bob', 8)]
    desk.recall.ask(desk.now)
    desk.showsAll(ann, 1, 2)
    expect(desk.news()).toEqual(['pull call:1', 'pull call:2 from:3'])
    desk.showsAll(bob, 5)
    expect(desk.ended()).toEqual([`up to 6, owner ${OWNER} @1000`])
    expect([desk.other?.log.first, desk.budget.inside.size]).toEqual([5, 1])
  })

  it('is let go of where it is not needed any more', () => {
    const desk = new Desk()
    const [ann, bob] = [desk.member('ann', 9), desk.member('bob', 8)]
    desk.recall.ask(desk.now)
    desk.showsAll(ann, 1, 2)
    desk.shows(bob, desk.charter(5), desk.piece(5, 6))
    expect(desk.budget.inside.size).toBe(2)
    desk.recall.stop()
    expect([desk.budget.inside.size, desk.held.meeting, desk.waits]).toEqual([0, 0, {}])
    desk.shows(bob, desk.nothingMore())
    expect(desk.ended()).toEqual([])
    // What was there is forgotten: the next one is asked for all.
    desk.member('cid', 9)
    expect([desk.recall.ask(desk.now), desk.news().at(-1)]).toEqual([true, 'pull call:3'])
  })
})

describe('What a member shows beyond the frames that are here', () => {
  it('follows them, and needs no charter', () => {
    const desk = new Desk()
    desk.has(3)
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    expect(desk.news()).toEqual(['pull call:1 from:4'])
    desk.shows(ann, desk.charter(4), desk.piece(3, 5, 2), desk.piece(6, 6, 3), desk.nothingMore())
    expect([desk.came, desk.copy.log.next]).toEqual([[4, 5, 6], 7])
    expect([3, 4, 5, 6].map((frame) => desk.copy.room?.log.stableAt(frame))).toEqual([0, 0, 2, 3])
    expect(desk.ended()).toEqual(['nothing else, owner 0 @1000'])
  })

  it('has to prove that it follows', () => {
    const desk = new Desk()
    desk.has(3)
    const [ann, bob] = [desk.member('ann', 9), desk.member('bob', 8)]
    desk.recall.ask(desk.now)
    desk.shows(ann, { ...desk.piece(4, 6), tag: 1 })
    expect([desk.came, desk.news()]).toEqual([[], ['pull call:1 from:4', 'pull call:2 from:4']])
    // Who has shown nothing has cost the others time.
    expect(desk.left).toBe(500)
    desk.shows(bob, desk.piece(4, 6), desk.nothingMore())
    expect([desk.came, desk.ended()]).toEqual([[4, 5, 6], ['nothing else, owner 0 @1000']])
  })

  it('counts up to a hole, and gives the next member all its time', () => {
    const desk = new Desk()
    desk.has(2)
    const ann = desk.member('ann', 9)
    desk.member('bob', 8)
    desk.recall.ask(desk.now)
    desk.shows(ann, desk.piece(3, 4), desk.piece(6, 6))
    expect([desk.news(), desk.left]).toEqual([['pull call:1 from:3', 'pull call:2 from:5'], 1_000])
  })

  it('is not taken apart where it begins behind their end and somebody reads them', () => {
    const desk = new Desk()
    desk.has(2)
    const ann = desk.member('ann')
    desk.copy.room?.followers.add({
      readers: 1,
      spectators: 1,
      watchers: [],
      tell: () => {},
      close: () => {},
    })
    desk.recall.ask(desk.now)
    desk.shows(ann, desk.charter(5), desk.piece(5, 6))
    expect(desk.ended()).toEqual(['nothing else, owner 0 @1000'])
  })

  it('is waited for no longer once they are enough', () => {
    const desk = new Desk()
    desk.has(3)
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.enough = () => desk.recall.stop()
    desk.shows(ann, desk.piece(4, 5))
    expect([desk.came, desk.waits]).toEqual([[4, 5], {}])
  })

  it('is asked for whole where it is of a later owner, and takes the place of what is here', () => {
    const desk = new Desk()
    desk.has(5)
    const reigns = [
      { term: 2, incarnation: OWNER, from: 1 },
      { term: 3, incarnation: 6, from: 3 },
    ]
    const ann = desk.member('ann', 5, { term: 3, incarnation: 6 })
    desk.recall.ask(desk.now)
    expect(desk.news()).toEqual(['pull call:1'])
    desk.shows(
      ann,
      desk.charter(1, { reigns, term: 3, incarnation: 6 }),
      desk.piece(1, 4),
      desk.nothingMore(),
    )
    expect(desk.ended()).toEqual([`up to 4, owner ${OWNER} @1000`])
    expect([desk.came, desk.copy.log.next]).toEqual([[], 6])
  })

  it('does not count where it is no better than what is here, whatever its JOIN says', () => {
    const desk = new Desk()
    desk.has(6)
    const ann = desk.member('ann', 9, { term: 3 })
    desk.recall.ask(desk.now)
    desk.showsAll(ann)
    expect([desk.ended(), desk.budget.inside.size]).toEqual([['nothing else, owner 0 @1000'], 1])
  })
})

describe('What a client may show of a later owner than the present one', () => {
  it('is asked for where this node may go on with meetings, and where it is more', () => {
    const desk = new Desk()
    const early = desk.member('early', 9, { term: 3 })
    expect(desk.recall.isLater(early)).toBe(false)
    desk.has(6)
    const isLater = (held: Partial<Held>, parts: Partial<MessageOf<'join'>> = {}): boolean =>
      desk.recall.isLater(desk.member('ann', 3, held, parts))
    expect([isLater({ term: 3 }), isLater({}), isLater({ term: 3 }, { world: 5 })]).toEqual([
      true,
      false,
      false,
    ])
    expect(isLater({ term: 3, elected: 0 })).toBe(false)
    desk.maySucceed = false
    expect(isLater({ term: 3 })).toBe(false)
    desk.recall.askLater(desk.now)
    expect(desk.news()).toEqual([])
    desk.maySucceed = true
    desk.recall.askLater(desk.now)
    expect(desk.news()).toEqual(['pull call:1'])
  })

  it('counts as more, whatever the node has that stood for the meeting before', () => {
    const desk = new Desk()
    desk.has(6)
    const standing = {
      type: 'standing',
      lastTerm: 9,
      lastIncarnation: 1,
      next: 5,
    } as MeshMessageOf<'standing'>
    const ann = desk.member('ann', 3, { term: 3 })
    desk.recall.ask(desk.now, standing)
    expect(desk.recall.isLater(ann)).toBe(true)
  })

  it('is looked for only where somebody waits who has it', () => {
    const desk = new Desk()
    desk.has(3)
    desk.member('ann', 6)
    desk.recall.askLater(desk.now)
    expect(desk.news()).toEqual([])
  })
})

const closed: LineageKeys = { ...simLineage, open: () => null }

describe('A charter that this node cannot open', () => {
  it('proves nothing', () => {
    const desk = new Desk({}, sealed, closed)
    const ann = desk.member('ann')
    desk.recall.ask(desk.now)
    desk.showsAll(ann)
    expect(desk.ended()).toEqual(['nothing else, owner 0 @1000'])
  })
})
