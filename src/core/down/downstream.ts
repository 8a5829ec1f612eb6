import { encodeMessage } from '../../protocol/binary.ts'
import { errorTexts } from '../../protocol/error-texts.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf, MessageType, ServerMessage } from '../../protocol/schema.ts'
import type { Limits } from '../ground/config.ts'
import type { Stats } from '../ground/stats.ts'
import { costs, type Work } from '../ground/work.ts'
import { Gap, WarmCaches } from '../log/batches.ts'
import { compose, Encoded } from '../log/encoded.ts'
import { type Cursor, empty, type Outlet } from '../log/log.ts'
import type { Packet } from '../ports.ts'
import type { Session } from '../session/session.ts'
import { shorten } from '../session/told.ts'

/** A growing table. A connection is told its new rows before any entry that refers to them. */
interface Told {
  readonly size: number
  messageFrom(told: number): Encoded
}

/**
 * The share of a flush that is left for connections that wait for topics alone. All others come first: a topic may have
 * thousands of readers, and what they get must not hold up anybody's frames.
 */
const PATIENT_SHARE = 1 / 4

/**
 * Everything that goes down. A new entry marks the cursors of its log; a flush makes one write per connection, of what
 * its marked cursors have to read, within credit and budget. Nothing is copied for a connection that waits.
 */
export class Downstream {
  readonly #limits: Limits
  readonly #stats: Stats
  readonly #work: Work
  readonly #publishers: Told
  readonly #slow: (outlet: Outlet) => void
  readonly #broken: (outlet: Outlet, error: unknown) => void
  /** The caches of all logs: what no reader waits for after a flush is dropped. */
  readonly caches: WarmCaches = new WarmCaches()
  /** Connections that wait for more than topics, and for topics alone. */
  #urgent: Outlet[] = []
  #patient: Outlet[] = []
  /** Whether the last flush left some of the latter: then the former wait for theirs like them. */
  #isCrowded = false
  /** Whether the last flush has come to none of the patient ones: then they go first for once. */
  #isStarved = false
  /** How many times all that waited for topics at some moment have been written to, and how many of them are left. */
  round = 0
  #left = 0
  /** How many flushes there were. */
  flushes = 0
  /** Parts of the write under way; reused. */
  readonly #parts: Encoded[] = []

  /** `slow`: the reader of this outlet cannot be kept. `broken`: encoding for one outlet, or its transport, threw. */
  constructor(
    limits: Limits,
    stats: Stats,
    work: Work,
    publishers: Told,
    slow: (outlet: Outlet) => void,
    broken: (outlet: Outlet, error: unknown) => void,
  ) {
    this.#limits = limits
    this.#stats = stats
    this.#work = work
    this.#publishers = publishers
    this.#slow = slow
    this.#broken = broken
  }

  get hasWork(): boolean {
    return this.#urgent.length > 0 || this.#patient.length > 0
  }

  /** Marks a cursor that has something to read. */
  mark(cursor: Cursor): void {
    if (cursor.marked) return
    cursor.marked = true
    cursor.lane.push(cursor)
    this.#enqueue(cursor.outlet)
  }

  /** Appends a message to a session's log. */
  send(session: Session, message: ServerMessage): void {
    const entry = encodeMessage(message)
    this.#work.done += costs.encoded + entry.length * costs.text
    this.sendEncoded(session, entry)
  }

  /** Answers a call with FAILED, and counts it. `index`: the position of the topic in a SUBSCRIBE. */
  fail(
    session: Session,
    { type, call }: { readonly type: MessageType; readonly call: number },
    error: ErrorCode,
    text: string = errorTexts[error],
    index = 0,
    retryAfter = 0,
    reason = '',
  ): void {
    this.#stats.failCall(type, error)
    const words = { message: shorten(text), reason: shorten(reason) }
    this.send(session, { type: 'failed', call, index, error, retryAfter, ...words })
  }

  sendEncoded(session: Session, entry: Uint8Array): void {
    if (session.ended) return
    if (session.isGone) return session.sendOn(entry)
    const { outlet, log } = session
    const kept = log.append(entry)
    if (outlet === null || log.cursor === null) return
    if (kept) this.mark(log.cursor)
    else this.doom(outlet)
  }

