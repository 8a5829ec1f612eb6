import type { MessageOf } from '../../protocol/schema.ts'
import { Timer } from '../ground/timers.ts'
import { costs } from '../ground/work.ts'
import { type Fence, isAbove, isSame } from '../meeting/reigns.ts'
import type { Room, RoomHost } from '../meeting/room.ts'
import { isOutrun } from '../meeting/visitor.ts'
import { type OpenedFrame, splitFrames } from '../meeting/sealed.ts'
import type { Session } from '../session/session.ts'
import { type Charter, readCharter } from './charter.ts'
import type { Copy } from './copy.ts'
import type { Frames } from './datagrams.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { Joining, WaitingJoins } from './waiting-joins.ts'

/** A replica, as far as it takes what members show. */
interface Recalling {
  readonly name: string
  readonly copy: Copy
  /** These follow what it has. */
  frames(come: Frames, now: number): void
}

interface RecallHost extends RoomHost {
  /** Whether this node may go on with meetings, also from what members show. */
  maySucceed(): boolean
}

/** Nobody here shows more. `other`: better than what the replica has. `owner`: the last one known; 0: none. */
type Done = (other: Copy | null, owner: number, now: number) => void

/**
 * A member who was asked for what it has kept. `copy`: made of that alone; null where it follows what the replica has.
 */
interface Asked {
  readonly joining: Joining
  copy: Copy | null
  /** When it must have shown all. */
  readonly until: number
  /** The last charter among it that is recent: what is shown has to have come that far. */
  recent: Charter | null
  /** The last owner that it knows; 0 where it says nothing of that. */
  owner: number
  hasShown: boolean
}

/**
 * Has the members who wait at a replica without an owner show what they have kept of the meeting, where that is more
 * than the replica has: the best log first, by the fence of its last frame and then by length. Only what bears the
 * cluster's tags is taken, each piece once it is proven; and of what is made of it alone, a charter has to be recent,
 * by the clocks of the nodes: a member must not bring back a meeting that was closed long ago, or an early state of
 * one. Whoever shows something else, or nothing for a second, costs the others that time.
 */
export class Recall {
  readonly #host: RecallHost
  readonly #replica: Recalling
  readonly #joins: WaitingJoins
  readonly #done: Done
  readonly #timer: Timer
  #asked: Asked | null = null
  /** What has been put together of members' logs alone, and the last owner that they know. */
  #other: Copy | null = null
  #owner = 0
  /** Where the log ends of the node that stands for the meeting. */
  #elsewhere: End = NOTHING
  /** How many have shown nothing that counts: the next ones have less time to begin. */
  #failed = 0
  /** How many times each user was asked. */
  readonly #tries: Map<string, number> = new Map()
  /** JOINs whose clients have shown what they have. */
  readonly #shown: WeakSet<Joining> = new WeakSet()

  constructor(host: RecallHost, replica: Recalling, joins: WaitingJoins, done: Done) {
    this.#host = host
    this.#replica = replica
    this.#joins = joins
    this.#done = done
    this.#timer = new Timer('recall', (now) => this.#next(now))
  }

  /**
   * Asks the member that shows most, where it is more than what is here, and than what the node has that stands for the
   * meeting, if one does. False: there is none.
   */
  ask(now: number, standing: MeshMessageOf<'standing'> | null = null): boolean {
    this.#elsewhere =
      standing === null
        ? NOTHING
        : { term: standing.lastTerm, incarnation: standing.lastIncarnation, next: standing.next }
    return this.askOne(now)
  }

  /** The same where a JOIN has come and nothing else is new: those of thousands of spectators may wait. */
  askFor(come: Joining, now: number): boolean {
    this.#elsewhere = NOTHING
    return this.#asked !== null || (this.#isMore(come) && this.askOne(now))
  }

