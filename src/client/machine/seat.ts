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
  type ServerMessage,
  SYSTEM_SLOT,
} from '../../protocol/index.ts'
import type { Done } from './calls.ts'
import { Inputs, type NumberedInput } from './inputs.ts'
import type { Waiting } from './limits.ts'

/** Frames are acknowledged no later than this after the last ones were, where no input does it in passing. */
const ACKNOWLEDGE_MS = 1_000

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

/** This client's place in a meeting: the position it has reached, what it has acknowledged, and its inputs. */
export class SeatMachine {
  /** Of the meeting. */
  readonly name: string
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
  world = 0
  slot = 0
  /** The meeting was not found, and a fresh ticket that may lead to it is waited for. */
  isMissing = false
  /** The next frame wanted. */
  next = 1
  /** The last stable frame that the node has told of. */
  stable = 0
  #maxInput: number = limits.input
  /** The ticket with which the meeting was not found since it was last joined; 0 for none. */
  #missedWith = 0
  /** The session in which it was joined. */
  #session = ''
  readonly #inputs: Inputs
  /** The last frame acknowledged, and when. */
  #acknowledged = 0
  #acknowledgedAt = 0

  constructor(name: string, spectator: boolean, config: string, listener: SeatListener, waiting: Waiting) {
    this.#inputs = new Inputs(waiting)
    this.name = name
    this.spectator = spectator
    this.config = config
    this.listener = listener
  }

  get unanswered(): number {
    return this.#inputs.unanswered
  }

  joinMessage(call: number): MessageOf<'join'> {
    this.call = call
    this.asked = call
    this.isMissing = false
    const { name, spectator, config, world, next } = this
    return { type: 'join', call, meeting: name, spectator, config, world, next: world === 0 ? 0 : next }
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
    const isSameWorld = message.world === this.world
    const isSame = isSameWorld && message.slot === this.slot && session === this.#session
    // What the node says of a position that is not of its log: nothing held counts.
    if (this.world !== 0 && (!isSameWorld || message.reason === 'PROTOCOL')) this.next = 1
    this.stable = isSameWorld ? Math.max(this.stable, message.stable) : message.stable
    this.#acknowledged = 0
    this.#acknowledgedAt = now
    this.#session = session
    this.#maxInput = message.maxInput
    this.log = message.log
    this.lastLog = message.log
    this.world = message.world
    this.slot = message.slot
    this.call = 0
    this.asked = 0
    // Inputs are for the world that their sender knew; those made since it was missing are for this one.
    if (!isSame) this.#inputs.restart(message.seq, this.#missedWith !== 0)
    else if (lost || !message.recovered) this.#inputs.giveUp(message.seq)
    this.#missedWith = 0
    return this.#inputs.resend(message.seq, now).map((input) => this.#message(input, now))
  }

  /** When it has something to say, or inputs to give up: without a connection to send on they do not wait for ever. */
  get deadline(): number {
    return this.log === 0 ? this.#inputs.earliest : this.acknowledgeAt
  }

  expire(now: number): void {
    if (this.log === 0) this.#inputs.expire(now)
  }

  /**
   * There is no such meeting. False where this client was not in it, or it was not found with an earlier ticket than
   * this one either: it is over. The inputs made so far were for the one that is gone.
   */
  handleMissing(ticket: number): boolean {
    if (this.world === 0 || (this.#missedWith !== 0 && this.#missedWith !== ticket)) return false
    this.isMissing = true
    if (this.#missedWith === 0) this.abandon()
    this.#missedWith = ticket
    this.detach()
    return true
  }

  /** No input is sent any more that was made so far. */
  abandon(): void {
    this.#inputs.abandon()
  }

  /** The connection is gone; the position stays. */
  detach(): void {
    this.log = 0
    this.call = 0
  }

  /**
   * Takes an input. Returns the message to send now, or null where it waits for the meeting to be joined again,
   * for `timeoutMs`. Throws READ_ONLY, TOO_LARGE or BUSY, and `done` hears nothing.
   */
  send(data: Payload, timeoutMs: number, now: number, done: Done<number>): MessageOf<'input'> | null {
    if (this.spectator) throw new RtmsError('READ_ONLY')
    if (data.bytes.length > this.#maxInput) throw new RtmsError('TOO_LARGE')
    const isJoined = this.log !== 0
    const input = this.#inputs.add(data, now + timeoutMs, isJoined, done)
    return isJoined ? this.#message(input, now) : null
  }

  #message({ seq, after, data }: NumberedInput, now: number): MessageOf<'input'> {
    const seen = this.next - 1
    this.#acknowledged = seen
    this.#acknowledgedAt = now
    return { type: 'input', log: this.log, seq, after, seen, data }
  }

  /** When the frames it has are to be acknowledged; `Infinity` where nobody waits for that. */
  get acknowledgeAt(): number {
    const isNews = this.log !== 0 && !this.spectator && this.next - 1 > this.#acknowledged
    return isNews ? this.#acknowledgedAt + ACKNOWLEDGE_MS : Infinity
  }

  /** What of an ACK is this seat's. */
  acknowledge(now: number): MessageOf<'ack'>['seen'] {
    if (this.acknowledgeAt === Infinity) return []
    this.#acknowledged = this.next - 1
    this.#acknowledgedAt = now
    return [{ log: this.log, frame: this.next - 1 }]
  }

  /** False where a frame is missing without a GAP: the connection cannot be trusted. */
  receive(message: ServerMessage): boolean {
    if (message.type === 'frames') return this.#deliver(message)
    if (message.type === 'direct') this.listener.direct(message.data)
    if (message.type === 'nack')
      this.#inputs.refused(message.seq, new RtmsError(message.error, undefined, message.retryAfter))
    return true
  }

  #deliver(message: MessageOf<'frames'>): boolean {
    if (message.first > this.next) return false
    this.stable = Math.max(this.stable, message.stable)
    eachFrame(message.frames, message.first, message.count, (number, entries) => {
      // Whoever heard of a frame may have left, or closed the client.
      if (number !== this.next || this.log === 0) return
      this.next++
      const events: MeetingEvent[] = []
      const inputs: FrameEntry[] = []
      for (const entry of entries) {
        const event = entry.slot === SYSTEM_SLOT ? decodeEvent(entry) : null
        if (event !== null) events.push(event)
        else if (entry.slot !== SYSTEM_SLOT) inputs.push(entry)
      }
      for (const { slot, seq } of inputs) if (slot === this.slot) this.#inputs.framed(seq, number)
      this.listener.frame({ number, events, inputs })
    })
    this.#inputs.settle(this.stable)
    return true
  }

  handleGap(message: MessageOf<'gap'>): void {
    if (message.to <= this.next) return
    this.next = message.to
    // Their answers may have been in what is lost.
    this.#inputs.giveUp(Infinity)
    this.listener.gap(message.from, message.to, message.reason)
  }

  /** The meeting is over for this client. What was sent may be in a frame that it does not see. */
  end(error: RtmsError): void {
    this.log = 0
    this.#inputs.end(error)
    this.listener.ended(error)
  }
}
