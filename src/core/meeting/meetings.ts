import type { ErrorCode } from '../../protocol/errors.ts'
import { isKey, isName } from '../../protocol/names.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import type { NodeConfig } from '../ground/config.ts'
import { defaultMeeting, type MeetingOptions } from './options.ts'
import type { Downstream } from '../down/downstream.ts'
import { Leavers } from './departures.ts'
import type { MeetingBusiness } from '../ports.ts'
import type { MeetingInfo } from './business.ts'
import { AHEAD_MS, FrameShares, payForHooks } from './frame-shares.ts'
import { Owner } from './owner.ts'
import type { Lineage } from './lineage.ts'
import type { OwnerHost } from './owner-host.ts'
import { Room } from './room.ts'
import { whyNoSeat } from './seat.ts'
import { pageOf, type PageQuery, type Search } from '../ground/page.ts'
import type { Refusal } from '../ports.ts'
import { whyOutrun } from './visitor.ts'
import type { Account } from '../session/account.ts'
import type { Session } from '../session/session.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import type { Work } from '../ground/work.ts'

/** What the members of a meeting are told that was closed without a reason. */
export const CLOSED: string = 'the meeting was closed'

/** What owners need of the other nodes. */
type BackingHost = Pick<OwnerHost<Owner>, 'supportedUntil' | 'answersSince' | 'askReach'>

/** Of a node alone, whose meetings nobody else goes on with. */
const alone: BackingHost = {
  supportedUntil: () => Infinity,
  answersSince: () => -Infinity,
  askReach: () => {},
}

/** All meetings of a node. */
export class Meetings {
  readonly #config: NodeConfig
  readonly #host: OwnerHost<Owner>
  readonly #nextLog: () => number
  readonly #closed: (name: string) => void
  readonly #succeeded: (owner: Owner, now: number) => void
  readonly #meetings: Map<string, Owner> = new Map()
  /** How many of them want a standby. */
  standbys = 0
  /** Meetings that end once those have left who wait to, and what their members are told. */
  readonly #closing: Map<Owner, string> = new Map()
  /** Meetings without a frame rate that have something to seal. */
  #unsealed: Owner[] = []
  /**
   * The highest fence given to a meeting of this node. A meeting reopened under its name gets a higher one than before.
   */
  #highestTerm = 0

