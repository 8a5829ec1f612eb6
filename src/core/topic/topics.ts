import type { ErrorCode } from '../../protocol/errors.ts'
import { limits as protocolLimits } from '../../protocol/limits.ts'
import { isName } from '../../protocol/names.ts'
import { type Payload, payloadLength } from '../../protocol/payload.ts'
import type { MessageOf, Position } from '../../protocol/schema.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Budget } from '../ground/budget.ts'
import { type NodeConfig, originOf, type Retention } from '../ground/config.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import { costs, type Work } from '../ground/work.ts'
import type { Outlet } from '../log/log.ts'
import type { Account } from '../session/account.ts'
import type { HeldSubscribe } from '../session/parts.ts'
import type { Session } from '../session/session.ts'
import { Aging } from './aging.ts'
import type { Carrier } from './carrier.ts'
import { CatchUp, noPeers, type TopicPeers } from './catch-up.ts'
import { policies, TopicCursor, weighWish, type Wish, wishOf } from './cursor.ts'
import { FirstReaders } from './first-readers.ts'
import { type Group, rungOf, Rungs } from './groups.ts'
import { Listening } from './listening.ts'
import type { Diffused } from './publication.ts'
import type { Publisher, Publishers } from './publishers.ts'
import { Retentions } from './retentions.ts'
import { Space } from './space.ts'
import { Stamps } from './stamps.ts'
import { Topic, type TopicHost } from './topic.ts'

type TopicWish = MessageOf<'subscribe'>['topics'][number]

/** All topics of a node. */
export class Topics {
  /** What this node has missed of topics that are read here. */
  readonly catchUp: CatchUp
  readonly listening: Listening
  readonly #firstReaders: FirstReaders
  readonly #config: NodeConfig
  readonly #downstream: Downstream
  readonly #carrier: Carrier
  readonly #stats: Stats
  readonly #budget: Budget
  readonly #work: Work
  readonly #publishers: Publishers
  readonly #nextLog: () => number
  readonly #topics: Map<string, Topic> = new Map()
  readonly #retentions: Retentions
  readonly #rungs: Rungs
  readonly #space: Space
  #dirty: Topic[] = []
  /** Topics that grew since the last complete flush. */
  readonly #grown: Set<Topic> = new Set()
  readonly #aging: Aging
  readonly #stamps: Stamps
  /**
   * The highest position of all forgotten topics. A new topic begins after it, so no position is used twice under one
   * name.
   */
  #lastForgotten = 0

