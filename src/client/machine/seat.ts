import {
  decodeEvent,
  eachFrame,
  type ErrorCode,
  type FrameEntry,
  limits,
  type MeetingEvent,
  type MessageOf,
  type Payload,
  RtmsError,
  SYSTEM_SLOT,
} from '../../protocol/index.ts'
import type { Done } from './calls.ts'
import { clientLimits, type Waiting } from './limits.ts'

/** A frame as it is delivered: numbered from 1, none left out, the same for everyone. */
export interface RawFrame {
  readonly number: number
  readonly events: readonly MeetingEvent[]
  readonly inputs: readonly FrameEntry[]
}

/** What a seat tells the application. All are called synchronously while a packet is handled. */
export interface SeatListener {
  frame(frame: RawFrame): void
  /** Frames [from, to) will not be delivered. */
  gap(from: number, to: number, reason: ErrorCode): void
  joined(message: MessageOf<'joined'>): void
  direct(data: Payload): void
  ended(error: RtmsError): void
}

interface Unanswered {
  readonly data: Payload
  readonly done: Done<number>
  /** Monotonic milliseconds after which it is not sent, or not again. */
  readonly sendBy: number
  /** Handed to a connection at least once. */
  sent: boolean
}

/** This client's place in a meeting: the position it has reached and the inputs not yet answered. */
export class SeatMachine {
  readonly meeting: string
  readonly spectator: boolean
  readonly config: string
  readonly listener: SeatListener
  /** The log's number on the current connection, 0 while not joined there. */
  log = 0
  /** Its number on the last connection of this session where it was joined; 0 for none. */
  lastLog = 0
  /** The call of the JOIN under way on the current connection. */
  call = 0
  /** The call of the last JOIN, on whichever connection, while the session owes its answer; 0 for none. */
  asked = 0
  /** A JOIN asks for one meeting, and a FAILED says so. */
  readonly index = 0
  epoch = 0
  slot = 0
  /** The meeting was not found, and a fresh ticket that may lead to it is waited for. */
  isMissing = false
  /** The next frame wanted. */
  next = 1
  #seq = 0
  #maxInput: number = limits.input
  /** The ticket with which the meeting was not found since it was last joined; 0 for none. */
  #missedWith = 0
  /** The session in which it was joined. */
  #session = ''
  readonly #unanswered: Map<number, Unanswered> = new Map()
  readonly #waiting: Waiting
  /** No unanswered input has an earlier `sendBy`. */
  #earliest = Infinity

  constructor(meeting: string, spectator: boolean, config: string, listener: SeatListener, waiting: Waiting) {
    this.#waiting = waiting
    this.meeting = meeting
    this.spectator = spectator
    this.config = config
    this.listener = listener
  }

  get unanswered(): number {
    return this.#unanswered.size
  }

  joinMessage(call: number): MessageOf<'join'> {
    this.call = call
    this.asked = call
    this.isMissing = false
    const { meeting, spectator, config, epoch, next } = this
    return { type: 'join', call, meeting, spectator, config, epoch, next: epoch === 0 ? 0 : next }
  }

