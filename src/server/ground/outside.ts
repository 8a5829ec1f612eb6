import { webcrypto } from 'node:crypto'

/** What a node needs of the process it lives in: time, and randomness. Tests give it others. */
export interface Outside {
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since 1970. */
  wallNow(): number
  random(bytes: number): Uint8Array
  /** Calls `action` once everything that has arrived in this turn is in. Returns the function that cancels it. */
  soon(action: () => void): () => void
  /** Calls `action` so many milliseconds later. Returns the function that cancels it. */
  after(ms: number, action: () => void): () => void
  /** Waits for what takes time of its own, such as cryptography: virtual time stands still meanwhile. */
  wait<T>(work: Promise<T>): Promise<T>
}

export const runtime: Outside = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: (bytes) => webcrypto.getRandomValues(new Uint8Array(bytes)),
  soon: (action) => {
    const immediate = setImmediate(action)
    return () => clearImmediate(immediate)
  },
  after: (ms, action) => {
    const timer = setTimeout(action, ms)
    return () => clearTimeout(timer)
  },
  wait: (work) => work,
}
