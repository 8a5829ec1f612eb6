import {
  type Bot as Seat,
  CLOSED,
  type MeetingInfo,
  type MemberInfo,
  type RtmsNode,
} from '../../core/index.ts'
import { fromPayload, limits, RtmsError } from '../../protocol/index.ts'
import { checkName, checkUser, payloadOf } from '../ground/check.ts'
import type { Logger } from '../ground/logger.ts'
import { checkNames } from '../../spelling/meant.ts'
import type { Host } from '../host.ts'
import { type MeetingFrame, toMeetingFrame } from './frames.ts'
import type { MeetingCalls } from './meeting-calls.ts'

/** What a client is told that was kicked without a reason. */
export const KICKED: string = 'the business ended the membership'

function checkReason(reason: unknown): void {
  if (typeof reason !== 'string') throw new TypeError('reason must be a text')
}

/** A member played by the business: its inputs, of type `I`, are in frames like any other's. */
export class Bot<I = unknown> {
  /** 0–254. */
  readonly slot: number
  readonly #seat: Seat
  readonly #host: Host
  readonly #refused: (code: string) => void

  /** @internal */
  constructor(seat: Seat, host: Host, refused: (code: string) => void) {
    this.slot = seat.slot
    this.#seat = seat
    this.#host = host
    this.#refused = refused
  }

  /**
   * Sends an input: a value with a JSON form, or a `Uint8Array`. While nobody is connected, the input waits for the
   * clock. Throws a TypeError for a value without a JSON form, or an `RtmsError`: TOO_LARGE; BUSY where `inputBurst`
   * inputs wait already; CLOSED where the bot has left or the meeting has ended. From inside a hook, BUSY and CLOSED
   * are logged instead, because the input is accepted later.
   */
  send(value: I): void {
    const data = payloadOf(value, this.#seat.maxInput)
    const { inHook } = this.#host
    this.#host.afterHook(() => {
      const refusal = this.#seat.send(data)
      if (refusal === null) return
      if (!inHook) throw new RtmsError(refusal)
      this.#refused(refusal)
    })
  }

  /** Leaves after its own inputs. Has no effect where it has left. */
  leave(): void {
    this.#host.afterHook(() => this.#seat.leave())
  }
}

/**
 * A meeting, by its name: if it was closed and opened again, this stands for the open one. In a cluster it may be on
 * another node: `kick`, `sendTo`, `call`, `close` and `look` reach it there; everything else is for the node that has
 * it, and for the hooks of its kind, which run there. `M` is the type of what it tells one member,
 * `Said` of what it says to all, `I` of inputs.
 */
export class Meeting<M = unknown, Said = unknown, I = unknown> {
  readonly name: string
  readonly #host: Host
  readonly #logger: Logger
  readonly #calls: MeetingCalls | undefined

  /** @internal */
  constructor(host: Host, logger: Logger, name: string, calls?: MeetingCalls) {
    this.#host = host
    this.#logger = logger
    this.#calls = calls
    this.name = name
  }

  /**
   * Its current state, wherever it is. Rejects with an `RtmsError`: CLOSED where it was closed; BUSY or UNKNOWN where
   * the cluster, or the node that has it, has not answered in time.
   */
  async look(): Promise<MeetingInfo> {
    const info = this.#host.node.meeting(this.name) ?? (await this.#calls?.look(this.name)) ?? undefined
    if (info === undefined) throw new RtmsError('CLOSED', `the meeting ${this.name} was closed`)
    return info
  }

  /**
   * Calls the business of the meeting, on whichever node that runs: resolves with what `onCall` of its kind answers.
   * `value` has a JSON form, or is a `Uint8Array`, of at most 32 KiB. Rejects with an `RtmsError`: what `onCall`
   * throws; HANDLER_FAILED; NO_HANDLER where the kind has no `onCall`; CLOSED where the meeting was closed; BAD_NAME,
   * TOO_LARGE; BUSY where the cluster has not said in time which node has it; UNKNOWN where that node did not answer
   * within two seconds, so that the call may have been carried out.
   */
  async call<T = unknown>(method: string, value?: unknown): Promise<T> {
    checkName('method', method, 'BAD_NAME')
    const answer = await this.#calls?.call(this.name, method, payloadOf(value ?? null))
    if (answer === undefined || answer === null)
      throw new RtmsError('CLOSED', `the meeting ${this.name} was closed`)
    return fromPayload(answer) as T
  }

  /** Its current state. Throws CLOSED where it was closed, or is on another node. */
  get info(): MeetingInfo {
    const info = this.#host.node.meeting(this.name)
    if (info === undefined) throw this.#closed()
    return info
  }

  /** Its members, bots included. Throws CLOSED where it was closed. */
  get members(): readonly MemberInfo[] {
    return this.info.members
  }

  /** The metadata it was opened with. Throws CLOSED where it was closed. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.info.metadata
  }

  /**
   * Eight random bytes, the same for everyone in the meeting, as long as its epoch lasts: a seed for deterministic
   * randomness. Throws CLOSED where it was closed.
   */
  get seed(): Uint8Array {
    const seed = this.#host.node.meetingSeed(this.name)
    if (seed === undefined) throw this.#closed()
    return seed.slice()
  }

