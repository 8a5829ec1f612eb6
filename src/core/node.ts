import type { Codec } from '../protocol/codec.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import { SYSTEM_SLOT } from '../protocol/limits.ts'
import type { Payload } from '../protocol/payload.ts'
import type { PublicationEntry } from '../protocol/publications.ts'
import type { MeetingOptions, NodeConfig } from './ground/config.ts'
import { Budget, type Ringed } from './ground/budget.ts'
import type { Connection } from './door/connection.ts'
import { Connections } from './door/connections.ts'
import { Dispatch } from './up/dispatch.ts'
import { Downstream } from './down/downstream.ts'
import { Encoded } from './log/encoded.ts'
import { FAILED, type Failures, type Fault, guard, GuardedTransport, nothing, refuse } from './guards.ts'
import { mayJoin, mayRead } from './door/grant.ts'
import { type Bot, type MeetingBusiness, type MeetingInfo, plain } from './meeting/meeting.ts'
import { Meetings } from './meeting/meetings.ts'
import type {
  Application,
  Bus,
  Grant,
  LossReason,
  MeetingLogic,
  Outcome,
  Question,
  RequestCall,
  SealedFrame,
  Transport,
} from './ports.ts'
import { pageOf, type PageWish } from './ground/page.ts'
import { Requests } from './up/requests.ts'
import { Revocations, type Revoked } from './door/revocations.ts'
import type { Session } from './session/session.ts'
import { sessionInfo, type SessionInfo } from './session/session-info.ts'
import { Sessions } from './session/sessions.ts'
import { Stats } from './ground/stats.ts'
import { Timers } from './ground/timers.ts'
import { topicInfo, type TopicInfo } from './topic/topic-info.ts'
import { Topics } from './topic/topics.ts'
import type { Retention } from './topic/topic-log.ts'

/** Why a sweep ends a connection. */
const dismissals = {
  SLOW: 'the reader is too slow',
  RATE: 'too much of what was sent had to be refused',
} as const

/** What stands in for a meeting's logic where it throws: a check that fails refuses. */
const logicFailures: Failures<MeetingLogic> = {
  join: refuse,
  input: refuse,
  frame: nothing,
  leave: nothing,
  close: nothing,
}

/** What stands in for the bus: what it loses, the other nodes notice. */
const busFailures: Failures<Bus> = { publish: nothing, subscribe: nothing, unsubscribe: nothing }

/** What a node writes to. */
export interface Ports {
  readonly application: Application
  readonly bus: Bus
  /** Hears of what a port threw where it must not. The fault has cost no more than the call or the connection it was about. */
  readonly fault: Fault
}

/**
 * One node of RTMS: synchronous, without I/O, clock or randomness of its own. What happens comes in through
 * `handle…` and the business methods, each with the time (monotonic milliseconds); what follows goes out through
 * the ports. After each call ask {@link deadline} and call {@link sweep} then.
 */
export class RtmsNode {
  readonly id: string
  /** Its number as a publisher. */
  readonly incarnation: number
  readonly stats: Stats = new Stats()
  readonly #config: NodeConfig
  readonly #timers: Timers = new Timers()
  readonly #budget: Budget
  readonly #downstream: Downstream
  readonly #sessions: Sessions
  readonly #connections: Connections
  readonly #dispatch: Dispatch
  readonly #meetings: Meetings
  readonly #topics: Topics
  readonly #requests: Requests
  readonly #revocations: Revocations
  readonly #application: Application
  /** Connections that are closed at the end of the sweep. */
  #dismissed: { readonly connection: Connection; readonly reason: keyof typeof dismissals }[] = []
  /** What a port that threw left undone, for the next sweep: nothing may call back in the middle of a call. */
  #undone: ((now: number) => void)[] = []
  readonly #fault: Fault
  #lastLog = 0

