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
import { checkSize, errorIn, ownError } from './errors.ts'
import { Inputs, type NumberedInput } from './inputs.ts'
import type { Waiting } from './limits.ts'

/** Longest time, in milliseconds, between acknowledgements of frames where no input acknowledges them in passing. */
const ACKNOWLEDGE_MS = 1_000

/** How long after its node was heard it shows another one what it has kept. */
const KEPT_MS = 60_000

/** A frame as it is delivered: numbered from 1, none left out, the same for everyone. */
export interface RawFrame {
  readonly number: number
  readonly events: readonly MeetingEvent[]
  readonly inputs: readonly FrameEntry[]
}

/** A seat's events for the application. All are called synchronously while a packet is handled. */
export interface SeatListener {
  frame(frame: RawFrame): void
  /** Frames [from, to) will not be delivered. */
  gap(from: number, to: number, reason: ErrorCode): void
  joined(message: MessageOf<'joined'>): void
  direct(data: Payload): void
  /** Whether frames come may have changed. It may be called while the client is between two states. */
  waiting(): void
  ended(error: RtmsError): void
}

/** How the application wants to be seated. */
export interface JoinWish {
  readonly spectator: boolean
  readonly config: string
  /** Whether a first join begins behind the last frame sealed, instead of with frame 1. */
  readonly fromNow: boolean
  readonly joinBy: number
  /** Bytes of the latest frames that are kept, see `ConnectOptions.keepBytes`; default 256 KiB. */
  readonly keepBytes?: number | undefined
}

type Held = MessageOf<'join'>['held'][number]
type Piece = Omit<MessageOf<'kept'>, 'call'>
/** A piece, and how many bytes all pieces have up to its end. */
type Kept = Piece & { readonly end: number }

const NO_MORE: Piece = {
  type: 'kept',
  first: 0,
  count: 0,
  bytes: new Uint8Array(),
  stable: 0,
  tag: 0,
}

