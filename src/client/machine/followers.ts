import {
  type ClientMessage,
  limits,
  type MessageOf,
  type Payload,
  RtmsError,
  type ServerMessage,
} from '../../protocol/index.ts'
import type { Calls } from './calls.ts'
import type { Done } from './calls.ts'
import type { Waiting } from './limits.ts'
import { type ReaderListener, type ReadOptions, type Senders, TopicReader } from './reader.ts'
import { type SeatListener, SeatMachine } from './seat.ts'

/** What follows a log, across connections. */
export type Follower = SeatMachine | TopicReader

/**
 * Everything this client follows, meetings and topics: what is asked for on each connection, and what comes of it.
 *
 * A subscription ends with its connection, and the last SUBSCRIBE of one replaces those before. A seat is the
 * session's: what was joined is left by its log, so a JOIN that is given up before its answer is left when the answer
 * tells the log, and only then is the meeting joined again.
 */
export class Followers {
  readonly #calls: Calls
  readonly #waiting: Waiting
  readonly #send: (message: ClientMessage) => void
  readonly #seats: Map<string, SeatMachine> = new Map()
  readonly #readers: Map<string, TopicReader> = new Map()
  /** Seats that were given up while the session still owed the answer to their JOIN, by meeting. */
  readonly #abandoned: Map<string, SeatMachine> = new Map()
  /** By the numbers their logs have on this connection. */
  readonly #byLog: Map<number, Follower> = new Map()
  /** What is joined or subscribed to with the next packet. */
  readonly #wishes: Set<Follower> = new Set()
  #isLive = false
  #isClosed = false
  #session = ''
  #senders: Senders = { origin: 0, publishers: [] }
  /** Entries of the session log were lost before this connection: answers may have been among them. */
  #entriesLost = false

  constructor(calls: Calls, waiting: Waiting, send: (message: ClientMessage) => void) {
    this.#calls = calls
    this.#waiting = waiting
    this.#send = send
  }

  /** Whether {@link follow} has something to send. */
  get hasWishes(): boolean {
    return this.#wishes.size > 0
  }