  constructor(
    config: NodeConfig,
    timers: Timers,
    downstream: Downstream,
    stats: Stats,
    budget: Budget,
    work: Work,
    nextLog: () => number,
    closed: (name: string) => void = () => {},
    backing: BackingHost = alone,
    lineage: Lineage | null = null,
    succeeded: (owner: Owner, now: number) => void = () => {},
  ) {
    this.#config = config
    this.#nextLog = nextLog
    this.#closed = closed
    this.#succeeded = succeeded
    this.#host = {
      limits: config.limits,
      timers,
      downstream,
      stats,
      budget,
      work,
      lineage,
      sealSoon: (owner) => this.#unsealed.push(owner),
      leavers: new Leavers(),
      shares: new FrameShares(),
      expired: ({ name }, now) => this.close(name, now),
      ...backing,
    }
  }

  get hasWork(): boolean {
    return this.#unsealed.length > 0 || this.#closing.size > 0 || this.#host.leavers.hasSome
  }

  get size(): number {
    return this.#meetings.size
  }

  /** Number of inputs accepted and not yet in a frame. */
  get waiting(): number {
    let count = 0
    for (const { waiting } of this.#meetings.values()) count += waiting
    return count
  }

  get(name: string): Owner | undefined {
    return this.#meetings.get(name)
  }

  *list(): Generator<MeetingInfo> {
    for (const { info } of this.#meetings.values()) yield info
  }

  /** A page of the meetings in order of name, optionally of one kind. */
  *page(wish: PageQuery, kind: string | undefined): Search<readonly MeetingInfo[]> {
    const isOf = (owner: Owner): boolean => kind === undefined || owner.business.kind === kind
    return (yield* pageOf(this.#meetings.values(), wish, isOf)).map(({ info }) => info)
  }

  /**
   * Opens a meeting, for a user who asked for it or for the business, at a fence of at least this term. Returns null
   * when the name is taken, or the error: BAD_NAME, LIMIT.
   */
  open(
    name: string,
    options: Partial<MeetingOptions>,
    business: MeetingBusiness,
    now: number,
    maker: Account | null,
    least = 0,
  ): MeetingInfo | ErrorCode | null {
    const settings = { ...defaultMeeting, ...options }
    if (!isName(name) || !isKey(settings.config)) return 'BAD_NAME'
    if (this.#meetings.has(name)) return null
    const { limits, entropy, incarnation } = this.#config
    const { budget } = this.#host
    if (this.#meetings.size >= limits.meetings) return 'LIMIT'
    // What the business opens by itself is not refused for what a user has who asks for it at the same time.
    const asker = business.missing === undefined ? null : maker
    if (asker !== null && asker.meetings >= limits.meetingsPerUser) return 'LIMIT'
    if (!budget.admits(asker?.estate.held ?? 0, weights.meeting)) return 'LIMIT'
    const { frameRate, inputBytes, spectatorDelayMs } = settings
    const term = Math.max(this.#highestTerm + 1, least)
    this.#highestTerm = term
    const world = randomNumber(entropy)
    const facts = {
      name,
      world,
      term,
      incarnation,
      reigns: this.#config.cluster === undefined ? [] : [{ term, incarnation, from: 1 }],
      hop: 0,
      seed: entropy(8),
      frameRate,
      inputBytes,
      spectatorDelayMs,
    }
    const room = new Room(this.#host, this.#nextLog(), limits.meetingLogBytes, facts, now)
    const owner = new Owner(this.#host, room, settings, business, now, maker)
    budget.enter(room.log, maker?.estate)
    if (maker !== null) maker.meetings++
    this.#enter(owner)
    return owner.info
  }

  /** Seats a session in a meeting; NOT_FOUND when it is not open. */
  join(session: Session, message: MessageOf<'join'>, now: number): MessageOf<'joined'> | Refusal | ErrorCode {
    const meeting = this.#meetings.get(message.meeting)
    if (meeting === undefined) return 'NOT_FOUND'
    const { limits, budget } = this.#host
    return (
      whyOutrun(meeting, message) ??
      whyNoSeat(session, meeting.log.number, message.spectator, limits, budget) ??
      meeting.join(session, message, now)
    )
  }

  /**
   * `message`: what its members are told. Whoever waits to leave does so first, in turns, and nobody comes meanwhile,
   * unless it `isNow` or never.
   */
  close(name: string, now: number, message: string = CLOSED, isNow = false): void {
    const meeting = this.#meetings.get(name)
    if (meeting === undefined) return
    if (!isNow && meeting.departures.hasSome) {
      if (this.#closing.has(meeting)) return
      this.#closing.set(meeting, message)
      return meeting.departures.hasten()
    }
    meeting.close(message, now)
    this.#forget(meeting)
    this.#closed(name)
  }

  /** Seals what waits in them, before its time: their node ends. */
  sealRest(now: number): void {
    for (const owner of this.#meetings.values()) owner.sealRest(now)
  }

  #enter(owner: Owner): void {
    this.#meetings.set(owner.name, owner)
    if (owner.options.standby > 0) this.standbys++
  }

  #forget(owner: Owner): void {
    const { name, log, maker, options } = owner
    this.#closing.delete(owner)
    if (options.standby > 0) this.standbys--
    this.#host.budget.leave(log)
    if (maker !== null) maker.meetings--
    this.#meetings.delete(name)
  }

  /** Another node goes on with the meeting; its room stays for the readers here. */
  resign(owner: Owner): void {
    owner.resign()
    this.#forget(owner)
  }

  /**
   * Owns a meeting that another node has owned, in the room in which this one has followed it so far. What the other
   * node knows is to be told at once: see `Owner.succeed`.
   */
  succeed(room: Room, options: MeetingOptions, business: MeetingBusiness, now: number): Owner {
    const owner = new Owner(this.#host, room, options, business, now)
    this.#highestTerm = Math.max(this.#highestTerm, room.facts.term)
    this.#host.budget.enter(room.log)
    this.#enter(owner)
    this.#succeeded(owner, now)
    return owner
  }

  all(): Iterable<Owner> {
    return this.#meetings.values()
  }

  /**
   * Part of the sweep: meetings without a frame rate seal what they have. What is over the budget waits, in order,
   * those last that run because of users whose hooks have taken more than their share of the time.
   */
  sweep(now: number): void {
    const { limits, work, leavers } = this.#host
    leavers.sweep()
    for (const [owner, message] of this.#closing)
      if (!owner.departures.hasSome) this.close(owner.name, now, message)
    const isOver = work.until(limits.sweepWork / 2)
    const first: Owner[] = []
    const last: Owner[] = []
    for (const owner of this.#unsealed) (owner.share.aheadMs(now) > AHEAD_MS ? last : first).push(owner)
    const unsealed = [...first, ...last]
    this.#unsealed = []
    let at = 0
    for (; at < unsealed.length && !isOver(); at++) {
      const owner = unsealed[at] as Owner
      const before = work.ofHooks
      owner.sealNow(now, isOver)
      payForHooks(owner.share, work.ofHooks - before, now)
    }
    if (at < unsealed.length) this.#unsealed = [...unsealed.slice(at), ...this.#unsealed]
  }
}

/** 48 random bits, never 0. */
export function randomNumber(entropy: NodeConfig['entropy']): number {
  return entropy(6).reduce((number, byte) => number * 256 + byte, 0) || 1
}
