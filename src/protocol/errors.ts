/**
 * Every error code that a user of RTMS can meet. On the wire a code is its position in this table, from 1, so codes are
 * never removed and new ones go at the end. `retry` says what to do: `fix`: the call is wrong and will fail again;
 * `later`: the same call may succeed after a pause; `unknown`: the call may or may not have taken effect.
 */
export const errors = {
  PROTOCOL: { retry: 'fix', text: 'The packet does not follow PROTOCOL.md.' },
  UNAUTHENTICATED: { retry: 'fix', text: 'The token is missing or was refused.' },
  FORBIDDEN: { retry: 'fix', text: 'The ticket or the business does not allow it.' },
  NOT_FOUND: { retry: 'fix', text: 'There is no such meeting.' },
  BAD_TOPIC: { retry: 'fix', text: 'The topic name is not valid.' },
  BAD_NAME: { retry: 'fix', text: 'The name of a meeting, user or method is not valid.' },
  FULL: { retry: 'later', text: 'The meeting has reached its capacity.' },
  LIMIT: { retry: 'fix', text: 'Too many are held at once.' },
  TOO_LARGE: { retry: 'fix', text: 'The payload is larger than its limit.' },
  RATE: { retry: 'later', text: 'Too much was sent in a short time.' },
  BUSY: { retry: 'later', text: 'A queue is full: slow down.' },
  TIMEOUT: { retry: 'unknown', text: 'No answer came in time.' },
  NOT_JOINED: { retry: 'fix', text: 'It was left or has ended.' },
  STALE: { retry: 'fix', text: 'The number is not above the last one of this slot.' },
  READ_ONLY: { retry: 'fix', text: 'A spectator cannot send inputs.' },
  NO_HANDLER: { retry: 'fix', text: 'There is no handler for this method.' },
  HANDLER_FAILED: { retry: 'unknown', text: 'The handler of this method failed.' },
  CLOSED: { retry: 'fix', text: 'The meeting, session, client or node was closed.' },
  CANCELLED: { retry: 'unknown', text: 'The caller gave up waiting.' },
  NOT_SENT: { retry: 'later', text: 'No connection came in time: nothing was sent.' },
  UNKNOWN: { retry: 'unknown', text: 'The connection was lost; it may have taken effect.' },
  UNSUPPORTED: { retry: 'fix', text: 'This node does not offer it.' },
  CONFIG_MISMATCH: { retry: 'fix', text: 'The configuration differs from the meeting’s.' },
  EXPIRED: { retry: 'later', text: 'The token has expired.' },
  SLOW: { retry: 'later', text: 'The reader was too slow.' },
  RETENTION: { retry: 'fix', text: 'The position is older than what the log keeps.' },
  NO_SNAPSHOT: { retry: 'fix', text: 'Frame 1 is not kept, and there is no snapshot.' },
  NEW_EPOCH: { retry: 'fix', text: 'The position is of another log.' },
  BUS: { retry: 'unknown', text: 'Entries were lost between nodes.' },
  DRAINING: { retry: 'later', text: 'The node is stopping; connect again.' },
  OUT_OF_ORDER: { retry: 'fix', text: 'An earlier input is missing.' },
  REWOUND: { retry: 'fix', text: 'The last frames were lost with their node.' },
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

/** An error with a code of the table above. Public methods of RTMS throw it or reject with it. */
export class RtmsError extends Error {
  override readonly name = 'RtmsError'
  readonly code: ErrorCode
  /** Milliseconds to wait before trying again; 0 when the server named none. */
  readonly retryAfterMs: number

  constructor(code: ErrorCode, message: string = errors[code].text, retryAfterMs = 0) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }

  /** `fix`: the call will fail again unchanged. `later`: it may succeed later. `unknown`: it may have taken effect. */
  get retry(): 'fix' | 'later' | 'unknown' {
    return errors[this.code].retry
  }
}
