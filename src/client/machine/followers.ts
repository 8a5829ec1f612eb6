import {
  type ClientMessage,
  limits,
  type MessageOf,
  type Payload,
  type Position,
  RtmsError,
  type ServerMessage,
} from '../../protocol/index.ts'
import { ownError } from './errors.ts'
import type { Calls, Done } from './calls.ts'
import { type Waiting, within } from './limits.ts'
import { type ReaderListener, type ReadOptions, type Senders, TopicReader } from './reader.ts'
import { type JoinWish, type SeatListener, SeatMachine } from './seat.ts'

/** The wait before a follower that was refused for now is asked for again, where the node names none. */
const PAUSE_MS = 1_000

/** Follows one log across connections. */
export type Follower = SeatMachine | TopicReader

/**
 * Everything this client follows: what it asks for on each connection, and how each answer is handled.
 *
 * A subscription ends with its connection, and the last SUBSCRIBE of a topic replaces earlier ones. A seat belongs to
 * the session and is left by its log number. A JOIN that is given up before its answer is therefore left when the
 * answer names the log, and only then is the meeting joined again.
 */
export class Followers {
  readonly #calls: Calls
  readonly #waiting: Waiting
  readonly #send: (message: ClientMessage) => void
  readonly #seats: Map<string, SeatMachine> = new Map()
  readonly #readers: Map<string, TopicReader> = new Map()
  /** Seats that were given up before the answer to their JOIN, by meeting. */
  readonly #abandoned: Map<string, SeatMachine> = new Map()
  /** Followers by the number of their log on this connection. */
  readonly #byLog: Map<number, Follower> = new Map()
  /** Followers to join or subscribe with the next packet. */
  readonly #wishes: Set<Follower> = new Set()
  /** When to ask again for those that the node has refused for now. */
  readonly #refused: Map<Follower, number> = new Map()
  #isLive = false
  #isClosed = false
  #session = ''
  #senders: Senders = { origin: 0, publishers: [] }

  constructor(calls: Calls, waiting: Waiting, send: (message: ClientMessage) => void) {
    this.#calls = calls
    this.#waiting = waiting
    this.#send = send
  }