  /** A session's new connection goes on reading its log. */
  resume({ log }: Session): void {
    if (log.cursor !== null && !log.isCurrent(log.cursor)) this.mark(log.cursor)
  }

  /** Queues a message for this connection alone, ahead of every log. */
  control(outlet: Outlet, message: ServerMessage): void {
    outlet.addControl(Encoded.of(message))
    this.#enqueue(outlet)
  }

  /** An outlet has credit again, or its socket has drained. */
  wake(outlet: Outlet): void {
    if (outlet.hasWork) this.#enqueue(outlet)
  }

  /** Gives up a reader that is too slow: from here on it would miss entries without being told. */
  doom(outlet: Outlet): void {
    if (outlet.outflow !== 'open') return
    outlet.outflow = 'doomed'
    this.#slow(outlet)
  }

  /**
   * The last write to a connection: its control messages and the GOODBYE, nothing of the logs. A GOODBYE needs no
   * credit, so a client that was closed for not reading learns the reason once it reads on.
   */
  farewell(outlet: Outlet, goodbye: MessageOf<'goodbye'>, now: number): void {
    const parts = [...(outlet.hasCredit ? outlet.control : []), Encoded.of(goodbye)]
    this.#stats.messagesOut += parts.length
    this.#hand(outlet, compose(parts, outlet.text), now)
  }

