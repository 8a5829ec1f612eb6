import type { Codec } from '../../protocol/codec.ts'
import type { ClientMessage } from '../../protocol/schema.ts'
import type { RefusedBy } from './admission.ts'
import type { Encoded } from '../log/encoded.ts'
import type { Cursor } from '../log/log.ts'
import type { Transport } from '../ports.ts'
import type { Session } from '../session/session.ts'
import { Timer } from '../ground/timers.ts'

/**
 * The life of a connection. Every legal move:
 *
 *   new ─hello→ verifying ─token good→ live ─┐
 *    └────────────┴────────────────────────────┴─close from either side, error, time-out→ closed
 */
export type ConnectionState = 'new' | 'verifying' | 'live' | 'closed'

/** One socket: what it has been handed, and what waits for it. */
export class Connection {
  readonly transport: Transport
  readonly codec: Codec
  state: ConnectionState = 'new'
  session: Session | null = null
  /** Under what it is counted with others of its address; '' where it is not. */
  address = ''
  /** Why it was closed at once. */
  refusedBy: RefusedBy | null = null
  /** The HELLO that is being verified, and what came behind it. */
  hello: (ClientMessage & { type: 'hello' }) | null = null
  held: ClientMessage[] = []
  /** The call of the REFRESH whose token is being verified; 0 for none. */
  refreshing = 0

  /** Messages of this connection alone, ahead of every log: WELCOME, PING, PONG, GOODBYE. */
  control: Encoded[] = []
  /** Cursors with something to read. */
  frames: Cursor[] = []
  topics: Cursor[] = []
  /** Publishers it was told of: the node itself by WELCOME. */
  publishersTold = 1
  /** Whether it stands in the list of connections to be written to. */
  queued = false

  /** Bytes handed over, and acknowledged by the client; at most `window` apart before a write, 0 = no window. */
  sent = 0
  acknowledged = 0
  window = 0
  /** The socket took the last write without holding more than its mark. */
  writable = true
  /** Something it had to carry is lost: nothing goes out any more but the GOODBYE. */
  doomed = false
  /** Reading is stopped because the upstream queue is full. */
  paused = false

  lastHeard: number
  lastSent: number
  readonly heartbeat: Timer

  constructor(
    transport: Transport,
    codec: Codec,
    now: number,
    beat: (connection: Connection, now: number) => void,
  ) {
    this.transport = transport
    this.codec = codec
    this.lastHeard = now
    this.lastSent = now
    this.heartbeat = new Timer((at) => beat(this, at))
  }

  /** Whether a write is allowed now: the socket takes it and the client has acknowledged enough. */
  get open(): boolean {
    return this.writable && (this.window === 0 || this.sent - this.acknowledged < this.window)
  }

  get hasWork(): boolean {
    return (
      this.control.length > 0 ||
      this.frames.length > 0 ||
      this.topics.length > 0 ||
      (this.session?.hasUnoffered ?? false)
    )
  }
}
