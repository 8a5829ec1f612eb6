import type { ErrorCode } from './errors.ts'
import type { limits } from './limits.ts'
import type { Payload } from './payload.ts'

/*
 * The schema of every message of RTMS. Both encodings, their checks, the types below and the tests' generators are
 * derived from this table. PROTOCOL.md says what each message means, and a test holds it to the table.
 *
 * Fields are written in the order of the table. The kind of a field gives its limit, binary form and JSON form:
 *
 *   uint          0 … 2^53 − 1                   LEB128                         number
 *   bool          —                              one byte, 0 or 1               true | false
 *   name          ≤ 255 bytes of UTF-8           length, bytes                  string
 *   wish          as long as the packet, UTF-8   length, bytes                  string
 *   reason        ≤ 123 bytes of UTF-8           length, bytes                  string
 *   token         ≤ 8 KiB of UTF-8               length, bytes                  string
 *   bytes         as long as the packet          length, bytes                  base64
 *   payload       ≤ 32 KiB                       length × 2 + text?1:0, bytes   {"text": …} or {"base64": …}
 *   error         an error code                  uint                           its name
 *   why           an error code, or none         uint, 0 for none               its name, "" for none
 *   position      ≤ 64 × (publisher, number)     epoch, at, count, pairs        {"epoch": …, "at": …, "numbers": [[…],
 * …]}   frames        encoded frames (frames.ts)     length, bytes                  [{"frame": …, "entries": […]}, …]
 * publications  encoded (publications.ts)      the rest of the body           [{"at": …, "publisher": …, …}, …]   {
 * list, max } at most limits[max] structs         count, structs                 [{…}, …]
 *
 * Fields of `tail` may be missing: a sender leaves out trailing ones that have the zero value of their kind, and a
 * receiver reads a missing field as zero. A message can therefore grow within a version, at the end of its tail: a
 * receiver skips whatever follows the fields it knows, and skips messages and system events that it does not know.
 */

/** A reader's position in a topic, from which any node can resume it. */
export interface Position {
  /** Identifies one life of a topic's log on one node; 0 for none. */
  readonly epoch: number
  /** The next position to read in that log. */
  readonly at: number
  /**
   * The last number read of each publisher (a node's incarnation), in no particular order: for resuming on other nodes.
   */
  readonly numbers: readonly (readonly [publisher: number, number: number])[]
}

/** The position of a reader that has read nothing; also stands for no position, as in a meeting's GAP. */
export const nowhere: Position = { epoch: 0, at: 0, numbers: [] }

interface Kinds {
  uint: number
  bool: boolean
  name: string
  /** A name that a client asks for. One that is too long fails that call with an error, not the whole packet. */
  wish: string
  reason: string
  token: string
  bytes: Uint8Array
  payload: Payload
  error: ErrorCode
  why: ErrorCode | ''
  position: Position
  frames: Uint8Array
  publications: Uint8Array
}

export type Kind = keyof Kinds | { readonly list: Fields; readonly max: keyof typeof limits }
export interface Fields {
  readonly [field: string]: Kind
}
type Value<K> = K extends keyof Kinds ? Kinds[K] : K extends { list: infer F } ? readonly Struct<F>[] : never
/** A struct of these fields, decoded. */
export type Struct<F> = { -readonly [N in keyof F]: Value<F[N]> }

/** The side that sends a message. */
export type Side = 'client' | 'server' | 'both'

