import {
  eachPublication,
  type ErrorCode,
  limits,
  type MessageOf,
  nowhere,
  type Payload,
  type Position,
  RtmsError,
} from '../../protocol/index.ts'

/** A subscriber's options for a topic. */
export interface ReadOptions {
  /** Only the latest value of each key matters. */
  readonly conflate: boolean
  /** Batches a second at most; 0 = no limit. */
  readonly maxHz: number
  /** Only these keys; none = all. */
  readonly keys: readonly string[]
  /** What happens when this reader is too slow. */
  readonly policy: 'skip' | 'conflate' | 'disconnect'
  /** Start this many entries before the head. */
  readonly history?: number
  /** Start at this position of an earlier subscription instead. */
  readonly since?: Position | undefined
}

/** Whether a value, perhaps stored by the application, is a valid position. */
export function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null) return false
  const { epoch, at, numbers } = value as Record<keyof Position, unknown>
  return (
    isUint(epoch) &&
    isUint(at) &&
    Array.isArray(numbers) &&
    numbers.length <= limits.publishers &&
    numbers.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isUint))
  )
}

export function isUint(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

const policyNumbers = { skip: 0, conflate: 1, disconnect: 2 } as const

/** The tables that the numbers in PUBLICATIONS refer to, on one connection. */
export interface Senders {
  /** Milliseconds since 1970. */
  readonly origin: number
  /** Incarnations. */
  readonly publishers: number[]
}

/** A publication with its numbers resolved. */
export interface Received {
  /** The incarnation of the node that published it. */
  readonly publisher: number
  readonly number: number
  /** Milliseconds since 1970. */
  readonly time: number
  readonly key: string
  readonly tombstone: boolean
  readonly data: Payload
}

export interface ReaderListener {
  publication(received: Received): void
  /**
   * Publications are missing: `lost` of them, or 0 where the number is unknown. After `SLOW`, values already held are
   * still valid and later ones build on them; after any other reason, keys may have been removed unseen.
   */
  gap(lost: number, reason: ErrorCode): void
  /**
   * The subscription is in place: `isNew` on this connection, or it had to begin elsewhere than `before`. A position
   * that was not found again is a gap, told next.
   */
  subscribed(message: MessageOf<'subscribed'>, isNew: boolean, before: Position | null): void
  /** All that has come is told. */
  read(): void
  failed(error: RtmsError): void
}

/** A {@link Position} that moves. */
interface Place {
  readonly epoch: number
  at: number
  readonly numbers: Map<number, number>
}

function move(numbers: Map<number, number>, publisher: number, number: number): void {
  // Deleted and set again, so the map begins with the publisher heard of longest ago.
  numbers.delete(publisher)
  numbers.set(publisher, number)
  // A position must fit into a message. Each run of a node adds a publisher, so the oldest are forgotten.
  if (numbers.size > limits.publishers) numbers.delete([...numbers.keys()][0] as number)
}

/** This client's reading of one topic: its options and the position it has reached. */
export class TopicReader {
  /** The topic's name. */
  readonly name: string
  options: ReadOptions
  readonly listener: ReaderListener
  /** The log's number on the current connection, 0 while not subscribed there. */
  log = 0
  /** The call of the SUBSCRIBE under way and the index in it. */
  call = 0
  index = 0
  /** The current position; null until the node has given one. */
  #place: Place | null = null
  /** Where the next answer is to begin, where that is not the current position; null: where the options say. */
  #from: Position | null | undefined

  constructor(name: string, options: ReadOptions, listener: ReaderListener) {
    this.name = name
    this.options = options
    this.listener = listener
    this.renew(options, options.since ?? null)
  }

  /** The next SUBSCRIBE has these options, and begins at `from`. */
  renew(options: ReadOptions, from?: Position | null): void {
    this.options = options
    this.#from = from
    // An answer that is under way is to other options.
    this.call = 0
  }

  /** The position delivered so far, or that of its options; null until the node has said where reading begins. */
  get position(): Position | null {
    const place = this.#place
    return place === null ? (this.#from ?? null) : { ...place, numbers: [...place.numbers] }
  }

  /** Where the next answer is to begin. */
  get #start(): Position | null {
    return this.#from === undefined ? this.position : this.#from
  }

  wish(call: number, index: number): MessageOf<'subscribe'>['topics'][number] {
    this.call = call
    this.index = index
    const { conflate, maxHz, keys, policy, history = 0 } = this.options
    const position = this.#start
    return {
      topic: this.name,
      since: position ?? nowhere,
      history: position ? 0 : history,
      conflate,
      maxHz,
      policy: policyNumbers[policy],
      keys: keys.map((key) => ({ key })),
    }
  }

  /** An upper bound of its encoded size, in bytes. */
  get wishSize(): number {
    const publishers = this.#start?.numbers.length ?? 0
    return this.options.keys.reduce(
      (sum, key) => sum + 3 * key.length + 2,
      3 * this.name.length + 16 * publishers + 48,
    )
  }

  handleSubscribed(message: MessageOf<'subscribed'>): void {
    const from = this.#start
    const isNew = this.log === 0
    const before = this.position
    this.log = message.log
    this.call = 0
    this.#from = undefined
    const { epoch, at, numbers } = message.position
    this.#place = { epoch, at, numbers: new Map(numbers) }
    this.listener.subscribed(message, isNew, before)
    if (!from || message.recovered) return
    // Of another log, or where the latest values follow, nobody can tell how many.
    const { conflate, keys } = this.options
    const isCounted = epoch === from.epoch && keys.length === 0 && !conflate
    this.listener.gap(isCounted ? Math.max(0, at - from.at) : 0, message.reason || 'UNKNOWN')
  }

  /** The number of the log that entries may still come from; 0 for none. */
  get lastLog(): number {
    return this.log
  }

  detach(): void {
    this.log = 0
    this.call = 0
  }

  end(error: RtmsError): void {
    this.listener.failed(error)
  }

  handlePublications(message: MessageOf<'publications'>, { origin, publishers }: Senders): void {
    const place = this.#place as Place
    place.at = message.at
    eachPublication(message.publications, message.at, (entry) => {
      const { at, number, key, tombstone, data } = entry
      const publisher = publishers[entry.publisher]
      if (publisher === undefined) throw new RtmsError('PROTOCOL')
      place.at = at + 1
      // Another node may hold the publishers' entries in another order; entries already delivered are skipped.
      if (number <= (place.numbers.get(publisher) ?? 0)) return
      move(place.numbers, publisher, number)
      this.listener.publication({ publisher, number, time: origin + entry.time, key, tombstone, data })
    })
    this.listener.read()
  }

  handleGap({ from, position, reason }: MessageOf<'gap'>): void {
    const place = this.#place as Place
    // The reader starts again and gets values again that it had.
    if (position.at === 0) place.numbers.clear()
    const news = position.numbers.filter(
      ([publisher, number]) => number > (place.numbers.get(publisher) ?? 0),
    )
    for (const each of news) move(place.numbers, ...each)
    place.at = position.at
    // A gap that was reported before the connection was lost.
    if (reason === 'BUS' && news.length === 0) return
    // For a reader of some keys, the number of skipped entries with these keys is unknown.
    const lost = this.options.keys.length > 0 ? 0 : Math.max(0, position.at - from)
    this.listener.gap(lost, reason)
  }
}
