import { encodeMessage } from '../protocol/binary.ts'
import type { Codec } from '../protocol/codec.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { Payload } from '../protocol/payload.ts'
import { fixedLimits, type MeetingOptions, type NodeConfig } from './ground/config.ts'
import type { NodeOptions, Retention } from './ground/config.ts'
import { Budget, type Holdings } from './ground/budget.ts'
import type { Connection } from './door/connection.ts'
import { Connections } from './door/connections.ts'
import { Endings } from './door/endings.ts'
import { Dispatch } from './up/dispatch.ts'
import { Downstream } from './down/downstream.ts'
import { Guards, type Ports } from './guards.ts'
import { Inlet } from './inlet.ts'
import { type Bot, type MeetingBusiness, type MeetingInfo, plain } from './meeting/business.ts'
import { Meetings } from './meeting/meetings.ts'
import type { Grant, MissingMeeting, Outcome, Question, RequestCall, SealedFrame } from './ports.ts'
import type { Transport } from './ports.ts'
import { pageOf, type PageQuery, type Search } from './ground/page.ts'
import { Requests } from './up/requests.ts'
import { Revocations, type Revoked } from './door/revocations.ts'
import type { SessionInfo } from './session/session-info.ts'
import { Sessions } from './session/sessions.ts'
import { Stats } from './ground/stats.ts'
import { type TimerName, Timers } from './ground/timers.ts'
import { Work } from './ground/work.ts'
import { Carrier } from './topic/carrier.ts'
import { topicInfo, type TopicInfo } from './topic/topic-info.ts'
import type { Publication } from './topic/publication.ts'
import { Publishers } from './topic/publishers.ts'
import { Topics } from './topic/topics.ts'

/**
 * One node of RTMS: synchronous, without I/O, clock or randomness of its own. Events come in through `handle…` and the
 * business methods, with the time in monotonic milliseconds; effects go out through the ports. After each call, ask
 * {@link deadline} when to call {@link sweep}.
 */
export class RtmsNode {
  readonly id: string
  /** The node's number as a publisher. */
  readonly incarnation: number
  readonly stats: Stats = new Stats()
  /** Where messages and events of the bus come in. */
  readonly inlet: Inlet
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
  readonly #endings: Endings
  readonly #guards: Guards
  #lastLog = 0

