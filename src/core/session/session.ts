import { MAX_UINT, SYSTEM_SLOT } from '../../protocol/limits.ts'
import { type ClientMessage, type MessageOf, schema } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import { fixedLimits, type NodeLimits } from '../ground/config.ts'
import { type Bucket, FULL, type Rate } from '../ground/rate.ts'
import { Timer } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import type { Cursor, Outlet } from '../log/log.ts'
import type { Grant } from '../ports.ts'
import type { Account } from './account.ts'
import { mayJoin, mayRead } from './grant.ts'
import type { Parting, Seat, Subscription } from './parts.ts'
import type { CursorInfo, SessionInfo } from './session-info.ts'
import { SessionLog, weigh } from './session-log.ts'
import type { HandedSession, Said } from './handed-session.ts'
import { UpstreamQueue, weighMessage } from './upstream-queue.ts'
import type { User } from './user.ts'

/** What a session needs of the rest of the node. */
export interface SessionHost {
  readonly limits: NodeLimits
  readonly budget: Budget
  /** The reader of this outlet lost entries of its session log. */
  slow(outlet: Outlet): void
  /** No connection came in time, or the token has expired. */
  expired(session: Session, now: number): void
  /** The session log is no longer behind. */
  caughtUp(session: Session): void
  /** A user has more or fewer sessions, or connections, than before. */
  counted(user: string): void
  /** An entry for a session that node `to` goes on with. */
  sendOn(session: Session, to: number, entry: Uint8Array): void
}

/**
 * The life of a session. Every legal move:
 *
 *   live ─its connection is gone→ away ─it comes back→ live
 *    │                             ├─goes on at another node→ gone ─comes back from there→ away
 *    └──leaves, is expelled───────┴─also: waited in vain─────┴→ ended
 *
 * The connection of a session that has ended is closed right after.
 */
export type SessionState =
  /** `outlet`: of its connection. */
  | { readonly is: 'live'; readonly outlet: Outlet }
  | { readonly is: 'away' }
  /**
   * Node `to` goes on with it. Its seats stay until they are taken there, and what is under way here ends here: answers
   * to its calls are sent on.
   */
  | { readonly is: 'gone'; readonly to: number }
  | { readonly is: 'ended' }

function weightOf(said: readonly Said[]): number {
  return said.reduce((sum, { data }) => sum + weigh(data.bytes), 0)
}

/** What it is told of its calls, wherever it goes on; the rest is about logs of this node. */
const answersOfCalls: readonly number[] = [schema.done.code, schema.failed.code, schema.reply.code]

/** One logical client. It survives reconnects, together with its session log. */
export class Session {
  readonly id: string
  readonly user: string
  /** The user, who pays for what the session holds. */
  readonly payer: User
  grant: Grant
  state: SessionState = { is: 'away' }
  readonly log: SessionLog
  readonly upstream: UpstreamQueue
  /** Seats and subscriptions, by log number. */
  readonly seats: Map<number, Seat> = new Map()
  readonly subscriptions: Map<number, Subscription> = new Map()
  /** Seats that have ended, whose readers have yet to get their last frames; null for none. */
  #partings: Map<Cursor, Parting> | null = null
  /** What was said to it alone at another node; it pays for that until it has joined the meeting here. */
  #said: readonly Said[] = []
  /** How many moves in a row have led to this connection; 0 once they were counted. */
  moves = 0
  /** The highest call number accepted. A call at or below it is a duplicate. */
  calls = 0
  /** What the last delivered message weighs while it waits for `authorize` or `openMissing`; 0 while none does. */
  #asking = 0
  /** What is to be done about it when the session has its turn; null while that is not known. */
  #then: ((now: number) => void) | null = null
  /** When the last ping was sent that its client has answered. */
  answered: number = -Infinity
  /** When the session (without a connection) or its token expires. */
  readonly expiry: Timer
  readonly #host: SessionHost

  /** Limits refused messages; a session beyond it is flooding. */
  #refusals: Bucket = FULL

