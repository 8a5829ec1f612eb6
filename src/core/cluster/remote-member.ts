import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import { type Bucket, FULL } from '../ground/rate.ts'
import { weights } from '../ground/weights.ts'
import { checkSeq } from '../meeting/intake.ts'
import type { Member, Seat, Standing } from '../meeting/seat.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'

function weigh(data: Payload): number {
  return weights.input + data.bytes.length
}

/** A member of another node's meeting whose session is on this node, as far as this node knows. */
export class RemoteMember implements Member {
  /** Names the seat in messages to the owner. */
  readonly number: number
  readonly slot: number
  readonly session: Session
  /** Null until the session's JOIN is answered. */
  seat: Seat | null = null
  readonly standing: Standing = { is: 'present' }
  readonly bucket: Bucket = FULL
  readonly waiting: number = 0
  seq: number
  /** The owner has seated it since the link last broke: what is said for it will be heard. */
  isSeated = true
  /** Inputs that the owner may not have, by seq. If the link breaks, they are sent again. The session's user pays. */
  readonly #pending: Map<number, Payload> = new Map()
  /** Those of them that the owner had answered when the link broke: once there is frame `from`, the rest were refused. */
  #doubtful: { readonly seqs: readonly number[]; readonly from: number } | null = null

  constructor({ seat, slot, seq }: MeshMessageOf<'seated'>, session: Session) {
    this.number = seat
    this.slot = slot
    this.seq = seq
    this.session = session
  }

  get user(): string {
    return this.session.user
  }

  /** Takes an input, or returns why it is refused. `most`: how many may be pending. */
  take(input: MessageOf<'input'>, turnedAway: number, most: number, budget: Budget): ErrorCode | null {
    const { seq, data } = input
    const refusal = checkSeq(this.seq, input, turnedAway)
    if (refusal !== null) return refusal
    this.seq = seq
    const { payer } = this.session
    if (this.#pending.size >= most || !budget.admits(payer.held, weigh(data))) return 'BUSY'
    this.#pending.set(seq, data)
    payer.hold(weigh(data))
    return null
  }

  /** The owner has this input, or has refused it. False: that was known. */
  answered(seq: number): boolean {
    const data = this.#pending.get(seq)
    if (data === undefined) return false
    this.#pending.delete(seq)
    this.session.payer.hold(-weigh(data))
    return true
  }

  /** An input is in a frame, so those before it have been answered, too. */
  framed(seq: number): void {
    for (const each of this.#pending.keys()) {
      if (each > seq) return
      this.answered(each)
    }
  }

  /** The owner has seated it again after the link broke. Returns the inputs that have not reached it. */
  seatedAgain({ seq, waiting, next }: MeshMessageOf<'seated'>): (readonly [seq: number, data: Payload])[] {
    this.isSeated = true
    const waits = new Set(waiting.map((each) => each.seq))
    const seqs = [...this.#pending.keys()].filter((each) => each <= seq && !waits.has(each))
    this.#doubtful = { seqs, from: next }
    return [...this.#pending].filter(([each]) => each > seq)
  }

  /**
   * Returns the inputs that were answered before the link broke, and are neither in a frame nor wait for one. `next`: the
   * next frame.
   */
  refusedUnheard(next: number): readonly number[] {
    if (this.#doubtful === null || next < this.#doubtful.from) return []
    const { seqs } = this.#doubtful
    this.#doubtful = null
    return seqs.filter((seq) => this.answered(seq))
  }

  /** It is no member any more. */
  release(): void {
    for (const seq of this.#pending.keys()) this.answered(seq)
  }
}