  constructor(made: NodeOptions, ports: Ports) {
    const guards = new Guards(ports, this, (connection) => this.#endings.dismiss(connection, 'BROKEN'))
    this.#guards = guards
    const { application, bus } = guards
    const config = { ...made, limits: { ...fixedLimits, ...made.limits } }
    this.id = config.id
    this.incarnation = config.incarnation
    this.#config = config
    const { stats } = this
    const { limits } = config
    const timers = this.#timers
    const budget = new Budget(limits.logBytes)
    this.#budget = budget
    const work = new Work()
    const nextLog = (): number => ++this.#lastLog
    const publishers = new Publishers(config.incarnation)
    const downstream = (this.#downstream = new Downstream(
      limits,
      stats,
      work,
      publishers,
      (outlet) => this.#endings.dismiss(outlet, 'SLOW'),
      (outlet, error) => {
        guards.tell(error)
        this.#endings.dismiss(outlet, 'BROKEN')
      },
    ))
    const sessions = new Sessions(config, timers, stats, {
      limits,
      budget,
      slow: (outlet) => downstream.doom(outlet),
      expired: (session, now) => this.#endings.expired(session, now),
      caughtUp: (session) => this.#dispatch.resume(session),
    })
    const meetings = (this.#meetings = new Meetings(config, timers, downstream, stats, budget, work, nextLog))
    const carrier = new Carrier(bus, publishers, timers, limits)
    const topics = new Topics(config, timers, downstream, carrier, stats, budget, work, publishers, nextLog)
    this.inlet = new Inlet(topics, carrier, stats)
    const requests = (this.#requests = new Requests(limits, timers, downstream, application, stats))
    const revocations = new Revocations(limits)
    const dispatch = (this.#dispatch = new Dispatch(limits, stats, work, {
      timers,
      application,
      downstream,
      meetings,
      topics,
      requests,
      refresh: (session, message, now) => this.#connections.refresh(session, message, now),
      flood: (outlet) => this.#endings.dismiss(outlet, 'RATE'),
    }))
    const connections = (this.#connections = new Connections({
      config,
      timers,
      stats,
      downstream,
      budget,
      sessions,
      application,
      revocations,
      enqueue: (session, message, now) => dispatch.enqueue(session, message, now),
      makeRoom: (user, now) => this.#endings.makeRoom(user, now),
      attached: (session) => dispatch.resume(session),
    }))
    this.#endings = new Endings({
      config,
      sessions,
      connections,
      revocations,
      application,
      dropped: (session, now) => dispatch.drop(session, now),
    })
    this.#sessions = sessions
    this.#topics = topics
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Number of connections that await WELCOME, and of addresses remembered. */
  get admission(): { readonly newcomers: number; readonly addresses: number } {
    return this.#connections.admission
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** Number of open meetings. */
  get meetingCount(): number {
    return this.#meetings.size
  }

  get topics(): number {
    return this.#topics.size
  }

  get logs(): Holdings {
    return this.#budget.holdings
  }

  /** Number of timers set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Number of timers set, by name. */
  get timersByName(): ReadonlyMap<TimerName, number> {
    return this.#timers.counts
  }

  /** When to call {@link sweep}: `now` when work waits, else the time of the next timer, `Infinity` for never. */
  deadline(now: number): number {
    const busy =
      this.#dispatch.hasWork ||
      this.#downstream.hasWork ||
      this.#topics.hasWork ||
      this.#meetings.hasWork ||
      this.#guards.hasWork ||
      this.#budget.hasWork ||
      this.#endings.hasWork
    return busy ? now : Math.max(now, Math.min(this.#timers.next, this.#budget.deadline))
  }

  /** The inspection task: fires due timers, then serves what goes up, then what goes down, each within its budget. */
  sweep(now: number): void {
    const { limits } = this.#config
    this.stats.sweeps++
    this.#guards.sweep(now)
    this.#timers.run(now)
    this.#dispatch.sweep(now)
    this.#meetings.sweep(now)
    this.#topics.sweep(now)
    this.#downstream.flush(now, limits.sweepBytes, limits.sweepWork)
    if (!this.#downstream.hasWork) this.#topics.trim(now)
    this.#budget.enforce(now)
    this.#endings.sweep(now)
  }

  // ---- connections

  /**
   * A socket opened. The returned connection stands for it in every other call. `address`: the key that connections are
   * counted by (see `subscriberOf`); '' leaves this one uncounted.
   */
  handleOpen(transport: Transport, codec: Codec, now: number, address = ''): Connection {
    const guarded = this.#guards.transport(transport)
    guarded.connection = this.#connections.open(guarded, codec, address, now)
    return guarded.connection
  }

  /** A packet arrived. A malformed one closes its connection and has no other effect. */
  handlePacket(connection: Connection, packet: Uint8Array | string, now: number): void {
    this.#connections.packet(connection, packet, now)
  }

  /**
   * Bytes arrived that are not a whole packet: a part of one, or a WebSocket ping. They count as a sign of life. {@link
   * deadline} does not change.
   */
  handleBytes(connection: Connection, now: number): void {
    this.#connections.bytes(connection, now)
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

  /** The socket closed. `final`: the client closed it for good (code 1000), which ends its session. */
  handleClose(connection: Connection, final: boolean, now: number): void {
    const { session } = connection
    if (final && session !== null) {
      this.#dispatch.finish(session, now)
      this.#endings.left(session, now)
    }
    this.#connections.lost(connection, final ? 'LEFT' : 'LOST', now)
  }

  /** The wall clock was set, or the machine was suspended. `offset`: the new wall offset. */
  handleWallClock(offset: number): void {
    this.#config.wallOffset = offset
    this.#sessions.retime()
  }

  // ---- the business side

  /** Opens a meeting on this node. Returns null when the name is taken, or the error that prevents it. */
  openMeeting(
    name: string,
    options: Partial<MeetingOptions>,
    now: number,
    business: MeetingBusiness = plain,
  ): MeetingInfo | ErrorCode | null {
    if (this.#connections.draining) return 'DRAINING'
    const logic = this.#guards.logic(business.logic)
    const maker = this.#dispatch.openings.askedBy(name)
    return this.#meetings.open(name, options, { ...business, logic }, now, maker)
  }

  closeMeeting(name: string): void {
    this.#meetings.close(name)
  }

  meeting(name: string): MeetingInfo | undefined {
    return this.#meetings.get(name)?.info
  }

  /** Seats a bot in a meeting. Errors: NOT_FOUND, FULL, BUSY. */
  addBot(meeting: string, user: string): Bot | ErrorCode {
    return this.#meetings.get(meeting)?.addBot(user) ?? 'NOT_FOUND'
  }

  /** Sends data to one member of a meeting. False when there is no such meeting or member, or the member is a bot. */
  sendTo(meeting: string, slot: number, data: Payload): boolean {
    return this.#meetings.get(meeting)?.sendTo(slot, data) ?? false
  }

  /** Removes a member from its slot; `message` is for people. False when there is no such meeting or member. */
  kick(meeting: string, slot: number, message: string): boolean {
    return this.#meetings.get(meeting)?.kick(slot, message) ?? false
  }

  meetings(): Iterable<MeetingInfo> {
    return this.#meetings.list()
  }

  /** A page of the meetings in order of name, optionally of one kind. */
  meetingPage(wish: PageQuery, kind?: string): Search<readonly MeetingInfo[]> {
    return this.#meetings.page(wish, kind)
  }

  /** Number of inputs that wait: in upstream queues, and in meetings for a frame. */
  get inputsWaiting(): number {
    let count = this.#meetings.waiting
    for (const { upstream } of this.#sessions.all()) count += upstream.inputs
    return count
  }

  /** Number of requests that have started and not ended. */
  get requestsOpen(): number {
    return this.#requests.size
  }

  /** Backlog: bytes in upstream queues, number of stalled connections, bytes that clients have yet to acknowledge. */
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

  /** Publishes to a topic. Returns the topic's pressure, 0–1, or the error. */
  publish(topic: string, data: Payload, key: string, tombstone: boolean, now: number): number | ErrorCode {
    return this.#topics.publish(topic, data, key, tombstone, now)
  }

  /** The last `count` entries that a topic keeps, oldest first. */
  topicHistory(topic: string, count: number): readonly Publication[] {
    return this.#topics.get(topic)?.history(count) ?? []
  }

  /** The latest entry of each key of a topic. */
  topicLatest(topic: string): readonly Publication[] {
    return this.#topics.get(topic)?.latest() ?? []
  }

  /** The frames `from` … `to` − 1 of a meeting that are still kept. */
  *meetingHistory(name: string, from: number, to: number): Generator<SealedFrame> {
    const meeting = this.#meetings.get(name)
    if (meeting !== undefined) yield* meeting.room.history(from, to)
  }

  /** A page of the topics in order of name. */
  *topicPage(wish: PageQuery): Search<readonly TopicInfo[]> {
    return (yield* pageOf(this.#topics.all(), wish)).map(topicInfo)
  }

  topic(name: string): TopicInfo | undefined {
    const topic = this.#topics.get(name)
    return topic === undefined ? undefined : topicInfo(topic)
  }

  subscribers(topic: string): number {
    return this.#topics.get(topic)?.subscribers ?? 0
  }

  /** Pushes to every session of a user, connected or not. Returns the number of sessions. */
  push(user: string, name: string, data: Payload): number {
    const entry = encodeMessage({ type: 'push', name, data })
    let count = 0
    for (const session of this.#sessions.of(user)) {
      this.#downstream.sendEncoded(session, entry)
      count++
    }
    this.stats.pushes += count
    return count
  }

  /** Up to `limit` sessions, the oldest first: of one user, or of all. */
  sessionList(limit: number, user?: string): SessionInfo[] {
    const list: SessionInfo[] = []
    for (const session of user === undefined ? this.#sessions.all() : this.#sessions.of(user)) {
      if (list.length === limit) break
      list.push(session.info(this.#requests.of(session)))
    }
    return list
  }

  /** Number of a user's sessions, and how many of them have a connection. */
  presence(user: string): { readonly sessions: number; readonly connected: number } {
    return this.#sessions.presence(user)
  }

  /**
   * Closes the connections of a user and returns their number. `final`: the user's sessions end, and the clients do not
   * reconnect by themselves; otherwise they reconnect with fresh tickets.
   */
  disconnect(user: string, text: string, final: boolean, now: number): number {
    return this.#endings.disconnect(user, text, final, now)
  }

  /** The wall time up to which a user's tokens are revoked, in milliseconds since 1970; 0 when none are. */
  revokedUntil(user: string): number {
    return this.#endings.revokedUntil(user)
  }

  /**
   * Refuses from now on all tokens issued to a user up to `until` (milliseconds since 1970), or one token, and ends the
   * sessions of that user or token. Returns the number of connections closed, or LIMIT when the table of revocations is
   * full.
   */
  revoke(revoked: Revoked, until: number, now: number): number | ErrorCode {
    return this.#endings.revoke(revoked, until, now)
  }

  /**
   * Sets whether the business is asked before a session joins, subscribes or publishes, after the ticket has allowed
   * it.
   */
  askFirst(on: boolean): void {
    this.#dispatch.gate.on = on
  }

  /** The answer to `authorize`. */
  handleAuthorized(question: Question, allowed: boolean, now: number): void {
    this.#dispatch.gate.answer(question, allowed, now)
  }

  /** Sets whether the business is asked to open a meeting when a session asks to join one that is not open. */
  openOnDemand(on: boolean): void {
    this.#dispatch.openings.on = on
  }

  /** The answer to `openMissing`: the meeting is open by now, or will not be opened. */
  handleMissing(missing: MissingMeeting, now: number): void {
    this.#dispatch.openings.answer(missing, now)
  }

  /** The answer of a request handler. */
  handleReply(call: RequestCall, outcome: Outcome<Payload>, now: number): void {
    this.#requests.reply(call, outcome, now)
  }

  /** Refuses new connections and meetings, and closes every connection with DRAINING. */
  drain(now: number): void {
    this.#connections.drain(now)
  }
}
