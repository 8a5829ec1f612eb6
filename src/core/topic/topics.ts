import { Reader, Writer } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { limits as protocolLimits } from '../../protocol/limits.ts'
import { isName, matches } from '../../protocol/names.ts'
import type { Payload } from '../../protocol/payload.ts'
import { eachPublication, joinPublications, type PublicationEntry } from '../../protocol/publications.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import { defaultRetention, fixedLimits, type NodeConfig } from '../ground/config.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Budget } from '../ground/budget.ts'
import type { Outlet } from '../log/log.ts'
import type { Bus } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { ladder, rungOf, Topic } from './topic.ts'
import { type Group, policies, TopicCursor, wishOf } from './cursor.ts'
import type { Retention } from '../ground/config.ts'

type Wish = MessageOf<'subscribe'>['topics'][number]

/** One step of the ladder: the groups that wait for its next flush. */
class Rung {
  readonly #interval: number
  readonly #timer: Timer
  #groups: Group[] = []

  constructor(hz: number, flush: (group: Group) => void) {
    this.#interval = 1000 / hz
    this.#timer = new Timer('rung', () => {
      const groups = this.#groups
      this.#groups = []
      for (const group of groups) {
        group.due = false
        flush(group)
      }
    })
  }

  wait(group: Group, timers: Timers, now: number): void {
    if (group.due) return
    group.due = true
    if (this.#groups.length === 0) {
      const next = (Math.floor(now / this.#interval) + 1) * this.#interval
      // A product may round down to the moment it should lie behind.
      timers.set(this.#timer, next > now ? next : next + this.#interval)
    }
    this.#groups.push(group)
  }
}

/** All topics of a node. */
export class Topics {
  readonly #config: NodeConfig
  readonly #timers: Timers
  readonly #downstream: Downstream
  readonly #bus: Bus
  readonly #stats: Stats
  readonly #budget: Budget
  readonly #nextLog: () => number
  readonly #topics: Map<string, Topic> = new Map()
  readonly #retentions: { readonly pattern: string; readonly retention: Retention }[] = []
  readonly #rungs: Map<number, Rung> = new Map()
  #dirty: Topic[] = []
  /** Topics that grew since the last complete flush. */
  readonly #grown: Set<Topic> = new Set()
  /** Topics that something may grow too old of: an entry in the ring, or the topic itself, which nobody reads. */
  readonly #aging: Set<Topic> = new Set()
  readonly #agingTimer: Timer
  #agingDue = false
  #lastStamp = 0
  /** The highest number that this node gave out in a topic that was forgotten: numbers of a topic made again go on above. */
  #lastForgotten = 0

  constructor(
    config: NodeConfig,
    timers: Timers,
    downstream: Downstream,
    bus: Bus,
    stats: Stats,
    budget: Budget,
    nextLog: () => number,
  ) {
    this.#config = config
    this.#timers = timers
    this.#downstream = downstream
    this.#bus = bus
    this.#stats = stats
    this.#budget = budget
    this.#nextLog = nextLog
    for (const hz of ladder) this.#rungs.set(hz, new Rung(hz, (group) => this.#markGroup(group)))
    this.#agingTimer = new Timer('aging', () => {
      this.#agingDue = true
    })
  }

  get hasWork(): boolean {
    return this.#dirty.length > 0
  }

  get size(): number {
    return this.#topics.size
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** Sets what topics of these names keep. The first pattern that matches counts; for topics made from now on. */
  define(pattern: string, retention: Retention): void {
    this.#retentions.push({ pattern, retention })
  }

  #open(name: string): Topic | null {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    if (this.#topics.size >= this.#config.limits.topics || this.#budget.isFull) return null
    const retention =
      this.#retentions.find(({ pattern }) => matches(pattern, name))?.retention ?? defaultRetention
    const topic = new Topic(name, this.#nextLog(), retention, this.#budget, this.#left)
    this.#topics.set(name, topic)
    return topic
  }

  // ---- publishing

  /** Appends an entry of this node. Returns the topic's pressure, or the reason where it was not taken. */
  publish(name: string, data: Payload, key: string, tombstone: boolean, now: number): number | ErrorCode {
    const result = this.#publish(name, data, key, tombstone, now)
    if (typeof result === 'string') this.#stats.refusePublication(result)
    return result
  }

  #publish(name: string, data: Payload, key: string, tombstone: boolean, now: number): number | ErrorCode {
    if (!isName(name)) return 'BAD_TOPIC'
    if (data.bytes.length > protocolLimits.payload) return 'TOO_LARGE'
    const topic = this.#open(name)
    if (topic === null) return 'LIMIT'
    // A removal makes room.
    const isFull = this.#budget.isFull && !(tombstone && topic.hasKey(key))
    if (isFull || !this.#hasRoom(topic, key)) return 'LIMIT'
    this.#lastStamp = Math.max(this.#lastStamp + 1, Math.floor((now + this.#config.wallOffset) * 1000))
    const publisher = this.#config.incarnation
    const entry = {
      publisher,
      number: (topic.head(publisher) || this.#lastForgotten) + 1,
      stamp: this.#lastStamp,
      key,
      tombstone,
      data,
    }
    this.#append(topic, entry, now)
    topic.unsent ??= []
    topic.unsent.push(entry)
    return this.#pressure(topic)
  }

  /**
   * From 0 to 1: how full the room is for entries that no sweep has carried on, or, where that is more, the share of the
   * subscribers that had not taken what they were offered last.
   */
  #pressure({ size, bytes, retention, behind }: Topic): number {
    const { topicPendingEntries, topicPendingBytes } = this.#config.limits
    const ofEntries = (size - retention.entries) / topicPendingEntries
    const ofBytes = (bytes - retention.bytes) / topicPendingBytes
    return Math.min(1, Math.max(0, ofEntries, ofBytes, behind))
  }

  #hasRoom(topic: Topic, key: string): boolean {
    return (
      key === '' ||
      topic.hasKey(key) ||
      topic.keyCount < this.#config.limits.topicKeys ||
      topic.dropTombstone()
    )
  }

  #append(topic: Topic, entry: PublicationEntry, now: number): void {
    const { topicPendingEntries, topicPendingBytes } = this.#config.limits
    const { retention } = topic
    // What a live cursor was not yet offered is not overwritten: it goes out first.
    if (
      topic.size >= retention.entries + topicPendingEntries ||
      topic.bytes >= retention.bytes + topicPendingBytes
    ) {
      // A conflating reader needs no ring and is left to its rung.
      for (const group of topic.groups()) if (!group.conflate) this.#markGroup(group)
      while (this.#downstream.hasWork) this.#downstream.flush(now, Infinity)
      this.#diffuse(topic)
      this.#trim(topic, now)
    }
    topic.append(entry, now)
    this.#stats.publications++
    if (!topic.dirty) {
      topic.dirty = true
      this.#dirty.push(topic)
    }
  }

  /** Entries of other nodes. What came before is dropped; a hole is kept as one and told to every reader. */
  handleBus(name: string, bytes: Uint8Array, now: number): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    const entries = decodeDiffusion(bytes)
    if (entries.length === 0) this.#stats.strangers++
    for (const entry of entries) {
      if (entry.publisher === this.#config.incarnation || entry.number <= topic.head(entry.publisher))
        continue
      if (this.#budget.isFull || !this.#hasRoom(topic, entry.key)) {
        this.#stats.refusePublication('LIMIT')
        continue
      }
      // The clock of this node never falls behind a stamp it has seen.
      this.#lastStamp = Math.max(this.#lastStamp, entry.stamp)
      this.#append(topic, entry, now)
    }
  }

  /** Drops what is not to be kept. Who is to be disconnected for missing it may be stalled, and would never ask for it. */
  #trim(topic: Topic, now: number): void {
    topic.trimBehindReaders(now)
    topic.eachFallen(({ outlet }) => this.#downstream.doom(outlet))
  }

  // ---- subscribing

  /** Makes a cursor. The caller has checked name, grant and connection. */
  subscribe(
    session: Session,
    call: number,
    index: number,
    wish: Wish,
    now: number,
  ): MessageOf<'subscribed'> | ErrorCode {
    if (wish.policy > policies.disconnect) return 'UNSUPPORTED'
    const known = this.#topics.get(wish.topic)
    const replaced = known === undefined ? undefined : session.subscriptions.get(known.number)
    const isFull = session.subscriptions.size >= this.#config.limits.subscriptionsPerSession
    if (replaced === undefined && isFull) return 'LIMIT'
    const topic = this.#open(wish.topic)
    if (topic === null) return 'LIMIT'
    if (!topic.isRead) this.#bus.subscribe(topic.name)
    // What was marked and not yet written must stay.
    if (!this.#downstream.hasWork) this.#trim(topic, now)
    const keys = wish.keys.length === 0 ? null : new Set(wish.keys.map(({ key }) => key))
    const resumed = wish.recover ? topic.resume(wish.since, wish.conflate) : null
    // Who holds nothing, or nothing that can be continued, begins with the latest values where there are such.
    const fresh = resumed === null || resumed.reason !== ''
    const values = fresh && (wish.conflate || keys !== null || topic.keyCount > 0)
    const start = values ? 0 : (resumed?.start ?? Math.max(topic.first, topic.next - wish.history))
    const outlet = session.outlet as Outlet
    const cursor = new TopicCursor(topic, outlet, start, wishOf(wish.conflate, wish.policy, keys), values)
    topic.add(cursor, rungOf(wish.maxHz))
    session.subscriptions.set(topic.number, cursor)
    // Only now: a topic that loses its last reader is closed.
    replaced?.end(now)
    if (!topic.isCurrent(cursor)) this.#downstream.mark(cursor)
    return {
      type: 'subscribed',
      call,
      index,
      topic: topic.name,
      log: topic.number,
      keyed: topic.keyCount > 0,
      position: values ? [] : (resumed?.position ?? topic.positionAt(start)),
      recovered: resumed?.reason === '',
      reason: resumed?.reason ?? '',
    }
  }

  readonly #left = (topic: Topic, now: number): void => {
    if (topic.isRead) return
    this.#bus.unsubscribe(topic.name)
    if (topic.next === 1) this.#topics.delete(topic.name)
    else this.#watch(topic, now)
  }

  // ---- the sweep's part

  /** Tells the readers of what is new, gives the bus one batch per topic. */
  sweep(now: number): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const topic of dirty) {
      topic.dirty = false
      for (const group of topic.groups()) {
        if (group.hz === 0) this.#markGroup(group)
        else (this.#rungs.get(group.hz) as Rung).wait(group, this.#timers, now)
      }
      this.#diffuse(topic)
      this.#grown.add(topic)
      this.#watch(topic, now)
    }
  }

  #watch(topic: Topic, now: number): void {
    if (this.#aging.size === 0) this.#timers.set(this.#agingTimer, now + fixedLimits.agingMs)
    this.#aging.add(topic)
  }

  #diffuse(topic: Topic): void {
    if (topic.unsent === null) return
    this.#bus.publish(topic.name, encodeDiffusion(topic.unsent))
    topic.unsent = null
  }

  #markGroup(group: Group): void {
    // The last of them may have left while it waited for its rung.
    if (group.first === null) return
    const before = group.offered
    const { next } = group.first.log
    let behind = 0
    for (let cursor: TopicCursor | null = group.first; cursor !== null; cursor = cursor.after) {
      if (cursor.position < before) behind++
      if (cursor.position !== next) this.#downstream.mark(cursor)
    }
    group.behind = behind
    group.offered = next
  }

  /** After a complete flush: what retention does not keep goes. */
  trim(now: number): void {
    for (const topic of this.#grown) this.#trim(topic, now)
    this.#grown.clear()
    if (this.#agingDue) this.#age(now)
  }

  #age(now: number): void {
    this.#agingDue = false
    let left = Math.min(this.#aging.size, fixedLimits.agingTopics)
    for (const topic of this.#aging) {
      if (left-- === 0) break
      // Looked at again behind the others, unless nothing is left to age.
      this.#aging.delete(topic)
      this.#trim(topic, now)
      if (topic.isRead ? topic.size > 0 : !this.#forget(topic, now)) this.#aging.add(topic)
    }
    if (this.#aging.size > 0) this.#timers.set(this.#agingTimer, now + fixedLimits.agingMs)
  }

  /** A topic that nobody reads is forgotten, with its latest values, when nothing was published to it for long. */
  #forget(topic: Topic, now: number): boolean {
    if (now - topic.touched < this.#config.limits.topicIdleMs) return false
    this.#topics.delete(topic.name)
    this.#lastForgotten = Math.max(this.#lastForgotten, topic.head(this.#config.incarnation))
    topic.release()
    return true
  }

  all(): Iterable<Topic> {
    return this.#topics.values()
  }
}

/** What one node tells the others of a topic in one sweep: a count and the publications. */
function encodeDiffusion(entries: readonly PublicationEntry[]): Uint8Array {
  const w = new Writer()
  w.uint(entries.length)
  joinPublications(w, entries)
  return w.finish()
}

function decodeDiffusion(bytes: Uint8Array): PublicationEntry[] {
  const entries: PublicationEntry[] = []
  try {
    const r = new Reader(bytes)
    const count = r.uint()
    eachPublication(r.raw(r.left), count, (entry) => entries.push(entry))
  } catch {
    // A stranger's message on the bus is dropped.
    return []
  }
  return entries
}
