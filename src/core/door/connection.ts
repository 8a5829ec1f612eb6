import type { Codec } from '../../protocol/codec.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { RefusedBy } from '../ground/stats.ts'
import { Timer } from '../ground/timers.ts'
import { Outlet } from '../log/log.ts'
import type { Transport } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { Held } from './held.ts'

/**
 * The life of a connection. Every legal move:
 *
 *   new ─hello→ verifying ─token good→ live ─┐
 *    └────────────┴────────────────────────────┴─close from either side, error, time-out→ closed
 */
export type Phase =
  | { readonly name: 'new' }
  | {
      readonly name: 'verifying'
      readonly hello: MessageOf<'hello'>
      /** Messages that followed the HELLO. */
      readonly held: Held
    }
  | {
      readonly name: 'live'
      readonly session: Session
      /** The REFRESH whose token is being verified. */
      refresh: MessageOf<'refresh'> | null
    }
  | { readonly name: 'closed' }

const NEW: Phase = { name: 'new' }

/** A token of a connection on its way to being verified: an answer that comes late must not count for the next one. */
export interface TokenCheck {
  readonly connection: Connection
}

/** What connections have yet to take. */
export interface Owed {
  /** Number of those that wait for credit, or for their socket. */
  readonly stalled: number
  /** Bytes that clients have yet to acknowledge. */
  readonly unacknowledgedBytes: number
}

/** One socket. */
export class Connection extends Outlet {
  readonly codec: Codec
  phase: Phase = NEW
  /** The key under which `Addresses` counts this connection; '' when it is not counted. */
  address = ''
  /** The Host header of its handshake; '' for none. */
  readonly host: string
  /** The check of its token that was begun last; null before there is one. */
  check: TokenCheck | null = null
  /** Why the connection was refused on opening; null when it was not. */
  refusedBy: RefusedBy | null = null
  lastHeard: number
  readonly heartbeat: Timer

  constructor(
    transport: Transport,
    codec: Codec,
    now: number,
    beat: (connection: Connection, now: number) => void,
    host: string,
  ) {
    super(transport, codec.text, now)
    this.codec = codec
    this.host = host
    this.lastHeard = now
    this.heartbeat = new Timer('heartbeat', (at) => beat(this, at))
  }

  /** The token that awaits verification; '' for none. */
  get token(): string {
    const { phase } = this
    if (phase.name === 'verifying') return phase.hello.token
    return phase.name === 'live' ? (phase.refresh?.token ?? '') : ''
  }

  /** The session that this connection serves, from its WELCOME until it closes; null outside that time. */
  get session(): Session | null {
    return this.phase.name === 'live' ? this.phase.session : null
  }
}
