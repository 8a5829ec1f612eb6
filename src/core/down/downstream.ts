import { type ErrorCode, errors } from '../../protocol/errors.ts'
import type { MessageType, ServerMessage } from '../../protocol/schema.ts'
import type { NodeLimits } from '../ground/config.ts'
import type { Connection } from '../door/connection.ts'
import { compose, Encoded } from '../log/encoded.ts'
import { type Cursor, Gap } from '../log/log.ts'
import type { Packet } from '../ports.ts'
import { type Session, shorten } from '../session/session.ts'
import type { Stats } from '../ground/stats.ts'

/** A table that connections are told of as it grows, before what refers to it. */
interface Told {
  readonly size: number
  messageFrom(told: number): Encoded
}

/**
 * Everything that goes down. What is new marks cursors; a flush makes one write per connection of whatever its
 * marked cursors have to read, within credit and budget. Nothing is copied for a connection that waits.
 */
export class Downstream {
  readonly #limits: NodeLimits
  readonly #stats: Stats
  readonly #publishers: Told
  readonly #slow: (connection: Connection) => void
  readonly #caughtUp: (session: Session) => void
  #queue: Connection[] = []
  /** The parts of the write under way. */
  readonly #parts: Encoded[] = []

  constructor(
    limits: NodeLimits,
    stats: Stats,
    publishers: Told,
    slow: (connection: Connection) => void,
    caughtUp: (session: Session) => void,
  ) {
    this.#limits = limits
    this.#stats = stats
    this.#publishers = publishers
    this.#slow = slow
    this.#caughtUp = caughtUp
  }

  get hasWork(): boolean {
    return this.#queue.length > 0
  }

  markFrames(cursor: Cursor): void {
    const { connection } = cursor.session
    if (cursor.dirty || connection === null) return
    cursor.dirty = true
    connection.frames.push(cursor)
    this.#enqueue(connection)
  }

  markTopic(cursor: Cursor): void {
    const { connection } = cursor.session
    if (cursor.dirty || connection === null) return
    cursor.dirty = true
    connection.topics.push(cursor)
    this.#enqueue(connection)
  }

  /** Puts a message into a session's log. */
  send(session: Session, message: ServerMessage): void {
    this.sendEncoded(session, Encoded.of(message))
  }

  /** Ends a call that failed, and counts it; `index` is the place in a SUBSCRIBE. */
  fail(
    session: Session,
    { type, call }: { readonly type: MessageType; readonly call: number },
    error: ErrorCode,
    text: string = errors[error].text,
    index = 0,
    retryAfter = 0,
  ): void {
    this.#stats.failCall(type, error)
    this.send(session, { type: 'failed', call, index, error, message: shorten(text), retryAfter })
  }

  sendEncoded(session: Session, entry: Encoded): void {
    if (session.ended) return
    const kept = session.append(entry)
    if (session.connection === null) return
    if (kept) this.#enqueue(session.connection)
    else this.doom(session)
  }

  /** Puts a message of this connection alone ahead of every log. */
  control(connection: Connection, message: ServerMessage): void {
    connection.control.push(Encoded.of(message))
    this.#enqueue(connection)
  }

  /** What held a connection back is gone: credit came, or its socket drained. */
  wake(connection: Connection): void {
    if (connection.hasWork) this.#enqueue(connection)
  }

  /** The reader is too slow to be kept: from here on it would miss something without being told. */
  doom(session: Session): void {
    const { connection } = session
    if (connection === null || connection.doomed) return
    connection.doomed = true
    this.#slow(connection)
  }

  /** The last write to a connection: what is its alone, and nothing of the logs. */
  farewell(connection: Connection, message: ServerMessage, now: number): void {
    if (!connection.open) return
    const parts = [...connection.control, Encoded.of(message)]
    connection.control = []
    this.#stats.messagesOut += parts.length
    this.#hand(connection, compose(parts, connection.codec.text), now)
  }

