import type { ClientMessage } from '../../protocol/schema.ts'
import { Estate } from '../ground/budget.ts'
import type { Limits } from '../ground/config.ts'
import { type Bucket, FULL, Rate } from '../ground/rate.ts'

/** Messages that a user may send only so many of in a second, and the limit of each. */
const limited = {
  publish: 'publishesPerUserPerSecond',
  subscribe: 'subscribesPerUserPerSecond',
  join: 'joinsPerUserPerSecond',
  request: 'requestsPerUserPerSecond',
  refresh: 'refreshesPerUserPerSecond',
} as const

type LimitedType = keyof typeof limited

/** A kind of message, those that exceeded a rate, or the work that messages cause. */
type Kind = LimitedType | 'excess' | 'work'

/** Nanoseconds of work in a token of its rate. */
const WORK_TOKEN = 1_000

/** The rates at which a user may send. */
export type Rates = Readonly<Record<Kind, Rate>>

export function ratesOf(limits: Limits): Rates {
  const { userBurstSeconds, refusalsPerSecond, refusalBurst, excessFactor, workMsPerUserPerSecond } = limits
  const workTokens = workMsPerUserPerSecond * 1_000
  const rateOf = (type: LimitedType): Rate => {
    const perSecond = limits[limited[type]]
    return new Rate(perSecond, 1_000, perSecond * userBurstSeconds)
  }
  return {
    publish: rateOf('publish'),
    subscribe: rateOf('subscribe'),
    join: rateOf('join'),
    request: rateOf('request'),
    refresh: rateOf('refresh'),
    excess: new Rate(refusalsPerSecond * excessFactor, 1_000, refusalBurst * excessFactor),
    work: new Rate(workTokens, 1_000, workTokens * userBurstSeconds),
  }
}

/** What all sessions of a user share. It outlives them for a while: a user who reconnects has no fresh allowance. */
export class Account {
  /** The user. */
  readonly user: string
  /** Requests that have started and not ended. */
  requests = 0
  /** Topics that are there because this user was the first to subscribe or publish to them. */
  topics = 0
  /** Meetings that the business has opened because this user asked for them. */
  meetings = 0
  /** Bytes of turns of its sessions that are yet to pay for the time of hooks: see `Upstream`. */
  owed = 0
  /**
   * What this user pays for: those of these topics, and of the topics of others, that the user has filled, and these
   * meetings. And those of these topics that many have filled, or users of other nodes, which pay apart.
   */
  readonly estate: Estate = new Estate()
  readonly filled: Estate = new Estate()
  readonly #rates: Rates
  readonly #buckets: Record<Kind, Bucket> = {
    publish: FULL,
    subscribe: FULL,
    join: FULL,
    request: FULL,
    refresh: FULL,
    excess: FULL,
    work: FULL,
  }

  constructor(rates: Rates, user: string) {
    this.user = user
    this.#rates = rates
  }

  /**
   * Counts a message and returns 0, or returns the milliseconds after which the user may send it. Each topic of a
   * SUBSCRIBE counts; one that begins within the rate may exceed it, and the user waits the longer afterwards.
   */
  take(message: ClientMessage, now: number): number {
    const { type } = message
    if (!isLimited(type)) return 0
    // A user in debt may not ask for more to read; a REFRESH refused for it would end the session.
    const isReading = type === 'join' || type === 'subscribe'
    const debt = isReading ? this.debt(now) : 0
    if (debt > 0) return debt
    return this.#take(type, message.type === 'subscribe' ? message.topics.length : 1, now)
  }

  /** How long the user has to wait, in milliseconds, because of work that was caused before. */
  debt(now: number): number {
    return this.#rates.work.wait(this.#buckets.work, now)
  }

  /** Pays for work that a message has caused, in nanoseconds; the next messages may have to wait for it. */
  pay(work: number, now: number): void {
    const tokens = Math.ceil(work / WORK_TOKEN)
    this.#buckets.work = this.#rates.work.take(this.#buckets.work, now, tokens)
  }

  /** Counts a message that exceeded its rate. True: there were far too many, which no well-behaved client sends. */
  isFlooding(now: number): boolean {
    return this.#take('excess', 1, now) > 0
  }

  #take(kind: Kind, count: number, now: number): number {
    const rate = this.#rates[kind]
    const bucket = this.#buckets[kind]
    const wait = rate.wait(bucket, now)
    if (wait === 0) this.#buckets[kind] = rate.take(bucket, now, count)
    return wait
  }

  /** Who gives up something where nothing of the estates can be cut; null while the user has no session. */
  belongTo(owner: Estate['owner']): void {
    this.estate.owner = this.filled.owner = owner
  }

  /** Whether nothing of it needs to be remembered. */
  isSpotless(now: number): boolean {
    if (this.topics > 0 || this.meetings > 0 || this.requests > 0 || this.estate.parts > 0) return false
    return Object.entries(this.#buckets).every(([kind, bucket]) =>
      this.#rates[kind as Kind].isFull(bucket, now),
    )
  }
}

function isLimited(type: ClientMessage['type']): type is LimitedType {
  return Object.hasOwn(limited, type)
}
