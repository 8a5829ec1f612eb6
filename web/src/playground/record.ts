import type { Frame } from 'rtms/client'

/** Frames whose checksum is kept. */
const KEPT = 1000

/**
 * What this window has received, as a running checksum: FNV-1a, 32 bits, over number, events and inputs of every
 * frame. It says whether two windows saw the same, not whether somebody tampered.
 */
export class FrameRecord {
  /** Frames received. */
  frames = 0
  /** The first and the last frame received; 0 before there is one. */
  first = 0
  last = 0
  readonly #sums = new Uint32Array(KEPT)
  #sum = 0x811c9dc5

  add(frame: Frame): void {
    if (this.frames === 0) this.first = frame.number
    this.frames++
    this.last = frame.number
    const inputs = frame.inputs.map(({ slot, seq, data }) => [slot, seq, data])
    const text = JSON.stringify([frame.number, frame.events, inputs])
    for (let i = 0; i < text.length; i++) this.#sum = Math.imul(this.#sum ^ text.charCodeAt(i), 0x01000193)
    this.#sums[frame.number % KEPT] = this.#sum
  }

  /** The checksum after this frame in hex, where it is among the last {@link KEPT}. */
  checksumAt(frame: number): string | undefined {
    const known = Math.max(this.first, this.last - KEPT + 1)
    if (this.frames === 0 || frame < known || frame > this.last) return undefined
    return this.#sums[frame % KEPT]?.toString(16).padStart(8, '0')
  }

  /** Forgets everything: frames are missing, or the meeting has started anew. */
  restart(): void {
    this.frames = 0
    this.first = 0
    this.last = 0
    this.#sum = 0x811c9dc5
  }
}