  #enqueue(connection: Connection): void {
    if (connection.queued || connection.doomed || connection.state === 'closed' || !connection.open) return
    connection.queued = true
    this.#queue.push(connection)
  }

  /**
   * Writes to each connection that has something, once. What is over (a page, the budget) stays for the next
   * flush, in the order in which it waits.
   */
  flush(now: number, budget: number): void {
    const queue = this.#queue
    this.#queue = []
    let at = 0
    for (; at < queue.length && budget > 0; at++) {
      const connection = queue[at] as Connection
      connection.queued = false
      budget -= this.#write(connection, now)
      if (connection.hasWork) this.#enqueue(connection)
    }
    if (at === queue.length) return
    this.#stats.sweepsCutDown++
    this.#queue = [...queue.slice(at), ...this.#queue]
  }

  /** One write of what waits for this connection. Returns its bytes. */
  #write(connection: Connection, now: number): number {
    if (connection.state === 'closed' || connection.doomed || !connection.open) return 0
    const parts = this.#parts
    const { control } = connection
    let bytes = 0
    for (const part of control) {
      parts.push(part)
      bytes += part.binary.length
    }
    empty(control)
    if (connection.state === 'live') {
      const limit = this.#limits.writeBytes
      bytes = this.#readSession(connection.session as Session, parts, bytes, limit)
      // Frames before topics, but a long catch-up leaves room for live topics.
      bytes = this.#read(connection.frames, parts, bytes, connection.topics.length > 0 ? limit / 2 : limit)
      if (connection.topics.length > 0) {
        bytes = this.#tellPublishers(connection, parts, bytes)
        this.#read(connection.topics, parts, bytes, limit)
      }
    }
    if (parts.length === 0) return 0
    this.#stats.messagesOut += parts.length
    const { text } = connection.codec
    const packet = parts.length === 1 ? (parts[0] as Encoded).packet(text) : compose(parts, text)
    empty(parts)
    return this.#hand(connection, packet, now)
  }

  /** The entries that follow name their publishers by numbers: the connection has to know them first. */
  #tellPublishers(connection: Connection, parts: Encoded[], bytes: number): number {
    const { size } = this.#publishers
    if (connection.publishersTold === size) return bytes
    const message = this.#publishers.messageFrom(connection.publishersTold)
    connection.publishersTold = size
    parts.push(message)
    return bytes + message.binary.length
  }

  #hand(connection: Connection, packet: Packet, now: number): number {
    const size = packet.bytes.length
    connection.sent += size
    connection.lastSent = now
    this.#stats.writes++
    this.#stats.bytesOut += size
    connection.writable = connection.transport.write(packet)
    if (!connection.writable) this.#stats.socketStalls++
    else if (!connection.open) this.#stats.creditStalls++
    return size
  }

  #readSession(session: Session, parts: Encoded[], bytes: number, limit: number): number {
    const wasBehind = session.isBehind
    while (bytes < limit) {
      const entry = session.offer()
      if (entry === null) break
      parts.push(entry)
      bytes += entry.binary.length
    }
    if (wasBehind && !session.isBehind) this.#caughtUp(session)
    return bytes
  }

  /** A page of each cursor in turn until all are current or the write is full; then the next write starts behind. */
  #read(cursors: Cursor[], parts: Encoded[], bytes: number, limit: number): number {
    let at = 0
    while (at < cursors.length && bytes < limit) {
      const cursor = cursors[at++] as Cursor
      if (!cursor.live || cursor.log.isCurrent(cursor)) {
        cursor.dirty = false
        continue
      }
      const read = cursor.log.read(cursor)
      if (read === 'disconnect') {
        this.doom(cursor.session)
        break
      }
      if (read !== 'nothing') {
        if (read instanceof Gap) this.#stats.gap(read)
        parts.push(read)
        bytes += read.binary.length
      }
      if (cursor.log.isCurrent(cursor)) cursor.dirty = false
      else cursors.push(cursor)
    }
    if (at === cursors.length) empty(cursors)
    else cursors.splice(0, at)
    return bytes
  }
}

/** For the short lists of every write: many times cheaper than setting their length. */
function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}
