import {
  eachPublication,
  type ErrorCode,
  limits,
  type MessageOf,
  type Position,
  type PublicationEntry,
  RtmsError,
} from '../../protocol/index.ts'

/** What a subscriber wants of a topic. */
export interface ReadOptions {
  /** Only the latest value of each key matters. */
  readonly conflate: boolean
  /** At most so many batches a second; 0 = as they come. */
  readonly maxHz: number
  /** Only these keys; none = all. */
  readonly keys: readonly string[]
  /** What happens when this reader is too slow. */
  readonly policy: 'skip' | 'conflate' | 'disconnect'
  /** Begin so many entries back. */
  readonly history?: number
  /** Go on from here instead, a position of an earlier subscription. */
  readonly since?: Position | undefined
}

/** Whether this, which an application may have stored, can be sent as a position. */
export function isPosition(value: unknown): value is Position {
  return Array.isArray(value) && value.length <= limits.publishers && value.every(isPair)
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

const policyNumbers = { skip: 0, conflate: 1, disconnect: 2 } as const

export interface ReaderListener {
  publication(entry: PublicationEntry): void
  /**
   * Publications are missing: `lost` of them where that is known, else 0. To a conflating reader it says: forget
   * every value, the latest ones follow.
   */
  gap(lost: number, reason: ErrorCode): void
  subscribed(message: MessageOf<'subscribed'>): void
  failed(error: RtmsError): void
}

/** This client's reading of one topic: its options and the position it has reached. */
export class TopicReader {
  readonly topic: string
  readonly options: ReadOptions
  readonly listener: ReaderListener
  /** The log's number on the current connection, 0 while not subscribed there. */
  log = 0
  /** The call of the SUBSCRIBE under way and the index in it. */
  call = 0
  index = 0
  #position: Map<number, number> | null = null

  constructor(topic: string, options: ReadOptions, listener: ReaderListener) {
    this.topic = topic
    this.options = options
    this.listener = listener
    if (options.since !== undefined) this.#position = new Map(options.since)
  }

  /** What was delivered so far; null before the node has said where it begins. */
  get position(): Position | null {
    return this.#position === null ? null : [...this.#position]
  }

  wish(call: number, index: number): MessageOf<'subscribe'>['topics'][number] {
    this.call = call
    this.index = index
    const { conflate, maxHz, keys, policy, history = 0 } = this.options
    const { position } = this
    return {
      topic: this.topic,
      recover: position !== null,
      since: position ?? [],
      history: position === null ? history : 0,
      conflate,
      maxHz,
      policy: policyNumbers[policy],
      keys: keys.map((key) => ({ key })),
    }
  }

  /** An upper bound of its encoded size, in bytes. */
  get wishSize(): number {
    const since = this.#position?.size ?? 0
    return this.options.keys.reduce(
      (sum, key) => sum + 3 * key.length + 2,
      3 * this.topic.length + 16 * since + 32,
    )
  }

  handleSubscribed(message: MessageOf<'subscribed'>): void {
    const again = this.#position !== null
    this.log = message.log
    this.call = 0
    this.#position = new Map(message.position)
    this.listener.subscribed(message)
    if (again && !message.recovered) this.listener.gap(0, message.reason as ErrorCode)
  }

  /** Where something of it may still come from. */
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

  handlePublications(message: MessageOf<'publications'>): void {
    const position = this.#position as Map<number, number>
    eachPublication(message.publications, message.count, (entry) => {
      // Another node may hold the entries in another order of publishers: what was delivered is passed over.
      if (entry.number <= (position.get(entry.publisher) ?? 0)) return
      position.set(entry.publisher, entry.number)
      // No more than can be sent: of publishers, which come with the runs of nodes, the oldest are forgotten.
      if (position.size > limits.publishers) position.delete(position.keys().next().value as number)
      this.listener.publication(entry)
    })
  }

  handleGap(message: MessageOf<'gap'>): void {
    // A reader that begins anew is given values again that it had: it was told to forget them.
    if (message.reason === 'RETENTION') this.#position = new Map()
    const position = this.#position as Map<number, number>
    const news = message.position.filter(([publisher, number]) => number > (position.get(publisher) ?? 0))
    // A hole that lies behind: a reader that resumes at another publisher's entry passes it again.
    if (message.reason === 'BUS' && news.length === 0) return
    for (const [publisher, number] of news) position.set(publisher, number)
    this.listener.gap(message.to - message.from, message.reason)
  }
}
