import { errorTexts } from '../../protocol/error-texts.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import { costs, type Work } from '../ground/work.ts'
import type { Meetings } from '../meeting/meetings.ts'
import { partingOf } from '../meeting/reigns.ts'
import type { Placing, Room, RoomFacts } from '../meeting/room.ts'
import type { OpenedFrame } from '../meeting/sealed.ts'
import type { Refusal } from '../ports.ts'
import type { Account } from '../session/account.ts'
import { AGAIN_MS, type Joined } from '../session/elsewhere.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { RemoteMember } from './remote-member.ts'

/** The answer to a JOIN that has waited for too long. */
export const NO_ANSWER: Refusal = {
  code: 'BUSY',
  message: 'the node that has this meeting does not answer; try again',
  retryAfterMs: AGAIN_MS,
}

/** A JOIN that waits for the owner of its meeting. */
export interface Joining {
  readonly session: Session
  readonly message: MessageOf<'join'>
  readonly joined: (answer: Joined, now: number) => void
  readonly since: number
  /** The seat that it asks for; 0 where it needs none, or has one. */
  readonly seat: number
  /** What the owner has given it. */
  seated: { readonly member: RemoteMember; readonly message: MeshMessageOf<'seated'> } | null
}

/** The JOINs that wait at a replica; a session has one at a time. */
export class WaitingJoins {
  readonly #joins: Map<Session, Joining> = new Map()
  readonly #bySeat: Map<number, Joining> = new Map()
  /** Since when the client of a connection waits for this meeting, perhaps with several JOINs one after the other. */
  readonly #since: WeakMap<object, number> = new WeakMap()
  #untried: Iterator<Joining> | null = null
  /** The user for whom this node fetches the frames so far; null once they are here, undefined before the first JOIN. */
  #payer: Account | null | undefined

  get size(): number {
    return this.#joins.size
  }

  all(): Iterable<Joining> {
    return this.#joins.values()
  }

  /** Those that wait since then or longer. */
  before(time: number): Joining[] {
    return [...this.all()].filter(({ since }) => since <= time)
  }

  /** All may have what they wait for. False: there are none. */
  tryAll(): boolean {
    this.#untried = this.size > 0 ? this.#joins.values() : null
    return this.isTrying
  }

  /** Whether some of them are left to be tried. */
  get isTrying(): boolean {
    return this.#untried !== null
  }

  /** Those, until the node has done this much work: a crowd takes several sweeps. */
  *untried(work: Work, end: number): Generator<Joining> {
    while (this.#untried !== null && work.done < end) {
      const { value, done } = this.#untried.next()
      if (done === true) this.#untried = null
      else yield value
    }
  }

  of(session: Session): Joining | undefined {
    return this.#joins.get(session)
  }

  /** The one that asks for this seat. */
  for(seat: number): Joining | undefined {
    return this.#bySeat.get(seat)
  }

