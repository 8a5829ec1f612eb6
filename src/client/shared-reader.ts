import {
  type ErrorCode,
  fromPayload,
  limits,
  type MessageOf,
  type Payload,
  type Position,
  RtmsError,
} from '../protocol/index.ts'
import {
  type Followers,
  MOST_LATEST_VALUES,
  MOST_WAITING_PUBLICATIONS,
  type ReaderListener,
  type ReadOptions,
  type Received,
  type TopicReader,
} from './machine/index.ts'
import type { Publication, SubscribeOptions } from './options.ts'
import type { Outside } from './outside.ts'

/** What a payload carries, in an object that is nobody else's. */
export function ownData(payload: Payload): unknown {
  return payload.text ? fromPayload(payload) : payload.bytes.slice()
}

export type TopicListener = (data: unknown, publication: Publication) => void

/** Whether one is before the other in the same log. */
function isBefore(one: Position | null, other: Position | null): boolean {
  return one !== null && one.epoch === other?.epoch && one.at < other.at
}

/** What the subscriptions of topics need of their client. */
export interface ReaderHost {
  readonly outside: Outside
  readonly followers: Pick<Followers, 'read' | 'renew' | 'leave'>
  /** By topic. */
  readonly shared: Map<string, SharedReader>
}

/** One call of `subscribe`: a cursor of its own into what its topic's one subscription delivers. */
interface Subscriber {
  wish: ReadOptions
  readonly listener: TopicListener
  readonly options: SubscribeOptions
  /** It waits for an answer of the node, or for its start in the next microtask. */
  phase: 'asked' | 'late' | 'on'
  /** The last number of each publisher that it has had, where the subscription has begun anew since. */
  readonly had: Map<number, number>
  /** Whether what comes is not for it, because the node is asked, or about to be, for what comes before. */
  isHeld: boolean
  /** Whether it has yet to hear that the subscription is in place on a new connection. */
  isUntold: boolean
  /** What waits for its next turn, and when that is. */
  readonly waiting: Map<string | number, Received>
  turnAt: number
  cancel: () => void
}

/** The wire's options that give each of them what it asked for; `isConflated`: as one that conflates. */
function wishOfAll(wishes: readonly ReadOptions[], isConflated: boolean): ReadOptions {
  const keys = [...new Set(wishes.flatMap((wish) => wish.keys))]
  const isEvery = keys.length > limits.keys || wishes.some((wish) => !wish.keys[0])
  return {
    conflate: isConflated || wishes.every(({ conflate }) => conflate),
    maxHz: wishes.some(({ maxHz }) => maxHz === 0) ? 0 : Math.max(...wishes.map(({ maxHz }) => maxHz)),
    keys: isEvery ? [] : keys,
    // Who may be told that something is missing may have the latest values of it, too.
    policy:
      (['disconnect', 'conflate'] as const).find((policy) =>
        wishes.some((wish) => wish.policy === policy || (wish.conflate && policy === 'conflate')),
      ) ?? 'skip',
  }
}

/** The one subscription of a topic, and all who share it. */
export class SharedReader implements ReaderListener {
  readonly #topic: string
  readonly #host: ReaderHost
  readonly #subscribers: Set<Subscriber> = new Set()
  /** Whether it is about to ask. */
  #isDue = false
  /** What the node was last asked for. */
  #asked: ReadOptions | null = null
  /** A new subscriber, where whose wish begins the node was asked to begin. */
  #serving: Subscriber | null = null
  /** What those who are held have had, and the node is asked to go on from. */
  #owed: Position | null = null
  /** How far it has been: it may have begun anew before that, for another one. */
  #reached: Position | null = null
  /** What any of them has had, as `Subscriber.had`. */
  readonly #heard: Map<number, number> = new Map()
  #isKeyed = false
  /** The latest publication of each key, for subscribers that come later. */
  readonly #latest: Map<string, Received> = new Map()
  /** Whether that is all that a node would tell first. */
  #hasLatest = false
  #reader: TopicReader | null = null