export const schema = {
  // Both directions.
  ping: { code: 0x01, from: 'both', fields: { time: 'uint' } },
  pong: { code: 0x02, from: 'both', fields: { echo: 'uint', time: 'uint', lateness: 'uint' } },

  // Client to server.
  hello: {
    code: 0x10,
    from: 'client',
    fields: {
      version: 'uint',
      features: 'uint',
      client: 'name',
      token: 'token',
      session: 'name',
      received: 'uint',
      window: 'uint',
    },
    // That of the `move` that has led here; 0 where none has.
    tail: { moves: 'uint' },
  },
  ack: {
    code: 0x11,
    from: 'client',
    fields: { bytes: 'uint', received: 'uint' },
    tail: { seen: { list: { log: 'uint', frame: 'uint' }, max: 'batch' } },
  },
  join: {
    code: 0x12,
    from: 'client',
    fields: { call: 'uint', meeting: 'wish', spectator: 'bool', config: 'name', world: 'uint', next: 'uint' },
    // The session in which the client last had its seat, where that is another one; and what it holds of that world as
    // a member, if it was one: one entry or none.
    tail: {
      former: 'name',
      held: {
        list: {
          slot: 'uint',
          elected: 'uint',
          term: 'uint',
          incarnation: 'uint',
          seen: 'uint',
          stable: 'uint',
          promisedTerm: 'uint',
          promisedIncarnation: 'uint',
        },
        max: 'batch',
      },
    },
  },
  input: {
    code: 0x13,
    from: 'client',
    fields: { log: 'uint', seq: 'uint', after: 'uint', seen: 'uint', data: 'payload' },
  },
  leave: { code: 0x14, from: 'client', fields: { call: 'uint', log: 'uint' } },
  subscribe: {
    code: 0x15,
    from: 'client',
    fields: {
      call: 'uint',
      topics: {
        list: {
          topic: 'wish',
          since: 'position',
          history: 'uint',
          conflate: 'bool',
          maxHz: 'uint',
          policy: 'uint',
          keys: { list: { key: 'name' }, max: 'keys' },
        },
        max: 'batch',
      },
    },
  },
  unsubscribe: {
    code: 0x16,
    from: 'client',
    fields: { call: 'uint', logs: { list: { log: 'uint' }, max: 'batch' } },
  },
  publish: {
    code: 0x17,
    from: 'client',
    fields: { call: 'uint', topic: 'wish', key: 'name', tombstone: 'bool', data: 'payload' },
  },
  request: {
    code: 0x18,
    from: 'client',
    fields: { call: 'uint', method: 'wish', timeout: 'uint', data: 'payload' },
  },
  cancel: { code: 0x19, from: 'client', fields: { call: 'uint' } },
  refresh: { code: 0x1a, from: 'client', fields: { call: 'uint', token: 'token' } },
  promise: {
    code: 0x1b,
    from: 'client',
    fields: { call: 'uint', term: 'uint', incarnation: 'uint' },
    // For how long nothing has come from a node at which it had its seat, in milliseconds.
    tail: { age: 'uint' },
  },
  // What the client has kept of a meeting: a `charter` (`count` 0), frames as they came, or nothing more (`tag` 0).
  kept: {
    code: 0x1c,
    from: 'client',
    fields: { call: 'uint', first: 'uint', count: 'uint', bytes: 'bytes', stable: 'uint', tag: 'uint' },
  },

  // Server to client, of the connection: never part of the session log.
  welcome: {
    code: 0x40,
    from: 'server',
    fields: {
      version: 'uint',
      features: 'uint',
      node: 'name',
      publisher: 'uint',
      origin: 'uint',
      session: 'name',
      user: 'name',
      resumed: 'bool',
      reason: 'why',
      received: 'uint',
      calls: 'uint',
      time: 'uint',
      heartbeat: 'uint',
      window: 'uint',
      expires: 'uint',
      reconnectMin: 'uint',
      reconnectMax: 'uint',
      keep: 'uint',
      maxPacket: 'uint',
      maxInput: 'uint',
      maxPayload: 'uint',
      maxMeetings: 'uint',
      maxSubscriptions: 'uint',
      maxRequests: 'uint',
    },
    // What a user may send in a second, all sessions together, and how many seconds' worth at once.
    tail: {
      publishRate: 'uint',
      subscribeRate: 'uint',
      joinRate: 'uint',
      requestRate: 'uint',
      burst: 'uint',
    },
  },
  goodbye: {
    code: 0x41,
    from: 'server',
    fields: { code: 'uint', reason: 'reason', retryAfter: 'uint', route: 'name' },
    // Set when the version of the HELLO is not spoken: the range of versions that are.
    tail: { least: 'uint', most: 'uint' },
  },
  frames: {
    code: 0x42,
    from: 'server',
    fields: { log: 'uint', first: 'uint', count: 'uint', frames: 'frames' },
    // `tag`: what the cluster knows these frames by, and all before them; 0 where it does not.
    tail: { stable: 'uint', tag: 'uint' },
  },
  publications: {
    code: 0x43,
    from: 'server',
    fields: { log: 'uint', at: 'uint', publications: 'publications' },
  },
  gap: {
    code: 0x44,
    from: 'server',
    fields: { log: 'uint', from: 'uint', to: 'uint', position: 'position', reason: 'error' },
  },
  publishers: {
    code: 0x45,
    from: 'server',
    fields: { first: 'uint', publishers: { list: { publisher: 'uint' }, max: 'nodePublishers' } },
  },
  move: { code: 0x46, from: 'server', fields: { url: 'name', moves: 'uint' } },
  stand: { code: 0x47, from: 'server', fields: { call: 'uint', term: 'uint', incarnation: 'uint' } },
  paused: { code: 0x48, from: 'server', fields: { log: 'uint', paused: 'bool' } },
  pull: { code: 0x49, from: 'server', fields: { call: 'uint', from: 'uint' } },

  // Server to client, of the session: numbered from 1 in the session log.
  joined: {
    code: 0x60,
    from: 'server',
    fields: {
      call: 'uint',
      meeting: 'name',
      log: 'uint',
      world: 'uint',
      term: 'uint',
      incarnation: 'uint',
      slot: 'uint',
      seed: 'bytes',
      rate: 'uint',
      start: 'uint',
      startFrame: 'uint',
      head: 'uint',
      next: 'uint',
      seq: 'uint',
      stable: 'uint',
      recovered: 'bool',
      reason: 'why',
      maxInput: 'uint',
      members: { list: { slot: 'uint', user: 'name', away: 'bool' }, max: 'slots' },
    },
    // Whether the seat is the one that the client had, and which of its inputs wait for a frame; the frame with which
    // the client has become a member; and the fence of the frame before `next`.
    tail: {
      continued: 'bool',
      waiting: { list: { seq: 'uint' }, max: 'batch' },
      elected: 'uint',
      heldTerm: 'uint',
      heldIncarnation: 'uint',
    },
  },
  subscribed: {
    code: 0x61,
    from: 'server',
    fields: {
      call: 'uint',
      index: 'uint',
      topic: 'name',
      log: 'uint',
      keyed: 'bool',
      position: 'position',
      recovered: 'bool',
      reason: 'why',
    },
  },
  done: { code: 0x62, from: 'server', fields: { call: 'uint', value: 'uint' } },
  failed: {
    code: 0x63,
    from: 'server',
    fields: { call: 'uint', index: 'uint', error: 'error', message: 'reason', retryAfter: 'uint' },
    // The business's own word for programs, here and in `nack`.
    tail: { reason: 'reason' },
  },
  reply: { code: 0x64, from: 'server', fields: { call: 'uint', data: 'payload' } },
  nack: {
    code: 0x65,
    from: 'server',
    fields: { log: 'uint', seq: 'uint', error: 'error', retryAfter: 'uint' },
    // `last`: set when the seq itself was wrong, to the last seq answered in this slot. `message`: the business's words.
    tail: { last: 'uint', message: 'reason', reason: 'reason' },
  },
  push: { code: 0x66, from: 'server', fields: { name: 'name', data: 'payload' } },
  direct: { code: 0x67, from: 'server', fields: { log: 'uint', data: 'payload' } },
  ended: { code: 0x68, from: 'server', fields: { log: 'uint', error: 'error', message: 'reason' } },
  // What a node needs besides the frames from `first` on to go on with the meeting.
  charter: {
    code: 0x69,
    from: 'server',
    fields: { log: 'uint', first: 'uint', bytes: 'bytes', tag: 'uint' },
  },
} as const

