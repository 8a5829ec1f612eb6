import { busLimits, weighMessage } from '../bus/limits.ts'
import type { Opened } from './seal.ts'

interface Begun {
  sequence: number
  readonly payloads: Uint8Array[]
  length: number
  /** Of all these in memory: they may be empty, and many. */
  weight: number
}

/** What all messages weigh that are begun: of a node that has ended meanwhile, one never comes to its end. */
const MOST_BEGUN = 4 * busLimits.messageBytes

/**
 * Puts messages together that were sent in parts. A sender's parts follow one another, so each has one message begun.
 */
export class Parts {
  /** The one that has gone on least recently first. */
  readonly #begun: Map<number, Begun> = new Map()
  #weight = 0

  /** The whole message of which this is the last part; null while parts are missing, or where the first ones are. */
  whole({ from, sequence, part, parts, bytes }: Opened): Uint8Array | null {
    const known = this.#begun.get(from)
    this.#forget(from)
    if (parts === 1) return bytes
    const begun = part === 0 ? begin(sequence) : known
    if (begun === undefined || begun.sequence + 1 !== sequence || begun.payloads.length !== part) return null
    begun.sequence = sequence
    begun.length += bytes.length
    begun.weight += weighMessage(bytes)
    if (begun.length > busLimits.messageBytes) return null
    // A copy: the part may be a view of all that was read with it.
    begun.payloads.push(bytes.slice())
    if (part === parts - 1) return new Uint8Array(Buffer.concat(begun.payloads))
    this.#begun.set(from, begun)
    this.#weight += begun.weight
    for (const sender of this.#begun.keys()) {
      if (this.#weight <= MOST_BEGUN) break
      this.#forget(sender)
    }
    return null
  }

  #forget(from: number): void {
    this.#weight -= this.#begun.get(from)?.weight ?? 0
    this.#begun.delete(from)
  }

  clear(): void {
    this.#begun.clear()
    this.#weight = 0
  }
}

function begin(sequence: number): Begun {
  return { sequence: sequence - 1, payloads: [], length: 0, weight: 2 * busLimits.messageWeight }
}
