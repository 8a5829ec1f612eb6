import { type ErrorCode, RtmsError } from 'rtms/client'

const words: Partial<Record<ErrorCode, string>> = {
  BUSY: 'The server is busy. Try again in a moment.',
  CLOSED: 'The server has ended the connection. Reload the page to come back.',
  DRAINING: 'The server is restarting.',
  EXPIRED: 'Your pass has expired; the page is getting a new one.',
  FULL: 'The room is full.',
  NOT_SENT: 'There was no connection, so nothing was sent. Try again.',
  RATE: 'That was too fast. Slow down a little.',
  TIMEOUT: 'No answer came in time. It may or may not have worked.',
  UNAUTHENTICATED: 'The server did not accept this page’s pass. Reload the page.',
  UNKNOWN: 'The connection broke at a bad moment. It may or may not have worked.',
}

/** What went wrong, for somebody who does not know the codes. */
export function inPlainWords(error: unknown): string {
  if (!(error instanceof RtmsError)) return 'Something went wrong in this page. Reload it.'
  return words[error.code] ?? error.message
}
