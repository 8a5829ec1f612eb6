import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Payer } from '../ground/budget.ts'
import { fixedLimits } from '../ground/config.ts'
import { TooFast } from '../session/told.ts'
import type { MeetingOptions } from './options.ts'
import { Rate } from '../ground/rate.ts'
import { weights } from '../ground/weights.ts'
import { share } from './fair-share.ts'
import type { Member } from './seat.ts'

export interface Input {
  readonly member: Member
  readonly seq: number
  readonly data: Payload
}

/** The highest seq of an input that another node may name: whoever comes next into the slot needs numbers. */
export const MAX_SEQ: number = 2 ** 52

/** The inputs that wait, as another node is given them. `last`: the slot that was served last. */
export interface IntakeState {
  readonly inputs: readonly { readonly slot: number; readonly seq: number; readonly data: Payload }[]
  readonly last: number
}

/** What an input weighs until it is framed. */
export function weighInput(data: Payload): number {
  return weights.input + data.bytes.length
}

/**
 * Checks the seq of an input against the last one answered. Returns why it is refused, or null. `turnedAway`: the
 * highest seq that was refused on arrival.
 */
export function checkSeq(last: number, input: MessageOf<'input'>, turnedAway: number): ErrorCode | null {
  const { seq, after } = input
  if (seq <= last) return 'STALE'
  // Not noted: the slot's next member continues from the noted seq, and must have numbers left.
  if (seq > last + fixedLimits.seqStep) return 'LIMIT'
  // Not noted: the client may send this input again after the missing one.
  return after > last && after > turnedAway ? 'OUT_OF_ORDER' : null
}

/** The inputs that wait for a frame, in order of arrival, and their limits. */
export class Intake {
  readonly #options: MeetingOptions
  readonly #payer: Payer
  readonly #rate: Rate
  #waiting: Input[] = []
  /** The slot that was served last in a frame that could not take all inputs. */
  #lastShared = -1

  /** `payer`: the meeting. */
  constructor(options: MeetingOptions, payer: Payer) {
    this.#options = options
    this.#payer = payer
    this.#rate = new Rate(options.inputsPerSecond, 1000, options.inputBurst)
  }

  get size(): number {
    return this.#waiting.length
  }

  /**
   * Checks an input against all limits. Returns why it is refused, or null. Except for STALE, LIMIT and OUT_OF_ORDER
   * the seq is noted as answered. `turnedAway`: the highest seq that was refused on arrival.
   */
  check(
    member: Member,
    input: MessageOf<'input'>,
    turnedAway: number,
    now: number,
  ): ErrorCode | TooFast | null {
    const { seq, data } = input
    const refusal = checkSeq(member.seq, input, turnedAway)
    if (refusal !== null) return refusal
    member.seq = seq
    if (data.bytes.length > this.#options.inputBytes) return 'TOO_LARGE'
    const wait = this.#rate.wait(member.bucket, now)
    if (wait > 0) return new TooFast(wait)
    if (member.waiting >= this.#options.inputBurst) return 'BUSY'
    member.bucket = this.#rate.take(member.bucket, now)
    return null
  }

  /** Like {@link check}, for a bot: no rate applies, and its seq is the next number. */
  checkBot(member: Member, data: Payload): ErrorCode | null {
    if (data.bytes.length > this.#options.inputBytes) return 'TOO_LARGE'
    if (member.waiting >= this.#options.inputBurst) return 'BUSY'
    member.seq++
    return null
  }

  push(member: Member, seq: number, data: Payload): void {
    member.waiting++
    this.#waiting.push({ member, seq, data })
    this.#payer.hold(weighInput(data))
  }

  /** The seqs of a member's inputs that wait. */
  seqsOf(member: Member): number[] {
    if (member.waiting === 0) return []
    return this.#waiting.filter((input) => input.member === member).map(({ seq }) => seq)
  }

  get state(): IntakeState {
    const inputs = this.#waiting.map(({ member: { slot }, seq, data }) => ({ slot, seq, data }))
    return { inputs, last: this.#lastShared }
  }

  /** Goes on with the inputs of another node. */
  restore({ inputs, last }: IntakeState, memberOf: (slot: number) => Member | undefined): void {
    this.#lastShared = last
    for (const { slot, seq, data } of inputs) {
      const member = memberOf(slot)
      if (member !== undefined) this.push(member, seq, data)
    }
  }

  /** Takes the inputs of the next frame; inputs beyond its limits stay. */
  take(): readonly Input[] {
    if (this.#waiting.length === 0) return this.#waiting
    const { inputsPerFrame, frameBytes } = this.#options
    const { taken, left, last } = share(this.#waiting, inputsPerFrame, frameBytes, this.#lastShared)
    this.#waiting = left
    this.#lastShared = last
    this.#release(taken)
    return taken
  }

  /** Drops inputs of so many bytes at least, the last ones of each member. None where all together have fewer. */
  shed(bytes: number): readonly Input[] {
    let most = -bytes
    for (const { data } of this.#waiting) most += data.bytes.length
    if (most < 0) return []
    const { taken, left } = share(this.#waiting, Infinity, most, this.#lastShared)
    this.#waiting = [...taken]
    this.#release(left)
    return left
  }

  /** Drops all waiting inputs. Returns their number. */
  clear(): number {
    const count = this.#waiting.length
    this.#release(this.#waiting)
    this.#waiting = []
    return count
  }

  #release(inputs: readonly Input[]): void {
    let bytes = 0
    for (const { data } of inputs) bytes += weighInput(data)
    this.#payer.hold(-bytes)
  }
}
