/** The part of a session's id that a log may show: enough to find its lines, useless for taking over the session. */
export function logName(session: string): string {
  return session.slice(0, 8)
}
