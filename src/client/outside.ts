import type { Socket } from './options.ts'

/** What a client needs of the runtime it lives in. The simulator gives it another, in virtual time. */
export interface Outside {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly wallNow: () => number
  /** A number in [0, 1). */
  readonly random: () => number
  /** Calls `action` at this time by `now`. Returns the function that cancels it. */
  readonly at: (time: number, action: () => void) => () => void
  readonly socket: (url: string, protocols: string[]) => Socket
  /** Reports an error that nobody handles. */
  readonly report: (error: unknown) => void
  /**
   * Calls `probe` when the page or its network has come back, and `suspend` when the page may be gone for good. Returns
   * the function that ends it.
   */
  readonly watch: (probe: () => void, suspend: () => void) => () => void
}
