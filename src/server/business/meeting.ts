import type { Bot as Seat, MeetingInfo, MemberInfo, RtmsNode } from '../../core/index.ts'
import { RtmsError, toPayload } from '../../protocol/index.ts'
import { checkUser, payloadOf } from '../ground/check.ts'
import type { Logger } from '../ground/logger.ts'
import type { Host } from '../host.ts'
import { type MeetingFrame, toMeetingFrame } from './frames.ts'

/** A member that the business plays itself: its inputs are in frames like any other's. */
export class Bot {
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
   * Sends an input: what has a JSON form, or a `Uint8Array`. While nobody is connected it waits for the clock. Throws a
   * TypeError for what has no JSON form, or an `RtmsError`: TOO_LARGE; BUSY where `inputBurst` inputs wait already;
   * CLOSED where it left or the meeting ended. From inside a hook the last two are logged instead, since the input is
   * taken in later.
   */
  send(value: unknown): void {
    const data = toPayload(value)
    if (data.bytes.length > this.#seat.maxInput) throw new RtmsError('TOO_LARGE')
    const { inHook } = this.#host
    this.#host.afterHook(() => {
      const refusal = this.#seat.send(data)
      if (refusal === null) return
      if (!inHook) throw new RtmsError(refusal)
      this.#refused(refusal)
    })
  }

  /** Leaves, behind what it has sent. Without effect where it has left. */
  leave(): void {
    this.#host.afterHook(() => this.#seat.leave())
  }
}

/** A room of this node, by its name: of two meetings that had the name one after the other it means the open one. */
export class Meeting {
  readonly name: string
  readonly #host: Host
  readonly #logger: Logger

  /** @internal */
  constructor(host: Host, logger: Logger, name: string) {
    this.#host = host
    this.#logger = logger
    this.name = name
  }

  /** How it stands now. Throws CLOSED where it was closed. */
  get info(): MeetingInfo {
    const info = this.#host.node.meeting(this.name)
    if (info === undefined) throw this.#closed()
    return info
  }

  /** Who is in it, bots too. Throws CLOSED where it was closed. */
  get members(): readonly MemberInfo[] {
    return this.info.members
  }

  /** The object it was opened with. Throws CLOSED where it was closed. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.info.metadata
  }

  /**
   * Its frames `from` … `to` − 1, oldest first, as far as its ring keeps them (`limits.meetingLogBytes`); all of them
   * where no bounds are given. Throws CLOSED where it was closed, a RangeError for bounds that are no frame numbers.
   */
  history({
    from = 0,
    to = Number.MAX_SAFE_INTEGER,
  }: { readonly from?: number | undefined; readonly to?: number | undefined } = {}): MeetingFrame[] {
    for (const bound of [from, to])
      if (!Number.isSafeInteger(bound) || bound < 0)
        throw new RangeError(`${String(bound)} is not the number of a frame`)
    if (this.#host.node.meeting(this.name) === undefined) throw this.#closed()
    return Array.from(this.#host.node.meetingHistory(this.name, from, to), toMeetingFrame)
  }

  /**
   * Seats a member of the business's own under this name, at once, also from inside a hook. Bots neither start the
   * clock nor keep an empty meeting open. Throws BAD_NAME, FULL, CLOSED; BUSY where events without number wait for the
   * clock.
   */
  addBot(name: string): Bot {
    checkUser(name)
    const seat = this.#host.act((node) => node.addBot(this.name, name))
    if (seat === 'NOT_FOUND') throw this.#closed()
    if (typeof seat === 'string') throw new RtmsError(seat)
    return new Bot(seat, this.#host, (code) => {
      this.#logger.warn({ meeting: this.name, slot: seat.slot, code }, "a bot's input was refused")
    })
  }

  /**
   * Sends one member what has a JSON form, or a `Uint8Array`, of at most 32 KiB; a member who is away gets it on coming
   * back. Without effect where the slot is empty. Throws TOO_LARGE, or a TypeError for what has no JSON form.
   */
  sendTo(slot: number, value: unknown): void {
    const data = payloadOf(value)
    // Who is being asked about by onJoin has the slot only afterwards.
    const send = (node: RtmsNode): boolean => node.sendTo(this.name, slot, data)
    if (!this.#host.inHook || !this.#host.act(send)) this.#host.afterHook(send)
  }

  /**
   * Takes a member's slot away, behind what it has sent; its client is told `reason`, at most 123 bytes of it. It may
   * join again unless `onJoin` refuses. Without effect where the slot is empty.
   */
  kick(slot: number, reason = 'the business ended the membership'): void {
    this.#host.afterHook((node) => void node.kick(this.name, slot, reason))
  }

  /** Ends it for all. Without effect where it was closed. */
  close(): void {
    this.#host.afterHook((node) => node.closeMeeting(this.name))
  }

  #closed(): RtmsError {
    return new RtmsError('CLOSED', `the meeting ${this.name} was closed`)
  }
}