  /**
   * The frames `from` … `to` − 1, oldest first, as far as the ring keeps them (`limits.meetingLogBytes`); all of them
   * without bounds. Throws CLOSED where it was closed, a RangeError for a bound that is no frame number.
   */
  history(
    options: { readonly from?: number | undefined; readonly to?: number | undefined } = {},
  ): MeetingFrame<I, Said>[] {
    checkNames('history', options, { from: true, to: true })
    const { from = 0, to = Number.MAX_SAFE_INTEGER } = options
    for (const bound of [from, to])
      if (!Number.isSafeInteger(bound) || bound < 0)
        throw new RangeError(`${String(bound)} is not the number of a frame`)
    if (this.#host.node.meeting(this.name) === undefined) throw this.#closed()
    const frames = this.#host.node.meetingHistory(this.name, from, to)
    return Array.from(frames, toMeetingFrame) as MeetingFrame<I, Said>[]
  }

  /**
   * Seats a bot under this user name, at once, also from inside a hook. Bots neither start the clock nor keep an empty
   * meeting open. Throws BAD_NAME, FULL, CLOSED; BUSY where too many events wait for the clock.
   */
  addBot(name: string): Bot<I> {
    checkUser(name)
    const seat = this.#host.act((node) => node.addBot(this.name, name))
    if (seat === 'NOT_FOUND') throw this.#closed()
    if (typeof seat === 'string') throw new RtmsError(seat)
    return this.#bot(seat)
  }

  /**
   * The bots in it, as handles like those of {@link addBot}: a kind's `restore` gets here the ones that were added on
   * another node. None where it was closed, or is on another node.
   */
  get bots(): Bot<I>[] {
    return this.#host.node.bots(this.name).map((seat) => this.#bot(seat))
  }

  #bot(seat: Seat): Bot<I> {
    return new Bot<I>(seat, this.#host, (code) => {
      // The meeting has ended, or gone to another node, behind the hook.
      if (this.#host.node.meeting(this.name) === undefined) return
      this.#logger.warn({ meeting: this.name, slot: seat.slot, code }, "a bot's input was refused")
    })
  }

  /**
   * Sends one member a value with a JSON form, or a `Uint8Array`, of at most 32 KiB. A member who is away gets it on
   * coming back. Returns whether it is on its way: false where the slot is empty or a bot's, or the meeting was closed.
   * Where the meeting is on another node, only that knows, and it is true. Throws TOO_LARGE, or a TypeError for a value
   * without a JSON form.
   */
  sendTo(slot: number, value: M): boolean {
    const data = payloadOf(value)
    const host = this.#host
    if (this.#away !== null) {
      this.#away.forget(this.name, this.#away.sendTo(this.name, slot, data))
      return true
    }
    let isSent = false
    const send = (node: RtmsNode): boolean => (isSent = node.sendTo(this.name, slot, data))
    if (host.inHook && host.act(send)) return true
    // The user that a running onJoin decides about gets the slot only afterwards.
    host.afterHook(send)
    return isSent || this.#isJoining(slot)
  }

  /**
   * Says something to all: members and spectators find it in the next frame, as its event `say`, and so does whoever
   * comes later. A value with a JSON form, or a `Uint8Array`, of at most 4 KiB. While nobody is connected, it waits for
   * the clock. Throws an `RtmsError`: TOO_LARGE; BUSY where 16 KiB wait already; CLOSED where the meeting was closed or
   * is on another node; a TypeError for a value without a JSON form.
   */
  say(value: Said): void {
    const data = payloadOf(value, limits.input)
    const error = this.#host.act((node) => node.say(this.name, data))
    if (error === 'NOT_FOUND') throw this.#closed()
    if (error !== null) throw new RtmsError(error)
  }

  /**
   * Removes a member after its own inputs; its client is told `reason`, at most 123 bytes of it. The user may join
   * again unless `onJoin` refuses. Returns whether there is somebody to remove: false where the slot is empty, or the
   * meeting was closed; where it is on another node, only that knows, and it is true. Throws a TypeError where the
   * reason is not a string.
   */
  kick(slot: number, reason: string = KICKED): boolean {
    checkReason(reason)
    if (this.#away !== null) {
      this.#away.forget(this.name, this.#away.kick(this.name, slot, reason))
      return true
    }
    let isKicked: boolean | null = null
    this.#host.afterHook((node) => (isKicked = node.kick(this.name, slot, reason)))
    if (isKicked !== null) return isKicked
    // Inside a hook, it is done afterwards.
    const { members = [] } = this.#host.node.meeting(this.name) ?? {}
    return members.some((member) => member.slot === slot) || this.#isJoining(slot)
  }

  /**
   * Ends the meeting for everyone; clients are told `reason` (at most 123 bytes of it) by `onEnd`. What was said before,
   * also in `onClose`, and the inputs that were accepted go into last frames first. Has no effect where it was closed.
   * Throws a TypeError where the reason is not a string.
   */
  close(reason: string = CLOSED): void {
    checkReason(reason)
    if (this.#away !== null) return this.#away.forget(this.name, this.#away.close(this.name, reason))
    this.#host.afterHook((node, now) => node.closeMeeting(this.name, now, reason))
  }

  /** Whether a running `onJoin` decides about this slot. */
  #isJoining(slot: number): boolean {
    const { joining } = this.#host
    return joining?.meeting === this.name && joining.slot === slot
  }

  /** How to reach it where it is not here, but may be on another node. */
  get #away(): MeetingCalls | null {
    return this.#calls?.isAway(this.name) === true ? this.#calls : null
  }

  #closed(): RtmsError {
    const text =
      this.#away === null
        ? `the meeting ${this.name} was closed`
        : `the meeting ${this.name} is not open on this node: use look() for one that may be on another`
    return new RtmsError('CLOSED', text)
  }
}
