import { type Payload, RtmsError } from '../../protocol/index.ts'

/* What a client holds at most, besides what the node's welcome says. Constants, of which a bundler keeps no names. */

/** Bytes of calls and inputs that wait for their end, all together; over it BUSY. */
export const MOST_WAITING_BYTES = 4_194_304
/** Inputs of one meeting that wait for their frame; over it BUSY. */
export const MOST_WAITING_INPUTS = 1_000
/** Inputs of one meeting that are framed and not stable; what is older is given up. */
export const MOST_FRAMED_INPUTS = 1_000
/** Calls that wait for their answer, before the first welcome says how many; over it BUSY. */
export const MOST_WAITING_CALLS = 64
/** Frames and gaps of one meeting that are kept until somebody listens; then what is older is one gap. */
export const MOST_EARLY_FRAMES = 10_000
/** What the business said to one member alone that is kept until somebody listens; then the oldest goes. */
export const MOST_EARLY_MESSAGES = 100

/** What one costs beside its payload, roughly. */
const OVERHEAD = 100

/** So many wait to be sent or answered, and no more may. */
export function busy(most: number, what: string): RtmsError {
  return new RtmsError('BUSY', `${most} ${what} wait already; let some of them end`)
}

/** The bytes of everything that waits to be sent or answered. */
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
