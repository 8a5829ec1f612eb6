import {
  type ErrorCode,
  type FrameEntry,
  type FrameEvent,
  limits,
  type MeetingEvent,
  type MessageOf,
  type Payload,
  type RtmsError,
} from '../protocol/index.ts'
import { Listeners } from './events.ts'
import {
  EARLY_FRAME_BYTES,
  MOST_EARLY_FRAMES,
  MOST_EARLY_MESSAGES,
  type RawFrame,
  type SeatListener,
  type SeatMachine,
} from './machine/index.ts'
import type { SendOptions } from './options.ts'
import { ownData } from './shared-reader.ts'

/** An input in a frame. `data` is what the sender gave to `send`. */
export interface Input<T = unknown> {
  /** The member's slot, 0–254. */
  readonly slot: number
  /** The member's own count of inputs. */
  readonly seq: number
  readonly data: T
}

/** One frame of a meeting: numbered from 1, none left out, the same for everyone. */
export interface Frame<T = unknown, W = unknown> {
  readonly number: number
  /** Joins, leaves and what else happened, before the inputs. */
  readonly events: readonly FrameEvent<W>[]
  readonly inputs: readonly Input<T>[]
}

/** Frames from `from` up to, not including, `to` that this client will not get. */
export interface FrameGap {
  readonly from: number
  readonly to: number
  readonly reason: ErrorCode
}

/** A member of a meeting. */
export interface Member {
  /** 0–254. */
  readonly slot: number
  readonly user: string
  /** Whether the member's connection is lost; the member keeps the slot. */
  readonly away: boolean
}

/** The part of the client that a meeting uses. */
export interface MeetingHost {
  join(listener: SeatListener): SeatMachine
  input(seat: SeatMachine, data: unknown, options: SendOptions): Promise<number>
  leave(seat: SeatMachine): void
  /** Reports an error that nobody handles. */
  readonly report: (error: unknown) => void
}

/** A promise that knows whether anybody waits for it. */
class Sending extends Promise<number> {
  isAwaited = false

  // oxlint-disable-next-line unicorn/no-thenable -- It is a promise.
  override then<A = number, B = never>(
    ...listeners: Parameters<typeof Promise.prototype.then<A, B>>
  ): Promise<A | B> {
    this.isAwaited = true
    return super.then(...listeners)
  }
}

/**
 * A meeting this client has joined. It stays joined across reconnects until `leave`. `T` is the type of inputs, `M`
 * that of messages to this member alone, `W` that of the business's words to all, `F` that of inputs in frames.
 */
export class Meeting<T = unknown, M = unknown, W = unknown, F = T> implements SeatListener {
  readonly name: string
  /** @internal Told of each refusal that nobody heard of. */
  unheard?: (error: RtmsError) => void
  readonly #host: MeetingHost
  readonly #frames: Listeners<[Frame<F, W>]>
  readonly #gaps: Listeners<[FrameGap]>
  /** Private messages that arrived before there was a listener. */
  readonly #earlyMessages: Payload[] = []
  readonly #messages: Listeners<[unknown]>
  /** Those who have not been told of the end. */
  #ends: Listeners<[RtmsError]>
  #end: RtmsError | null = null
  readonly #joins: Listeners<[{ recovered: boolean; reason: ErrorCode | ''; next: number }]>
  readonly #waits: Listeners<[boolean]>
  #toldWaiting = false
  readonly #refusals: Listeners<[RtmsError, T]>
  readonly #memberListeners: Listeners<[Member[]]>
  readonly #members: Map<number, Member> = new Map()
  /** Frames and gaps that arrived before there was a listener, in order. */
  #early: (RawFrame | FrameGap)[] = []
  /** How many they are, where one with much in it counts for several. */
  #load = 0
  readonly #seat: SeatMachine
  #joined: MessageOf<'joined'> | null = null
  readonly #resolve: (meeting: Meeting<T, M, W, F>) => void
  readonly #reject: (error: RtmsError) => void

  constructor(
    name: string,
    host: MeetingHost,
    resolve: (meeting: Meeting<T, M, W, F>) => void,
    reject: (error: RtmsError) => void,
  ) {
    this.name = name
    this.#host = host
    this.#resolve = resolve
    this.#reject = reject
    const { report } = host
    this.#frames = new Listeners(report)
    this.#gaps = new Listeners(report)
    this.#messages = new Listeners(report)
    this.#ends = new Listeners(report)
    this.#joins = new Listeners(report)
    this.#waits = new Listeners(report)
    this.#refusals = new Listeners(report)
    this.#memberListeners = new Listeners(report)
    this.#seat = host.join(this)
  }

  /** @internal Whether the server has not seated this client yet. */
  get pending(): boolean {
    return this.#joined === null
  }

