import type { ErrorCode } from '../../protocol/errors.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import { isName } from '../../protocol/names.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import { defaultMeeting, type MeetingOptions, type NodeConfig } from '../ground/config.ts'
import type { Downstream } from '../down/downstream.ts'
import type { FrameLog } from './frame-log.ts'
import { Meeting, type MeetingBusiness, type MeetingHost, type MeetingInfo } from './meeting.ts'
import { pageOf, type PageWish } from '../ground/page.ts'
import type { Refusal } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'

/** All meetings of a node. */
export class Meetings {
  readonly #config: NodeConfig
  readonly #host: MeetingHost
  readonly #nextLog: () => number
  readonly #meetings: Map<string, Meeting> = new Map()
  /** Meetings without a clock that have something to seal. */
  #unsealed: Meeting[] = []
  #lastEpoch = 0

  constructor(
    config: NodeConfig,
    timers: Timers,
    downstream: Downstream,
    stats: Stats,
    budget: Budget,
    nextLog: () => number,
  ) {
    this.#config = config
    this.#nextLog = nextLog
    this.#host = {
      timers,
      downstream,
      stats,
      budget,
      sealSoon: (meeting) => this.#unsealed.push(meeting),
      expired: ({ name }) => this.close(name),
    }
  }

  get hasWork(): boolean {
    return this.#unsealed.length > 0
  }

  get size(): number {
    return this.#meetings.size
  }

  /** Inputs accepted and not yet in a frame. */
  get waiting(): number {
    let count = 0
    for (const { waiting } of this.#meetings.values()) count += waiting
    return count
  }

  get(name: string): Meeting | undefined {
    return this.#meetings.get(name)
  }

  *list(): Generator<MeetingInfo> {
    for (const { info } of this.#meetings.values()) yield info
  }

  /** A page of them in the order of names, of a kind where one is given. */
  page(wish: PageWish, kind: string | undefined): MeetingInfo[] {
    const isOf = (meeting: Meeting): boolean => kind === undefined || meeting.kind === kind
    return pageOf(this.#meetings.values(), wish, isOf).map(({ info }) => info)
  }

  *logs(): Generator<FrameLog> {
    for (const { log } of this.#meetings.values()) yield log
  }

  /** Null where the name is taken. */
  open(
    name: string,
    options: Partial<MeetingOptions>,
    business: MeetingBusiness,
    now: number,
  ): MeetingInfo | ErrorCode | null {
    if (!isName(name)) return 'BAD_NAME'
    if (this.#meetings.has(name)) return null
    const { limits, entropy, wallOffset } = this.#config
    if (this.#meetings.size >= limits.meetings || this.#host.budget.isFull) return 'LIMIT'
    // Fence and epoch in one number: wall milliseconds, then 12 random bits; higher than any this node gave out.
    const [a = 0, b = 0] = entropy(2)
    this.#lastEpoch = Math.max(this.#lastEpoch + 1, Math.floor(now + wallOffset) * 4096 + a * 16 + (b & 15))
    const identity = { epoch: this.#lastEpoch, seed: entropy(8) }
    const settings = { ...defaultMeeting, ...options }
    const meeting = new Meeting(
      this.#host,
      name,
      this.#nextLog(),
      settings,
      limits.meetingLogBytes,
      identity,
      business,
      now,
    )
    this.#meetings.set(name, meeting)
    return meeting.info
  }

  /** Seats a session in a meeting; NOT_FOUND where it is not open. */
  join(session: Session, message: MessageOf<'join'>, now: number): MessageOf<'joined'> | Refusal | ErrorCode {
    const meeting = this.#meetings.get(message.meeting)
    if (meeting === undefined) return 'NOT_FOUND'
    if (session.outlet === null) return 'UNKNOWN'
    const seat = session.seats.get(meeting.log.number)
    if (seat === undefined && session.seats.size >= this.#config.limits.meetingsPerSession) return 'LIMIT'
    if (seat === undefined || (seat.slot === SYSTEM_SLOT) === message.spectator)
      return meeting.join(session, message, now)
    const text = 'it is in this meeting in another role; leave it first'
    return { code: 'LIMIT', message: text, retryAfterMs: 0 }
  }

  close(name: string): void {
    const meeting = this.#meetings.get(name)
    meeting?.close()
    this.#meetings.delete(name)
  }

  /** The sweep's part: meetings without a clock seal what has come. */
  sweep(now: number): void {
    const unsealed = this.#unsealed
    this.#unsealed = []
    for (const meeting of unsealed) meeting.sealNow(now)
  }
}
