import type { Cursor, Session } from '../node/answers.ts'

/** Entries that a cursor has yet to be offered. */
export function behind({ position, next }: Cursor): number {
  return Math.max(0, next - position)
}

/** What it was to be offered next is not kept any more. */
export function hasFallenOff({ position, first }: Cursor): boolean {
  return position < first
}

/** Of the cursor that is furthest behind. */
export function mostBehind({ cursors }: Session): number {
  return cursors.reduce((most, cursor) => Math.max(most, behind(cursor)), 0)
}

/** Nothing more is written until the client acknowledges. */
export function isStalled({ connected, window, unacknowledgedBytes }: Session): boolean {
  return connected && window > 0 && unacknowledgedBytes >= window
}

/** What has changed between two looks at the sessions of a user. */
export type Change =
  | { readonly type: 'came' | 'connected' | 'requests' | 'waiting'; readonly count: number }
  | { readonly type: 'joined' | 'left' | 'subscribed' | 'unsubscribed'; readonly name: string }
  | { readonly type: 'stalled' | 'flows' }

interface Summary {
  readonly came: number
  readonly connected: number
  readonly requests: number
  readonly waiting: number
  readonly meetings: ReadonlySet<string>
  readonly topics: ReadonlySet<string>
  readonly stalled: boolean
}

/** Of all sessions together: which is which is a secret of theirs. */
function summary(sessions: readonly Session[]): Summary {
  const sum = (of: (session: Session) => number): number => sessions.reduce((all, each) => all + of(each), 0)
  return {
    came: sessions.length,
    connected: sum(({ connected }) => Number(connected)),
    requests: sum(({ requests }) => requests),
    waiting: sum(({ waiting }) => waiting.messages),
    meetings: new Set(sessions.flatMap(({ meetings }) => meetings.map(({ name }) => name))),
    topics: new Set(sessions.flatMap(({ topics }) => topics)),
    stalled: sessions.some(isStalled),
  }
}

const without = (all: ReadonlySet<string>, others: ReadonlySet<string>): string[] =>
  [...all].filter((name) => !others.has(name))

export function changes(before: readonly Session[], after: readonly Session[]): Change[] {
  const [was, is] = [summary(before), summary(after)]
  const found: Change[] = []
  for (const type of ['came', 'connected'] as const)
    if (was[type] !== is[type]) found.push({ type, count: is[type] })
  for (const name of without(is.meetings, was.meetings)) found.push({ type: 'joined', name })
  for (const name of without(was.meetings, is.meetings)) found.push({ type: 'left', name })
  for (const name of without(is.topics, was.topics)) found.push({ type: 'subscribed', name })
  // Subscriptions go with the connection, which is told of already.
  if (is.connected >= was.connected)
    for (const name of without(was.topics, is.topics)) found.push({ type: 'unsubscribed', name })
  for (const type of ['requests', 'waiting'] as const)
    if (was[type] !== is[type]) found.push({ type, count: is[type] })
  if (was.stalled !== is.stalled) found.push({ type: is.stalled ? 'stalled' : 'flows' })
  return found
}
