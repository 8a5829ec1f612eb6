import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import { type Bucket, FULL } from '../ground/rate.ts'
import { checkSeq, weighInput } from '../meeting/intake.ts'
import type { Member, Seat, Standing } from '../meeting/seat.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'

/** An input that the owner may not have. */
export interface Pending {
  readonly seq: number
  readonly data: Payload
  /** What its user pays for it. */
  readonly weight: number
}

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
  /** The last frame that it has acknowledged, until the owner is told; 0: the owner was told. */
  unacked = 0
  /** In order of seq; those that were not sent are the queue to the link. The session's user pays. */
  #pending: Pending[] = []
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
    const weight = weighInput(data)
    if (this.#pending.length >= most || !budget.admits(payer.held, weight)) return 'BUSY'
    this.#pending.push({ seq, data, weight })
    payer.hold(weight)
    return null
  }

  /** Those that may be in a frame yet. */
  get waitingSeqs(): readonly number[] {
    return this.#pending.map(({ seq }) => seq)
  }

  /** The owner has this input, or has refused it. False: that was known. */
  answered(seq: number): boolean {
    const pending = this.#pending
    for (let at = 0; at < pending.length; at++) {
      const each = pending[at] as Pending
      if (each.seq < seq) continue
      if (each.seq > seq) return false
      if (at === 0) pending.shift()
      else pending.splice(at, 1)
      this.session.payer.hold(-each.weight)
      return true
    }
    return false
  }

  /** The owner has seated it again after the link broke: inputs that have not reached it are sent again. */
  seatedAgain({ seq, waiting, next }: MeshMessageOf<'seated'>): void {
    this.stage = 'seated'
    this.#sent = seq
    const waits = new Set(waiting.map((each) => each.seq))
    const seqs = this.waitingSeqs.filter((each) => each <= seq && !waits.has(each))
    this.#doubtful = { seqs, from: next }
  }

  /** Whether inputs wait to be sent. */
  get hasUnsent(): boolean {
    return this.stage === 'seated' && this.seq > this.#sent
  }

  /** Takes the first input that was not sent yet; null where there is none. */
  takeUnsent(): Pending | null {
    if (!this.hasUnsent) return null
    for (const each of this.#pending) {
      if (each.seq <= this.#sent) continue
      this.#sent = each.seq
      return each
    }
    // The last ones were refused here.
    this.#sent = this.seq
    return null
  }

  /** Whether something of it waits to be sent. */
  get isOwing(): boolean {
    return this.stage === 'lost' || this.hasUnsent
  }

  /** Whether {@link refusedUnheard} may yet return some. */
  get isDoubtful(): boolean {
    return this.#doubtful !== null
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
    readonly unsent: readonly Pending[]
    readonly refused: readonly number[]
  } {
    const [pending, seqs] = [this.#pending, this.waitingSeqs]
    this.release()
    const refused = seqs.filter((each) => each <= seq && !waiting.has(each))
    return { unsent: pending.filter((each) => each.seq > seq), refused }
  }

  /** It is no member any more. */
  release(): void {
    for (const { weight } of this.#pending) this.session.payer.hold(-weight)
    this.#pending = []
  }
}