  constructor(
    config: NodeConfig,
    timers: Timers,
    downstream: Downstream,
    carrier: Carrier,
    stats: Stats,
    budget: Budget,
    work: Work,
    publishers: Publishers,
    nextLog: () => number,
    others: TopicPeers = noPeers,
    heard: (topic: string) => void = () => {},
  ) {
    this.#config = config
    this.#downstream = downstream
    this.#carrier = carrier
    this.#stats = stats
    this.#budget = budget
    this.#work = work
    this.#publishers = publishers
    this.#nextLog = nextLog
    this.#stamps = new Stamps(config)
    const origin = originOf(config)
    this.#retentions = new Retentions((retention) => this.#hostOf(retention, origin))
    this.#rungs = new Rungs(timers, (group) => this.#offer(group))
    this.#space = new Space(config.limits, downstream, carrier, budget, (topic, now) =>
      this.#trim(topic, now),
    )
    this.#aging = new Aging(
      config.limits,
      timers,
      (topic, now) => {
        this.#trim(topic, now)
        topic.retire((node) => others.isThere(node))
      },
      (topic) => this.#forget(topic),
    )
    this.listening = new Listening(budget, {
      get: (name) => this.#topics.get(name) ?? this.#make(name, null),
      use: (topic) => this.#use(topic),
      left: (topic, now) => this.#left(topic, now),
      stamp: (now) => this.#stamps.next(now),
      heard,
    })
    this.#firstReaders = new FirstReaders((topic, now) => this.#left(topic, now))
    this.catchUp = new CatchUp(publishers, timers, stats, config.limits, {
      others,
      get: (name) => this.#topics.get(name),
      take: (topic, source, entry, lost, now) => this.#take(topic, source, entry, lost, now),
    })
  }

  get hasWork(): boolean {
    return this.#dirty.length > 0 || this.#carrier.hasWork || this.catchUp.hasWork
  }

  get size(): number {
    return this.#topics.size
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  all(): Iterable<Topic> {
    return this.#topics.values()
  }

  /**
   * Sets the retention of topics whose names match the pattern. The first matching pattern counts. Topics that already
   * exist keep theirs.
   */
  define(pattern: string, retention: Retention): void {
    this.#retentions.define(pattern, retention)
  }

  #hostOf(retention: Retention, origin: number): TopicHost {
    const { incarnation, limits } = this.#config
    const { pageBytes } = limits
    return {
      retention,
      budget: this.#budget,
      caches: this.#downstream.caches,
      work: this.#work,
      stamps: this.#stamps,
      incarnation,
      origin,
      pageBytes,
      left: (topic, now) => this.#left(topic, now),
      spent: (topic) => {
        if (!topic.isRead && !topic.dirty) this.#forget(topic)
      },
    }
  }

  /**
   * Makes a topic for a user or the business; null when there is no room for one more. The caller has checked the name.
   */
  #make(name: string, by: Account | null): Topic | null {
    if (by !== null && by.topics >= this.#config.limits.topicsPerUser) return null
    if (!this.#budget.admits(by?.estate.held ?? 0, weights.topic + name.length)) return null
    if (this.#topics.size >= this.#config.limits.topics) {
      const { idlest } = this.#aging
      if (idlest === undefined) return null
      this.#forget(idlest)
    }
    const host = this.#retentions.of(name)
    const topic = new Topic(name, this.#nextLog(), this.#lastForgotten + 1, host, by)
    this.#work.done += costs.topic
    if (by !== null) by.topics++
    this.#budget.enter(topic, by?.estate)
    this.#topics.set(name, topic)
    return topic
  }

  // ---- publishing

  /** Appends an entry of a user or the business. Returns the topic's pressure, 0–1, or the error. */
  publish(
    name: string,
    data: Payload,
    key: string,
    tombstone: boolean,
    now: number,
    by: Account | null = null,
  ): number | ErrorCode {
    const result = this.#publish(name, data, key, tombstone, now, by)
    if (typeof result === 'string') this.#stats.refusePublication(result)
    return result
  }

  #publish(
    name: string,
    data: Payload,
    key: string,
    tombstone: boolean,
    now: number,
    by: Account | null,
  ): number | ErrorCode {
    const { topicKeys } = this.#config.limits
    const known = this.#topics.get(name)
    // The name of an existing topic was checked when it was made.
    if (known === undefined && !isName(name)) return 'BAD_TOPIC'
    if (tombstone && key === '') return 'BAD_NAME'
    if (payloadLength(data) > protocolLimits.payload) return 'TOO_LARGE'
    if (!this.#space.admits(known, key, tombstone, data, by)) return 'LIMIT'
    const topic = known ?? this.#make(name, by)
    if (topic === null || !topic.hasRoomFor(key, topicKeys)) return 'LIMIT'
    this.#space.charge(topic, by ?? 'business', key, data)
    const { own } = this.#publishers
    this.#space.make(topic, now, by === null)
    const [number, stamp] = [topic.nextNumber(own), this.#stamps.next(now)]
    this.#append(topic, own, number, stamp, key, tombstone, data, now, now, null, by)
    return topic.pressure(this.#config.limits)
  }

  /** Whether a user's publication to this topic waits: see {@link Space.mustWait} and {@link Listening.mustWait}. */
  mustWait(name: string, by: Account): boolean {
    if (this.#carrier.mustWait(by)) return true
    const topic = this.#topics.get(name)
    if (topic === undefined) return false
    return this.listening.mustWait(topic, by) || this.#space.mustWait(topic, by)
  }

  /** Whether it waits until the business has heard others, so it would be one too many where it cannot wait. */
  isUnheard(name: string, by: Account): boolean {
    const topic = this.#topics.get(name)
    return topic !== undefined && this.listening.mustWait(topic, by)
  }

  #append(
    topic: Topic,
    source: Publisher,
    number: number,
    stamp: number,
    key: string,
    tombstone: boolean,
    data: Payload,
    now: number,
    cameAt = now,
    missing: number | null = null,
    by: Account | string | null = null,
  ): void {
    if (topic.isEmpty) this.#aging.use(topic)
    const entry = topic.append(source, number, stamp, key, tombstone, data, now, cameAt, missing)
    this.listening.hear(topic, entry, missing !== null, by)
    if (by !== null && typeof by !== 'string') this.#carrier.note(entry, by)
    this.#stats.publications++
    if (topic.dirty) return
    topic.dirty = true
    this.#dirty.push(topic)
  }

  /**
   * Takes an entry of another node; one that was seen is dropped. A hole before it is recorded, and every reader is
   * told of it. `missing`: how many are lost before it; null: as its number says.
   */
  #take(topic: Topic, source: Publisher | null, entry: Diffused, missing: number | null, now: number): void {
    const { number, stamp, key, tombstone, data, by = '' } = entry
    if (source === this.#publishers.own || (source !== null && number <= topic.head(source))) return
    if (stamp > this.#stamps.latest(now)) {
      // Every node with a right clock refuses it, so they still agree on the latest value; readers are told of a hole.
      this.#stats.refusePublication('PROTOCOL')
      return
    }
    const isAdmitted = this.#space.admits(topic, key, tombstone, data, null)
    if (source === null || !isAdmitted || !topic.hasRoomFor(key, this.#config.limits.topicKeys)) {
      this.#stats.refusePublication('LIMIT')
      return
    }
    this.#stamps.see(stamp)
    this.#space.charge(topic, null, key, data)
    this.#space.make(topic, now, false)
    const cameAt = missing === null ? now : this.#stamps.timeOf(stamp, now)
    this.#append(topic, source, number, stamp, key, tombstone, data, now, cameAt, missing, by || null)
  }

  /**
   * Trims a topic to its retention. Strict readers that fell off the ring are disconnected here, because a stalled one
   * would never try to read again.
   */
  #trim(topic: Topic, now: number): void {
    topic.trim(now)
    if (topic.isRead) topic.eachFallen(({ outlet }) => this.#downstream.doom(outlet))
  }

  // ---- subscribing

  /** See `TopicTarget.hold`. */
  hold(
    session: Session,
    message: MessageOf<'subscribe'>,
    names: Iterable<string>,
    now: number,
    held: HeldSubscribe,
  ): boolean {
    if (!this.catchUp.hasPeers) return false
    const waiting = new Set<Topic>()
    for (const name of names) {
      const topic = this.#topics.get(name) ?? this.#make(name, session.account)
      if (topic !== null && this.#awaits(topic, now)) waiting.add(topic)
    }
    if (waiting.size > 0) this.#firstReaders.hold(session, message, waiting, held)
    return waiting.size > 0
  }

  /** Whether a topic is getting, or begins to get, what other nodes keep of it for its first reader. */
  #awaits(topic: Topic, now: number): boolean {
    if (topic.isRead && !this.listening.isAlone(topic)) return this.#firstReaders.has(topic)
    this.#use(topic)
    this.catchUp.begin(topic, (caught) => this.#firstReaders.ready(caught), now)
    return true
  }

  #use(topic: Topic): void {
    this.#aging.use(topic)
    if (topic.isRead) return
    this.#carrier.subscribe(topic)
    if (!this.catchUp.hasPeers) this.catchUp.alone(topic)
  }

  drop(session: Session, now: number): void {
    this.#firstReaders.drop(session, now)
  }

  /** Subscribes a session to a topic. The caller has checked name, grant and connection. */
  subscribe(
    session: Session,
    call: number,
    index: number,
    asked: TopicWish,
    now: number,
  ): MessageOf<'subscribed'> | ErrorCode {
    if (asked.policy > policies.disconnect) return 'UNSUPPORTED'
    const known = this.#topics.get(asked.topic)
    const replaced = known === undefined ? undefined : session.subscriptions.get(known.number)
    const isFull = session.subscriptions.size >= this.#config.limits.subscriptionsPerSession
    if (replaced === undefined && isFull) return 'LIMIT'
    const keys = asked.keys.length === 0 ? null : new Set(asked.keys.map(({ key }) => key))
    const wish = wishOf(asked.conflate, asked.policy, keys)
    const held = session.payer.held - (replaced?.weight ?? 0)
    if (!this.#budget.admits(held, weighWish(wish))) return 'LIMIT'
    const topic = known ?? this.#make(asked.topic, session.account)
    if (topic === null) return 'LIMIT'
    this.#use(topic)
    // While marked cursors wait to be written, their entries must stay.
    if (!this.#downstream.hasWork) this.#trim(topic, now)
    const { since } = asked
    const followed = this.#follow(topic, since, wish)
    const reason = since.epoch === 0 ? null : followed !== null ? '' : topic.resume(since, wish)
    const recovered = reason === ''
    // Who cannot go on begins with the latest values if it conflates, names keys, or wants no history of a keyed topic.
    const isKeyed = topic.keyCount > 0 && (reason !== null || asked.history === 0)
    const values = !recovered && !topic.isEmpty && (wish.conflate || keys !== null || isKeyed)
    const history = reason === null ? Math.max(topic.first, topic.next - asked.history) : topic.first
    // A conflating reader needs no ring. A reader of some keys that stood before the ring has lost nothing it wants, so
    // it goes on at the start of the ring.
    const continued = followed ?? (wish.conflate ? since.at : Math.max(since.at, topic.first))
    const start = values ? 0 : recovered ? continued : history
    const outlet = session.outlet as Outlet
    const cursor = new TopicCursor(topic, outlet, start, wish, values, rungOf(asked.maxHz))
    topic.add(cursor)
    // The replaced cursor ends only now, because a topic that loses its last reader is unsubscribed from the bus.
    session.subscribe(topic.number, cursor)?.end(now)
    if (!topic.isCurrent(cursor)) this.#downstream.mark(cursor)
    this.#work.done += costs.subscription + topic.workOf(cursor)
    const position = recovered
      ? { epoch: topic.epoch, at: start, numbers: since.numbers }
      : values
        ? topic.beginning
        : topic.positionAt(start)
    return {
      type: 'subscribed',
      call,
      index,
      topic: topic.name,
      log: topic.number,
      keyed: topic.keyCount > 0,
      position,
      recovered,
      reason: reason ?? '',
    }
  }

  /** Where a reader that stood in another node's log of a topic goes on without a loss; null where it cannot. */
  #follow(topic: Topic, { epoch, numbers }: Position, { conflate }: Wish): number | null {
    // A conflating reader begins with the latest values, so nothing is lost to it.
    if (numbers.length === 0 || conflate || isLogOf(epoch, this.#config.incarnation)) return null
    // The node that the reader comes from may have published more, which no other node had asked for.
    const from = numbers.find(([publisher]) => isLogOf(epoch, publisher))
    return this.catchUp.isWhole(topic, from?.[0]) ? topic.follow(numbers) : null
  }

  #left(topic: Topic, now: number): void {
    this.#work.done += costs.ended
    if (topic.isRead) return
    this.#carrier.unsubscribe(topic)
    this.catchUp.drop(topic)
    topic.touch(now)
    this.#aging.watch(topic, now)
  }

  // ---- the sweep's part

  /** Part of the sweep: offers new entries to readers, and gives this node's to the bus. */
  sweep(now: number): void {
    this.#carrier.now = now
    const dirty = this.#dirty
    this.#dirty = []
    for (const topic of dirty) {
      topic.dirty = false
      if (topic.isRead) for (const group of topic.groups()) this.#rungs.news(group, now)
      this.#carrier.carry(topic)
      this.#grown.add(topic)
      this.#aging.watch(topic, now)
    }
    this.#carrier.sweep()
    this.catchUp.sweep(now)
  }

  #offer(group: Group): void {
    group.offer((cursor) => this.#downstream.mark(cursor))
  }

  /** After a complete flush, trims the topics that grew to their retention. */
  trim(now: number): void {
    for (const topic of this.#grown) this.#trim(topic, now)
    if (this.#grown.size > 0) this.#grown.clear()
    this.#space.clear()
    this.#aging.run(now)
  }

  /** Forgets a topic that nobody reads, with its latest values. */
  #forget(topic: Topic): void {
    this.#topics.delete(topic.name)
    this.#aging.drop(topic)
    this.#space.forget(topic)
    this.#budget.leave(topic)
    this.#lastForgotten = Math.max(this.#lastForgotten, topic.next - 1)
    topic.release()
    if (topic.maker !== null) topic.maker.topics--
  }
}

/** Whether a node has numbered a log of this epoch. */
function isLogOf(epoch: number, node: number): boolean {
  return epoch > node && epoch < node + 2 ** 32
}