  constructor(made: NodeConfig, ports: Ports) {
    this.#fault = (error) => {
      try {
        ports.fault(error)
      } catch {
        // There is nobody else to tell.
      }
    }
    const application = guard(ports.application, this.#applicationFailures(), this.#fault)
    const bus = guard(ports.bus, busFailures, this.#fault)
    const config = { ...made }
    this.id = config.id
    this.incarnation = config.incarnation
    this.#config = config
    const { stats } = this
    const { limits } = config
    const timers = this.#timers
    const budget = new Budget(limits.logBytes)
    this.#budget = budget
    const nextLog = (): number => ++this.#lastLog
    const downstream = new Downstream(
      limits,
      stats,
      (connection) => this.#dismissed.push({ connection, reason: 'SLOW' }),
      (session) => this.#dispatch.resume(session),
    )
    const sessions = new Sessions(config, timers, stats, budget, (session, now) => this.#expire(session, now))
    const meetings = new Meetings(config, timers, downstream, stats, budget, nextLog)
    const topics = new Topics(config, timers, downstream, bus, stats, budget, nextLog)
    const requests = new Requests(limits, timers, downstream, application, stats)
    const revocations = new Revocations(limits)
    const dispatch = new Dispatch(limits, stats, {
      timers,
      application,
      downstream,
      meetings,
      topics,
      requests,
      refresh: (session, message) => this.#connections.refresh(session, message),
      flood: (connection) => this.#dismissed.push({ connection, reason: 'RATE' }),
    })
    this.#connections = new Connections({
      config,
      timers,
      stats,
      downstream,
      sessions,
      application,
      revocations,
      enqueue: (connection, session, message, now) => dispatch.enqueue(connection, session, message, now),
      detached: (session, now) => this.#stopReading(session, now),
      regranted: (session, now) => this.#withdraw(session, now),
      attached: (session) => dispatch.resume(session),
    })
    this.#downstream = downstream
    this.#sessions = sessions
    this.#meetings = meetings
    this.#topics = topics
    this.#requests = requests
    this.#dispatch = dispatch
    this.#revocations = revocations
    this.#application = application
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Connections that wait for their welcome, and addresses that connections are counted by. */
  get admission(): { readonly newcomers: number; readonly addresses: number } {
    return this.#connections.admission
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** Meetings that are open. */
  get meetingCount(): number {
    return this.#meetings.size
  }

  get topics(): number {
    return this.#topics.size
  }

  /** Bytes of all logs, and how many rings had to be cut short for them. */
  get logs(): { readonly bytes: number; readonly limit: number; readonly cuts: number } {
    const { used, limit, cuts } = this.#budget
    return { bytes: used, limit, cuts }
  }

  /** Deadlines that are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** When {@link sweep} wants to be called: `now` where work waits, else the next timer, `Infinity` for never. */
  deadline(now: number): number {
    const busy =
      this.#dispatch.hasWork ||
      this.#downstream.hasWork ||
      this.#topics.hasWork ||
      this.#meetings.hasWork ||
      this.#undone.length > 0 ||
      this.#dismissed.length > 0
    return busy ? now : this.#timers.next
  }

  /** The inspection task: what is due, then upward, then downward, each within its budget. */
  sweep(now: number): void {
    this.stats.sweeps++
    if (this.#undone.length > 0) this.#makeGood(now)
    this.#timers.run(now)
    this.#dispatch.sweep(now)
    this.#meetings.sweep(now)
    this.#topics.sweep(now)
    this.#downstream.flush(now, this.#config.limits.sweepBytes)
    if (!this.#downstream.hasWork) this.#topics.trim(now)
    this.#budget.enforce(() => this.#rings(), now)
    this.#dismiss(now)
  }

  *#rings(): Generator<Ringed> {
    yield* this.#meetings.logs()
    yield* this.#topics.all()
  }

  // ---- connections

  /**
   * A socket opened. The connection returned stands for it in every other call. `address` is what connections are
   * counted by (see `subscriberOf`), '' not to count this one.
   */
  handleOpen(transport: Transport, codec: Codec, now: number, address = ''): Connection {
    const guarded = new GuardedTransport(transport, (broken, error) => this.#giveUp(broken, error))
    guarded.connection = this.#connections.open(guarded, codec, address, now)
    return guarded.connection
  }

  /** A packet arrived. A malformed one closes its connection and has no other effect. */
  handlePacket(connection: Connection, packet: Uint8Array | string, now: number): void {
    this.#connections.packet(connection, packet, now)
  }

  /** The answer to `authenticate`. */
  handleAuthenticated(connection: Connection, outcome: Outcome<Grant>, now: number): void {
    this.#connections.authenticated(connection, outcome, now)
  }

  /** The socket can take more. */
  handleDrain(connection: Connection): void {
    connection.writable = true
    this.#downstream.wake(connection)
  }

  /** The socket is gone. `final`: the client closed it for good (code 1000) and its session ends with it. */
  handleClose(connection: Connection, final: boolean, now: number): void {
    const { session } = connection
    if (final && session !== null) {
      this.#dispatch.finish(session, now)
      this.#endSession(session, 'left', 'LEFT')
    }
    this.#connections.lost(connection, final ? 'LEFT' : 'LOST', now)
  }

  /** The wall clock was set, or the machine stood still: the wall offset from now on. */
  handleWallClock(offset: number): void {
    this.#config.wallOffset = offset
    this.#sessions.retime()
  }

  /** Cursors go with the connection; a client that comes back says where it stands. */
  #stopReading(session: Session, now: number): void {
    for (const seat of session.seats.values()) seat.meeting.detach(session, seat)
    for (const number of session.subscriptions.keys()) this.#topics.unsubscribe(session, number, now)
  }

  /** The end of a session that waits for a connection, or of the token of one that has it. */
  #expire(session: Session, now: number): void {
    if (session.connection === null) this.#endSession(session, 'expired', 'ABANDONED')
    else this.#connections.close(session.connection, 'EXPIRED', 'the token has expired', now)
  }

  /** `leaving` is what its meetings are told. Of one that has a connection the business hears when that is closed. */
  #endSession(session: Session, leaving: string, reason: LossReason): void {
    for (const seat of session.seats.values()) seat.meeting.leave(session, seat, leaving)
    this.#requests.drop(session)
    this.#dispatch.drop(session)
    this.#sessions.remove(session)
    if (session.connection === null) this.#application.disconnected(session, reason, true)
  }

  /** Ends a session that the business does not want. Returns how many connections that closed. */
  #expel(session: Session, text: string, now: number): number {
    const { connection } = session
    this.#endSession(session, 'kicked', 'REVOKED')
    if (connection === null) return 0
    this.#connections.close(connection, 'REVOKED', text, now)
    return 1
  }

