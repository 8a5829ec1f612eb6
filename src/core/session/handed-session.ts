import type { Payload } from '../../protocol/payload.ts'

/** What was said to a member of a meeting alone, and has yet to be acknowledged. */
export interface Said {
  /** Its number in the session log; above all others where it is there no more. */
  readonly number: number
  readonly meeting: string
  readonly data: Payload
}

/** A session on its way to another node, which goes on with it. */
export interface HandedSession {
  readonly id: string
  readonly user: string
  /** The highest call number accepted: calls up to there are answered. */
  readonly calls: number
  /** What the session log keeps, and the number of its first entry. */
  readonly first: number
  readonly entries: readonly Uint8Array[]
  readonly said: readonly Said[]
}
