import { encodeMessage } from '../protocol/binary.ts'
import type { Codec } from '../protocol/codec.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { Payload } from '../protocol/payload.ts'
import { fixedLimits, type NodeConfig, type NodeOptions, type Retention } from './ground/config.ts'
import type { MeetingOptions } from './meeting/options.ts'
import type { Cluster } from './cluster/cluster.ts'
import type { Names } from './cluster/names.ts'
import type { Budget, Holdings } from './ground/budget.ts'
import type { Connection, Owed, TokenCheck } from './door/connection.ts'
import type { Connections } from './door/connections.ts'
import type { Endings } from './door/endings.ts'
import type { Dispatch } from './up/dispatch.ts'
import type { Downstream } from './down/downstream.ts'
import type { Draining } from './draining.ts'
import { Guards, type Ports } from './guards.ts'
import type { Inlet } from './inlet.ts'
import type { Allowance, MeetingBusiness } from './ports.ts'
import { type Bot, type MeetingInfo, plain } from './meeting/business.ts'
import type { Meetings } from './meeting/meetings.ts'
import type { Grant, MeetingCall, MissingMeeting, Outcome, Question, RequestCall } from './ports.ts'
import type { SealedFrame, ToldRevocation, Transport } from './ports.ts'
import type { Peering, PeeringHost } from './peering.ts'
import { pageOf, type PageQuery, type Search } from './ground/page.ts'
import type { Requests } from './up/requests.ts'
import type { Revoked } from './door/revocations.ts'
import type { SessionInfo } from './session/session-info.ts'
import type { Sessions } from './session/sessions.ts'
import { Stats } from './ground/stats.ts'
import type { TimerName, Timers } from './ground/timers.ts'
import type { Listening } from './topic/listening.ts'
import { topicInfo, type TopicInfo } from './topic/topic-info.ts'
import type { Publication } from './topic/publication.ts'
import type { Topics } from './topic/topics.ts'
import { Wiring } from './wiring.ts'
import type { Work } from './ground/work.ts'

/**
 * One node of RTMS: synchronous, without I/O, clock or randomness of its own. Events come in through `handle…` and the
 * business methods, with the time in monotonic milliseconds; effects go out through the ports. After each call, ask
 * {@link deadline} when to call {@link sweep}.
 */
export class RtmsNode implements PeeringHost {
  readonly id: string
  /** The node's number as a publisher. */
  readonly incarnation: number
  readonly stats: Stats = new Stats()
  /** Where messages and events of the bus come in. */
  readonly inlet: Inlet
  /** The other nodes; null for a node alone. */
  readonly cluster: Cluster | null
  /** What it and the other nodes ask and tell each other; null for a node alone. */
  readonly peering: Peering | null
  readonly draining: Draining
  /** The topics that the business listens to. */
  readonly listening: Listening
  readonly #config: NodeConfig
  readonly #timers: Timers
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
  readonly #names: Names
  readonly #work: Work

