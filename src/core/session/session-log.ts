import type { Payer } from '../ground/budget.ts'
import type { NodeLimits } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import { weights } from '../ground/weights.ts'
import { Encoded } from '../log/encoded.ts'
import { binaryCodec, encodeMessage } from '../../protocol/binary.ts'
import { type MessageOf, schema } from '../../protocol/schema.ts'
import type { Said, HandedSession } from './handed-session.ts'
import { Cursor, type Log, type Outlet, type Read } from '../log/log.ts'

/** A log is behind when more than this share of its limits is unsent. */
const BEHIND = 1 / 4

/** What an entry that waits for one session weighs. */
export function weigh(entry: Uint8Array): number {
  return weights.bytes + weights.place + entry.length
}

/** What is about logs of this node; the client subscribes anew on each connection. */
const aboutLogs: readonly number[] = (['subscribed', 'nack', 'direct', 'ended', 'charter'] as const).map(
  (type) => schema[type].code,
)
/** An answer to no call. */
const NOTHING: Uint8Array = encodeMessage({ type: 'done', call: 0, value: 0 })

/** The answer to a JOIN as another node gives it: whether the client has the seat is not known there. */
function failed(joined: Uint8Array): Uint8Array {
  const [{ call }] = binaryCodec.decode(joined, 'server') as [MessageOf<'joined'>]
  const message = 'the session went on at another node before the answer was heard'
  return encodeMessage({
    type: 'failed',
    call,
    index: 0,
    error: 'UNKNOWN',
    message,
    retryAfter: 0,
    reason: '',
  })
}

/**
 * The log of one session: replies, NACKs and pushes, in order. It has one reader at a time, the cursor of the session's
 * connection, and keeps unacknowledged entries for the next connection.
 */
export class SessionLog implements Log {
  /** 0, because a session has only one: the client counts its entries. */
  readonly number = 0
  /** The reader. Null before the session's first connection; between connections, the cursor of the previous one. */
  cursor: Cursor | null = null
  readonly #limits: NodeLimits
  readonly #payer: Payer
  readonly #caughtUp: () => void
  #ring: Ring<Uint8Array> = new Ring(1)
  #bytes = 0
  /** Bytes of the kept entries that were not yet offered. */
  #unoffered = 0

  /** `payer`: the session's user. */
  constructor(limits: NodeLimits, payer: Payer, caughtUp: () => void) {
    this.#limits = limits
    this.#payer = payer
    this.#caughtUp = caughtUp
  }

  /** Number of the last entry. */
  get last(): number {
    return this.#ring.next - 1
  }

  /** Position of the first kept entry that was not yet offered. */
  get #offset(): number {
    return Math.max(this.cursor?.position ?? 1, this.#ring.first)
  }

  /** Backpressure: whether more than a quarter of the log is unsent. Further answers could overrun it. */
  get isBehind(): boolean {
    const { sessionLogEntries, sessionLogBytes } = this.#limits
    return (
      this.#unoffered > sessionLogBytes * BEHIND ||
      this.#ring.next - this.#offset > sessionLogEntries * BEHIND
    )
  }

  /** Whether the connection was offered all there is. */
  get isOffered(): boolean {
    return this.#unoffered === 0
  }

  /** Appends an entry. False: the cursor fell off the log, so the connection is too slow to keep. */
  append(entry: Uint8Array): boolean {
    const { sessionLogEntries, sessionLogBytes } = this.#limits
    this.#ring.push(entry)
    this.#hold(weigh(entry))
    this.#unoffered += weigh(entry)
    while (this.#ring.size > sessionLogEntries || this.#bytes > sessionLogBytes) this.#lose()
    return this.#isWhole
  }

  /** Drops the oldest entries until `bytes` are free. False: the cursor fell off the log, as in {@link append}. */
  shrinkBy(bytes: number): boolean {
    const most = this.#bytes - bytes
    while (this.#ring.size > 0 && this.#bytes > most) this.#lose()
    return this.#isWhole
  }

  get #isWhole(): boolean {
    return this.cursor === null || this.cursor.position >= this.#ring.first
  }

  /** Drops the oldest entry, whether it was offered or not. */
  #lose(): void {
    const isLost = this.#ring.first === this.#offset
    const bytes = this.#drop()
    if (isLost) this.#unoffered -= bytes
  }

  #drop(): number {
    const bytes = weigh(this.#ring.shift())
    this.#hold(-bytes)
    return bytes
  }

  #hold(bytes: number): void {
    this.#bytes += bytes
    this.#payer.hold(bytes)
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position === this.#ring.next
  }

  /** Returns one entry at a time: no other session could share a batch. */
  read(cursor: Cursor): Read {
    if (cursor.position < this.#ring.first) return 'disconnect'
    const wasBehind = this.isBehind
    const entry = this.#ring.get(cursor.position++)
    this.#unoffered -= weigh(entry)
    if (wasBehind && !this.isBehind) this.#caughtUp()
    return new Encoded(entry)
  }

  /** Drops the entries up to `received`, which the client has. */
  acknowledge(received: number): void {
    while (this.#ring.size > 0 && this.#ring.first <= received && this.#ring.first < this.#offset)
      this.#drop()
  }

  /**
   * Makes the cursor of a new connection, to read from the entry after `received`, or from the oldest one kept. Returns
   * the number before the first entry it will read: above `received` when entries in between were dropped.
   */
  attach(outlet: Outlet, received: number): number {
    const { first, next } = this.#ring
    const position = Math.max(first, Math.min(received + 1, next))
    this.cursor = new Cursor(this, outlet, outlet.sessionLane, position)
    this.#unoffered = 0
    for (let at = position; at < next; at++) this.#unoffered += weigh(this.#ring.get(at))
    return position - 1
  }

  /**
   * What is kept, for the node where the session goes on. Logs have other numbers there, and the client asks for all of
   * them anew: what is about logs of this node becomes an answer to no call, since entries are counted. A JOIN has
   * failed instead: the client waits for its end where the session comes back before it was anywhere else. What was said
   * to a member alone goes apart, to be said again once it has joined there; `nameOf`: the meeting with this log number.
   */
  stateFor(nameOf: (log: number) => string | undefined): Pick<HandedSession, 'first' | 'entries' | 'said'> {
    const { first, next } = this.#ring
    const said: Said[] = []
    const entries: Uint8Array[] = []
    for (let at = first; at < next; at++) {
      const entry = this.#ring.get(at)
      const code = entry[0] as number
      if (code === schema.joined.code) entries.push(failed(entry))
      else entries.push(aboutLogs.includes(code) ? NOTHING : entry)
      if (code !== schema.direct.code) continue
      const [{ log, data }] = binaryCodec.decode(entry, 'server') as [MessageOf<'direct'>]
      const meeting = nameOf(log)
      if (meeting !== undefined) said.push({ number: at, meeting, data })
    }
    return { first, entries, said }
  }

  /** Goes on with the log of another node. It has no reader yet. */
  restore({ first, entries }: Pick<HandedSession, 'first' | 'entries'>): void {
    this.release()
    this.#ring = new Ring(first)
    this.cursor = null
    this.#unoffered = 0
    for (const entry of entries) this.append(entry)
  }

  /** The session has ended here: its user no longer pays for its log. */
  release(): void {
    this.#hold(-this.#bytes)
    this.#ring = new Ring(this.#ring.next)
    this.#unoffered = 0
  }
}
