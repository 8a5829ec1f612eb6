import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import { fixedLimits } from '../ground/config.ts'

/** One member's session, as far as it has a say in what is stable. */
export class Elector {
  /** The last frame it has acknowledged. `Infinity`: it left by its own word, and asks for nothing any more. */
  acked = 0
  /** It is gone without a word, and will acknowledge nothing. */
  gone = false
}

interface Term {
  readonly elector: Elector
  /** The frame with which it joined. */
  readonly from: number
  /** The frame with which it ended. */
  until: number
}

/** What an electorate has acknowledged: it has a member for each slot at most. */
const scratch: Float64Array = new Float64Array(SYSTEM_SLOT)

/**
 * Which frames are stable: those that at least half of every electorate that counts have acknowledged, whatever else
 * they get. The electorate of a frame is who has joined with it or before and not left; the electorates that count are
 * the one in force at the stable mark and every later one.
 *
 * An electorate of which more than half are gone without a word can never be satisfied. It stops counting: nobody but
 * this owner can continue its log.
 */
export class Electorate {
  readonly #most: number
  readonly #terms: Term[] = []
  /** The frames at which the electorate changed, the first of them the one in force at the mark. */
  readonly #changes: number[] = [0]
  /** Something has happened that may move the mark. */
  #isOpen = true
  #stable = 0

  /** `most`: how many electorates count at a time. */
  constructor(most: number = fixedLimits.electorates) {
    this.#most = most
  }

  /** With this frame it has a say. */
  join(elector: Elector, frame: number): void {
    this.#terms.push({ elector, from: frame, until: Infinity })
    this.#change(frame)
  }

  /** With this frame its say ends: `asked`, by its own word. */
  leave(elector: Elector, frame: number, asked: boolean): void {
    if (asked) elector.acked = Infinity
    else elector.gone = true
    const term = this.#terms.find((each) => each.elector === elector)
    if (term !== undefined) term.until = frame
    this.#change(frame)
  }

  #change(frame: number): void {
    if (this.#changes.at(-1) !== frame) this.#changes.push(frame)
    if (this.#changes.length > this.#most) this.#changes.shift()
    this.#forget()
    this.#isOpen = true
  }

  acknowledge(elector: Elector, frame: number): void {
    if (frame <= elector.acked) return
    elector.acked = frame
    this.#isOpen = true
  }

  /** The last stable frame; `head` is the last there is. */
  stableTo(head: number): number {
    while (this.#isOpen) {
      let settled = Infinity
      for (const frame of this.#changes) settled = Math.min(settled, this.#settledBy(frame))
      // Stopped by the head alone, it goes on with it.
      this.#isOpen = settled > head
      const reached = Math.min(settled, head)
      if (reached <= this.#stable) break
      this.#stable = reached
      if ((this.#changes[1] ?? Infinity) > reached) break
      while ((this.#changes[1] ?? Infinity) <= reached) this.#changes.shift()
      this.#forget()
      this.#isOpen = true
    }
    return this.#stable
  }

  /** What the electorate in force at this frame has acknowledged, by at least half. */
  #settledBy(frame: number): number {
    let count = 0
    let gone = 0
    for (const { elector, from, until } of this.#terms) {
      if (from > frame || until <= frame) continue
      if (elector.gone) gone++
      // Sorted by insertion, the latest first: they hardly differ, and a sort of its own would cost more.
      let at = count++
      for (; at > 0 && (scratch[at - 1] as number) < elector.acked; at--)
        scratch[at] = scratch[at - 1] as number
      scratch[at] = elector.acked
    }
    if (count === 0 || gone * 2 > count) return Infinity
    return scratch[(count - 1) >> 1] as number
  }

  /** Forgets who is in no electorate that counts. */
  #forget(): void {
    const first = this.#changes[0] as number
    for (let at = this.#terms.length - 1; at >= 0; at--) {
      const { from, until } = this.#terms[at] as Term
      if (until <= first || until === from) this.#terms.splice(at, 1)
    }
  }
}
