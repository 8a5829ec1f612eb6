/** The frames that a replica knows of and has not got: they are asked for once, and again when nothing comes. */
export class MissingFrames {
  readonly #pull: (from: number) => void
  /** The frame behind the last one that is known to be sealed. */
  #known = 1
  /** The missing frame that was asked for; 0 for none. */
  #asked = 0
  /** The next frame at the last beat. */
  #before = 0

  /** `pull`: asks for the frames from this one on. */
  constructor(pull: (from: number) => void) {
    this.#pull = pull
  }

  /** The owner begins anew to send frames, of which there are those before `known`. */
  begin(known: number): void {
    this.#known = known
    this.#asked = 0
  }

  /** There are frames up to `known` − 1; the replica has those before `next`. */
  seen(known: number, next: number): void {
    this.#known = Math.max(this.#known, known)
    if (next < this.#known) this.#ask(next)
  }

  #ask(next: number): void {
    if (this.#asked === next) return
    this.#asked = next
    this.#pull(next)
  }

  /** A beat has passed. What was asked for and has not begun to come was lost, or the question was. */
  beat(next: number): void {
    if (next === this.#before && next < this.#known) {
      this.#asked = 0
      this.#ask(next)
    }
    this.#before = next
  }
}
