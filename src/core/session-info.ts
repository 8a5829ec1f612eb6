import type { Session } from './session.ts'

/** Names of topics that are told of a session. */
const MOST_TOPICS = 100

/** A session as it stands now. Its id is not in it: whoever has that can take the session over. */
export interface SessionInfo {
  readonly user: string
  readonly connected: boolean
  /** Slot 255 for a spectator. */
  readonly meetings: readonly { readonly name: string; readonly slot: number }[]
  /** At most 100 of them. */
  readonly topics: readonly string[]
  readonly subscriptions: number
  /** Requests under way. */
  readonly requests: number
  /** Messages and bytes in its upstream queue. */
  readonly waiting: { readonly messages: number; readonly bytes: number }
  /** What was handed to its socket and not acknowledged, of at most `window` bytes before a write. */
  readonly unacknowledgedBytes: number
  readonly window: number
}

export function sessionInfo(session: Session): SessionInfo {
  const { user, connection, upstream, requests } = session
  const topics: string[] = []
  for (const { log } of session.subscriptions.values()) {
    if (topics.length === MOST_TOPICS) break
    topics.push(log.name)
  }
  return {
    user,
    connected: connection !== null,
    meetings: Array.from(session.seats.values(), ({ meeting, slot }) => ({ name: meeting.name, slot })),
    topics,
    subscriptions: session.subscriptions.size,
    requests: requests.size,
    waiting: { messages: upstream.size, bytes: upstream.bytes },
    unacknowledgedBytes: connection === null ? 0 : connection.sent - connection.acknowledged,
    window: connection?.window ?? 0,
  }
}
