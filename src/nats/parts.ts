import { busLimits } from '../bus/limits.ts'
import type { Opened } from './seal.ts'

interface Begun {
  readonly sequence: number
  readonly payloads: Uint8Array[]
  readonly length: number
}

/** Puts messages together that were sent in parts. A sender's parts follow one another, so each has one message begun. */
export class Parts {
  readonly #begun: Map<number, Begun> = new Map()

  /** The whole message of which this is the last part; null while parts are missing, or where the first ones are. */
  whole({ from, sequence, part, parts, bytes }: Opened): Uint8Array | null {
    const begun = this.#begun.get(from)
    if (begun !== undefined) this.#begun.delete(from)
    if (parts === 1) return bytes
    const isNext = begun !== undefined && begun.sequence + 1 === sequence && begun.payloads.length === part
    if (!isNext && part > 0) return null
    // A copy: the part may be a view of all that was read with it.
    const payloads = part === 0 ? [bytes.slice()] : [...(begun?.payloads ?? []), bytes.slice()]
    const length = bytes.length + (part === 0 ? 0 : (begun?.length ?? 0))
    if (part === parts - 1) return new Uint8Array(Buffer.concat(payloads))
    if (length <= busLimits.messageBytes) this.#begun.set(from, { sequence, payloads, length })
    return null
  }

  clear(): void {
    this.#begun.clear()
  }
}
