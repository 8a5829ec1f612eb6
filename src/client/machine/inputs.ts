import { type MessageOf, type Payload, RtmsError } from '../../protocol/index.ts'
import type { Done } from './calls.ts'
import { busy, MOST_WAITING_INPUTS, MOST_FRAMED_INPUTS, type Waiting } from './limits.ts'

interface Input {
  readonly data: Payload
  readonly done: Done<number>
  /** Monotonic milliseconds after which it is not sent, or not again. */
  readonly sendBy: number
  /** Handed to a connection at least once. */
  sent: boolean
  /** The frame that holds it; 0 while none is known to. */
  frame: number
}

export type NumberedInput = Pick<MessageOf<'input'>, 'seq' | 'after' | 'data'>

/** A member's inputs by seq: those that nothing has answered, and those that are framed and not stable yet. */
export class Inputs {
  readonly #waiting: Waiting
  readonly #inputs: Map<number, Input> = new Map()
  /** How many are framed. */
  #framed = 0
  /** What a new one goes on from: the last one's seq, before the first the slot's. */
  #seq = 0
  /** The seq of the slot when this member got it: what is not above it is somebody else's. */
  #base = 0
  /** The last one that was sent and not refused; 0 for none. */
  #last = 0
  /** The last one that was framed and is forgotten. */
  #forgotten = 0
  /** No unanswered input has an earlier `sendBy`. */
  earliest: number = Infinity

  constructor(waiting: Waiting) {
    this.#waiting = waiting
  }

  get unanswered(): number {
    return this.#inputs.size - this.#framed
  }

  /** Takes one, to be sent at once or later. Throws BUSY. */
  add(data: Payload, sendBy: number, sent: boolean, done: Done<number>): NumberedInput {
    if (this.unanswered >= MOST_WAITING_INPUTS) throw busy(MOST_WAITING_INPUTS, 'inputs')
    this.#waiting.take(data)
    const seq = ++this.#seq
    const after = this.#last
    this.#inputs.set(seq, { data, done, sendBy, sent, frame: 0 })
    this.earliest = Math.min(this.earliest, sendBy)
    if (sent) this.#last = seq
    return { seq, after, data }
  }

  /** Another seat, in which the last seq is this one. `keep`: what waits is for it, and gets new numbers. */
  restart(seq: number, keep: boolean): void {
    if (!keep) this.abandon()
    const waiting = [...this.#inputs.values()]
    this.#inputs.clear()
    this.#seq = seq
    this.#base = seq
    this.#last = 0
    this.#forgotten = 0
    for (const input of waiting) this.#inputs.set(++this.#seq, input)
  }

  /** None of those made so far is sent any more. */
  abandon(): void {
    this.#drop(lostBySender)
  }

  /**
   * What is to be sent (again) where the node has answered everything up to `answered`: a framed one too, where the
   * log that is joined now does not have it.
   */
  resend(answered: number, now: number): NumberedInput[] {
    const again: NumberedInput[] = []
    // What is above never arrived.
    this.#last = answered > this.#base ? Math.min(this.#last, answered) : 0
    this.#seq = Math.max(this.#seq, answered)
    for (const [seq, input] of Array.from(this.#inputs)) {
      // Another session that had the slot meanwhile has used the seq of one that was never sent.
      const isLate = seq > answered ? input.frame === 0 && input.sendBy <= now : !input.sent
      if (isLate) this.#answer(seq, new RtmsError('NOT_SENT'))
      else if (seq > answered) {
        input.sent = true
        again.push({ seq, after: this.#last, data: input.data })
        this.#last = seq
      }
    }
    return again
  }

  expire(now: number): void {
    this.earliest = Infinity
    for (const [seq, input] of Array.from(this.#inputs)) {
      if (input.sendBy <= now) this.#answer(seq, lostBySender(input))
      else if (input.frame === 0) this.earliest = Math.min(this.earliest, input.sendBy)
    }
  }

  framed(seq: number, frame: number): void {
    const input = this.#inputs.get(seq)
    if (input === undefined || input.frame > 0) return
    input.frame = frame
    this.#waiting.give(input.data)
    if (++this.#framed > MOST_FRAMED_INPUTS) this.#forgetOldest()
    input.done(frame)
  }

  #forgetOldest(): void {
    for (const [seq, { frame }] of this.#inputs) if (frame > 0) return this.#forget(seq)
  }

  #forget(seq: number): void {
    this.#inputs.delete(seq)
    this.#framed--
    this.#forgotten = seq
  }

  /** Frames up to this one are stable: nobody will ask for their inputs again. */
  settle(stable: number): void {
    for (const [seq, { frame }] of this.#inputs) {
      if (frame === 0 || frame > stable) return
      this.#forget(seq)
    }
  }

  refused(seq: number, error: RtmsError): void {
    this.#answer(seq, error)
    if (seq === this.#last) {
      this.#last = this.#forgotten
      for (const [each, { sent }] of this.#inputs) if (sent) this.#last = each
    }
  }

  /** What was sent, up to this seq: nobody knows what became of it. */
  giveUp(last: number): void {
    for (const [seq, input] of Array.from(this.#inputs))
      if (input.sent && seq <= last) this.#answer(seq, lostBySender(input))
  }

  /** The seat is lost for this reason. */
  end(error: RtmsError): void {
    this.#drop(({ sent }) => (sent ? new RtmsError('UNKNOWN', error.message) : error))
  }

  #drop(errorOf: (input: Input) => RtmsError): void {
    const inputs = [...this.#inputs.values()]
    this.#inputs.clear()
    this.#framed = 0
    for (const input of inputs) if (input.frame === 0) this.#finish(input, errorOf(input))
  }

  #answer(seq: number, error: RtmsError): void {
    const input = this.#inputs.get(seq)
    if (input === undefined || input.frame > 0) return
    this.#inputs.delete(seq)
    this.#finish(input, error)
  }

  #finish(input: Input, error: RtmsError): void {
    this.#waiting.give(input.data)
    input.done(error)
  }
}

/** Of an input nobody can tell of any more: what never left has no effect, whatever became of the rest. */
function lostBySender({ sent }: Input): RtmsError {
  return new RtmsError(sent ? 'UNKNOWN' : 'NOT_SENT')
}
