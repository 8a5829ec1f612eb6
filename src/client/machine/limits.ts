import { RtmsError } from '../../protocol/index.ts'

/** What a client holds at most, besides what the node's welcome says. */
export const clientLimits = {
  /** Bytes of calls and inputs that wait for their end, all together; over it BUSY. */
  waitingBytes: 4_194_304,
  /** Inputs of one meeting that wait for their frame; over it BUSY. */
  waitingInputs: 1_000,
  /** Calls that wait for their answer, before the first welcome says how many; over it BUSY. */
  waitingCalls: 64,
} as const

/** What an entry costs beside its payload, roughly. */
const OVERHEAD = 100

/** The bytes of everything that waits to be sent or answered. */
export class Waiting {
  #bytes = 0

  /** Whether there was room for it. */
  take(payload: number): boolean {
    if (this.#bytes + payload + OVERHEAD > clientLimits.waitingBytes) return false
    this.#bytes += payload + OVERHEAD
    return true
  }

  give(payload: number): void {
    this.#bytes -= payload + OVERHEAD
  }
}

export function tooMuchWaits(): RtmsError {
  return new RtmsError(
    'BUSY',
    `${clientLimits.waitingBytes} bytes wait to be sent or answered already; wait for some of them to end`,
  )
}
