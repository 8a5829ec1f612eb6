import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import { fixedLimits, type MeetingOptions } from '../ground/config.ts'
import { Rate } from '../ground/rate.ts'
import { share } from './fair-share.ts'
import type { Member } from './seat.ts'

export interface Input {
  readonly member: Member
  readonly seq: number
  readonly data: Payload
}

/** The inputs that wait for a frame, in order of arrival, and the limits that hold for them. */
export class Intake {
  readonly #options: MeetingOptions
  readonly #rate: Rate
  #waiting: Input[] = []
  /** The slot that had the last place in a frame that could not take all. */
  #lastShared = -1

  constructor(options: MeetingOptions) {
    this.#options = options
    this.#rate = new Rate(options.inputsPerSecond, 1000, options.inputBurst)
  }

  get size(): number {
    return this.#waiting.length
  }

  /**
   * Notes the seq of a member's input, which is answered with that, and says why the input is not taken in.
   * `turnedAway`: the highest seq refused before its turn came.
   */
  check(member: Member, input: MessageOf<'input'>, turnedAway: number, now: number): ErrorCode | null {
    const { seq, after, data } = input
    if (seq <= member.seq) return 'STALE'
    // Neither is noted. The slot's next member goes on from there, and must have numbers left.
    if (seq > member.seq + fixedLimits.seqStep) return 'LIMIT'
    // And this one may come again, behind the one that is missing.
    if (after > member.seq && after > turnedAway) return 'OUT_OF_ORDER'
    member.seq = seq
    if (data.bytes.length > this.#options.inputBytes) return 'TOO_LARGE'
    if (this.#rate.wait(member.bucket, now) > 0) return 'RATE'
    if (member.waiting >= this.#options.inputBurst) return 'BUSY'
    member.bucket = this.#rate.take(member.bucket, now)
    return null
  }

  /** As {@link check}, of the business's own: no rate holds for it, and its seq is the next one. */
  checkBot(member: Member, data: Payload): ErrorCode | null {
    if (data.bytes.length > this.#options.inputBytes) return 'TOO_LARGE'
    if (member.waiting >= this.#options.inputBurst) return 'BUSY'
    member.seq++
    return null
  }

  push(member: Member, seq: number, data: Payload): void {
    member.waiting++
    this.#waiting.push({ member, seq, data })
  }

  /** The inputs of the next frame; what is over its limits waits. */
  take(): readonly Input[] {
    if (this.#waiting.length === 0) return this.#waiting
    const { inputsPerFrame, frameBytes } = this.#options
    const { taken, left, last } = share(this.#waiting, inputsPerFrame, frameBytes, this.#lastShared)
    this.#waiting = left
    this.#lastShared = last
    return taken
  }

  /** Drops what waits. Returns how much that was. */
  clear(): number {
    const count = this.#waiting.length
    this.#waiting = []
    return count
  }
}
