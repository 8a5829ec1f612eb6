import { type Payload, RtmsError } from '../../protocol/index.ts'

/** What a client holds at most, besides what the node's welcome says. */
export const clientLimits = {
  /** Bytes of calls and inputs that wait for their end, all together; over it BUSY. */
  waitingBytes: 4_194_304,
  /** Inputs of one meeting that wait for their frame; over it BUSY. */
  waitingInputs: 1_000,
  /** Inputs of one meeting that are framed and not stable; what is older is given up. */
  framedInputs: 1_000,
  /** Calls that wait for their answer, before the first welcome says how many; over it BUSY. */
  waitingCalls: 64,
  /** Frames and gaps of one meeting that are kept until somebody listens; then what is older is one gap. */
  earlyFrames: 10_000,
  /** What the business said to one member alone that is kept until somebody listens; then the oldest goes. */
  earlyMessages: 100,
} as const

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
    if (bytes > clientLimits.waitingBytes) throw busy(clientLimits.waitingBytes, 'bytes')
    this.#bytes = bytes
  }

  give(data: Payload): void {
    this.#bytes -= data.bytes.length + OVERHEAD
  }
}
