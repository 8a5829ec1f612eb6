import { type ClientMessage, limits, type MessageOf, RtmsError } from '../../protocol/index.ts'
import type { Calls } from './calls.ts'
import { type ReaderListener, type ReadOptions, TopicReader } from './reader.ts'
import { SeatMachine, type SeatListener } from './seat.ts'
import type { Waiting } from './limits.ts'

/** What follows a log, across connections. */
type Follower = SeatMachine | TopicReader

/** What followers need of the machine. */
export interface FollowersHost {
  readonly calls: Calls
  readonly waiting: Waiting
  send(message: ClientMessage): void
}

/** Everything this client follows, meetings and topics: what is asked for on each connection, and what comes of it. */
export class Followers {
  readonly #host: FollowersHost
  readonly #seats: Map<string, SeatMachine> = new Map()
  readonly #readers: Map<string, TopicReader> = new Map()
  /** By the numbers their logs have on this connection. */
  readonly #byLog: Map<number, Follower> = new Map()
  /** What is joined or subscribed to with the next packet. */
  #wishes: Follower[] = []
  /** Logs of meetings left while there was no connection. */
  #parting: number[] = []
  #isLive = false
  /** Of this connection. */
  #origin = 0
  #publishers: number[] = []

  constructor(host: FollowersHost) {
    this.#host = host
  }

  /** Whether {@link follow} has something to send. */
  get hasWishes(): boolean {
    return this.#wishes.length > 0
  }

