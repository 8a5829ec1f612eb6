/**
 * Every code a user of RTMS can meet, in one table. `retry` says what to do about it:
 * `fix` the call is wrong and will fail again; `later` the same call may succeed after a pause;
 * `unknown` the call may or may not have taken effect.
 */
export const errors = {
  PROTOCOL: { code: 1, retry: 'fix', text: 'The packet does not follow PROTOCOL.md.' },
  UNAUTHENTICATED: { code: 2, retry: 'fix', text: 'The token is missing or was refused.' },
  FORBIDDEN: { code: 3, retry: 'fix', text: 'The ticket or the business does not allow it.' },
  NOT_FOUND: { code: 4, retry: 'fix', text: 'There is no such meeting on this node.' },
  BAD_TOPIC: { code: 5, retry: 'fix', text: 'The topic name is not valid.' },
  BAD_NAME: { code: 6, retry: 'fix', text: 'The name of a meeting, user or method is not valid.' },
  FULL: { code: 7, retry: 'later', text: 'The meeting has reached its capacity.' },
  LIMIT: { code: 8, retry: 'fix', text: 'Too many are held at once.' },
  TOO_LARGE: { code: 9, retry: 'fix', text: 'The payload is larger than its limit.' },
  RATE: { code: 10, retry: 'later', text: 'Too much was sent in a short time.' },
  BUSY: { code: 11, retry: 'later', text: 'A queue is full: slow down.' },
  TIMEOUT: { code: 12, retry: 'unknown', text: 'No answer came before the deadline.' },
  NOT_JOINED: { code: 13, retry: 'fix', text: 'The session does not read that log.' },
  STALE: { code: 14, retry: 'fix', text: 'The number is not above the last one answered in this slot.' },
  READ_ONLY: { code: 15, retry: 'fix', text: 'A spectator cannot send inputs.' },
  NO_HANDLER: { code: 16, retry: 'fix', text: 'There is no handler for this method.' },
  HANDLER_FAILED: { code: 17, retry: 'unknown', text: 'The handler of this method failed.' },
  CLOSED: { code: 18, retry: 'fix', text: 'The meeting, session, client or node was closed.' },
  CANCELLED: { code: 19, retry: 'unknown', text: 'The caller gave up waiting.' },
  NOT_SENT: {
    code: 20,
    retry: 'later',
    text: 'There was no connection in time: nothing was sent.',
  },
  UNKNOWN: {
    code: 21,
    retry: 'unknown',
    text: 'The connection was lost; it may have taken effect.',
  },
  UNSUPPORTED: { code: 22, retry: 'fix', text: 'This node does not offer it.' },
  CONFIG_MISMATCH: { code: 23, retry: 'fix', text: 'The configuration hash differs from the meeting’s.' },
  EXPIRED: { code: 24, retry: 'later', text: 'The token has expired; connect with a fresh ticket.' },
  SLOW: { code: 25, retry: 'later', text: 'The reader was too slow and fell off the log.' },
  RETENTION: { code: 26, retry: 'fix', text: 'The position is older than what the log keeps.' },
  NO_SNAPSHOT: {
    code: 27,
    retry: 'fix',
    text: 'Frame 1 is no longer kept, and there is no snapshot.',
  },
  NEW_EPOCH: { code: 28, retry: 'fix', text: 'The position is of another log.' },
  BUS: { code: 29, retry: 'unknown', text: 'Entries were lost between nodes.' },
  DRAINING: { code: 30, retry: 'later', text: 'The node is stopping; connect again.' },
  OUT_OF_ORDER: { code: 31, retry: 'fix', text: 'An input that was sent before this one is missing.' },
} as const

export type ErrorCode = keyof typeof errors

/** The names of the rows of a table by their codes. */
export function byCode<T extends string>(
  table: Readonly<Record<T, { readonly code: number }>>,
): ReadonlyMap<number, T> {
  return new Map((Object.keys(table) as T[]).map((name) => [table[name].code, name]))
}

/** The names of the numeric codes of the binary encoding. */
export const errorNames: ReadonlyMap<number, ErrorCode> = byCode(errors)

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

/** An error with a code of the table above. Thrown and rejected by every public method of RTMS. */
export class RtmsError extends Error {
  override readonly name = 'RtmsError'
  readonly code: ErrorCode
  /** Milliseconds to wait before trying again; 0 where the server named none. */
  readonly retryAfterMs: number

  constructor(code: ErrorCode, message: string = errors[code].text, retryAfterMs = 0) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }

  /** `fix`: will fail again unchanged. `later`: may succeed later. `unknown`: may have taken effect. */
  get retry(): 'fix' | 'later' | 'unknown' {
    return errors[this.code].retry
  }
}
