/** A session on its way to another node, which goes on with it. */
export interface SessionState {
  readonly id: string
  readonly user: string
  /** The highest call number accepted: calls up to there are answered. */
  readonly calls: number
  /** What the session log keeps, and the number of its first entry. */
  readonly first: number
  readonly entries: readonly Uint8Array[]
}
