import type { ErrorCode } from '../../protocol/errors.ts'
import { type Budget, type Ledger, Payer } from '../ground/budget.ts'
import { Ring } from '../ground/ring.ts'
import type { HeardPublication } from '../ports.ts'
import type { Account } from '../session/account.ts'
import type { Publication } from './publication.ts'
import type { Topic } from './topic.ts'

/** Unheard publications to one topic from which on users wait who have published more than their share of them. */
export const MANY_UNHEARD = 128
/** How long those of a user of another node wait, in milliseconds, who has published more than that. */
export const UNHEARD_MS = 500
/** What they may weigh; beyond that the oldest are lost to the business. */
export const MOST_UNHEARD_BYTES = 33_554_432

interface Unheard extends HeardPublication {
  readonly entry: Publication
  readonly by: Author
  /** On whose account it is heard: that of a user, or of a node. */
  readonly payer: string
}

/** Who has published: a user of this node, or of another one by its name. */
type User = Account | string
/** Null for a business, and where it is unknown. */
type Author = User | null

/**
 * The publications to one topic that the business has yet to hear: a queue, whose oldest give way where it is full or
 * the budget is. What is missing shows in the numbers of those that follow.
 */
class News extends Payer {
  readonly topic: Topic
  /** A stamp of when it began: what was published before is no news, whoever tells of it later. */
  readonly since: number
  readonly #ring: Ring<Unheard> = new Ring(0)
  /** Publications so far, lost ones included; and how many of them were heard or told as lost. */
  count = 0
  #told = 0
  /** How many of each user there are in the queue. */
  readonly #of: Map<User, number> = new Map()
  /** And on each account. */
  readonly #on: Map<string, number> = new Map()

  constructor(topic: Topic, ledger: Ledger, since: number) {
    super(ledger)
    this.topic = topic
    this.since = since
  }

  get hasSome(): boolean {
    return this.#told < this.count
  }