  #dismiss(now: number): void {
    const dismissed = this.#dismissed
    this.#dismissed = []
    for (const { connection, reason } of dismissed)
      this.#connections.close(connection, reason, dismissals[reason], now)
  }

  // ---- ports that throw

  /** Whoever waits for an answer gets it: the check failed, the handler failed. */
  #applicationFailures(): Failures<Application> {
    const later = (action: (now: number) => void): void => void this.#undone.push(action)
    return {
      authenticate: (connection) =>
        later((now) => this.handleAuthenticated(connection as Connection, { ok: false, error: FAILED }, now)),
      request: (call) => later(() => this.handleReply(call, { ok: false, error: FAILED })),
      authorize: (question) => later((now) => this.handleAuthorized(question, false, now)),
      requestEnded: nothing,
      authorizeEnded: nothing,
      connected: nothing,
      disconnected: nothing,
    }
  }

  /** The socket of a connection threw: it is as good as gone. */
  #giveUp(transport: GuardedTransport, error: unknown): void {
    this.#fault(error)
    this.#undone.push((now) => {
      if (transport.connection !== null) this.#connections.lost(transport.connection, 'LOST', now)
      transport.close(1001, 'SILENT')
    })
  }

  #makeGood(now: number): void {
    const undone = this.#undone
    this.#undone = []
    for (const action of undone) action(now)
  }

  /** Ends what a session has and its token does not allow. */
  #withdraw(session: Session, now: number): void {
    for (const [log, seat] of session.seats) {
      if (mayJoin(session.grant, seat.meeting.name, seat.slot === SYSTEM_SLOT)) continue
      seat.meeting.leave(session, seat, 'forbidden')
      this.#end(session, log)
    }
    for (const [log, { log: topic }] of session.subscriptions) {
      if (mayRead(session.grant, topic.name)) continue
      this.#topics.unsubscribe(session, log, now)
      this.#end(session, log)
    }
  }

  #end(session: Session, log: number): void {
    const message = 'the new token does not allow it'
    this.#downstream.send(session, { type: 'ended', log, error: 'FORBIDDEN', message })
  }

  // ---- the business side

  /** Opens a meeting on this node, or returns null where the name is taken, or why it cannot be. */
  openMeeting(
    name: string,
    options: Partial<MeetingOptions>,
    now: number,
    business: MeetingBusiness = plain,
  ): MeetingInfo | ErrorCode | null {
    if (this.#connections.draining) return 'DRAINING'
    const logic = business.logic && guard(business.logic, logicFailures, this.#fault)
    return this.#meetings.open(name, options, { ...business, logic }, now)
  }

  closeMeeting(name: string): void {
    this.#meetings.close(name)
  }

  meeting(name: string): MeetingInfo | undefined {
    return this.#meetings.get(name)?.info
  }

  /** Seats a member of the business's own, or says why not: NOT_FOUND, FULL, BUSY. */
  addBot(meeting: string, user: string, now: number): Bot | ErrorCode {
    return this.#meetings.get(meeting)?.addBot(user, now) ?? 'NOT_FOUND'
  }

  /** Says something to one member of a meeting. False where the meeting or the member is not there. */
  sendTo(meeting: string, slot: number, data: Payload): boolean {
    return this.#meetings.get(meeting)?.sendTo(slot, data) ?? false
  }

  /** Takes a member's slot away; `message` is for people. False where the meeting or the member is not there. */
  kick(meeting: string, slot: number, message: string): boolean {
    return this.#meetings.get(meeting)?.kick(slot, message) ?? false
  }

  meetings(): Iterable<MeetingInfo> {
    return this.#meetings.list()
  }

  /** A page of the meetings in the order of names; of a kind where one is given. */
  meetingPage(wish: PageWish, kind?: string): readonly MeetingInfo[] {
    return this.#meetings.page(wish, kind)
  }

  /** Inputs that wait: in upstream queues, and in meetings for a frame. */
  get inputsWaiting(): number {
    let count = this.#meetings.waiting
    for (const { upstream } of this.#sessions.all()) count += upstream.inputs
    return count
  }

  /** Requests that have started and not ended. */
  get requestsOpen(): number {
    let count = 0
    for (const { requests } of this.#sessions.all()) count += requests.size
    return count
  }

  /** What waits now: bytes in upstream queues, connections that nothing can be written to, bytes that clients have yet to take. */
  get waiting(): {
    readonly upstreamBytes: number
    readonly stalled: number
    readonly unacknowledgedBytes: number
  } {
    let upstreamBytes = 0
    for (const { upstream } of this.#sessions.all()) upstreamBytes += upstream.bytes
    const { stalled, bytes } = this.#connections.owed
    return { upstreamBytes, stalled, unacknowledgedBytes: bytes }
  }

  defineTopics(pattern: string, retention: Retention): void {
    this.#topics.define(pattern, retention)
  }

  /** Publishes to a topic. Returns the topic's pressure, 0–1, or why it was refused. */
  publish(topic: string, data: Payload, key: string, tombstone: boolean, now: number): number | ErrorCode {
    return this.#topics.publish(topic, data, key, tombstone, now)
  }

  /** The last `count` entries that a topic keeps, oldest first. */
  topicHistory(topic: string, count: number): readonly PublicationEntry[] {
    return this.#topics.get(topic)?.history(count) ?? []
  }

  /** The latest entry of each key of a topic. */
  topicLatest(topic: string): readonly PublicationEntry[] {
    return this.#topics.get(topic)?.latest() ?? []
  }

  /** Frames `from` … `to` − 1 of a meeting, as far as they are kept. */
  *meetingHistory(name: string, from: number, to: number): Generator<SealedFrame> {
    const meeting = this.#meetings.get(name)
    if (meeting !== undefined) yield* meeting.history(from, to)
  }

  /** A page of the topics in the order of names. */
  topicPage(wish: PageWish): readonly TopicInfo[] {
    return pageOf(this.#topics.all(), wish).map(topicInfo)
  }

  topic(name: string): TopicInfo | undefined {
    const topic = this.#topics.get(name)
    return topic === undefined ? undefined : topicInfo(topic)
  }

  subscribers(topic: string): number {
    return this.#topics.get(topic)?.subscribers ?? 0
  }

  /** Pushes to every session of a user, connected or kept. Returns their number. */
  push(user: string, name: string, data: Payload): number {
    const entry = Encoded.of({ type: 'push', name, data })
    let count = 0
    for (const session of this.#sessions.of(user)) {
      this.#downstream.sendEncoded(session, entry)
      count++
    }
    this.stats.pushes += count
    return count
  }

  /** The first `limit` sessions, the oldest first: of a user, or of all. */
  sessionList(limit: number, user?: string): SessionInfo[] {
    const list: SessionInfo[] = []
    for (const session of user === undefined ? this.#sessions.all() : this.#sessions.of(user)) {
      if (list.length === limit) break
      list.push(sessionInfo(session))
    }
    return list
  }

  /** Sessions of a user, and how many of them have a connection. */
  presence(user: string): { readonly sessions: number; readonly connected: number } {
    let sessions = 0
    let connected = 0
    for (const { connection } of this.#sessions.of(user)) {
      sessions++
      if (connection !== null) connected++
    }
    return { sessions, connected }
  }

  /**
   * Closes the connections of a user and returns their number. `final`: its clients do not come back by themselves, and
   * its sessions end; else they come back with fresh tickets.
   */
  disconnect(user: string, text: string, final: boolean, now: number): number {
    let count = 0
    for (const session of this.#sessions.of(user)) {
      if (final) count += this.#expel(session, text, now)
      else if (session.connection !== null) {
        this.#connections.close(session.connection, 'EXPIRED', text, now)
        count++
      }
    }
    return count
  }

  /**
   * Refuses from now on the tokens that a user was given until `at` (milliseconds since 1970), or one token, and ends the
   * sessions they opened. Returns how many connections that closed, or LIMIT where nothing more can be revoked.
   */
  revoke(revoked: Revoked, at: number, now: number): number | ErrorCode {
    if (!this.#revocations.add(revoked, at)) return 'LIMIT'
    let count = 0
    const sessions = 'user' in revoked ? this.#sessions.of(revoked.user) : this.#sessions.all()
    for (const session of sessions) {
      if (this.#revocations.covers(session.grant)) count += this.#expel(session, 'the token was revoked', now)
    }
    return count
  }

  /** Whether the business is asked before a session joins, subscribes or publishes, besides the ticket. */
  askFirst(on: boolean): void {
    this.#dispatch.gate.on = on
  }

  /** The answer to `authorize`. */
  handleAuthorized(question: Question, allowed: boolean, now: number): void {
    this.#dispatch.gate.answer(question, allowed, now)
  }

  /** What a handler answered. */
  handleReply(call: RequestCall, outcome: Outcome<Payload>): void {
    this.#requests.reply(call, outcome)
  }

  /** What another node published. */
  handleBus(topic: string, bytes: Uint8Array, now: number): void {
    this.#topics.handleBus(topic, bytes, now)
  }

  /** Takes nothing new and closes every connection with DRAINING. */
  drain(now: number): void {
    this.#connections.drain(now)
  }
}
