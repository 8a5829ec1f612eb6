/** One line of a feed. */
export interface Line {
  readonly kind: 'input' | 'event' | 'publication' | 'gap' | 'skipped'
  /** When: a frame's number, or a time. */
  readonly at: string
  readonly who: string
  readonly text: string
}

export interface NumberedLine extends Line {
  readonly id: number
}

/** What a person can still read of, and a page can draw: the rest is counted. */
const PER_SECOND = 40
const MOST_LINES = 200

/** The last lines of what happens. It takes so many a second and counts the others, and can be held still. */
export class Feed {
  /** Newest first. */
  lines: readonly NumberedLine[] = []
  /** Lines that came, shown or not. */
  seen = 0
  /** Lines that came while it was held still. */
  held = 0
  isPaused = false
  #id = 0
  #second = -1
  #taken = 0
  #skipped = 0
  readonly #skippedText: (count: number) => string

  constructor(skippedText: (count: number) => string) {
    this.#skippedText = skippedText
  }

  add(line: Line, now: number): void {
    this.tick(now)
    this.seen++
    if (this.isPaused) this.held++
    else if (this.#taken >= PER_SECOND) this.#skipped++
    else {
      this.#taken++
      this.#put(line)
    }
  }

  /** Says what was left out of a second that is over. */
  tick(now: number): void {
    const second = Math.floor(now / 1000)
    if (second === this.#second) return
    this.#second = second
    this.#taken = 0
    if (this.#skipped > 0)
      this.#put({ kind: 'skipped', at: '', who: '', text: this.#skippedText(this.#skipped) })
    this.#skipped = 0
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused
    this.held = 0
  }

  #put(line: Line): void {
    this.lines = [{ ...line, id: this.#id++ }, ...this.lines].slice(0, MOST_LINES)
  }
}