  get #facts(): MessageOf<'joined'> {
    return this.#joined as MessageOf<'joined'>
  }

  /** This member's slot, 0–254; 255 for a spectator. */
  get slot(): number {
    return this.#facts.slot
  }

  /** Frames a second; 0: a frame is sealed whenever there is input. */
  get frameRate(): number {
    return this.#facts.rate
  }

  /** Eight random bytes, the same for everyone in the meeting: a seed for deterministic randomness. */
  get seed(): Uint8Array {
    return this.#facts.seed.slice()
  }

  /**
   * A random number that identifies this history of the meeting; frame numbers of another epoch belong to another
   * history.
   */
  get epoch(): number {
    return this.#facts.world
  }

  /**
   * The last stable frame: at least half of the members have received it and every frame before it, so it is part of
   * every history that continues from here. Decide irreversible things, such as a prize, on stable frames only. Within
   * an epoch it only rises, together with the frames that arrive.
   */
  get stable(): number {
    return this.#seat.stable
  }

  /** The last frame the server had sealed when this client joined. */
  get headAtJoin(): number {
    return this.#facts.head
  }

  /**
   * Who is in the meeting now, by slot: as of the last frame that has come, whether a listener has heard of it or not.
   */
  get members(): Member[] {
    const members = [...this.#members.values()].map((member) => ({ ...member }))
    return members.sort((one, other) => one.slot - other.slot)
  }

  /** Calls `listener` each time that {@link members} has changed. */
  onMembers(listener: (members: Member[]) => void): () => void {
    return this.#memberListeners.add(listener)
  }

  /**
   * Calls `listener` for every frame in order, including those before this call: from frame 1 or, where the server no
   * longer keeps it, after the gap that {@link onGap} reports. Returns the function that removes the listener.
   */
  onFrame(listener: (frame: Frame<F, W>) => void): () => void {
    return this.#replayTo(this.#frames.add(listener))
  }

  /** What has waited for a listener is told once the caller can remove it. */
  #replayTo(remove: () => void): () => void {
    queueMicrotask(() => this.#replay())
    return remove
  }

  #replay(): void {
    const early = this.#early
    let at = 0
    // A listener may leave, or remove the last one.
    while (this.#frames.size > 0 && at < early.length) this.#tell(early[at++] as RawFrame | FrameGap)
    early.splice(0, at)
    const messages = this.#earlyMessages
    while (this.#messages.size > 0 && messages.length > 0) this.#say(messages.shift() as Payload)
    if (this.#end) this.ended(this.#end)
  }

  #tell(item: RawFrame | FrameGap): void {
    if ('number' in item) this.#frames.tell(() => [frameOf<F, W>(item)])
    else this.#gaps.tell(() => [{ ...item }])
  }

  /**
   * Calls `listener` when frames are missing for good. To hear of the first gap, add it in the same turn as
   * {@link onFrame}.
   */
  onGap(listener: (gap: FrameGap) => void): () => void {
    return this.#gaps.add(listener)
  }

  /**
   * Calls `listener` with each message that the business server sends to this member alone. The first listener also
   * gets the messages that arrived before it was added.
   */
  onMessage(listener: (data: M) => void): () => void {
    return this.#replayTo(this.#messages.add(listener as (data: unknown) => void))
  }

  /**
   * Calls `listener` each time the meeting has been joined again after a reconnect; `recovered`: nothing was missed.
   * With the reason REWOUND the node of the meeting has ended, and its last frames were lost: undo those from frame
   * `next` on, others follow in their place. Inputs in them are sent again by themselves.
   */
  onRejoin(
    listener: (joined: {
      readonly recovered: boolean
      readonly reason: ErrorCode | ''
      readonly next: number
    }) => void,
  ): () => void {
    return this.#joins.add(listener)
  }

  /**
   * Whether no frames come for now: this client is about to join again, or the node of the meeting does not hear enough
   * of its members and of the other nodes to go on. Inputs wait meanwhile.
   */
  get isWaiting(): boolean {
    return this.#seat.isWaiting
  }

  /** Calls `listener` each time that {@link isWaiting} has changed. */
  onWaiting(listener: (isWaiting: boolean) => void): () => void {
    return this.#waits.add(listener)
  }

  /** Calls `listener` once, when the meeting is over for this client, or soon where it is over already. */
  onEnd(listener: (error: RtmsError) => void): () => void {
    return this.#replayTo(this.#ends.add(listener))
  }

  /**
   * Sends an input: any value with a JSON form, or bytes. Resolves with the number of the frame that holds it. Rejects
   * with the server's reason (RATE, TOO_LARGE, BUSY …) or the business's, with NOT_SENT where it could not be sent in
   * time and never will be, with UNKNOWN where the connection was lost while it was under way, and with TIMEOUT where
   * no frame came in time: it may yet come. A rejection that nobody handles goes to {@link onRefused}, not to the
   * runtime.
   */
  send(data: T, options: SendOptions = {}): Promise<number> {
    const sending = new Sending((resolve) => resolve(this.#host.input(this.#seat, data, options)))
    void Promise.prototype.then.call(sending, undefined, (error: RtmsError) => {
      if (sending.isAwaited) return
      if (this.#refusals.size > 0) this.#refusals.emit(error, data)
      else this.unheard?.(error)
    })
    return sending
  }

  /**
   * Calls `listener` with the error and the data of each input that is refused and whose promise nobody awaits. Without
   * a listener, such a refusal is a warning of the console in development.
   */
  onRefused(listener: (error: RtmsError, data: T) => void): () => void {
    return this.#refusals.add(listener)
  }

  /** Leaves for good. Inputs sent before are still framed. */
  leave(): void {
    this.#early.length = 0
    this.#host.leave(this.#seat)
  }

  // ---- SeatListener

  /** @internal */
  frame(item: RawFrame | FrameGap): void {
    // The list of the join has what happened up to its last frame.
    if ('number' in item && item.number > this.#facts.head && this.#change(item.events)) this.#tellMembers()
    if (this.#frames.size > 0 && this.#early.length === 0) this.#tell(item)
    else this.#wait(item)
  }

  /** @internal */
  gap(from: number, to: number, reason: ErrorCode): void {
    this.frame({ from, to, reason })
  }

  /** Whether they have changed who is here. */
  #change(events: readonly MeetingEvent[]): boolean {
    const members = this.#members
    let isChanged = false
    for (const event of events) {
      const { type } = event
      if (type === 'join') {
        // The list of the join has this client already, whose own event comes later.
        if (members.get(event.slot)?.user === event.user || event.slot >= limits.slots) continue
        members.set(event.slot, { slot: event.slot, user: event.user, away: false })
      } else if (type === 'leave') members.delete(event.slot)
      else if (type === 'away' || type === 'back') {
        const member = members.get(event.slot)
        if (member) members.set(event.slot, { ...member, away: type === 'away' })
      } else continue
      isChanged = true
    }
    return isChanged
  }

  #tellMembers(): void {
    this.#memberListeners.tell(() => [this.members])
  }

  /** A meeting without a listener keeps only its latest frames; the first listener gets a gap for the rest. */
  #wait(item: RawFrame | FrameGap): void {
    const [first] = this.#early
    if (!first) this.#load = 0
    else if (this.#load >= MOST_EARLY_FRAMES) {
      this.#load = 1
      this.#early = [{ from: numberOf(first), to: numberOf(item), reason: 'SLOW' }]
    }
    this.#early.push(item)
    this.#load++
    for (const { data } of (item as RawFrame).inputs ?? [])
      this.#load += data.bytes.length / EARLY_FRAME_BYTES
  }

  /** @internal */
  joined(message: MessageOf<'joined'>): void {
    const first = this.#joined === null
    this.#joined = message
    // What is undone, and nobody has heard of.
    if (message.reason === 'REWOUND')
      this.#early = this.#early.filter((item) => numberOf(item) < message.next)
    this.#members.clear()
    for (const member of message.members) this.#members.set(member.slot, member)
    if (first) return this.#resolve(this)
    const { recovered, reason, next } = message
    this.#joins.tell(() => [{ recovered, reason, next }])
    this.#tellMembers()
  }

  /** @internal */
  direct(data: Payload): void {
    const early = this.#earlyMessages
    if (this.#messages.size > 0 && early.length === 0) return this.#say(data)
    early.push(data)
    if (early.length > MOST_EARLY_MESSAGES) early.shift()
  }

  #say(data: Payload): void {
    this.#messages.tell(() => [ownData(data)])
  }

  /** @internal */
  waiting(): void {
    queueMicrotask(() => {
      const { isWaiting } = this
      if (isWaiting === this.#toldWaiting) return
      this.#toldWaiting = isWaiting
      this.#waits.emit(isWaiting)
    })
  }

  /** @internal */
  ended(error: RtmsError): void {
    // Changes nothing where the join was answered.
    this.#reject(error)
    this.#end = error
    const ends = this.#ends
    this.#ends = new Listeners(this.#host.report)
    ends.emit(error)
  }
}

/** The first frame that it is about. */
function numberOf(item: RawFrame | FrameGap): number {
  return 'number' in item ? item.number : item.from
}

function frameOf<T, W>({ number, events, inputs }: RawFrame): Frame<T, W> {
  return { number, events: events.map(eventOf<W>), inputs: inputs.map(inputOf<T>) }
}

function eventOf<W>(event: MeetingEvent): FrameEvent<W> {
  return 'data' in event ? { ...event, data: ownData(event.data) as W } : { ...event }
}

function inputOf<T>({ slot, seq, data }: FrameEntry): Input<T> {
  return { slot, seq, data: ownData(data) as T }
}