  add(joining: Joining): void {
    this.#joins.set(joining.session, joining)
    if (this.#payer === undefined) this.#payer = joining.session.account
    if (joining.seat !== 0) this.#bySeat.set(joining.seat, joining)
    const { outlet } = joining.session
    if (outlet !== null && !this.#since.has(outlet)) this.#since.set(outlet, joining.since)
  }

  /** Since when a session that has no seat on its present connection waits for one. */
  sinceOf({ outlet }: Session): number {
    return (outlet === null ? undefined : this.#since.get(outlet)) ?? Infinity
  }

  /** It has one. */
  seated({ outlet }: Session): void {
    if (outlet !== null) this.#since.delete(outlet)
  }

  delete({ session, seat }: Joining): void {
    this.#joins.delete(session)
    this.#bySeat.delete(seat)
  }

  /** The seat that a JOIN waits for was refused, or has ended already. */
  unseated(joining: Joining, message: MeshMessageOf<'refused' | 'ended'>, now: number): void {
    this.delete(joining)
    const isRefused = message.type === 'refused'
    const code = isRefused ? message.error : 'CLOSED'
    const retryAfterMs = isRefused ? message.retryAfter : 0
    const reason = isRefused ? message.reason : ''
    joining.joined({ code, message: message.message || errorTexts[code], retryAfterMs, reason }, now)
  }

  /** What the owner has given them counts no more: they ask again. */
  unseat(): void {
    for (const joining of this.all()) joining.seated = null
  }

  /** Nobody gets what it waits for. */
  endAll(code: ErrorCode, now: number): void {
    const busy: Refusal = { code: 'BUSY', message: errorTexts.BUSY, retryAfterMs: AGAIN_MS }
    for (const { joined } of this.takeAll()) joined(code === 'BUSY' ? busy : code, now)
  }

  /**
   * Whoever came first pays for these frames, which this node would not have fetched otherwise, also where that session
   * has left meanwhile. `isLast`: what comes later is for all.
   */
  pay(frames: readonly OpenedFrame[], isLast: boolean, now: number): void {
    let work = 0
    for (const { bytes } of frames) work += costs.walked + bytes.length * costs.reread
    if (work > 0) this.#payer?.pay(work, now)
    if (isLast) this.#payer = null
  }

  takeAll(): Joining[] {
    const all = [...this.all()]
    this.#joins.clear()
    this.#bySeat.clear()
    this.#untried = null
    return all
  }
}

/** What the owner is told of a session that wants to be a member. */
export function visitorFor({ session, message: { former, held, world, config } }: Joining): {
  readonly again: false
} & Pick<MeshMessageOf<'enter'>, 'session' | 'former' | 'held' | 'world' | 'user' | 'config'> {
  const { id, user } = session
  return { again: false, session: id, former, held, world, user, config }
}

/** A seat is given up without a word of who has asked for it, who may promise another owner elsewhere. */
export function givenUp(place: { readonly replica: number; readonly seat: number }): MeshMessageOf<'leave'> {
  return { type: 'leave', ...place, reason: 'expired' }
}

/** Whether all is there that a JOIN needs. */
export function isReady(
  joining: Joining,
  { log, facts }: Room,
  { head, origin }: { readonly head: number; readonly origin: object | null },
): boolean {
  if (joining.seat !== 0 && joining.seated === null) return false
  if (log.next <= head || isEarly(joining, facts, log.next)) return false
  return facts.frameRate === 0 || origin !== null
}

/** Whether a JOIN has to wait for frames that a replica does not have. `next`: of its log. */
function isEarly({ message, seated }: Joining, { world, reigns }: RoomFacts, next: number): boolean {
  // A client that comes from the owner may be ahead. What it holds beyond the end of a reign is undone.
  const [held] = message.held
  const common =
    held === undefined || reigns.length === 0
      ? message.next
      : partingOf(reigns, { ...held, next: message.next })
  if (message.world === world && common > next) return true
  // What the owner has said of its inputs holds from that frame on.
  return seated?.message.continued === true && next < seated.message.next
}

/** What a member is told of its inputs, see `Placing`. `isKnown`: its session has had the seat before. */
export function inputsOf(
  seated: Joining['seated'],
  member: RemoteMember | null,
  isKnown: boolean,
): Pick<Placing, 'continued' | 'waiting'> {
  if (seated === null) return { continued: isKnown, waiting: member?.waitingSeqs ?? [] }
  const { continued, waiting } = seated.message
  return { continued, waiting: waiting.map(({ seq }) => seq) }
}

/**
 * Answers JOINs that have waited for a meeting which is open here now. Spectators may be a crowd, and the business may
 * take long over others: each of those looks for the meeting again, and finds it here, when its turn has come.
 */
export function answerHere(
  joins: Iterable<Joining>,
  meetings: Pick<Meetings, 'join'>,
  isOver: () => boolean,
  now: number,
): void {
  for (const { session, message, joined } of joins)
    joined(message.spectator || isOver() ? 'NOT_FOUND' : meetings.join(session, message, now), now)
}