export type MessageType = keyof typeof schema
type Schema = typeof schema

type Tail<T> = T extends { tail: infer F } ? Struct<F> : unknown

/** One decoded message of the given type. Tail fields that its sender left out have their zero value. */
export type MessageOf<T extends MessageType> = { type: T } & Struct<Schema[T]['fields']> & Tail<Schema[T]>

/** The tail of a message: fields that its sender may leave out and a receiver may not know. */
export function tailOf(type: MessageType): Fields {
  const row: Schema[MessageType] & { readonly tail?: Fields } = schema[type]
  return row.tail ?? NO_FIELDS
}

const NO_FIELDS: Fields = {}

/** Any message; discriminated by `type`. */
export type Message = { [T in MessageType]: MessageOf<T> }[MessageType]

type Sent<S extends Side> = {
  [T in MessageType]: Schema[T]['from'] extends S | 'both' ? MessageOf<T> : never
}[MessageType]

/** What a client may send. */
export type ClientMessage = Sent<'client'>
/** What a server may send. */
export type ServerMessage = Sent<'server'>

const FIRST_OF_SESSION_LOG = 0x60

/** Whether a message of this type is an entry of the session log, counted by `ack.received` and `welcome.received`. */
export function isOfSessionLog(type: MessageType): boolean {
  return schema[type].code >= FIRST_OF_SESSION_LOG
}

/** The names of a table's rows, by code. */
export function byCode<T extends string>(
  table: Readonly<Record<T, { readonly code: number }>>,
): ReadonlyMap<number, T> {
  return new Map((Object.keys(table) as T[]).map((name) => [table[name].code, name]))
}

/** System events of a meeting: entries of slot 255, whose `seq` is the event's code. */
export const events = {
  join: { code: 1, fields: { slot: 'uint', user: 'name' } },
  leave: { code: 2, fields: { slot: 'uint', reason: 'reason' } },
  away: { code: 3, fields: { slot: 'uint' } },
  back: { code: 4, fields: { slot: 'uint' } },
  resume: { code: 5, fields: { gap: 'uint' } },
  slip: { code: 6, fields: { lost: 'uint' } },
  owner: { code: 7, fields: { incarnation: 'uint' } },
  epoch: { code: 8, fields: { term: 'uint', incarnation: 'uint' } },
  takeover: { code: 9, fields: { slot: 'uint' } },
  say: { code: 10, fields: { data: 'payload' } },
} as const

export type EventType = keyof typeof events

/** A system event inside a frame; discriminated by `type`. `gap` and `lost` are milliseconds. */
export type MeetingEvent = {
  [T in EventType]: { type: T } & Struct<(typeof events)[T]['fields']>
}[EventType]
