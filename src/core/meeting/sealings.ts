/** How many are remembered, and how far they are apart at least, in milliseconds: more than a lease's worth. */
const MOST = 64
const APART_MS = 100

interface Mark {
  readonly frame: number
  readonly at: number
}

/** When frames were sealed, roughly: never later than they were. */
export class Sealings {
  readonly #marks: Mark[] = []

  /** A frame is sealed. */
  sealed(frame: number, now: number): void {
    const last = this.#marks.at(-1)
    if (last !== undefined && now - last.at < APART_MS) return
    this.#marks.push({ frame, at: now })
    if (this.#marks.length > MOST) this.#marks.shift()
  }

  /** A time at which a frame had not been sent yet. */
  before(frame: number): number {
    for (let at = this.#marks.length - 1; at >= 0; at--) {
      const mark = this.#marks[at] as Mark
      if (mark.frame <= frame) return mark.at
    }
    return -Infinity
  }
}