  constructor(id: string, grant: Grant, payer: User, host: SessionHost) {
    this.#host = host
    this.id = id
    this.user = grant.user
    this.grant = grant
    this.payer = payer
    this.upstream = new UpstreamQueue(payer, host.budget)
    this.log = new SessionLog(host.limits, payer, () => host.caughtUp(this))
    this.expiry = new Timer('expiry', (now) => host.expired(this, now))
  }

  /** Its client has answered a ping of that time. */
  ponged(sent: number, now: number): void {
    this.answered = Math.max(this.answered, Math.min(sent, now))
  }

  get account(): Account {
    return this.payer.account
  }

  /** The outlet of its connection; null without one. */
  get outlet(): Outlet | null {
    return this.state.is === 'live' ? this.state.outlet : null
  }

  get ended(): boolean {
    return this.state.is === 'ended'
  }

  /** Whether another node goes on with it. */
  get isGone(): boolean {
    return this.state.is === 'gone'
  }

  /** Sends an entry of its log on to the node that goes on with it. */
  sendOn(entry: Uint8Array): void {
    if (this.state.is === 'gone' && answersOfCalls.includes(entry[0] as number))
      this.#host.sendOn(this, this.state.to, entry)
  }

  /** What another node goes on with. */
  get handed(): HandedSession {
    const { id, user, calls, log } = this
    const state = log.stateFor((number) => this.seats.get(number)?.name)
    return { id, user, calls, ...state, said: [...this.#said, ...state.said] }
  }

  /** Goes on with what another node had. */
  restore(state: HandedSession): void {
    this.calls = Math.max(this.calls, state.calls)
    this.log.restore(state)
    this.hear(state.said)
  }

  /** Its client has come, and has the entries up to `received`: what it was told of these is not said again. */
  arrive(received: number): void {
    if (this.#said.length === 0) return
    const left = this.#said.filter(({ number }) => number > received)
    this.hear(left.map((each) => ({ ...each, number: MAX_UINT })))
  }

  /** Its user no longer pays for what it is told. */
  release(): void {
    this.log.release()
    this.hear([])
  }

  /** Keeps what was said to it alone, and nothing that it has kept before. */
  hear(said: readonly Said[]): void {
    this.payer.hold(weightOf(said) - weightOf(this.#said))
    this.#said = said
  }

  /** It has joined a meeting: sends what was said to it there, where it was before. */
  sayAgain({ meeting, log }: MessageOf<'joined'>, send: (direct: MessageOf<'direct'>) => void): void {
    if (this.#said.length === 0) return
    const all = this.#said
    this.hear(all.filter((each) => each.meeting !== meeting))
    for (const { meeting: of, data } of all) if (of === meeting) send({ type: 'direct', log, data })
  }

  /** Whether the upstream queue is held, by backpressure or by a question under way. */
  get isHeld(): boolean {
    return !this.ended && ((this.#asking > 0 && this.#then === null) || this.log.isBehind)
  }

  /** Whether it has something to do in its turn. */
  get wantsTurn(): boolean {
    return (this.upstream.size > 0 || this.isProceeding) && !this.isHeld
  }

  /** Whether that begins with the message that waited. */
  get isProceeding(): boolean {
    return this.#then !== null
  }

  /**
   * The last delivered message waits for the business; until {@link goOn} nothing more is delivered. `questions`: the
   * number of them that are asked at a time.
   */
  wait(message: ClientMessage, questions = 1): void {
    const asking = weighMessage(message) + questions * weights.question
    // It may wait for the next answer before it has gone on from the last one.
    this.payer.hold(asking - this.#asking)
    this.#asking = asking
  }

  goOn(): void {
    this.payer.hold(-this.#asking)
    this.#asking = 0
    this.#then = null
  }

  /**
   * The message need not wait any more: `then` calls {@link goOn} and delivers it, when the session has its turn. A
   * crowd may have waited for the same answer.
   */
  proceed(then: (now: number) => void): void {
    this.#then = then
  }

  /** Its turn has come. */
  resume(now: number): void {
    const then = this.#then
    this.#then = null
    then?.(now)
  }

  /** Counts a refused message. True: there were too many in too short a time. */
  isFlooding(rate: Rate, now: number): boolean {
    if (rate.wait(this.#refusals, now) > 0) return true
    this.#refusals = rate.take(this.#refusals, now)
    return false
  }

  /** The client has acknowledged entries of the session log, and frames of its meetings. */
  acknowledge({ received, seen }: MessageOf<'ack'>): void {
    this.log.acknowledge(received)
    for (const { log, frame } of seen) this.seats.get(log)?.seen(frame)
  }

  /** Takes a subscription, for which the user pays until it ends. Returns the one that it replaces. */
  subscribe(log: number, subscription: Subscription): Subscription | undefined {
    const replaced = this.subscriptions.get(log)
    this.subscriptions.set(log, subscription)
    this.payer.hold(subscription.weight - (replaced?.weight ?? 0))
    return replaced
  }

  /** Ends a subscription. Has no effect when there is none to this log. */
  unsubscribe(log: number, now: number): void {
    const subscription = this.subscriptions.get(log)
    if (subscription === undefined) return
    this.subscriptions.delete(log)
    this.payer.hold(-subscription.weight)
    subscription.end(now)
  }

  /** Takes a seat, for which the user pays until it is given up or ends. */
  sit(log: number, seat: Seat): void {
    this.seats.set(log, seat)
    this.payer.hold(seat.weight)
  }

  /** The seat has ended. */
  stand(log: number): void {
    const seat = this.seats.get(log)
    this.seats.delete(log)
    if (seat !== undefined) this.payer.hold(-seat.weight)
  }

  /** Gives up a seat; `reason`: what the meeting is told. False: the session has no seat there. */
  leave(log: number, reason: string): boolean {
    const seat = this.seats.get(log)
    this.stand(log)
    seat?.end(reason)
    return seat !== undefined
  }

  /** Ends all cursors with the connection: a client that reconnects names its positions. */
  stopReading(now: number): void {
    for (const [log, seat] of this.seats) if (!seat.detach()) this.stand(log)
    for (const log of this.subscriptions.keys()) this.unsubscribe(log, now)
  }

  /** A seat has ended, and its reader has yet to get its last frames. */
  part(reader: Cursor, parting: Parting): void {
    this.#partings = (this.#partings ?? new Map<Cursor, Parting>()).set(reader, parting)
  }

  /** It has been told of its end. */
  parted(reader: Cursor): void {
    if (this.#partings?.delete(reader) === true && this.#partings.size === 0) this.#partings = null
  }

  /**
   * Ends seats and subscriptions that the token does not grant. Returns their log numbers. Where a seat has ended
   * already, its client is told so now, without the frames that it was still to get.
   */
  withdraw(now: number): number[] {
    const withdrawn: number[] = []
    for (const parting of this.#partings?.values() ?? [])
      if (!mayJoin(this.grant, parting.name, parting.slot === SYSTEM_SLOT)) parting.end()
    for (const [log, { name, slot }] of this.seats) {
      if (mayJoin(this.grant, name, slot === SYSTEM_SLOT)) continue
      this.leave(log, 'forbidden')
      withdrawn.push(log)
    }
    for (const [log, { name }] of this.subscriptions) {
      if (mayRead(this.grant, name)) continue
      this.unsubscribe(log, now)
      withdrawn.push(log)
    }
    return withdrawn
  }

  /** Describes the session as it is now. `requests`: the number under way. */
  info(requests: number): SessionInfo {
    const { user, outlet, upstream } = this
    const topics: string[] = []
    const cursors: CursorInfo[] = []
    for (const { place } of this.seats.values()) if (place !== null) cursors.push(place)
    for (const { name, place } of this.subscriptions.values()) {
      if (topics.length === fixedLimits.sessionTopics) break
      topics.push(name)
      cursors.push(place)
    }
    return {
      user,
      connected: outlet !== null,
      meetings: Array.from(this.seats.values(), ({ name, slot }) => ({ name, slot })),
      topics,
      subscriptions: this.subscriptions.size,
      cursors,
      requests,
      waiting: { messages: upstream.size, bytes: upstream.bytes },
      unacknowledgedBytes: outlet === null ? 0 : outlet.sent - outlet.acknowledged,
      window: outlet?.window ?? 0,
    }
  }
}