  constructor(topic: string, host: ReaderHost) {
    this.#topic = topic
    this.#host = host
    host.shared.set(topic, this)
  }

  get position(): Position | null {
    return this.#reader?.position ?? null
  }

  /** Returns the function that removes it. */
  add(listener: TopicListener, wish: ReadOptions, options: SubscribeOptions): () => void {
    const reader = this.#reader
    const { keys, maxHz, conflate } = this.#asked ?? wish
    const isCovered =
      keys.length === 0 || (wish.keys.length > 0 && wish.keys.every((key) => keys.includes(key)))
    const getsLatest = this.#getsLatest(wish)
    const isLate =
      reader?.position &&
      this.#serving === null &&
      !isBefore(reader.position, this.#reached) &&
      !wish.since &&
      isCovered &&
      (wish.conflate || !conflate) &&
      // Whoever reads at a rate may stand behind what has been published.
      (getsLatest ? this.#hasLatest : !wish.history && !maxHz)
    const subscriber: Subscriber = {
      wish,
      listener,
      options,
      phase: isLate ? 'late' : 'asked',
      // What others have had, on other connections perhaps, is no news.
      had: new Map(isLate ? this.#heard : []),
      isHeld: !isLate,
      isUntold: false,
      waiting: new Map(),
      turnAt: 0,
      cancel: () => {},
    }
    if (isLate) queueMicrotask(() => this.#start(subscriber))
    this.#subscribers.add(subscriber)
    // The first one is told of what becomes of the client in this turn.
    if (reader) this.#change()
    else this.#ask()
    return () => this.#remove(subscriber)
  }

  #remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return
    subscriber.cancel()
    if (this.#subscribers.size > 0) return this.#change()
    this.#forget()
    if (this.#reader) this.#host.followers.leave(this.#reader)
  }

  /** It is over, and another one may take its place. */
  #forget(): void {
    const { shared } = this.#host
    if (shared.get(this.#topic) === this) shared.delete(this.#topic)
  }

  /** Some have come or gone: asks once for all of one turn. */
  #change(): void {
    if (this.#isDue) return
    this.#isDue = true
    queueMicrotask(() => this.#ask())
  }

  /** Asks the node for what all of them want, where that has changed or it is to begin elsewhere. */
  #ask(): void {
    this.#isDue = false
    const owed = this.#owed
    // The one that was served last would not get the rest of what it begins with.
    if (isBefore(this.position, owed)) return
    const all = [...this.#subscribers]
    const open = owed ? [] : all.filter(({ phase }) => phase === 'asked')
    for (const each of open) each.isHeld = false
    // What one that does not conflate begins with is enough for all, if the topic has keys.
    const next = open.find((each) => !each.wish.conflate) ?? open[0]
    const from = owed ?? (next && (next.wish.since ?? null))
    // As one that does not conflate, it would not begin with the latest value of what has no key.
    const isConflated = next?.wish.conflate === true && !this.#isKeyed
    const wish = wishOfAll(
      all.map((each) => each.wish),
      isConflated,
    )
    if (!all[0] || (from === undefined && JSON.stringify(wish) === JSON.stringify(this.#asked))) return
    this.#asked = wish
    this.#serving = next ?? null
    const asked = { ...wish, history: next?.wish.history ?? 0 }
    const { followers } = this.#host
    this.#reader ??= followers.read(this.#topic, asked, this)
    followers.renew(this.#reader, asked, from)
  }

  /** Whether it begins with the latest values. */
  #getsLatest({ conflate, keys, history }: ReadOptions): boolean {
    return conflate || keys.length > 0 || (this.#isKeyed && !history)
  }

  /** The latest values are no longer known, or are about to come. */
  #begin(hasLatest = this.position?.at === 0): void {
    this.#latest.clear()
    this.#hasLatest = hasLatest
  }

  /** A subscriber that need not ask the node begins with what is known. */
  #start(subscriber: Subscriber): void {
    if (subscriber.phase !== 'late') return
    subscriber.phase = 'on'
    this.#call(subscriber, subscriber.options.onSubscribed, { recovered: false, reason: '' })
    if (!this.#getsLatest(subscriber.wish)) return
    for (const received of Array.from(this.#latest.values())) {
      this.#had(subscriber, [[received.publisher, received.number]])
      this.#offer(subscriber, received)
    }
  }

  /** What comes again up to these numbers, of each publisher, is no news to it. */
  #had({ had }: Subscriber, numbers: Iterable<readonly [number, number]> = []): void {
    for (const all of [had, this.#heard])
      for (const [publisher, number] of numbers) all.set(publisher, Math.max(number, all.get(publisher) ?? 0))
  }

  #call<A extends readonly unknown[]>(
    subscriber: Subscriber,
    listener: ((...args: A) => void) | undefined,
    ...args: A
  ): void {
    // Removed by another one.
    if (!this.#subscribers.has(subscriber)) return
    try {
      listener?.(...args)
    } catch (error) {
      this.#host.outside.report(error)
    }
  }

  /** Gives a publication to a subscriber that wants it, in its turn. */
  #offer(subscriber: Subscriber, received: Received): void {
    const { wish, waiting, turnAt } = subscriber
    const { keys, conflate, maxHz } = wish
    if (keys.length > 0 && !keys.includes(received.key)) return
    // The node keeps to the rate of the quickest.
    if (maxHz === 0 || maxHz === this.#asked?.maxHz) {
      this.#flush(subscriber)
      this.#deliver(subscriber, received)
      return
    }
    // What comes together is delivered together.
    if (waiting.size === 0)
      subscriber.cancel = this.#host.outside.at(turnAt, () => this.#flush(subscriber, maxHz))
    const place = conflate ? received.key : waiting.size
    // To the end: in order of publication.
    waiting.delete(place)
    waiting.set(place, received)
    if (waiting.size >= MOST_WAITING_PUBLICATIONS) this.#flush(subscriber)
  }

  #flush(subscriber: Subscriber, maxHz = 0): void {
    const { waiting, cancel } = subscriber
    cancel()
    const all = [...waiting.values()]
    waiting.clear()
    if (maxHz > 0) subscriber.turnAt = this.#host.outside.now() + 1_000 / maxHz
    for (const received of all) this.#deliver(subscriber, received)
  }

  #deliver(subscriber: Subscriber, { key, tombstone, time, data }: Received): void {
    const publication = { topic: this.#topic, key, removed: tombstone, time }
    this.#call(subscriber, subscriber.listener, ownData(data), publication)
  }

  // ---- ReaderListener

  publication(received: Received): void {
    const { publisher, number, key, tombstone } = received
    if (key !== '') this.#isKeyed = true
    if (tombstone) this.#latest.delete(key)
    else this.#latest.set(key, received)
    for (const subscriber of Array.from(this.#subscribers)) {
      const { phase, had, isHeld } = subscriber
      if (phase === 'asked' || isHeld || number <= (had.get(publisher) ?? 0)) continue
      // Its value is among those that it starts with.
      if (phase === 'late') {
        this.#start(subscriber)
        if (this.#getsLatest(subscriber.wish)) continue
      }
      this.#offer(subscriber, received)
    }
    // Whoever may publish chooses how many keys there are.
    if (this.#latest.size > MOST_LATEST_VALUES) this.#begin(false)
  }

  gap(lost: number, reason: ErrorCode): void {
    const isFollowed = reason === 'SLOW' && this.#asked?.policy === 'conflate'
    if (!isFollowed) this.#begin()
    for (const subscriber of this.#subscribers) {
      const { phase, isHeld, wish } = subscriber
      if (phase !== 'on' || isHeld) continue
      this.#flush(subscriber)
      // All begin anew, with values that they may have had.
      if (reason !== 'SLOW' && this.position?.at === 0) {
        subscriber.had.clear()
        this.#heard.clear()
      }
      // The latest values of what is missing follow, or it is lost to all; and it wants no others.
      if (wish.conflate && (isFollowed || reason === 'BUS')) continue
      this.#call(subscriber, subscriber.options.onGap, { lost, reason })
    }
    this.read()
  }

  read(): void {
    if (this.#owed) this.#ask()
  }

  subscribed(message: MessageOf<'subscribed'>, isNew: boolean, before: Position | null): void {
    const { recovered, reason, keyed, position } = message
    const serving = this.#serving
    const owed = this.#owed
    if (keyed) this.#isKeyed = true
    const isConflated = this.#asked?.conflate === true
    const getsLatest = isConflated || (keyed && !serving?.wish.history)
    // All of it follows, or its latest values, of which it may have none; or only the end of it, perhaps of more keys.
    const isAll = position.at === 0 || (getsLatest && !serving?.wish.since)
    if (position.at === 0 || serving) this.#begin(isAll)
    this.#serving = null
    if (!serving) this.#owed = null
    if (!isBefore(before, this.#reached)) this.#reached = before
    // Whether those who had begun before get all that follows what they have had. Of a key that was removed meanwhile,
    // the latest values do not tell; and where its own position was not found, the gap told next is no other one's.
    const isOn = position.epoch === before?.epoch && position.at <= before.at
    const isTold = position.at > 0 || before?.at === 0
    const isFound = recovered || !serving?.wish.since
    const isForAll = !isConflated || [...this.#subscribers].every(({ wish }) => wish.conflate)
    const isWhole = !serving || (isOn && isTold && isFound && isForAll)
    for (const subscriber of Array.from(this.#subscribers)) {
      const { wish, options } = subscriber
      const { onSubscribed } = options
      if (subscriber.phase === 'asked') {
        // Served is who begins where that one does.
        const served = serving?.wish
        const isServed =
          !subscriber.isHeld &&
          served &&
          JSON.stringify(served.since) === JSON.stringify(wish.since) &&
          (isConflated ? wish.conflate : served.history === wish.history && (keyed || !wish.conflate))
        if (!isServed) continue
        subscriber.phase = 'on'
        this.#call(subscriber, onSubscribed, { recovered, reason })
        continue
      }
      this.#start(subscriber)
      // Who is held has not had what came on the way.
      if (!subscriber.isHeld) this.#had(subscriber, before?.numbers)
      if (wish.conflate && !serving && !recovered && !getsLatest) {
        // It asks for the latest value as one that is alone.
        const since = (subscriber.isHeld ? owed : before) ?? undefined
        subscriber.wish = { ...wish, since }
        subscriber.phase = 'asked'
        subscriber.isHeld = false
        continue
      }
      subscriber.isHeld = !isWhole
      subscriber.isUntold ||= isNew
      if (!isWhole) this.#owed = before
      else if (subscriber.isUntold) {
        subscriber.isUntold = false
        this.#call(
          subscriber,
          onSubscribed,
          serving ? { recovered: true, reason: '' } : { recovered, reason },
        )
      }
    }
    this.#ask()
  }

  /** It is over: null where the application has closed the client, and needs no telling. */
  failed(error: RtmsError | null): void {
    this.#forget()
    const all = [...this.#subscribers]
    const hasListener = all.some(({ options }) => options.onError)
    for (const subscriber of all) {
      subscriber.cancel()
      if (error) this.#call(subscriber, subscriber.options.onError, error)
    }
    this.#subscribers.clear()
    if (hasListener || !error || error.code === 'CLOSED') return
    const what = `the subscription of ${this.#topic} was refused, without onError: ${error.message}`
    this.#host.outside.report(new RtmsError(error.code, what, { cause: error }))
  }
}