  /** The same, where nothing else has been heard of who stands. */
  askOne(now: number): boolean {
    const { lineage } = this.#host
    if (this.#asked !== null || !lineage) return this.#asked !== null
    let best: Joining | null = null
    for (const joining of this.#joins.all())
      if (this.#isMore(joining) && (best === null || this.#isBetter(joining, best))) best = joining
    if (best === null) return false
    this.#shown.add(best)
    this.#tries.set(best.session.user, this.#triesOf(best) + 1)
    const here = this.#here
    const follows = here.room !== null && isSame(endHeldBy(best), endOf(here))
    this.#pull(best, follows ? here.log.next : 0, now)
    return true
  }

  /** `from`: 0 for all that it has. */
  #pull(joining: Joining, from: number, now: number): void {
    const { limits, timers, downstream } = this.#host
    const { session, message } = joining
    const copy = from === 0 ? this.#replica.copy.fresh() : null
    const until = now + limits.recallAllMs
    this.#asked = { joining, copy, until, recent: null, owner: 0, hasShown: false }
    timers.set(this.#timer, now + limits.recallMs / Math.min(this.#failed + 1, MOST_HASTE))
    if (session.outlet !== null)
      downstream.control(session.outlet, { type: 'pull', call: message.call, from })
  }

  /** Whoever was asked less often comes first: who claims most may show nothing. */
  #isBetter(one: Joining, other: Joining): boolean {
    const [own, others] = [this.#triesOf(one), this.#triesOf(other)]
    return own < others || (own === others && goesBeyond(endHeldBy(one), endHeldBy(other)))
  }

  #triesOf({ session }: Joining): number {
    return this.#tries.get(session.user) ?? 0
  }

  /** The best that there is so far. */
  get #here(): Copy {
    return this.#other ?? this.#replica.copy
  }

  /** Whether a client holds more than what is here, as it says, and may be asked. */
  #isMore(joining: Joining, elsewhere: End = this.#elsewhere): boolean {
    const { message, session } = joining
    const { recallTries } = this.#host.limits
    const mayAsk =
      session.outlet !== null && !this.#shown.has(joining) && this.#triesOf(joining) < recallTries
    if (!mayAsk || !mayHaveKept(message)) return false
    const { room } = this.#here
    const held = endHeldBy(joining)
    if (!goesBeyond(held, elsewhere)) return false
    if (room === null) return true
    if (message.world !== room.facts.world || !this.#here.canGoOn) return false
    return goesBeyond(held, endOf(this.#here))
  }

  /** Whether it is of a later owner than the present one what a client may show: seated there, it would lose that. */
  isLater(joining: Joining): boolean {
    const { room } = this.#replica.copy
    const isOf = room !== null && isOutrun(joining.message, room.facts)
    return isOf && this.#host.maySucceed() && this.#isMore(joining, NOTHING)
  }

  /** The same as `ask`, where somebody has that to show. */
  askLater(now: number): void {
    if ([...this.#joins.all()].some((joining) => this.isLater(joining))) this.ask(now)
  }

  /** A client shows a piece of what it has kept. What nobody has asked for is passed over. */
  kept(session: Session, message: MessageOf<'kept'>, now: number): void {
    const asked = this.#asked
    if (asked?.joining.session !== session || asked.joining.message.call !== message.call) return
    session.account.pay(message.count * costs.walked + message.bytes.length * costs.reread, now)
    const { room, log } = this.#here
    // What it has begins behind the end of what is here.
    const isApart = message.count === 0 && message.first > log.next && room?.isDeserted === true
    if (isApart) asked.copy ??= this.#replica.copy.fresh()
    const into = asked.copy ?? this.#here
    const had = into.room?.log.next
    if (message.tag === 0 || !this.#take(asked, message, now)) this.#next(now)
    // What is known already gives nobody more time.
    else if (this.#asked === asked && into.room?.log.next !== had) {
      asked.hasShown = true
      this.#host.timers.set(this.#timer, Math.min(now + this.#host.limits.recallMs, asked.until))
    }
  }

  /** False: it proves nothing. */
  #take(asked: Asked, message: MessageOf<'kept'>, now: number): boolean {
    const { copy } = asked
    const { lineage } = this.#host
    const { name } = this.#replica
    const { first, count, bytes: data, stable, tag } = message
    const into = copy ?? this.#here
    const { room } = into
    if (!lineage) return false
    if (count === 0) {
      // What is here needs none.
      if (copy === null) return true
      if (lineage.ofCharter(name, first, data) !== tag) return false
      const sealed = lineage.keys.open(data)
      const charter = sealed && readCharter(sealed)
      if (charter === null || charter.facts.world !== asked.joining.message.world) return false
      if (room === null) {
        copy.follow(charter.facts, now)
        asked.owner = charter.owner
      }
      if (!copy.canGoOn) return false
      const age = lineage.wallAt(now) - charter.written
      if (age <= this.#host.limits.charterKeptMs) asked.recent = charter
      return true
    }
    if (!room?.log.trace) return false
    const { next } = room.log
    if (first > next) return false
    const end = first + count
    if (end <= next) return true
    const frames = opened(data, first, count)?.slice(next - first)
    if (frames === undefined) return false
    let chain = room.log.trace.behind(next - 1)
    for (const [at, { bytes }] of frames.entries()) chain = lineage.after(chain, next + at, bytes)
    if (lineage.ofHead(room.facts, chain, end - 1, stable) !== tag) return false
    // What was stable at the frames before the last one is not told.
    const marks = frames.map((_, at) => (next + at === end - 1 ? stable : room.log.stableAt(next - 1)))
    const come = { type: 'frames', replica: 0, first: next, frames, marks } as const
    for (const { events } of frames)
      for (const event of events)
        if (event.type === 'owner' || event.type === 'epoch') asked.owner = event.incarnation
    if (copy === null && this.#other === null) this.#replica.frames(come, now)
    else into.append(room, come, now, () => {})
    return true
  }

  /** The member has shown what it has, or takes too long: another one may have more. */
  #next(now: number): void {
    const { copy = null, recent = null, owner = 0, hasShown = false } = this.#asked ?? {}
    this.#asked = null
    this.#host.timers.clear(this.#timer)
    const isTaken =
      copy === null ? hasShown : hasComeTo(copy.room, recent) && goesBeyond(endOf(copy), endOf(this.#here))
    if (copy !== null) (isTaken ? this.#other : copy)?.discard('', now)
    if (copy !== null && isTaken) {
      copy.isShown = true
      this.#other = copy
    }
    if (!isTaken) this.#failed++
    else if (owner !== 0) this.#owner = owner
    if (this.askOne(now)) return
    const other = this.#other
    this.#other = null
    this.#done(other, this.#owner, now)
  }

  /** A session waits no more. */
  dropped(session: Session): void {
    if (this.#asked?.joining.session === session) this.#host.timers.set(this.#timer, 0)
  }

  /** What members have is not needed any more. */
  stop(): void {
    this.#host.timers.clear(this.#timer)
    // Nobody reads there who would have to be told.
    this.#asked?.copy?.discard('', 0)
    this.#other?.discard('', 0)
    this.#asked = null
    this.#other = null
  }
}

/** By how many the time is divided that a member has to begin, where others have shown nothing. */
const MOST_HASTE = 5

function opened(data: Uint8Array, first: number, count: number): OpenedFrame[] | undefined {
  try {
    return splitFrames(data, first, count)
  } catch {
    return undefined
  }
}

/** Whether frames lead to where a charter begins. */
function hasComeTo(room: Room | null, charter: Charter | null): boolean {
  if (charter === null || !room?.log.trace) return false
  const { first, chain } = charter.facts
  return first <= room.log.next && room.log.trace.behind(first - 1) === chain
}

/** Whether whoever joins was a member, so that its client may have kept something. */
export function mayHaveKept({ world, held: [held] }: MessageOf<'join'>): boolean {
  return world !== 0 && (held?.elected ?? 0) !== 0
}

/** Where a log ends: the fence of its last frame, and the next one. */
type End = Fence & { readonly next: number }

const NOTHING: End = { term: 0, incarnation: 0, next: 1 }

function endOf({ room }: Copy): End {
  return room === null ? NOTHING : { ...room.lastFence, next: room.log.next }
}

function endHeldBy({ message: { held, next } }: Joining): End {
  return { ...NOTHING, ...held[0], next }
}

/** Which of two logs is the better one: by the fence, then by length. */
function goesBeyond(one: End, other: End): boolean {
  return isAbove(one, other) || (isSame(one, other) && one.next > other.next)
}
