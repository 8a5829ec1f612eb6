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
  /** When the next one is due. */
  #due = -Infinity

  /** A frame is sealed. */
  sealed(frame: number, now: number): void {
    if (now < this.#due) return
    this.#due = now + APART_MS
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
