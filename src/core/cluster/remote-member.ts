import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import { type Bucket, FULL } from '../ground/rate.ts'
import { checkSeq, weighInput } from '../meeting/intake.ts'
import type { Member, Seat, Standing } from '../meeting/seat.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'

/** The member whose seat it is; null for a spectator. */
export function memberOf({ member }: Seat): RemoteMember | null {
  return member as RemoteMember | null
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
  /** Where it stands since the link last broke: not entered, entered, or seated, so that its inputs may be sent. */
  stage: 'lost' | 'entered' | 'seated' = 'seated'
  /** The last input sent since then. */
  #sent = 0
  /**
   * Inputs that the owner may not have, by seq; those that were not sent are the queue to the link. The session's user
   * pays.
   */
  readonly #pending: Map<number, Payload> = new Map()
  /**
   * Those of them that the owner had answered when the link broke: once there is frame `from`, the rest were refused.
   */
  #doubtful: { readonly seqs: readonly number[]; readonly from: number } | null = null

  constructor({ seat, slot, seq }: Pick<MeshMessageOf<'seated'>, 'seat' | 'slot' | 'seq'>, session: Session) {
    this.number = seat
    this.slot = slot
    this.seq = this.#sent = seq
    this.session = session
  }

  get user(): string {
    return this.session.user
  }

  /** Takes an input, or returns why it is refused. `most`: how many may be pending; `largest`: bytes of one. */
  take(
    input: MessageOf<'input'>,
    turnedAway: number,
    most: number,
    largest: number,
    budget: Budget,
  ): ErrorCode | null {
    const { seq, data } = input
    const refusal = checkSeq(this.seq, input, turnedAway)
    if (refusal !== null) return refusal
    this.seq = seq
    if (data.bytes.length > largest) return 'TOO_LARGE'
    const { payer } = this.session
    if (this.#pending.size >= most || !budget.admits(payer.held, weighInput(data))) return 'BUSY'
    this.#pending.set(seq, data)
    payer.hold(weighInput(data))
    return null
  }

  /** Those that may be in a frame yet. */
  get waitingSeqs(): readonly number[] {
    return [...this.#pending.keys()]
  }

  /** The owner has this input, or has refused it. False: that was known. */
  answered(seq: number): boolean {
    const data = this.#pending.get(seq)
    if (data === undefined) return false
    this.#pending.delete(seq)
    this.session.payer.hold(-weighInput(data))
    return true
  }

  /** The owner has seated it again after the link broke: inputs that have not reached it are sent again. */
  seatedAgain({ seq, waiting, next }: MeshMessageOf<'seated'>): void {
    this.stage = 'seated'
    this.#sent = seq
    const waits = new Set(waiting.map((each) => each.seq))
    const seqs = [...this.#pending.keys()].filter((each) => each <= seq && !waits.has(each))
    this.#doubtful = { seqs, from: next }
  }

  /** Takes the inputs that were not sent yet, while `isOpen`. */
  *unsent(isOpen: () => boolean): Generator<readonly [seq: number, data: Payload]> {
    if (this.stage !== 'seated' || this.seq === this.#sent) return
    for (const [seq, data] of this.#pending) {
      if (seq <= this.#sent) continue
      if (!isOpen()) return
      this.#sent = seq
      yield [seq, data]
    }
    this.#sent = this.seq
  }

  /** Whether something of it waits to be sent. */
  get isOwing(): boolean {
    return this.stage === 'lost' || (this.stage === 'seated' && this.seq > this.#sent)
  }

  /**
   * Returns the inputs that were answered before the link broke, and are neither in a frame nor wait for one. `next`:
   * the next frame.
   */
  refusedUnheard(next: number): readonly number[] {
    if (this.#doubtful === null || next < this.#doubtful.from) return []
    const { seqs } = this.#doubtful
    this.#doubtful = null
    return seqs.filter((seq) => this.answered(seq))
  }

  /**
   * This node goes on as the owner, which has the inputs up to `seq` but for those that wait. Takes the later ones;
   * `refused`: earlier ones that are neither in a frame nor wait.
   */
  surrender(
    seq: number,
    waiting: ReadonlySet<number>,
  ): {
    readonly unsent: readonly (readonly [seq: number, data: Payload])[]
    readonly refused: readonly number[]
  } {
    const pending = [...this.#pending]
    this.release()
    const refused = pending.map(([each]) => each).filter((each) => each <= seq && !waiting.has(each))
    return { unsent: pending.filter(([each]) => each > seq), refused }
  }

  /** It is no member any more. */
  release(): void {
    for (const seq of this.#pending.keys()) this.answered(seq)
  }
}