  constructor(made: NodeOptions, ports: Ports) {
    const guards = new Guards(ports, this, (connection) => this.#endings.dismiss(connection, 'BROKEN'))
    this.#guards = guards
    const config = { ...made, limits: { ...fixedLimits, ...made.limits } }
    this.id = config.id
    this.incarnation = config.incarnation
    this.#config = config
    const wiring = new Wiring(config, this.stats, guards, this)
    this.#timers = wiring.timers
    this.#budget = wiring.budget
    this.#downstream = wiring.downstream
    this.#sessions = wiring.sessions
    this.#connections = wiring.connections
    this.#dispatch = wiring.dispatch
    this.#meetings = wiring.meetings
    this.#topics = wiring.topics
    this.#requests = wiring.requests
    this.#endings = wiring.endings
    this.#names = wiring.names
    this.#work = wiring.work
    this.cluster = wiring.cluster
    this.peering = wiring.peering
    this.inlet = wiring.inlet
    this.draining = wiring.draining
    this.listening = wiring.topics.listening
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Number of connections that await WELCOME, and of addresses remembered. */
  get admission(): Connections['admission'] {
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
      this.#endings.hasWork ||
      this.peering?.hasWork === true
    return busy ? now : Math.max(now, Math.min(this.#timers.next, this.#budget.deadline))
  }

  /** The inspection task: fires due timers, then serves what goes up, then what goes down, each within its budget. */
  sweep(now: number): void {
    const { limits } = this.#config
    this.stats.sweeps++
    this.#guards.sweep(now)
    this.#work.beginTimers()
    this.#timers.run(now, limits.sweepTimers, this.#work.until(limits.sweepWork))
    this.#dispatch.sweep(now)
    this.#meetings.sweep(now)
    this.#topics.sweep(now)
    this.peering?.sweep(now)
    this.#downstream.flush(now, limits.sweepBytes, limits.sweepWork)
    if (!this.#downstream.hasWork) this.#topics.trim(now)
    this.#budget.enforce(now)
    this.#endings.sweep(now)
  }

  // ---- connections

  /**
   * A socket opened. The returned connection stands for it in every other call. `address`: the key that connections are
   * counted by (see `subscriberOf`); '' leaves this one uncounted. `host`: the Host header of the handshake.
   */
  handleOpen(transport: Transport, codec: Codec, now: number, address = '', host = ''): Connection {
    const guarded = this.#guards.transport(transport)
    guarded.connection = this.#connections.open(guarded, codec, address, host, now)
    return guarded.connection
  }

  /** A packet arrived. A malformed one closes its connection and has no other effect. */
  handlePacket(connection: Connection, packet: Uint8Array | string, now: number): void {
    this.#connections.packet(connection, packet, now)
  }

  /** Bytes arrived that are no whole packet: a part of one, or a ping. A sign of life; {@link deadline} stays. */
  handleBytes(connection: Connection, now: number): void {
    this.#connections.bytes(connection, now)
  }

  /** The answer to `authenticate`. */
  handleAuthenticated(check: object, outcome: Outcome<Grant>, now: number): void {
    this.#connections.authenticated(check as TokenCheck, outcome, now)
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

  /** Opens a meeting on a node alone. Returns null when the name is taken, or the error that prevents it. */
  openMeeting(
    name: string,
    options: Partial<MeetingOptions>,
    now: number,
    business: MeetingBusiness = plain,
  ): MeetingInfo | ErrorCode | null {
    return this.#open(name, options, business, 0, now)
  }

  /**
   * Opens a meeting, unless this node or another one has it. The answer goes to `Application.located`, in a cluster at
   * the latest after a second, or four where the node has just started: LIMIT, DRAINING, BAD_NAME; BUSY where nobody
   * has said in time whether the name is taken.
   */
  claimMeeting(
    call: MeetingCall,
    options: Partial<MeetingOptions>,
    now: number,
    business: MeetingBusiness = plain,
  ): void {
    this.#names.claim(call, (term, at) => this.#open(call.name, options, business, term, at), now)
  }

  /** Finds the node that has a meeting; answered like {@link claimMeeting}, BUSY where nobody has said in time. */
  findMeeting(call: MeetingCall, now: number): void {
    this.#names.locate(call, now)
  }

  /** Makes up a name for a meeting: one that needs no claim, since no other node makes it up. */
  nameMeeting(): string {
    return this.#names.make()
  }

  #open(
    name: string,
    options: Partial<MeetingOptions>,
    business: MeetingBusiness,
    term: number,
    now: number,
  ): MeetingInfo | ErrorCode | null {
    if (this.#connections.draining) return 'DRAINING'
    const logic = this.#guards.logic(business.logic)
    const maker = this.#dispatch.openings.askedBy(name, business.missing)
    return this.#meetings.open(name, options, { ...business, logic }, now, maker, term)
  }

  /** Ends a meeting for all. `message`: what its members are told. */
  closeMeeting(name: string, now: number, message?: string, isNow?: boolean): void {
    this.#meetings.close(name, now, message, isNow)
  }

  meeting(name: string): MeetingInfo | undefined {
    return this.#meetings.get(name)?.info
  }

  /** Of its epoch: eight random bytes that all members know. */
  meetingSeed(name: string): Uint8Array | undefined {
    return this.#meetings.get(name)?.room.facts.seed
  }

  /** Seats a bot in a meeting. Errors: NOT_FOUND, FULL, BUSY. */
  addBot(meeting: string, user: string): Bot | ErrorCode {
    return this.#meetings.get(meeting)?.addBot(user) ?? 'NOT_FOUND'
  }

  /** The bots of a meeting: those of one that came from another node are to be played here from now on. */
  bots(meeting: string): readonly (Bot & { readonly user: string })[] {
    return this.#meetings.get(meeting)?.bots.list ?? []
  }

  /** Sends data to one member of a meeting. False when there is no such meeting or member, or the member is a bot. */
  sendTo(meeting: string, slot: number, data: Payload): boolean {
    return this.#meetings.get(meeting)?.roster.sendTo(slot, data) ?? false
  }

  /** Says something to all in a meeting, in its next frame: NOT_FOUND, TOO_LARGE, BUSY, or null. */
  say(meeting: string, data: Payload): ErrorCode | null {
    const owner = this.#meetings.get(meeting)
    return owner ? owner.events.say(data) : 'NOT_FOUND'
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
    return this.#meetings.waiting + this.#sessions.waiting.inputs
  }

  /** Number of requests that have started and not ended. */
  get requestsOpen(): number {
    return this.#requests.size
  }

  /** Backlog: bytes in upstream queues, number of stalled connections, bytes that clients have yet to acknowledge. */
  get waiting(): Owed & { readonly upstreamBytes: number } {
    return { upstreamBytes: this.#sessions.waiting.bytes, ...this.#connections.owed }
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
    return this.#sessions.list(limit, user, (session) => this.#requests.of(session))
  }

  /** Number of a user's sessions, and how many of them have a connection. */
  presence(user: string): { readonly sessions: number; readonly connected: number } {
    return this.#sessions.presence(user)
  }

  /** Closes a user's connections, or a session's (`id`); returns their number. `final`: they do not come back. */
  disconnect(user: string, text: string, final: boolean, now: number, id = ''): number {
    return this.#endings.disconnect(user, text, final, now, id)
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

  /** Takes over a revocation of another node. Returns as {@link revoke} does. */
  learnRevocation(told: ToldRevocation, now: number): number | ErrorCode {
    return this.#endings.learn(told, now)
  }

  /** Sets whether the business is asked before a session joins, subscribes or publishes, where its ticket allows it. */
  askFirst(on: boolean): void {
    this.#dispatch.gate.on = on
  }

  /** The answer to `authorize`. */
  handleAuthorized(question: Question, allowed: Allowance, now: number): void {
    this.#dispatch.gate.answer(question, allowed, now)
  }

  /** Sets whether the business is asked to open a meeting when a session asks to join one that is not open. */
  openOnDemand(on: boolean): void {
    this.#dispatch.openings.on = on
  }

  /** The answer to `openMissing`: the meeting is open by now, or will not be opened. */
  handleMissing(missing: MissingMeeting, now: number): void {
    this.#dispatch.openings.answer(missing, true, now)
  }

  /** The answer of a request handler. */
  handleReply(call: RequestCall, outcome: Outcome<Payload>, now: number): void {
    this.#requests.reply(call, outcome, now)
  }

  /** Takes nothing new, and empties the node until the deadline; see {@link Draining}. */
  drain(now: number, deadline: number = now): void {
    this.draining.begin(now, deadline)
  }

  /** The node stops: it takes nothing new, tells the other nodes, and answers whoever waits for them. */
  leave(now: number): void {
    this.#connections.draining = true
    this.peering?.close(now)
    this.cluster?.leave(now)
    this.inlet.isDeaf = true
  }
}