  #enqueue(outlet: Outlet): void {
    if (outlet.outflow !== 'open' || !outlet.hasCredit) return
    if (outlet.hasUrgentWork) {
      if (outlet.isUrgent) return
      outlet.isUrgent = true
      this.#urgent.push(outlet)
    } else if (!outlet.isPatient) {
      outlet.isPatient = true
      this.#patient.push(outlet)
    }
  }

  /**
   * Makes one write to each connection that has work. Connections beyond the budget of bytes or of work, and logs
   * beyond a page, wait for the next flush in their order.
   */
  flush(now: number, budget: number, work: number): void {
    const urgent = this.#urgent
    const patient = this.#patient
    this.#urgent = []
    this.#patient = []
    this.flushes++
    if (this.#left === 0) this.#left = patient.length
    const share = patient.length > 0 ? PATIENT_SHARE : 0
    const begun = this.#work.done
    const sent = this.#stats.bytesOut
    const serve = (queue: readonly Outlet[], part: number): number =>
      this.#serveAll(
        queue,
        queue === urgent,
        now,
        part * budget - (this.#stats.bytesOut - sent),
        begun + part * work,
      )
    // The urgent ones may have taken all there was.
    let then = this.#isStarved ? serve(patient, share) : 0
    const first = serve(urgent, this.#isStarved ? 1 : 1 - share)
    if (!this.#isStarved) then = serve(patient, 1)
    if (first < urgent.length) this.#urgent = [...urgent.slice(first), ...this.#urgent]
    this.#isCrowded = then < patient.length
    this.#isStarved = this.#isCrowded && then === 0
    if (this.#isCrowded) this.#patient = [...patient.slice(then), ...this.#patient]
    if (first < urgent.length || this.#isCrowded) this.#stats.sweepsCutDown++
    this.#left = Math.max(0, this.#left - then)
    if (this.#left === 0) this.round++
    this.caches.settle(!this.hasWork)
  }

  /** Writes to the connections of a list until a budget has run out. Returns how many it has come to. */
  #serveAll(queue: readonly Outlet[], isUrgent: boolean, now: number, budget: number, end: number): number {
    let at = 0
    for (; at < queue.length && budget > 0 && this.#work.done < end; at++) {
      const outlet = queue[at] as Outlet
      if (isUrgent) outlet.isUrgent = false
      else outlet.isPatient = false
      const isWithoutTopics = isUrgent && this.#isCrowded
      if (outlet.served !== this.flushes) budget -= this.#serve(outlet, now, isWithoutTopics)
      if (!isWithoutTopics) outlet.served = this.flushes
      if (outlet.hasWork) this.#enqueue(outlet)
    }
    return at
  }

  /**
   * Writes to a cursor's connection until the cursor is current or has to wait, because what it has not read yet is
   * about to be dropped.
   */
  hurry(cursor: Cursor, now: number): void {
    const { outlet } = cursor
    while (cursor.marked && outlet.outflow === 'open' && outlet.hasCredit) this.#serve(outlet, now, false)
  }

  /** Like {@link #write}; a fault costs the connection. */
  #serve(outlet: Outlet, now: number, isWithoutTopics: boolean): number {
    try {
      return this.#write(outlet, now, isWithoutTopics)
    } catch (error) {
      empty(this.#parts)
      outlet.outflow = 'doomed'
      this.#broken(outlet, error)
      return 0
    }
  }

  /** Writes what waits for this connection. Returns the bytes written. */
  #write(outlet: Outlet, now: number, isWithoutTopics: boolean): number {
    if (outlet.outflow !== 'open' || !outlet.hasCredit) return 0
    const parts = this.#parts
    const { control, sessionLane: session, frameLane: frames, topicLane: topics } = outlet
    const limit = this.#limits.writeBytes
    let bytes = 0
    if (control.length > 0) {
      for (const part of control) {
        parts.push(part)
        bytes += part.binary.length
        this.#work.done += part.workOf(outlet.text)
      }
      outlet.clearControl()
    }
    if (session.length > 0) bytes = this.#read(session, parts, bytes, limit)
    // What is left of the session log may say where a reader of frames or topics begins.
    const isTold = session.length === 0
    const hasTopics = isTold && !isWithoutTopics && topics.length > 0
    // Frames come before topics, but a long catch-up leaves half of the write to live topics.
    if (isTold && frames.length > 0) bytes = this.#read(frames, parts, bytes, hasTopics ? limit / 2 : limit)
    if (hasTopics) {
      bytes = this.#tellPublishers(outlet, parts, bytes)
      this.#read(topics, parts, bytes, limit)
    }
    if (parts.length === 0) return 0
    this.#stats.messagesOut += parts.length
    const { text } = outlet
    const packet = parts.length === 1 ? (parts[0] as Encoded).packet(text) : compose(parts, text)
    empty(parts)
    return this.#hand(outlet, packet, now)
  }

  /** Entries name their publishers by number, so the connection must be told the numbers first. */
  #tellPublishers(outlet: Outlet, parts: Encoded[], bytes: number): number {
    const { size } = this.#publishers
    if (outlet.publishersTold === size) return bytes
    const message = this.#publishers.messageFrom(outlet.publishersTold)
    outlet.publishersTold = size
    parts.push(message)
    return bytes + message.binary.length
  }

  #hand(outlet: Outlet, packet: Packet, now: number): number {
    const size = packet.bytes.length
    outlet.sent += size
    outlet.lastSent = now
    this.#work.done += costs.write + size * costs.byte
    this.#stats.writes++
    this.#stats.bytesOut += size
    outlet.writable = outlet.transport.write(packet)
    if (!outlet.writable) this.#stats.socketStalls++
    else if (!outlet.hasCredit) this.#stats.creditStalls++
    return size
  }

  /**
   * Reads a page of each cursor in turn until all are current or the write is full; the next write goes on from there.
   */
  #read(cursors: Cursor[], parts: Encoded[], bytes: number, limit: number): number {
    const end = this.#work.done + this.#limits.writeWork
    let at = 0
    while (at < cursors.length && bytes < limit && this.#work.done < end) {
      this.#work.done += costs.walked
      const cursor = cursors[at++] as Cursor
      if (cursor.log.isCurrent(cursor)) {
        cursor.marked = false
        continue
      }
      const read = cursor.log.read(cursor)
      if (read === 'disconnect') {
        this.doom(cursor.outlet)
        break
      }
      if (read !== 'nothing') {
        if (read instanceof Gap) this.#stats.gap(read)
        parts.push(read)
        bytes += read.binary.length
        this.#work.done += read.workOf(cursor.outlet.text)
      }
      if (cursor.log.isCurrent(cursor)) cursor.marked = false
      else cursors.push(cursor)
    }
    if (at === cursors.length) empty(cursors)
    else cursors.splice(0, at)
    return bytes
  }
}
