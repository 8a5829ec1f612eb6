import { type ErrorCode, RtmsError } from './errors.ts'

/**
 * What each error code means, in words for people. A node sends them with the errors of its own; clients in a browser
 * do not carry them.
 */
export const errorTexts: Readonly<Record<ErrorCode, string>> = {
  PROTOCOL: 'The packet does not follow PROTOCOL.md.',
  UNAUTHENTICATED: 'The token is missing or was refused.',
  FORBIDDEN: 'The ticket or the business does not allow it.',
  NOT_FOUND: 'There is no such meeting.',
  BAD_TOPIC: 'The topic name is not valid.',
  BAD_NAME: 'The name of a meeting, user or method is not valid.',
  FULL: 'The meeting has reached its capacity.',
  LIMIT: 'Too many are held at once.',
  TOO_LARGE: 'The payload is larger than its limit.',
  RATE: 'Too much was sent in a short time.',
  BUSY: 'A queue is full: slow down.',
  TIMEOUT: 'No answer came in time.',
  NOT_JOINED: 'It was left or has ended.',
  STALE: 'The number is not above the last one of this slot.',
  READ_ONLY: 'A spectator cannot send inputs.',
  NO_HANDLER: 'There is no handler for this method.',
  HANDLER_FAILED: 'The handler of this method failed.',
  CLOSED: 'The meeting, session, client or node was closed.',
  CANCELLED: 'The caller gave up waiting.',
  NOT_SENT: 'No connection came in time: nothing was sent.',
  UNKNOWN: 'The connection was lost; it may have taken effect.',
  UNSUPPORTED: 'This node does not offer it.',
  CONFIG_MISMATCH: 'The configuration differs from the meeting’s.',
  EXPIRED: 'The token has expired.',
  SLOW: 'The reader was too slow.',
  RETENTION: 'The position is older than what the log keeps.',
  NO_SNAPSHOT: 'Frame 1 is not kept, and there is no snapshot.',
  NEW_EPOCH: 'The position is of another log.',
  BUS: 'Entries were lost between nodes.',
  DRAINING: 'The node is stopping; connect again.',
  OUT_OF_ORDER: 'An earlier input is missing.',
  REWOUND: 'The last frames were lost with their node.',
  UNREACHABLE: 'There is no connection to the node.',
}

/** An error in the words of its code. */
export function errorOf(code: ErrorCode): RtmsError {
  return new RtmsError(code, errorTexts[code])
}
