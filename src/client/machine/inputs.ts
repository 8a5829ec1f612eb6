import { type MessageOf, type Payload, RtmsError } from '../../protocol/index.ts'
import { ownError } from './errors.ts'
import type { Done } from './calls.ts'
import { busy, MOST_WAITING_INPUTS, MOST_FRAMED_INPUTS, type Waiting } from './limits.ts'

/** In the place of a sender who was told already. */
const NOBODY = (): void => {}

/** In the place of a frame that is undone: the input is to come in a later one. */
const UNDONE = Infinity

interface Input {
  readonly data: Payload
  done: Done<number>
  /** Monotonic milliseconds after which it is not sent, or not sent again. */
  readonly sendBy: number
  /** Whether it was handed to a connection at least once. */
  sent: boolean
  /** The frame that holds it; 0 while unknown. */
  frame: number
}

export type NumberedInput = Pick<MessageOf<'input'>, 'seq' | 'after' | 'data'>

/** A member's inputs by seq: unanswered ones, and framed ones that are not stable yet. */
export class Inputs {
  readonly #waiting: Waiting
  readonly #inputs: Map<number, Input> = new Map()
  /** How many are framed. */
  #framed = 0
  /** The seq of the last input; before the first input, the slot's. */
  #seq = 0
  /** The slot's seq when this member got it: inputs up to it belong to earlier members. */
  #base = 0
  /** The last input that was sent and not refused; 0 for none. */
  #last = 0
  /** The last framed input that has been forgotten. */
  #forgotten = 0
  /** A lower bound of `sendBy` over all unanswered inputs. */
  earliest: number = Infinity

  constructor(waiting: Waiting) {
    this.#waiting = waiting
  }

  get unanswered(): number {
    return this.#inputs.size - this.#framed
  }

  /** Adds an input, to be sent at once or later. Throws BUSY. */
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

  /**
   * Starts again in another seat, whose last seq is `seq`. `keep`: the waiting inputs are meant for it and get new
   * numbers.
   */
  restart(seq: number, keep: boolean): void {
    if (!keep) this.abandon()
    const waiting = [...this.#inputs.values()]
    this.#inputs.clear()
    this.#seq = this.#base = seq
    this.#last = 0
    this.#forgotten = 0
    for (const input of waiting) this.#inputs.set(++this.#seq, input)
  }

  /** No input made so far is sent any more. */
  abandon(): void {
    this.#drop(lostBySender)
  }

  /**
   * Returns the inputs to send, or send again, once the node has answered every seq up to `answered`. This includes
   * framed inputs that the log joined now does not hold.
   */
  resend(answered: number, now: number): NumberedInput[] {
    const again: NumberedInput[] = []
    // Inputs above `answered` never arrived.
    this.#last = answered > this.#base ? Math.min(this.#last, answered) : 0
    this.#seq = Math.max(this.#seq, answered)
    for (const [seq, input] of Array.from(this.#inputs)) {
      // An input whose frame is undone was promised to be in one, unless its sender was told otherwise before. Another
      // session that had the slot meanwhile has used the seq of one that was never sent.
      const isLate =
        seq > answered ? input.sendBy <= now && (input.frame === 0 || input.done === NOBODY) : !input.sent
      if (isLate) this.#answer(seq, ownError('NOT_SENT'))
      else if (seq > answered) {
        input.sent = true
        again.push({ seq, after: this.#last, data: input.data })
        this.#last = seq
      }
    }
    return again
  }

  /** `isJoined`: an input that was sent may still be framed, but its sender is not kept waiting. */
  expire(now: number, isJoined: boolean): void {
    this.earliest = Infinity
    for (const [seq, input] of Array.from(this.#inputs)) {
      const { sendBy, done } = input
      if (sendBy <= now && !isJoined) this.#answer(seq, lostBySender(input))
      else if (input.frame !== 0 || done === NOBODY) continue
      else if (sendBy > now) this.earliest = Math.min(this.earliest, sendBy)
      else {
        input.done = NOBODY
        done(ownError('TIMEOUT'))
      }
    }
  }

  framed(seq: number, frame: number): void {
    const input = this.#inputs.get(seq)
    const before = input?.frame
    if (!input || (before !== 0 && before !== UNDONE)) return
    input.frame = frame
    if (before === UNDONE) return
    this.#waiting.give(input.data)
    if (++this.#framed > MOST_FRAMED_INPUTS) this.#forgetOldest()
    input.done(frame)
  }

  /** The frames from this one on are undone: inputs in them come in later ones. */
  undo(from: number): void {
    for (const input of this.#inputs.values()) if (input.frame >= from) input.frame = UNDONE
  }

  #forgetOldest(): void {
    for (const [seq, { frame }] of this.#inputs) if (frame > 0) return this.#forget(seq)
  }

  #forget(seq: number): void {
    this.#inputs.delete(seq)
    this.#framed--
    this.#forgotten = seq
  }

  /** Frames up to this one are stable, so their inputs need not be sent again. */
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

  /** Gives up sent inputs up to this seq, except some: their fate is unknown. */
  giveUp(last: number, except: MessageOf<'joined'>['waiting'] = []): void {
    for (const [seq, input] of Array.from(this.#inputs))
      if (input.sent && seq <= last && !except.some((each) => each.seq === seq))
        this.#answer(seq, lostBySender(input))
  }

  /** The seat is lost; `error` is why. */
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
    if (!input || (input.frame !== 0 && input.frame !== UNDONE)) return
    this.#inputs.delete(seq)
    if (input.frame === 0) this.#finish(input, error)
    else this.#framed--
  }

  #finish(input: Input, error: RtmsError): void {
    this.#waiting.give(input.data)
    input.done(error)
  }
}

/**
 * The error for an input whose answer can no longer come: NOT_SENT where it never left, since it then had no effect.
 */
function lostBySender({ sent }: Input): RtmsError {
  return ownError(sent ? 'UNKNOWN' : 'NOT_SENT')
}
