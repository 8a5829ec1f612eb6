/**
 * Every error code that a user of RTMS can meet. On the wire a code is its position in this table, from 1, so codes are
 * never removed and new ones go at the end. The value says what to do: `fix`: the call is wrong and will fail again;
 * `later`: the same call may succeed after a pause; `unknown`: the call may or may not have taken effect.
 */
export const errors = {
  PROTOCOL: 'fix',
  UNAUTHENTICATED: 'fix',
  FORBIDDEN: 'fix',
  NOT_FOUND: 'fix',
  BAD_TOPIC: 'fix',
  BAD_NAME: 'fix',
  FULL: 'later',
  LIMIT: 'fix',
  TOO_LARGE: 'fix',
  RATE: 'later',
  BUSY: 'later',
  TIMEOUT: 'unknown',
  NOT_JOINED: 'fix',
  STALE: 'fix',
  READ_ONLY: 'fix',
  NO_HANDLER: 'fix',
  HANDLER_FAILED: 'unknown',
  CLOSED: 'fix',
  CANCELLED: 'unknown',
  NOT_SENT: 'later',
  UNKNOWN: 'unknown',
  UNSUPPORTED: 'fix',
  CONFIG_MISMATCH: 'fix',
  EXPIRED: 'later',
  SLOW: 'later',
  RETENTION: 'fix',
  NO_SNAPSHOT: 'fix',
  NEW_EPOCH: 'fix',
  BUS: 'unknown',
  DRAINING: 'later',
  OUT_OF_ORDER: 'fix',
  REWOUND: 'fix',
  UNREACHABLE: 'later',
} as const

export type ErrorCode = keyof typeof errors

/** The error codes in the order of the table. */
export const errorNames: readonly string[] = Object.keys(errors)

/**
 * WebSocket close codes. 4400–4449 are final: do not reconnect by yourself.
 * 4450–4499 ask for a reconnect after the wait that GOODBYE or WELCOME names.
 */
export const closeCodes = {
  PROTOCOL: 4400,
  UNAUTHENTICATED: 4401,
  REVOKED: 4402,
  FORBIDDEN: 4403,
  REPLACED: 4404,
  SLOW: 4450,
  EXPIRED: 4451,
  MOVED: 4452,
  RATE: 4453,
  DRAINING: 4454,
  FULL: 4455,
} as const

export type CloseReason = keyof typeof closeCodes

/** Whether a client may reconnect by itself after this close code. Standard codes (1000–1015) say yes, except 1000. */
export function mayReconnect(code: number): boolean {
  if (code === 1000) return false
  return code < 4400 || code > 4449
}

/** What an {@link RtmsError} may carry besides its code and its message. */
export interface ErrorDetails {
  /** Milliseconds to wait before trying again; default 0: not named. */
  readonly retryAfterMs?: number
  /** The business's own word for programs, such as `sold-out`: at most 255 bytes of UTF-8. */
  readonly reason?: string
  /** The error behind it, where there is one. It stays in this process. */
  readonly cause?: unknown
}

/** An error with a code of the table above. Public methods of RTMS throw it or reject with it. */
export class RtmsError extends Error {
  override readonly name = 'RtmsError'
  readonly code: ErrorCode
  /** Milliseconds to wait before trying again; 0 when the server named none. */
  readonly retryAfterMs: number
  /** The business's own word for programs; '' for none. */
  readonly reason: string

  constructor(code: ErrorCode, message: string = code, details: ErrorDetails = {}) {
    super(message, details)
    this.code = code
    this.retryAfterMs = details.retryAfterMs ?? 0
    this.reason = details.reason ?? ''
  }

  /** `fix`: the call will fail again unchanged. `later`: it may succeed later. `unknown`: it may have taken effect. */
  get retry(): 'fix' | 'later' | 'unknown' {
    return errors[this.code]
  }
}
