import type { ErrorCode } from './errors.ts'
import type { limits } from './limits.ts'
import type { Payload } from './payload.ts'

/*
 * Every message of RTMS, once. Both encodings, their checks, the types below and the tests' generators are
 * derived from this table; PROTOCOL.md says what each message means, and a test holds it to the table.
 *
 * A field is written in the order it stands in. Its kind says its shape in both encodings:
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
 *   position      ≤ 64 × (publisher, number)     count, pairs                   [[publisher, number], …]
 *   frames        encoded frames (frames.ts)     length, bytes                  [{"frame": …, "entries": […]}, …]
 *   publications  encoded (publications.ts)      length, bytes                  [{"publisher": …, …}, …]
 *   { list, max } at most limits[max] structs         count, structs                 [{…}, …]
 */

/** Numbers per publisher (a node's incarnation): what a reader of a topic holds. Publishers in no particular order. */
export type Position = readonly (readonly [publisher: number, number: number])[]

interface Kinds {
  uint: number
  bool: boolean
  name: string
  /** A name that a client asks for: one that is too long is refused by name, and does not break the packet. */
  wish: string
  reason: string
  token: string
  bytes: Uint8Array
  payload: Payload
  error: ErrorCode
  position: Position
  frames: Uint8Array
  publications: Uint8Array
}

export type Kind = keyof Kinds | { readonly list: Fields; readonly max: keyof typeof limits }
export interface Fields {
  readonly [field: string]: Kind
}
type Value<K> = K extends keyof Kinds ? Kinds[K] : K extends { list: infer F } ? readonly Struct<F>[] : never
type Struct<F> = { -readonly [N in keyof F]: Value<F[N]> }