  /**
   * Returns the inputs to send (again). In another session the same slot may have been somebody else's meanwhile.
   * `lost`: the session log has a hole, in which NACKs may have been.
   */
  handleJoined(
    message: MessageOf<'joined'>,
    session: string,
    lost: boolean,
    now: number,
  ): MessageOf<'input'>[] {
    const again = this.epoch !== 0
    const same = message.epoch === this.epoch && message.slot === this.slot && session === this.#session
    this.#session = session
    this.#maxInput = message.maxInput
    this.log = message.log
    this.lastLog = message.log
    this.epoch = message.epoch
    this.slot = message.slot
    this.call = 0
    this.asked = 0
    if (!same) {
      this.#seq = message.seq
      // Inputs are for the run of the meeting that their sender knew; those made since it was missing are for this one.
      if (this.#missedWith === 0) this.abandon()
      else this.#renumber()
    } else if (lost || !message.recovered) this.#rejectSent(message.seq)
    this.#missedWith = 0
    if (again && message.reason === 'NEW_EPOCH') this.next = 1
    return this.#resend(message.seq, now)
  }

  /** What waits follows the last seq of the slot. */
  #renumber(): void {
    const waiting = [...this.#unanswered.values()]
    this.#unanswered.clear()
    for (const input of waiting) this.#unanswered.set(++this.#seq, input)
  }

  /** What the node has not got, and still may. */
  #resend(accepted: number, now: number): MessageOf<'input'>[] {
    const again: MessageOf<'input'>[] = []
    for (const [seq, input] of this.#unanswered) {
      if (seq <= accepted) continue
      if (input.sendBy <= now) this.#answer(seq, new RtmsError('NOT_SENT'))
      else {
        input.sent = true
        again.push(this.#message(seq, input.data))
      }
    }
    return again
  }

  /** When {@link expire} has something to do: while there is no connection to send on, inputs do not wait for ever. */
  get deadline(): number {
    return this.log === 0 ? this.#earliest : Infinity
  }

  expire(now: number): void {
    if (now < this.deadline) return
    this.#earliest = Infinity
    for (const [seq, { sent, sendBy }] of this.#unanswered) {
      if (sendBy > now) this.#earliest = Math.min(this.#earliest, sendBy)
      else this.#answer(seq, new RtmsError(sent ? 'UNKNOWN' : 'NOT_SENT'))
    }
  }

  /**
   * There is no such meeting. False where this client was not in it, or it was not found with an earlier ticket than
   * this one either: it is over. The inputs made so far were for the one that is gone.
   */
  handleMissing(ticket: number): boolean {
    if (this.epoch === 0 || (this.#missedWith !== 0 && this.#missedWith !== ticket)) return false
    this.isMissing = true
    if (this.#missedWith === 0) this.abandon()
    this.#missedWith = ticket
    this.detach()
    return true
  }

  /** No input is sent any more that was made so far. */
  abandon(): void {
    this.#reject('UNKNOWN')
  }

  /** The connection is gone; the position stays. */
  detach(): void {
    this.log = 0
    this.call = 0
  }

  /**
   * Takes an input. Returns the message to send now, or null where it waits for the meeting to be joined again,
   * until `sendBy`. Throws READ_ONLY, TOO_LARGE or BUSY, and `done` hears nothing.
   */
  send(data: Payload, sendBy: number, done: Done<number>): MessageOf<'input'> | null {
    if (this.spectator) throw new RtmsError('READ_ONLY')
    if (data.bytes.length > this.#maxInput) throw new RtmsError('TOO_LARGE')
    if (this.#unanswered.size >= clientLimits.waitingInputs)
      throw new RtmsError('BUSY', `${clientLimits.waitingInputs} inputs wait for their frame already`)
    this.#waiting.take(data)
    const seq = ++this.#seq
    const sent = this.log !== 0
    this.#unanswered.set(seq, { data, done, sendBy, sent })
    this.#earliest = Math.min(this.#earliest, sendBy)
    return sent ? this.#message(seq, data) : null
  }

  #message(seq: number, data: Payload): MessageOf<'input'> {
    return { type: 'input', log: this.log, seq, seen: this.next - 1, data }
  }

  /** False where a frame is missing without a GAP: the connection cannot be trusted. */
  receive(message: MessageOf<'frames'> | MessageOf<'nack'> | MessageOf<'direct'>): boolean {
    if (message.type === 'frames') return this.#deliver(message)
    if (message.type === 'direct') this.listener.direct(message.data)
    else this.#answer(message.seq, new RtmsError(message.error, undefined, message.retryAfter))
    return true
  }

  #deliver(message: MessageOf<'frames'>): boolean {
    if (message.first > this.next) return false
    eachFrame(message.frames, message.first, message.count, (number, entries) => {
      // Whoever heard of a frame may have left, or closed the client.
      if (number !== this.next || this.log === 0) return
      this.next++
      const events: MeetingEvent[] = []
      const inputs: FrameEntry[] = []
      for (const entry of entries) {
        if (entry.slot !== SYSTEM_SLOT) inputs.push(entry)
        else {
          const event = decodeEvent(entry)
          if (event !== null) events.push(event)
        }
      }
      for (const { slot, seq } of inputs) if (slot === this.slot) this.#answer(seq, number)
      this.listener.frame({ number, events, inputs })
    })
    return true
  }

  handleGap(message: MessageOf<'gap'>): void {
    if (message.to <= this.next) return
    this.next = message.to
    // Their answers may have been in what is lost.
    this.#rejectSent(Infinity)
    this.listener.gap(message.from, message.to, message.reason)
  }

  /** The meeting is over for this client. */
  end(error: RtmsError): void {
    this.log = 0
    this.#reject(error.code)
    this.listener.ended(error)
  }

  #answer(seq: number, result: number | RtmsError): void {
    const unanswered = this.#unanswered.get(seq)
    if (unanswered === undefined) return
    this.#unanswered.delete(seq)
    this.#waiting.give(unanswered.data)
    unanswered.done(result)
  }

  /** What was sent, up to this seq: nobody knows what became of it. */
  #rejectSent(last: number): void {
    for (const [seq, { sent }] of Array.from(this.#unanswered))
      if (sent && seq <= last) this.#answer(seq, new RtmsError('UNKNOWN'))
  }

  #reject(code: ErrorCode): void {
    for (const [seq, { sent }] of Array.from(this.#unanswered)) {
      // What never left has no effect, whatever became of the rest.
      this.#answer(seq, new RtmsError(code === 'UNKNOWN' && !sent ? 'NOT_SENT' : code))
    }
  }
}
