/** What of a session's id a log may show: enough to find its lines, and no use to who wants the session. */
export function logName(session: string): string {
  return session.slice(0, 8)
}