/** Who sends a message. */
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
      client: 'name',
      token: 'token',
      session: 'name',
      received: 'uint',
      window: 'uint',
    },
  },
  ack: { code: 0x11, from: 'client', fields: { bytes: 'uint', received: 'uint' } },
  join: {
    code: 0x12,
    from: 'client',
    fields: { call: 'uint', meeting: 'wish', spectator: 'bool', config: 'name', epoch: 'uint', next: 'uint' },
  },
  input: { code: 0x13, from: 'client', fields: { log: 'uint', seq: 'uint', seen: 'uint', data: 'payload' } },
  leave: { code: 0x14, from: 'client', fields: { call: 'uint', log: 'uint' } },
  subscribe: {
    code: 0x15,
    from: 'client',
    fields: {
      call: 'uint',
      topics: {
        list: {
          topic: 'wish',
          recover: 'bool',
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
  fetch: { code: 0x1b, from: 'client', fields: { call: 'uint', log: 'uint', from: 'uint', to: 'uint' } },
  flow: { code: 0x1c, from: 'client', fields: { log: 'uint', paused: 'bool' } },
  hash: {
    code: 0x1d,
    from: 'client',
    fields: { log: 'uint', frame: 'uint', state: 'bytes', snapshot: 'bytes' },
  },
  snapshotChunk: {
    code: 0x1e,
    from: 'client',
    fields: { log: 'uint', frame: 'uint', offset: 'uint', total: 'uint', data: 'bytes' },
  },
  revive: {
    code: 0x1f,
    from: 'client',
    fields: {
      call: 'uint',
      meeting: 'name',
      epoch: 'uint',
      next: 'uint',
      tag: 'bytes',
      seq: 'uint',
      member: 'token',
      snapshots: { list: { frame: 'uint', hash: 'bytes' }, max: 'snapshots' },
    },
  },
  logChunk: {
    code: 0x20,
    from: 'client',
    fields: { log: 'uint', first: 'uint', count: 'uint', frames: 'frames' },
  },

  // Server to client, of the connection: never part of the session log.
  welcome: {
    code: 0x40,
    from: 'server',
    fields: {
      version: 'uint',
      node: 'name',
      session: 'name',
      user: 'name',
      resumed: 'bool',
      reason: 'reason',
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
  },
  goodbye: {
    code: 0x41,
    from: 'server',
    fields: { code: 'uint', reason: 'reason', retryAfter: 'uint', route: 'name' },
  },
  frames: {
    code: 0x42,
    from: 'server',
    fields: { log: 'uint', first: 'uint', count: 'uint', frames: 'frames' },
  },
  publications: {
    code: 0x43,
    from: 'server',
    fields: { log: 'uint', count: 'uint', publications: 'publications' },
  },
  gap: {
    code: 0x44,
    from: 'server',
    fields: { log: 'uint', from: 'uint', to: 'uint', position: 'position', reason: 'error' },
  },
  snapshot: {
    code: 0x45,
    from: 'server',
    fields: { log: 'uint', frame: 'uint', offset: 'uint', total: 'uint', data: 'bytes' },
  },
  stable: { code: 0x46, from: 'server', fields: { log: 'uint', frame: 'uint' } },

  // Server to client, of the session: numbered from 1 in the session log.
  joined: {
    code: 0x60,
    from: 'server',
    fields: {
      call: 'uint',
      meeting: 'name',
      log: 'uint',
      epoch: 'uint',
      slot: 'uint',
      seed: 'bytes',
      rate: 'uint',
      start: 'uint',
      startFrame: 'uint',
      head: 'uint',
      next: 'uint',
      seq: 'uint',
      snapshot: 'uint',
      recovered: 'bool',
      reason: 'reason',
      maxInput: 'uint',
      members: { list: { slot: 'uint', user: 'name', away: 'bool' }, max: 'slots' },
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
      reason: 'reason',
    },
  },
  done: { code: 0x62, from: 'server', fields: { call: 'uint', value: 'uint' } },
  failed: {
    code: 0x63,
    from: 'server',
    fields: { call: 'uint', index: 'uint', error: 'error', message: 'reason', retryAfter: 'uint' },
  },
  reply: { code: 0x64, from: 'server', fields: { call: 'uint', data: 'payload' } },
  nack: {
    code: 0x65,
    from: 'server',
    fields: { log: 'uint', seq: 'uint', error: 'error', retryAfter: 'uint' },
  },
  push: { code: 0x66, from: 'server', fields: { name: 'name', data: 'payload' } },
  direct: { code: 0x67, from: 'server', fields: { log: 'uint', data: 'payload' } },
  ended: { code: 0x68, from: 'server', fields: { log: 'uint', error: 'error', message: 'reason' } },
  reset: {
    code: 0x69,
    from: 'server',
    fields: { log: 'uint', epoch: 'uint', next: 'uint', reason: 'reason' },
  },
  move: { code: 0x6a, from: 'server', fields: { log: 'uint', node: 'name', url: 'token', reason: 'reason' } },
  verdict: {
    code: 0x6b,
    from: 'server',
    fields: { log: 'uint', frame: 'uint', hash: 'bytes', agree: 'uint', voters: 'uint', status: 'uint' },
  },
  snapshotPull: { code: 0x6c, from: 'server', fields: { log: 'uint', frame: 'uint' } },
  pull: { code: 0x6d, from: 'server', fields: { log: 'uint', from: 'uint', to: 'uint' } },
} as const

export type MessageType = keyof typeof schema
type Schema = typeof schema

/** One decoded message of the given type. */
export type MessageOf<T extends MessageType> = { type: T } & Struct<Schema[T]['fields']>

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

/** What happens in a meeting besides inputs: entries of slot 255, whose `seq` is the event's code. */
export const events = {
  join: { code: 1, fields: { slot: 'uint', user: 'name' } },
  leave: { code: 2, fields: { slot: 'uint', reason: 'reason' } },
  away: { code: 3, fields: { slot: 'uint' } },
  back: { code: 4, fields: { slot: 'uint' } },
  pause: { code: 5, fields: {} },
  resume: { code: 6, fields: { gap: 'uint' } },
  slip: { code: 7, fields: { lost: 'uint' } },
  poll: { code: 8, fields: {} },
  epoch: { code: 9, fields: { epoch: 'uint', previous: 'uint' } },
} as const

export type EventType = keyof typeof events

/** A system event inside a frame; discriminated by `type`. `gap` and `lost` are milliseconds. */
export type MeetingEvent = {
  [T in EventType]: { type: T } & Struct<(typeof events)[T]['fields']>
}[EventType]