  get deadline(): number {
    let earliest = Infinity
    for (const seat of this.#seats.values()) earliest = Math.min(earliest, seat.deadline)
    return earliest
  }

  expire(now: number): void {
    for (const seat of this.#seats.values()) seat.expire(now)
  }

  get #all(): Follower[] {
    return [...this.#seats.values(), ...this.#readers.values()]
  }

  // ---- connections

  attach({ resumed, origin, publisher }: MessageOf<'welcome'>): void {
    this.#origin = origin
    this.#publishers = [publisher]
    for (const seat of this.#seats.values()) {
      // Another session, another node perhaps: the number may be another meeting's there.
      if (!resumed) seat.lastLog = 0
      // What the session log still holds of a meeting comes before it is joined on this connection.
      else if (seat.lastLog !== 0) this.#byLog.set(seat.lastLog, seat)
    }
    // What was left is left before it may be joined anew.
    if (resumed) for (const log of this.#parting) this.#sendLeave(log)
    this.#parting = []
    // Not at once: what the packet still holds may say that it has ended.
    this.#wishes = this.#all
    this.#isLive = true
  }

  detach(): void {
    this.#isLive = false
    this.#wishes = []
    this.#byLog.clear()
    for (const follower of this.#all) follower.detach()
  }

  end(error: RtmsError): void {
    this.#isLive = false
    const all = this.#all
    this.#seats.clear()
    this.#readers.clear()
    for (const follower of all) follower.end(error)
  }

  /** Sends the JOINs, and a SUBSCRIBE for as many topics as it can hold. */
  follow(): void {
    const { calls } = this.#host
    let topics: MessageOf<'subscribe'>['topics'][number][] = []
    let call = 0
    let room = 0
    for (const follower of this.#wishes) {
      if (follower instanceof SeatMachine) {
        if (this.#seats.get(follower.meeting) === follower)
          this.#host.send(follower.joinMessage(calls.next()))
        continue
      }
      const reader = follower
      if (this.#readers.get(reader.topic) !== reader) continue
      room -= reader.wishSize
      if (room < 0 || topics.length === limits.batch) {
        call = calls.next()
        topics = []
        room = limits.packet - reader.wishSize
        this.#host.send({ type: 'subscribe', call, topics })
      }
      topics.push(reader.wish(call, topics.length))
    }
    this.#wishes = []
  }

  #sendLeave(log: number): void {
    this.#host.send({ type: 'leave', call: this.#host.calls.next(), log })
  }

  #sendUnsubscribe(log: number): void {
    this.#host.send({ type: 'unsubscribe', call: this.#host.calls.next(), logs: [{ log }] })
  }

  // ---- receiving

  handleJoined(message: MessageOf<'joined'>, session: string, entriesLost: boolean, now: number): void {
    const seat = this.#seats.get(message.meeting)
    this.#parting = this.#parting.filter((log) => log !== message.log)
    // Left before it was joined: now it can be said.
    if (seat === undefined) return this.#sendLeave(message.log)
    if (seat.call !== message.call) return
    this.#byLog.set(message.log, seat)
    const inputs = seat.handleJoined(message, session, entriesLost, now)
    // Before whoever hears of it sends more.
    for (const input of inputs) this.#host.send(input)
    seat.listener.joined(message)
  }

  handleSubscribed(message: MessageOf<'subscribed'>): void {
    const reader = this.#readers.get(message.topic)
    if (reader === undefined) return this.#sendUnsubscribe(message.log)
    if (reader.call !== message.call) return
    this.#byLog.set(message.log, reader)
    reader.handleSubscribed(message)
  }

  /** Whether the call that failed was one of a follower's. */
  handleFailed({ call, index }: MessageOf<'failed'>, error: RtmsError): boolean {
    const of = this.#all.find((follower) => follower.call === call && follower.index === index)
    if (of !== undefined) this.#lose(of, error)
    return of !== undefined
  }

  handleEnded(message: MessageOf<'ended'>): void {
    const of = this.#byLog.get(message.log)
    if (of !== undefined) this.#lose(of, new RtmsError(message.error, message.message))
  }

  /** False where a frame is missing without a GAP: the connection cannot be trusted. */
  handleFrames(message: MessageOf<'frames'>): boolean {
    return this.#seatOf(message)?.handleFrames(message) ?? true
  }

  handlePublishers({ first, publishers }: MessageOf<'publishers'>): void {
    if (first !== this.#publishers.length) throw new RtmsError('PROTOCOL', 'publishers out of order')
    for (const { publisher } of publishers) this.#publishers.push(publisher)
  }

  handlePublications(message: MessageOf<'publications'>): void {
    const reader = this.#byLog.get(message.log)
    if (reader instanceof TopicReader)
      reader.handlePublications(message, { origin: this.#origin, publishers: this.#publishers })
  }

  handleGap(message: MessageOf<'gap'>): void {
    this.#byLog.get(message.log)?.handleGap(message)
  }

  handleNack(message: MessageOf<'nack'>): void {
    this.#seatOf(message)?.handleNack(message)
  }

  handleDirect(message: MessageOf<'direct'>): void {
    this.#seatOf(message)?.listener.direct(message.data)
  }

  #seatOf({ log }: { readonly log: number }): SeatMachine | undefined {
    const follower = this.#byLog.get(log)
    return follower instanceof SeatMachine ? follower : undefined
  }

  /** The node ended it. */
  #lose(follower: Follower, error: RtmsError): void {
    this.#forget(follower)
    follower.end(error)
  }

  #forget(follower: Follower): void {
    if (follower instanceof SeatMachine) this.#seats.delete(follower.meeting)
    else this.#readers.delete(follower.topic)
    this.#byLog.delete(follower.lastLog)
  }

  // ---- the application's wishes

  /** One seat per meeting. */
  join(meeting: string, spectator: boolean, config: string, listener: SeatListener): SeatMachine {
    if (this.#seats.has(meeting)) throw new RtmsError('LIMIT', `${meeting} is joined already; leave it first`)
    const seat = new SeatMachine(meeting, spectator, config, listener, this.#host.waiting)
    this.#seats.set(meeting, seat)
    if (this.#isLive) this.#wishes.push(seat)
    return seat
  }

  leave(seat: SeatMachine): void {
    if (!this.has(seat)) return
    this.#forget(seat)
    const { log, lastLog } = seat
    seat.end(new RtmsError('CLOSED', 'The meeting was left.'))
    if (log !== 0) this.#sendLeave(log)
    // On a connection that has not asked to join it again, it can be said at once.
    else if (lastLog !== 0 && this.#isLive && seat.call === 0) this.#sendLeave(lastLog)
    else if (lastLog !== 0) this.#parting.push(lastLog)
  }

  has(seat: SeatMachine): boolean {
    return this.#seats.get(seat.meeting) === seat
  }

  /** One reader per topic. */
  read(topic: string, options: ReadOptions, listener: ReaderListener): TopicReader {
    if (this.#readers.has(topic)) throw new RtmsError('LIMIT', `${topic} is subscribed to already`)
    const reader = new TopicReader(topic, options, listener)
    this.#readers.set(topic, reader)
    if (this.#isLive) this.#wishes.push(reader)
    return reader
  }

  unread(reader: TopicReader): void {
    if (this.#readers.get(reader.topic) !== reader) return
    this.#forget(reader)
    if (reader.log !== 0) this.#sendUnsubscribe(reader.log)
  }
}