  get deadline(): number {
    return Math.min(...Array.from(this.#seats.values(), (seat) => seat.deadline))
  }

  /** When frames are to be acknowledged that no input has acknowledged in passing. */
  get acknowledgeAt(): number {
    return Math.min(...Array.from(this.#seats.values(), (seat) => seat.acknowledgeAt))
  }

  acknowledge(now: number): MessageOf<'ack'>['seen'] {
    return Array.from(this.#seats.values(), (seat) => seat.acknowledge(now)).flat()
  }

  expire(now: number): void {
    for (const seat of this.#seats.values()) seat.expire(now)
  }

  get #all(): Follower[] {
    return [...this.#seats.values(), ...this.#readers.values()]
  }

  // ---- connections

  /** `isStranger`: this connection is of another user than the one before. */
  attach(
    { resumed, calls, session, origin, publisher }: MessageOf<'welcome'>,
    entriesLost: boolean,
    isStranger: boolean,
  ): void {
    this.#session = session
    this.#senders = { origin, publishers: [publisher] }
    this.#entriesLost = entriesLost
    this.#isLive = true
    for (const seat of [...this.#seats.values(), ...this.#abandoned.values()]) {
      if (isStranger) seat.abandon()
      // Another session, another node perhaps: the number may be another meeting's there.
      if (!resumed) seat.lastLog = 0
      // Its JOIN never arrived, or nobody will answer it.
      if (!resumed || seat.asked > calls) seat.asked = 0
      if (!this.has(seat)) {
        // Where the answer may be lost it is asked for again, to be left: nothing else tells the log.
        if (seat.asked === 0 || (entriesLost && seat.lastLog !== 0)) this.#abandoned.delete(seat.name)
        else if (entriesLost) this.#wishes.add(seat)
      }
      // What the session log still holds of a meeting comes before it is joined on this connection.
      else if (seat.lastLog !== 0) this.#byLog.set(seat.lastLog, seat)
    }
    // Not at once: what the packet still holds may say that it has ended.
    for (const follower of this.#all) this.#wishes.add(follower)
  }

  detach(): void {
    this.#isLive = false
    this.#wishes.clear()
    this.#byLog.clear()
    for (const follower of [...this.#all, ...this.#abandoned.values()]) follower.detach()
  }

  /** Ends all, and what is followed from now on. */
  end(error: RtmsError): void {
    this.#isLive = false
    this.#isClosed = true
    const all = this.#all
    this.#seats.clear()
    this.#readers.clear()
    for (const follower of all) follower.end(error)
  }

  /** Sends the JOINs, and a SUBSCRIBE for as many topics as it can hold. */
  follow(): void {
    const calls = this.#calls
    let topics: MessageOf<'subscribe'>['topics'][number][] = []
    let call = 0
    let room = 0
    for (const follower of this.#wishes) {
      if (follower instanceof SeatMachine) {
        if (this.#mayJoin(follower)) this.#send(follower.joinMessage(calls.next()))
        continue
      }
      if (!this.has(follower)) continue
      const size = follower.wishSize
      room -= size
      if (room < 0 || topics.length === limits.batch) {
        call = calls.next()
        topics = []
        room = limits.packet - size
        this.#send({ type: 'subscribe', call, topics })
      }
      topics.push(follower.wish(call, topics.length))
    }
    this.#wishes.clear()
  }

  #mayJoin(seat: SeatMachine): boolean {
    const abandoned = this.#abandoned.get(seat.name)
    if (abandoned === seat) return this.#entriesLost
    return this.has(seat) && !(abandoned?.lastLog === 0)
  }

  /** Leaves a meeting, on this connection or on the next one of this session. */
  #sendLeave(log: number): void {
    const calls = this.#calls
    const message = { type: 'leave', call: calls.next(), log } as const
    calls.add(message, () => {}, Infinity, 0)
    if (this.#isLive) this.#send(message)
    // In another session it is nothing that would have to be said.
    else calls.markSent(message.call)
  }

  #sendUnsubscribe(log: number): void {
    this.#send({ type: 'unsubscribe', call: this.#calls.next(), logs: [{ log }] })
  }

  // ---- receiving

  /**
   * A message of a log, or about one. False where a frame is missing without a GAP: the connection cannot be trusted.
   */
  receive(message: ServerMessage, now: number): boolean {
    if (message.type === 'joined') this.#handleJoined(message, now)
    else if (message.type === 'subscribed') this.#handleSubscribed(message)
    else if (message.type === 'publishers') {
      const { publishers } = this.#senders
      // One that is left out would give its number to the next.
      if (message.first !== publishers.length) return false
      for (const { publisher } of message.publishers) publishers.push(publisher)
    } else if ('log' in message) {
      const follower = this.#byLog.get(message.log)
      if (follower === undefined) return true
      if (message.type === 'gap') follower.handleGap(message)
      else if (message.type === 'ended') this.#lose(follower, new RtmsError(message.error, message.message))
      else if (follower instanceof SeatMachine) return follower.receive(message)
      else if (message.type === 'publications') follower.handlePublications(message, this.#senders)
    }
    return true
  }

  #handleJoined(message: MessageOf<'joined'>, now: number): void {
    const { meeting, call, log } = message
    const seat = this.#seats.get(meeting)
    const abandoned = this.#abandoned.get(meeting)
    if (abandoned?.asked === call) {
      // By the log that was known, it was left when it was given up.
      if (abandoned.lastLog !== log) this.#sendLeave(log)
      this.#settle(meeting)
    } else if (seat?.call === call) {
      this.#byLog.set(log, seat)
      const inputs = seat.handleJoined(message, this.#session, this.#entriesLost, now)
      // Before whoever hears of it sends more.
      for (const input of inputs) this.#send(input)
      seat.listener.joined(message)
    } else if (seat !== undefined && abandoned === undefined) {
      // The answer of an earlier connection: what the session log still holds comes behind it.
      seat.lastLog = log
      this.#byLog.set(log, seat)
    }
  }

  /** The JOIN that was given up has its answer: the meeting may be joined again. */
  #settle(meeting: string): void {
    this.#abandoned.delete(meeting)
    const seat = this.#seats.get(meeting)
    if (seat?.call === 0 && seat.log === 0) this.#wishes.add(seat)
  }

  #handleSubscribed(message: MessageOf<'subscribed'>): void {
    const reader = this.#readers.get(message.topic)
    if (reader === undefined) return this.#sendUnsubscribe(message.log)
    if (reader.call !== message.call) return
    this.#byLog.set(message.log, reader)
    reader.handleSubscribed(message)
  }

  /** Whether the call that failed was one of a follower's. `ticket`: the number of the one that is held. */
  handleFailed({ call, index }: MessageOf<'failed'>, error: RtmsError, ticket: number): boolean {
    for (const [meeting, seat] of this.#abandoned) if (seat.asked === call) this.#settle(meeting)
    const of = this.#all.find((follower) => follower.call === call && follower.index === index)
    if (of === undefined) return false
    const isSeat = of instanceof SeatMachine
    const isGone = error.code === 'NOT_FOUND'
    if (isSeat) of.asked = 0
    if (isSeat && isGone && of.handleMissing(ticket)) this.#byLog.delete(of.lastLog)
    else {
      // What it had in this session, it would keep there without a reader.
      if (isSeat && !isGone && of.lastLog !== 0) this.#sendLeave(of.lastLog)
      this.#lose(of, error)
    }
    return true
  }

  /** Whether a meeting that this client was in was not found: a fresh ticket may lead to it. */
  get isMissing(): boolean {
    return [...this.#seats.values()].some((seat) => seat.isMissing)
  }

  /** The node ended it. */
  #lose(follower: Follower, error: RtmsError): void {
    this.#forget(follower)
    // A JOIN under way takes another seat, which is to be left when its answer comes.
    if (follower instanceof SeatMachine) follower.lastLog = 0
    follower.end(error)
  }

  #forget(follower: Follower): void {
    const { name, lastLog } = follower
    this.#byLog.delete(lastLog)
    this.#placeOf(follower).delete(name)
    if (follower instanceof SeatMachine && follower.asked !== 0) this.#abandoned.set(name, follower)
  }

  // ---- the application's wishes

  /** Joins a meeting, and joins it again on every connection until {@link leave}. One seat per meeting. */
  join(meeting: string, spectator: boolean, config: string, listener: SeatListener): SeatMachine {
    return this.#add(new SeatMachine(meeting, spectator, config, listener, this.#waiting))
  }

  /** Reads a topic, on every connection until {@link leave}. One reader per topic. */
  read(topic: string, options: ReadOptions, listener: ReaderListener): TopicReader {
    return this.#add(new TopicReader(topic, options, listener))
  }

  #add<F extends Follower>(follower: F): F {
    const { name } = follower
    const place = this.#placeOf(follower)
    if (place.has(name)) {
      const how = follower instanceof SeatMachine ? 'joined' : 'subscribed to'
      throw new RtmsError('LIMIT', `${name} is ${how} already; leave it first`)
    }
    place.set(name, follower)
    if (this.#isLive) this.#wishes.add(follower)
    if (this.#isClosed) this.end(new RtmsError('CLOSED'))
    return follower
  }

  /** An input; ends exactly once: throws, or `done` hears. Where it cannot be sent within `timeoutMs`, it never is. */
  input(seat: SeatMachine, data: Payload, timeoutMs: number, now: number, done: Done<number>): void {
    if (!this.has(seat)) throw new RtmsError('NOT_JOINED', 'The meeting was left or has ended.')
    const message = seat.send(data, timeoutMs, now, done)
    if (message !== null) this.#send(message)
  }

  leave(follower: Follower): void {
    if (!this.has(follower)) return
    this.#forget(follower)
    const { lastLog } = follower
    if (follower instanceof SeatMachine) {
      follower.end(new RtmsError('CLOSED'))
      if (lastLog !== 0) this.#sendLeave(lastLog)
    } else if (lastLog !== 0) this.#sendUnsubscribe(lastLog)
  }

  has(follower: Follower): boolean {
    return this.#placeOf(follower).get(follower.name) === follower
  }

  #placeOf(follower: Follower): Map<string, Follower> {
    return follower instanceof SeatMachine ? this.#seats : this.#readers
  }
}