  /** `isKept`: there is room for it. True: it is the only one on its account. */
  add(entry: Publication, by: Author, isKept: boolean): boolean {
    this.count += entry.lost
    if (entry.isHole) return false
    const before = this.count++
    if (!isKept) return false
    const payer = payerOf(by, entry)
    this.#ring.push({ before, entry, by, payer })
    if (by !== null) more(this.#of, by, 1)
    this.hold(weightOf(by, entry))
    return more(this.#on, payer, 1) === 1
  }

  /** On whose accounts there is something to hear, the next one first; '' where it is only that some are lost. */
  payersAt(now: number): string[] {
    this.#skip(now)
    const { first, size } = this.#ring
    return size === 0 ? [''] : [this.#ring.get(first).payer, ...this.#on.keys()]
  }

  next(now: number): HeardPublication | null {
    this.#skip(now)
    if (this.#ring.size > 0) {
      const heard = this.#shift()
      this.#told = heard.before + 1
      return heard
    }
    if (!this.hasSome) return null
    this.#told = this.count
    return { before: this.count, entry: null }
  }

  /**
   * Users of other nodes do not wait to publish. Where somebody else is to be heard, those are lost that have waited
   * for long, of users who have more than their share.
   */
  #skip(now: number): void {
    while (this.#ring.size > MANY_UNHEARD && this.#of.size > 1) {
      const { by, entry } = this.#ring.get(this.#ring.first)
      if (typeof by !== 'string' || now - entry.cameAt < UNHEARD_MS || !this.#hasShare(by)) return
      this.#shift()
    }
  }

  #shift(): Unheard {
    const oldest = this.#ring.shift()
    const { entry, by, payer } = oldest
    if (by !== null) more(this.#of, by, -1)
    more(this.#on, payer, -1)
    this.hold(-weightOf(by, entry))
    return oldest
  }

  shrinkTo(bytes: number): void {
    while (this.held > bytes && this.#ring.size > 0) this.#shift()
  }

  /**
   * Whether a user's publication waits: where many are unheard, and of this user as many as each would have if they
   * were shared out evenly, or at least one. So nobody waits for what others have published.
   */
  mustWait(by: Account): boolean {
    return this.#ring.size >= MANY_UNHEARD && this.#hasShare(by)
  }

  #hasShare(by: User): boolean {
    const own = this.#of.get(by) ?? 0
    return own >= Math.max(1, Math.floor(MANY_UNHEARD / this.#of.size))
  }
}

/** With the name of a user of another node, which each comes with. */
function weightOf(by: Author, { weight }: Publication): number {
  return typeof by === 'string' ? weight + by.length : weight
}

function payerOf(by: Author, entry: Publication): string {
  if (by === null) return `node ${entry.source.incarnation}`
  return typeof by === 'string' ? `far ${by}` : `user ${by.user}`
}

/** Counts so many more for this one. Returns how many there are. */
function more<K>(counts: Map<K, number>, of: K, by: number): number {
  const count = (counts.get(of) ?? 0) + by
  if (count > 0) counts.set(of, count)
  else counts.delete(of)
  return count
}

/** What listening needs of the topics of the node. */
export interface ListeningHost {
  /** The topic of this name, or a new one; null where there is no room for it. */
  get(name: string): Topic | null
  /** It is read. */
  use(topic: Topic): void
  /** Somebody may have read it last. */
  left(topic: Topic, now: number): void
  stamp(now: number): number
  /** There is something to hear of a topic, of which all was heard before, or all on the same account. */
  heard(name: string): void
}

/** The topics that the business of this node listens to. Each counts as read while it does. */
export class Listening {
  readonly #budget: Budget
  readonly #host: ListeningHost
  readonly #news: Map<string, News> = new Map()

  constructor(budget: Budget, host: ListeningHost) {
    this.#budget = budget
    this.#host = host
  }

  /**
   * The business hears each publication to a topic from now on. Returns how many there were so far since it listens, or
   * LIMIT.
   */
  begin(name: string, now: number): number | ErrorCode {
    const known = this.#news.get(name)
    if (known !== undefined) return known.count
    const topic = this.#host.get(name)
    if (topic === null) return 'LIMIT'
    this.#host.use(topic)
    topic.expected++
    const news = new News(topic, this.#budget.ledgers.topic, this.#host.stamp(now))
    this.#budget.enter(news)
    this.#news.set(name, news)
    return 0
  }

  end(name: string, now: number): void {
    const news = this.#news.get(name)
    if (news === undefined) return
    this.#news.delete(name)
    news.shrinkTo(0)
    this.#budget.leave(news)
    news.topic.expected--
    this.#host.left(news.topic, now)
  }

  /** The oldest publication to a topic that the business has yet to hear; null: it has heard all. */
  next(name: string, now: number): HeardPublication | null {
    return this.#news.get(name)?.next(now) ?? null
  }

  /** On whose accounts there is something to hear: see {@link News.payersAt}. */
  payersOf(name: string, now: number): readonly string[] {
    return this.#news.get(name)?.payersAt(now) ?? ['']
  }

  /** Whether nobody else reads the topic, or is about to. */
  isAlone(topic: Topic): boolean {
    return this.#news.has(topic.name) && topic.expected === 1 && topic.subscribers === 0
  }

  /** An entry has come in; `isOld`: another node has kept it until now. */
  hear(topic: Topic, entry: Publication, isOld: boolean, by: Author = null): void {
    const news = this.#news.get(topic.name)
    if (news === undefined || (isOld && entry.stamp < news.since)) return
    const { hasSome } = news
    const isFirst = news.add(entry, by, this.#budget.admits(news.held, entry.weight))
    news.shrinkTo(MOST_UNHEARD_BYTES)
    if (isFirst || (!hasSome && news.hasSome)) this.#host.heard(topic.name)
  }

  /** Whether a user's publication waits until the business has heard some of those before. */
  mustWait(topic: Topic, by: Account): boolean {
    return this.#news.get(topic.name)?.mustWait(by) === true
  }
}