/** This client's place in a meeting: its position, what it has acknowledged, and its inputs. */
export class SeatMachine {
  /** The meeting's name. */
  readonly name: string
  readonly wish: JoinWish
  readonly listener: SeatListener
  /** When a first join is given up. */
  joinBy: number
  /** The log's number on the current connection, 0 while not joined there. */
  log = 0
  /** The log's number on the session's last connection where the meeting was joined; 0 for none. */
  lastLog = 0
  /** The call of the JOIN under way on the current connection. */
  call = 0
  /** The call of the last unanswered JOIN, on any connection of the session; 0 for none. */
  asked = 0
  /** The answer to a JOIN of this session may be lost, so it may be in the meeting. */
  isDoubted = false
  /** A JOIN asks for one meeting, so its FAILED names index 0. */
  readonly index = 0
  world = 0
  slot = 0
  /** The meeting was not found, and the seat waits for a fresh ticket that may lead to it. */
  isMissing = false
  /** The next frame wanted. */
  next = 1
  /** The last stable frame reported by the node. */
  stable = 0
  /** No frames come for now: it is not joined on this connection, or its owner is paused. */
  isWaiting = false
  /** The answer to the last JOIN. Inputs sent since are in frames behind its `head`. */
  #joined: Pick<MessageOf<'joined'>, 'head' | 'seq' | 'waiting' | 'maxInput'> = {
    head: 0,
    seq: 0,
    waiting: [],
    maxInput: limits.input,
  }
  /** Not all frames up to its `head` are here, which tell what has become of inputs that it does not name. */
  #isDoubtful = false
  /** The ticket with which the meeting was last not found, since it was last joined; 0 for none. */
  #missedWith = 0
  /** The session in which it was last joined. */
  #session = ''
  /** What it tells of its world in a JOIN: the fence of its last frame, and the highest that it has promised. */
  readonly #held: { -readonly [F in keyof Held]: Held[F] } = {
    slot: 0,
    elected: 0,
    term: 0,
    incarnation: 0,
    seen: 0,
    stable: 0,
    promisedTerm: 0,
    promisedIncarnation: 0,
  }
  readonly #inputs: Inputs
  /** When a node at which it was seated was last heard, so that it had not sent later what this client has confirmed. */
  #heardAt = Infinity
  /** The node that it has last promised a fence since it was seated; 0 for none. */
  #promisedTo = 0
  /** What it has of the meeting for a node that goes on with it: a charter (of no frames), and all that follows it. */
  #kept: Kept[] = []
  /** The last call for which it was shown. */
  #shown = 0
  /** The last frame acknowledged, and when. */
  #acknowledged = 0
  #acknowledgedAt = 0

  constructor(name: string, wish: JoinWish, listener: SeatListener, waiting: Waiting) {
    this.#inputs = new Inputs(waiting)
    this.name = name
    this.wish = wish
    this.joinBy = wish.joinBy
    this.listener = listener
  }

  get unanswered(): number {
    return this.#inputs.unanswered
  }

  /** A JOIN was answered, perhaps that of an earlier connection. */
  answered(call: number): void {
    if (this.asked === call) this.asked = 0
  }

  /** `session`: of the connection. */
  joinMessage(call: number, session: string): MessageOf<'join'> {
    this.call = call
    this.asked = call
    this.isMissing = false
    const { name, world, slot, stable } = this
    const { spectator, config, fromNow } = this.wish
    const next = world !== 0 ? this.next : fromNow ? 1 : 0
    const former = this.#session === session ? '' : this.#session
    // A node alone has told no fence: no other could go on with its meetings.
    const held = world === 0 || this.#held.term === 0 ? [] : [{ ...this.#held, slot, stable }]
    return { type: 'join', call, meeting: name, spectator, config, world, next, former, held }
  }

  /**
   * A node asks to go on with the meeting at a fence, because the one that had it has ended. From now on this client
   * goes with none of a lower fence.
   */
  promise({ call, term, incarnation }: MessageOf<'stand'>, now: number): MessageOf<'promise'> {
    const held = this.#held
    if (term > held.promisedTerm || (term === held.promisedTerm && incarnation > held.promisedIncarnation))
      Object.assign(held, { promisedTerm: term, promisedIncarnation: incarnation })
    // The one that it has promised something before may have begun with that.
    if (this.#promisedTo !== 0 && this.#promisedTo !== incarnation) this.#heardAt = now
    this.#promisedTo = incarnation
    const age = Math.max(0, Math.floor(now - this.#heardAt))
    return { type: 'promise', call, term: held.promisedTerm, incarnation: held.promisedIncarnation, age }
  }

  /** Keeps a charter or frames, and forgets the oldest charter with what follows it where that is too much. */
  #keep(first: number, count: number, data: Uint8Array, stable: number, tag: number): void {
    const kept = this.#kept
    const { keepBytes = 262_144 } = this.wish
    const end = (kept[kept.length - 1]?.end ?? 0) + data.length + 32
    kept.push({ type: 'kept', first, count, bytes: data.slice(), stable, tag, end })
    while (kept[0] && (kept[0].count > 0 || !(end - kept[0].end < keepBytes))) kept.shift()
  }

  /**
   * What a node has asked for, and the end of it. Long after its node was heard, others may have gone on, or closed it.
   */
  show({ call, from }: MessageOf<'pull'>, now: number): MessageOf<'kept'>[] {
    // A node asks once for each JOIN.
    const isOver = this.#shown === call || now - this.#heardAt > KEPT_MS
    const asked = isOver ? [] : this.#kept.filter(({ first, count }) => first + count > from)
    this.#shown = call
    return [...asked, NO_MORE].map((each) => ({ ...each, call }))
  }

  /** Returns the inputs to send, or send again. */
  handleJoined(message: MessageOf<'joined'>, session: string, now: number): MessageOf<'input'>[] {
    const isSameWorld = message.world === this.world
    const isSame =
      isSameWorld && message.slot === this.slot && (message.continued || session === this.#session)
    const before = this.next
    // The node's answer to a position of another log: nothing held counts any more.
    if (this.world === 0 && this.wish.fromNow) this.next = message.next
    else if (!isSameWorld || message.reason === 'PROTOCOL') this.next = 1
    // Frames from there on were lost with their node, and are undone.
    else if (message.reason === 'REWOUND') {
      this.next = Math.min(this.next, message.next)
      this.#inputs.undo(this.next)
    }
    if (!isSameWorld || this.next !== before) this.#kept = []
    const { elected, heldTerm: term, heldIncarnation: incarnation } = message
    const seen = isSame ? Math.min(this.#held.seen, this.next - 1) : 0
    Object.assign(this.#held, { elected, term, incarnation, seen })
    if (!isSame) this.#held.promisedTerm = 0
    this.stable = isSameWorld ? Math.max(this.stable, message.stable) : message.stable
    this.#acknowledged = 0
    this.#acknowledgedAt = now
    this.#session = session
    this.#joined = message
    this.#heardAt = Infinity
    this.#promisedTo = 0
    this.log = message.log
    this.lastLog = message.log
    this.world = message.world
    this.slot = message.slot
    this.call = 0
    this.asked = 0
    this.joinBy = Infinity
    // Inputs belong to the world their sender knew; those made after it was missing belong to this one.
    if (!isSame) this.#inputs.restart(message.seq, this.#missedWith !== 0)
    // Somebody else may have had the slot meanwhile, and used the numbers up to there.
    else if (!message.continued) this.#inputs.giveUp(message.seq)
    this.#isDoubtful = isSame
    this.#missedWith = 0
    this.#wait(false)
    this.#settleDoubts()
    return this.#inputs.resend(message.seq, now).map((input) => this.#message(input, now))
  }

  /**
   * Gives up what was refused unheard, before whichever connection: it neither waits for a frame nor is in one up to the
   * last one there was.
   */
  #settleDoubts(): void {
    const { head, seq, waiting } = this.#joined
    if (!this.#isDoubtful || this.next <= head) return
    this.#isDoubtful = false
    this.#inputs.giveUp(seq, waiting)
  }

  /** When it has something to send, or something to give up. */
  get deadline(): number {
    return Math.min(this.joinBy, this.#inputs.earliest, this.acknowledgeAt)
  }

  expire(now: number): void {
    this.#inputs.expire(now, this.log !== 0)
  }

  /**
   * The meeting was not found. Returns false where the seat is over: this client was not in the meeting, or an earlier
   * ticket did not lead to it either. Inputs made so far were meant for the meeting that is gone.
   */
  handleMissing(ticket: number): boolean {
    if (this.world === 0 || (this.#missedWith !== 0 && this.#missedWith !== ticket)) return false
    this.isMissing = true
    if (this.#missedWith === 0) this.abandon()
    this.#missedWith = ticket
    this.detach()
    return true
  }

  /** No input made so far is sent any more. */
  abandon(): void {
    this.#inputs.abandon()
  }

  /** The connection is gone; the position stays. `heardAt`: when something came on it last. */
  detach(heardAt: number = Infinity): void {
    if (this.log !== 0) {
      this.#heardAt = heardAt
      this.#wait(true)
    }
    this.log = 0
    this.call = 0
  }

  #wait(isWaiting: boolean): void {
    this.isWaiting = isWaiting
    this.listener.waiting()
  }

  /**
   * Takes an input. Returns the message to send now, or null where the input waits up to `timeoutMs` for the meeting to
   * be joined again. Throws READ_ONLY, TOO_LARGE or BUSY; `done` is not called then.
   */
  send(data: Payload, timeoutMs: number, now: number, done: Done<number>): MessageOf<'input'> | null {
    if (this.wish.spectator) throw ownError('READ_ONLY')
    checkSize(data, this.#joined.maxInput)
    const isJoined = this.log !== 0
    const input = this.#inputs.add(data, now + timeoutMs, isJoined, done)
    return isJoined ? this.#message(input, now) : null
  }

  #message({ seq, after, data }: NumberedInput, now: number): MessageOf<'input'> {
    const seen = this.#acknowledge(now)
    return { type: 'input', log: this.log, seq, after, seen, data }
  }

  /** When received frames must be acknowledged; `Infinity` where none need it. */
  get acknowledgeAt(): number {
    const isNews = this.log !== 0 && !this.wish.spectator && this.next - 1 > this.#acknowledged
    return isNews ? this.#acknowledgedAt + ACKNOWLEDGE_MS : Infinity
  }

  /** This seat's part of an ACK. */
  acknowledge(now: number): MessageOf<'ack'>['seen'] {
    if (this.acknowledgeAt === Infinity) return []
    return [{ log: this.log, frame: this.#acknowledge(now) }]
  }

  /** Returns the last frame, which the node is about to be told of. */
  #acknowledge(now: number): number {
    this.#acknowledgedAt = now
    return (this.#acknowledged = this.#held.seen = this.next - 1)
  }

  /** Returns false where a frame is missing without a GAP: the connection cannot be trusted. */
  receive(message: ServerMessage): boolean {
    if (message.type === 'frames') return this.#deliver(message)
    if (message.type === 'direct') this.listener.direct(message.data)
    // Of one that comes late, the first frames are here already.
    if (
      message.type === 'charter' &&
      this.log !== 0 &&
      message.first >= this.next &&
      message.bytes.length <= limits.kept
    )
      this.#keep(message.first, 0, message.bytes, 0, message.tag)
    if (message.type === 'paused' && this.log !== 0) this.#wait(message.paused)
    if (message.type === 'nack') this.#inputs.refused(message.seq, errorIn(message))
    return true
  }

  #deliver(message: MessageOf<'frames'>): boolean {
    // These follow the answer to a JOIN of an earlier connection; the JOIN of this one begins anew where the seat
    // stands.
    if (this.log === 0) return true
    if (message.first > this.next) return false
    this.stable = Math.max(this.stable, message.stable)
    const { next } = this
    eachFrame(message.frames, message.first, message.count, (number, entries) => {
      // A listener may have left or closed the client.
      if (number !== this.next || this.log === 0) return
      const events: MeetingEvent[] = []
      const inputs: FrameEntry[] = []
      for (const entry of entries) {
        const event = entry.slot === SYSTEM_SLOT ? decodeEvent(entry) : null
        if (event) events.push(event)
        else if (entry.slot !== SYSTEM_SLOT) inputs.push(entry)
      }
      for (const event of events)
        if (event.type === 'epoch') {
          this.#held.term = event.term
          this.#held.incarnation = event.incarnation
        }
      // Behind whatever may be malformed: a frame that is not delivered is asked for again.
      this.next++
      for (const { slot, seq } of inputs) if (slot === this.slot) this.#inputs.framed(seq, number)
      this.listener.frame({ number, events, inputs })
    })
    // What a node could not take in one piece would leave a hole.
    if (message.tag === 0 || message.frames.length > limits.kept) this.#kept = []
    else if (this.#kept[0] && this.next > next)
      this.#keep(message.first, message.count, message.frames, message.stable, message.tag)
    this.#settleDoubts()
    this.#inputs.settle(this.stable)
    return true
  }

  handleGap(message: MessageOf<'gap'>): void {
    if (this.log === 0 || message.to <= this.next) return
    this.next = message.to
    this.#kept = []
    // Their frames may have been among the lost ones: those of inputs that had been answered when it joined, too.
    this.#isDoubtful = true
    this.#settleDoubts()
    if (message.to > this.#joined.head + 1) this.#inputs.giveUp(Infinity)
    this.listener.gap(message.from, message.to, message.reason)
  }

  /** The meeting is over for this client. Inputs that were sent may be in a frame it will not see. */
  end(error: RtmsError): void {
    this.log = 0
    this.#inputs.end(error)
    this.listener.ended(error)
  }
}
