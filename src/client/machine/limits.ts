import { type Payload, RtmsError } from '../../protocol/index.ts'

/* The limits of a client, besides those in the node's welcome. Plain constants, so a bundler drops their names. */

/** Bytes of all pending calls and inputs together; above it, BUSY. */
export const MOST_WAITING_BYTES = 4_194_304
/** Inputs of one meeting that wait for their frame; above it, BUSY. */
export const MOST_WAITING_INPUTS = 1_000
/** Inputs of one meeting that are framed and not stable; above it, the oldest are given up. */
export const MOST_FRAMED_INPUTS = 1_000
/** Pending calls before the first welcome says how many are allowed; above it, BUSY. */
export const MOST_WAITING_CALLS = 64
/** Leaves that are sent again where the connection is lost before their answer; others are sent once. */
export const MOST_WAITING_LEAVES = 10_000
/** Frames and gaps of one meeting kept until a listener is added; above it, the oldest become one gap. */
export const MOST_EARLY_FRAMES = 10_000
/** Bytes of inputs that count like one more of these: what members send decides how large they are. */
export const EARLY_FRAME_BYTES = 400
/**
 * Publications that wait for a subscriber's turn, where another one has a higher rate; above it, they come before it.
 */
export const MOST_WAITING_PUBLICATIONS = 1_000
/** Latest values of a topic kept for later subscribers; above it, each of these has the node send them again. */
export const MOST_LATEST_VALUES = 1_000
/** Private messages to one member, and pushes, kept until a listener is added; above it, the oldest is dropped. */
export const MOST_EARLY_MESSAGES = 100

/**
 * A time in milliseconds that a node named, but at least 50 ms and at most an hour: a client must neither spin nor wait
 * for ever.
 */
export function within(ms: number): number {
  return Math.min(Math.max(ms, 50), 3_600_000)
}

/** Approximate bytes that each costs besides its payload. */
const OVERHEAD = 100

/** The error for one more than `most` pending. */
export function busy(most: number, what: string): RtmsError {
  return new RtmsError('BUSY', `${most} ${what} wait already`)
}

/** Counts the bytes of all calls and inputs that wait to be sent or answered. */
export class Waiting {
  #bytes = 0

  /** Throws BUSY where there is no room. */
  take(data: Payload): void {
    const bytes = this.#bytes + data.bytes.length + OVERHEAD
    if (bytes > MOST_WAITING_BYTES) throw busy(MOST_WAITING_BYTES, 'bytes')
    this.#bytes = bytes
  }

  give(data: Payload): void {
    this.#bytes -= data.bytes.length + OVERHEAD
  }
}