  get deadline(): number {
    return Math.min(...this.#refused.values(), ...[...this.#seats.values()].map((seat) => seat.deadline))
  }

  /** Whether none waits for an answer. */
  get isQuiet(): boolean {
    return this.#abandoned.size === 0 && this.#all.every(({ call }) => call === 0)
  }

  /** When frames must be acknowledged that no input has acknowledged in passing. */
  get acknowledgeAt(): number {
    return Math.min(...[...this.#seats.values()].map((seat) => seat.acknowledgeAt))
  }

  acknowledge(now: number): MessageOf<'ack'>['seen'] {
    return [...this.#seats.values()].flatMap((seat) => seat.acknowledge(now))
  }

  expire(now: number): void {
    for (const seat of this.#seats.values()) {
      seat.expire(now)
      if (seat.joinBy <= now) this.leave(seat, ownError(seat.asked === 0 ? 'NOT_SENT' : 'TIMEOUT'))
    }
    for (const [follower, time] of this.#refused)
      if (time <= now) {
        this.#refused.delete(follower)
        this.#wishes.add(follower)
      }
  }

  get #all(): Follower[] {
    return [...this.#seats.values(), ...this.#readers.values()]
  }

  // ---- connections

  /** `isStranger`: this connection belongs to another user than the one before. */
  attach(
    { resumed, calls, session, origin, publisher }: MessageOf<'welcome'>,
    entriesLost: boolean,
    isStranger: boolean,
  ): void {
    const isHere = resumed && this.#senders.publishers[0] === publisher
    this.#session = session
    this.#senders = { origin, publishers: [publisher] }
    this.#isLive = true
    for (const seat of [...this.#seats.values(), ...this.#abandoned.values()]) {
      if (isStranger) seat.abandon()
      // In another session, or on another node, the number may belong to another meeting.
      if (!isHere) {
        seat.lastLog = 0
        seat.isDoubted = false
      }
      // Its JOIN never arrived.
      if (!isHere || seat.asked > calls) seat.asked = 0
      seat.isDoubted ||= entriesLost && seat.asked !== 0
      if (!this.has(seat)) {
        // If the answer may be lost, the meeting is joined again in order to leave it: only the answer names the log.
        if (seat.isDoubted ? seat.lastLog !== 0 : seat.asked === 0) this.#abandoned.delete(seat.name)
        else if (seat.isDoubted) this.#wishes.add(seat)
      }
      // Entries that the session log still holds for a meeting arrive before its JOIN on this connection.
      else this.#byLog.set(seat.lastLog, seat)
    }
    // Sent later, because the rest of the packet may say that the meeting has ended.
    for (const follower of this.#all) this.#wishes.add(follower)
  }

  /** `heardAt`: when something came on the connection last. */
  detach(heardAt?: number): void {
    this.#isLive = false
    this.#wishes.clear()
    this.#refused.clear()
    this.#byLog.clear()
    for (const follower of [...this.#all, ...this.#abandoned.values()]) follower.detach(heardAt)
  }

  /** Ends all followers, and each one added from now on. */
  end(error: RtmsError): void {
    this.detach()
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
        const abandoned = this.#abandoned.get(follower.name)
        if (abandoned === follower || (this.has(follower) && abandoned?.lastLog !== 0))
          this.#send(follower.joinMessage(calls.next(), this.#session))
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

  /** Leaves a meeting, on this connection or on the session's next one. */
  #sendLeave(log: number, done: Done<unknown> = () => {}): void {
    const calls = this.#calls
    const message = { type: 'leave', call: calls.next(), log } as const
    calls.add(message, done, Infinity, 0)
    if (this.#isLive) this.#send(message)
    // A new session has no seat that would have to be left.
    else calls.markSent(message.call)
  }

  #sendUnsubscribe(log: number): void {
    this.#send({ type: 'unsubscribe', call: this.#calls.next(), logs: [{ log }] })
  }

  // ---- receiving

  /**
   * Handles a message of a log, or about one. Returns false where a frame is missing without a GAP: the connection
   * cannot be trusted.
   */
  receive(message: ServerMessage, now: number): boolean {
    if (message.type === 'joined') this.#handleJoined(message, now)
    else if (message.type === 'subscribed') this.#handleSubscribed(message)
    else if (message.type === 'stand' || message.type === 'pull') {
      for (const seat of this.#seats.values()) {
        if (seat.call !== message.call) continue
        if (message.type === 'stand') this.#send(seat.promise(message, now))
        else for (const each of seat.show(message, now)) this.#send(each)
      }
    } else if (message.type === 'publishers') {
      const { publishers } = this.#senders
      // A skipped entry would give its number to the next publisher.
      if (message.first !== publishers.length) return false
      for (const { publisher } of message.publishers) publishers.push(publisher)
      return publishers.length <= limits.nodePublishers
    } else if ('log' in message) {
      const follower = this.#byLog.get(message.log)
      if (!follower) return true
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
    const isGivenUp = abandoned?.asked === call
    // If its log was already known, the seat was left when it was given up. The answer to a JOIN of another node comes
    // for nobody, where the session has come back to that node since.
    if (isGivenUp ? abandoned.lastLog !== log : !seat && !abandoned) this.#sendLeave(log)
    if (isGivenUp) this.#settle(meeting)
    else if (seat && (seat.call === call || !abandoned)) {
      this.#byLog.delete(seat.lastLog)
      this.#byLog.set(log, seat)
      if (seat.call === call) {
        const inputs = seat.handleJoined(message, this.#session, now)
        // Earlier inputs go first: a listener may send more.
        for (const input of inputs) this.#send(input)
        seat.listener.joined(message)
      } else {
        // This answers a JOIN of an earlier connection; the entries that the session log still holds follow it.
        seat.answered(call)
        seat.lastLog = log
      }
    }
  }

  /** The abandoned JOIN has been answered: the meeting may be joined again. */
  #settle(meeting: string): void {
    this.#abandoned.delete(meeting)
    const seat = this.#seats.get(meeting)
    if (seat?.call === 0 && seat.log === 0) this.#wishes.add(seat)
  }

  #handleSubscribed(message: MessageOf<'subscribed'>): void {
    const reader = this.#readers.get(message.topic)
    if (!reader) return this.#sendUnsubscribe(message.log)
    // What follows the answer to an earlier wish is not for the present one, whose answer comes yet.
    if (reader.call !== message.call) return void this.#byLog.delete(message.log)
    this.#byLog.set(message.log, reader)
    reader.handleSubscribed(message)
  }

  /** Handles a failed call; false where it was not a follower's. `ticket`: the number of the ticket in use. */
  handleFailed({ call, index }: MessageOf<'failed'>, error: RtmsError, ticket: number, now: number): boolean {
    const { code } = error
    for (const [meeting, seat] of this.#abandoned) {
      // It may be in the meeting, and only the answer to another JOIN names the log.
      if (seat.asked === call)
        if ((seat.isDoubted = code === 'UNKNOWN' && seat.lastLog === 0)) this.#wishes.add(seat)
        else this.#settle(meeting)
    }
    for (const seat of this.#seats.values()) seat.answered(call)
    const of = this.#all.find((follower) => follower.call === call && follower.index === index)
    if (!of) return false
    const isSeat = of instanceof SeatMachine
    const isGone = code === 'NOT_FOUND'
    // A first join is told at once.
    if (!(isSeat && of.world === 0) && (code === 'RATE' || code === 'BUSY'))
      this.#refused.set(of, now + within(error.retryAfterMs || PAUSE_MS))
    else if (isSeat && isGone && of.handleMissing(ticket)) this.#byLog.delete(of.lastLog)
    else {
      // Otherwise the session would keep a seat without a reader.
      if (isSeat && !isGone && of.lastLog !== 0) this.#sendLeave(of.lastLog)
      this.#lose(of, error)
    }
    return true
  }

  /** Whether a meeting that this client was in was not found. A fresh ticket may lead to it. */
  get isMissing(): boolean {
    return [...this.#seats.values()].some((seat) => seat.isMissing)
  }

  /** The node has ended what this follower reads. */
  #lose(follower: Follower, error: RtmsError): void {
    this.#forget(follower)
    // A JOIN under way takes another seat, which is to be left when its answer comes.
    if (follower instanceof SeatMachine) follower.lastLog = 0
    follower.end(error)
  }

  #forget(follower: Follower): void {
    const { name, lastLog } = follower
    this.#byLog.delete(lastLog)
    this.#refused.delete(follower)
    this.#placeOf(follower).delete(name)
    if (follower instanceof SeatMachine && follower.asked !== 0) this.#abandoned.set(name, follower)
  }

  // ---- the application's wishes

  /** Joins a meeting, and joins it again on every connection until {@link leave}. One seat per meeting. */
  join(meeting: string, wish: JoinWish, listener: SeatListener): SeatMachine {
    return this.#add(new SeatMachine(meeting, wish, listener, this.#waiting))
  }

  /** Reads a topic, on every connection until {@link leave}. One reader per topic. */
  read(topic: string, options: ReadOptions, listener: ReaderListener): TopicReader {
    return this.#add(new TopicReader(topic, options, listener))
  }

  #add<F extends Follower>(follower: F): F {
    const { name } = follower
    const place = this.#placeOf(follower)
    if (place.has(name)) throw new RtmsError('LIMIT', `${name} is followed already: leave it first`)
    place.set(name, follower)
    if (this.#isLive) this.#wishes.add(follower)
    if (this.#isClosed) this.end(ownError('CLOSED'))
    return follower
  }

  /**
   * Sends an input, which ends exactly once: this throws, or `done` is called. An input that cannot be sent within
   * `timeoutMs` is never sent.
   */
  input(seat: SeatMachine, data: Payload, timeoutMs: number, now: number, done: Done<number>): void {
    if (!this.has(seat)) throw ownError('NOT_JOINED')
    const message = seat.send(data, timeoutMs, now, done)
    if (message) this.#send(message)
  }

  /** Reads on with other options: from a position, from the start that they name (null), or where it stands. */
  renew(reader: TopicReader, options: ReadOptions, from?: Position | null): void {
    reader.renew(options, from)
    if (this.#isLive && this.has(reader)) this.#wishes.add(reader)
  }

  leave(follower: Follower, error: RtmsError = new RtmsError('CLOSED', 'this client has left')): void {
    if (!this.has(follower)) return
    this.#forget(follower)
    const { name, lastLog } = follower
    if (follower instanceof SeatMachine) {
      follower.end(error)
      if (lastLog !== 0)
        // The answer to its JOIN, which comes later, takes another seat.
        this.#sendLeave(lastLog, () => {
          if (!this.#seats.has(name)) follower.lastLog = 0
        })
    } else if (lastLog !== 0) this.#sendUnsubscribe(lastLog)
  }

  has(follower: Follower): boolean {
    return this.#placeOf(follower).get(follower.name) === follower
  }

  #placeOf(follower: Follower): Map<string, Follower> {
    return follower instanceof SeatMachine ? this.#seats : this.#readers
  }
}
