import { Queue } from '../ground/queue.ts'
import { Ring } from '../ground/ring.ts'
import type { Work } from '../ground/work.ts'

/** What somebody at another node has said: does it, unless it counts no more. */
type Act = (now: number) => void

/** What a user has said that waits, in order, and what that weighs. */
interface Line {
  readonly said: Ring<{ readonly act: Act; readonly bytes: number }>
  bytes: number
}

interface TurnsLimits {
  /** Bytes that wait for one user, beyond which what the user says is refused. */
  readonly perUser: number
  /** Bytes that wait in all, beyond which nothing is heard of other nodes. Users share half of them evenly. */
  readonly most: number
}

/**
 * What users at other nodes say in meetings of this one, where hooks of the business take long over it: users take
 * turns, so nobody waits behind another's, and what else their nodes say goes on.
 */
export class GuestTurns {
  readonly #work: Pick<Work, 'isBusy' | 'isTaken'>
  readonly #limits: TurnsLimits
  /** By user, the next turn first. */
  readonly #lines: Queue<string, Line> = new Queue()
  #bytes = 0

  constructor(work: Pick<Work, 'isBusy' | 'isTaken'>, limits: TurnsLimits) {
    this.#work = work
    this.#limits = limits
  }

  get hasWork(): boolean {
    return this.#lines.size > 0
  }

  get isFull(): boolean {
    return this.#bytes >= this.#limits.most
  }

  /** Whether what a user says now has to wait behind something. */
  waits(user: string): boolean {
    return this.#lines.get(user) !== undefined
  }

  /** How many bytes may wait for one user now: where many users have much, others must not wait until it is heard. */
  get #room(): number {
    const { perUser, most } = this.#limits
    return this.#bytes < most / 2 ? perUser : Math.min(perUser, most / 2 / this.#lines.size)
  }

  /**
   * Acts on what a user says, of so many bytes, at once or in the user's turn. False: too much of the user waits. What
   * has no bytes, and whoever has nothing that waits, is heard in any case.
   */
  hear(user: string, bytes: number, now: number, act: Act): boolean {
    let line = this.#lines.get(user)
    if (line === undefined && !this.#work.isBusy) {
      act(now)
      return true
    }
    if (line !== undefined && bytes > 0 && line.bytes + bytes > this.#room) return false
    if (line === undefined) this.#lines.set(user, (line = { said: new Ring(0), bytes: 0 }))
    line.said.push({ act, bytes })
    this.#count(line, bytes)
    return true
  }

  #count(line: Line, bytes: number): void {
    line.bytes += bytes
    this.#bytes += bytes
  }

  /** Part of the sweep: one of each user after the other, as far as there is time; one in any case. */
  sweep(now: number): void {
    do {
      const user = this.#lines.oldest
      if (user === undefined) return
      const line = this.#lines.get(user) as Line
      const { act, bytes } = line.said.shift()
      this.#count(line, -bytes)
      if (line.said.size > 0) this.#lines.set(user, line)
      else this.#lines.delete(user)
      act(now)
    } while (!this.#work.isTaken)
  }
}
