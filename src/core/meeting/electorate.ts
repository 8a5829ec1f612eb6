import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import { fixedLimits } from '../ground/config.ts'

/** One member's session as a voter on which frames are stable. */
export class Elector {
  /** The last frame it has acknowledged. `Infinity`: it left on request, and so has no more claims. */
  acked = 0
  /** It disappeared without leaving, and will acknowledge nothing more; see {@link Electorate.forsake}. */
  gone = false
  /** When the last of what it has confirmed was sent to it, in monotonic milliseconds. */
  answered: number = -Infinity
  /** The frame in which its member came: with the slot, it names one run of a client. 0 before it has. */
  elected = 0
}

interface Term {
  readonly elector: Elector
  /** The frame at which it joined. */
  readonly from: number
  /** The frame at which it ended. */
  until: number
}

/** An electorate as another node is given it. `slot`: of the elector, if it is a member; else {@link SYSTEM_SLOT}. */
export interface ElectorateState {
  readonly stable: number
  /** The first frame of the present fence. */
  readonly reign: number
  readonly changes: readonly number[]
  readonly terms: readonly {
    readonly slot: number
    readonly from: number
    readonly until: number
    readonly acked: number
    readonly gone: boolean
  }[]
}

/** Frames acknowledged by one electorate, which has at most one member per slot. */
const scratch: Float64Array = new Float64Array(SYSTEM_SLOT)

/**
 * Decides which frames are stable. A frame is stable when at least half of each electorate that counts has acknowledged
 * it. The electorate of a frame consists of the members who joined at or before it and had not left; the electorates
 * that count are the one in force at the stable mark and every later one.
 *
 * An electorate of which more than half disappeared without leaving can never be satisfied. It stops counting once it is
 * sure that only this owner can continue its log: they may be with another node that does.
 */
export class Electorate {
  readonly #most: number
  readonly #terms: Term[] = []
  /** Frames at which the electorate changed; the first begins the electorate in force at the stable mark. */
  readonly #changes: number[] = [0]
  /** Whether those have been heard, or given up, who may have kept the stable mark back; cleared by who tells of it. */
  isNews = false
  /** Whether something has happened that may move the stable mark. */
  #isOpen = true
  /** The last frame at which an elector has disappeared, since {@link forsake}; 0: none has. */
  #lostAt = 0
  #stable = 0
  /** The first frame of the present owner's fence. */
  #reign = 1

  /** `most`: how many electorates count at a time. */
  constructor(most: number = fixedLimits.electorates) {
    this.#most = most
  }

  /** Adds an elector from this frame on. */
  join(elector: Elector, frame: number): void {
    elector.elected = frame
    this.#terms.push({ elector, from: frame, until: Infinity })
    this.#change(frame)
  }

  /** Whether it is an elector still. */
  has(elector: Elector): boolean {
    return this.#terms.some((term) => term.elector === elector && term.until === Infinity)
  }

  /** Ends an elector's term at this frame. `asked`: the member left on request; else it has disappeared. */
  leave(elector: Elector, frame: number, asked: boolean): void {
    if (asked) elector.acked = Infinity
    else this.#lostAt = frame
    const term = this.#terms.find((each) => each.elector === elector)
    if (term !== undefined) term.until = frame
    this.#change(frame)
  }

  /** See the field. */
  get lostAt(): number {
    return this.#lostAt
  }

  /** No other node can go on with those alone who have disappeared: they will acknowledge nothing that counts. */
  forsake(): void {
    if (this.#lostAt === 0) return
    this.#lostAt = 0
    this.isNews = true
    this.#isOpen = true
    for (const { elector, until } of this.#terms)
      if (until < Infinity && elector.acked < Infinity) elector.gone = true
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
    this.isNews = true
    this.#isOpen = true
  }

  /**
   * Whether at least half of every electorate that counts have confirmed something that was sent since then. `sentAt`:
   * when a frame was sent, that is, a time before.
   */
  hasAnswered(since: number, sentAt: (frame: number) => number): boolean {
    return this.#changes.every((frame) => {
      let count = 0
      let answering = 0
      for (const { elector, from, until } of this.#terms) {
        if (from > frame || until <= frame) continue
        count++
        // Who left by its own word promises nothing to anybody.
        if (elector.acked === Infinity || elector.answered >= since || sentAt(elector.acked) >= since)
          answering++
      }
      return answering * 2 >= count
    })
  }

  /** The last stable frame. `head`: the last frame sealed. */
  stableTo(head: number): number {
    while (this.#isOpen) {
      let settled = Infinity
      for (const frame of this.#changes) settled = Math.min(settled, this.#settledBy(frame))
      // If only the head stopped the mark, new frames alone will move it.
      this.#isOpen = settled > head
      const reached = Math.min(settled, head)
      // A frame of an earlier reign becomes stable with one of this reign: by itself, a later owner may undo it.
      if (reached <= this.#stable || reached < this.#reign) break
      this.#stable = reached
      if ((this.#changes[1] ?? Infinity) > reached) break
      while ((this.#changes[1] ?? Infinity) <= reached) this.#changes.shift()
      this.#forget()
      this.#isOpen = true
    }
    return this.#stable
  }

  /**
   * The last frame that at least half of the electorate in force at `frame` has acknowledged; `Infinity` when that
   * electorate is empty or does not count.
   */
  #settledBy(frame: number): number {
    let count = 0
    let gone = 0
    for (const { elector, from, until } of this.#terms) {
      if (from > frame || until <= frame) continue
      if (elector.gone) gone++
      // Insertion sort, highest first: the values hardly differ, and a general sort would cost more.
      let at = count++
      for (; at > 0 && (scratch[at - 1] as number) < elector.acked; at--)
        scratch[at] = scratch[at - 1] as number
      scratch[at] = elector.acked
    }
    if (count === 0 || gone * 2 > count) return Infinity
    return scratch[(count - 1) >> 1] as number
  }

  /** `slotOf`: the slot of an elector; undefined where it is no member any more. */
  stateFor(slotOf: (elector: Elector) => number | undefined): ElectorateState {
    const terms = this.#terms.map(({ elector, from, until }) => {
      const { acked, gone } = elector
      return { slot: slotOf(elector) ?? SYSTEM_SLOT, from, until, acked, gone }
    })
    return { stable: this.#stable, changes: [...this.#changes], terms, reign: this.#reign }
  }

  /** Goes on with the electorates of another node. `electorOf`: of the member in a slot. */
  restore(state: ElectorateState, electorOf: (slot: number) => Elector | undefined): void {
    this.#stable = state.stable
    this.#reign = state.reign
    this.#changes.splice(0, Infinity, ...state.changes)
    for (const { slot, from, until, acked, gone } of state.terms) {
      const elector = electorOf(slot) ?? new Elector()
      elector.acked = Math.max(elector.acked, acked)
      elector.gone ||= gone
      if (until < Infinity && acked < Infinity && !gone) this.#lostAt = Math.max(this.#lostAt, until)
      if (until === Infinity) elector.elected = from
      this.#terms.push({ elector, from, until })
    }
    this.#isOpen = true
  }

  /** Drops terms that are part of no electorate that counts. */
  #forget(): void {
    const first = this.#changes[0] as number
    for (let at = this.#terms.length - 1; at >= 0; at--) {
      const { from, until } = this.#terms[at] as Term
      if (until <= first || until === from) this.#terms.splice(at, 1)
    }
  }
}
