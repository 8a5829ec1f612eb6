import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { type LinkLimits, linkLimits, Links } from './links.ts'

/** The first byte of each message over a link says which part of the node it is for. */
export const linked = { mesh: 1, questions: 2, homes: 3, handover: 4 } as const

/** A part of a node that talks to the same part of other nodes. */
export interface LinkPart {
  /** A message that begins with the part's byte. Whoever keeps some of its bytes copies them. */
  message(from: number, bytes: Uint8Array, now: number): void
  /** What the two nodes had sent each other may be lost, in both directions; none of it arrives any more. */
  broken(node: number, now: number): void
}

/** What the parts need of their node. All of it returns at once. */
export interface LinkPartsHost {
  /** Sends a packet to one node over the bus, which may lose it. */
  put(node: number, bytes: Uint8Array): void
  /**
   * Whether a node is in the view. Nothing is said to one that is not, and nothing of it is heard: it says again what
   * is not confirmed, until it is met.
   */
  isThere(node: number): boolean
  /** See `LinksHost`. */
  isTaken(): boolean
}

/** Time between two looks at what the other nodes have not confirmed. */
const BEAT_MS = 500

/**
 * How long a confirmation waits for a message to go with. It is far less than a beat, after which what is not confirmed
 * is sent again.
 */
const CONFIRM_MS = 20

/** The links of a node, and the parts of it that talk over them. */
export class LinkParts {
  readonly #links: Links
  readonly #timers: Timers
  readonly #parts: Map<number, LinkPart> = new Map()
  readonly #beat: Timer
  readonly #confirming: Timer
  readonly #window: number
  readonly #most: number
  readonly #host: LinkPartsHost

  constructor(timers: Timers, stats: Stats, host: LinkPartsHost, limits: LinkLimits = linkLimits) {
    this.#timers = timers
    this.#host = host
    this.#window = limits.linkWindow
    this.#most = limits.linkBytes
    this.#links = new Links(
      {
        put: (node, bytes) => host.put(node, bytes),
        message: (from, bytes, now) => {
          const part = this.#parts.get(bytes[0] ?? 0)
          if (part === undefined) stats.strangers++
          else part.message(from, bytes, now)
        },
        broken: (node, now) => {
          for (const part of this.#parts.values()) part.broken(node, now)
        },
        isTaken: () => host.isTaken(),
      },
      stats,
      limits,
    )
    this.#beat = new Timer('link', (now) => {
      this.#links.beat()
      this.#watch(now)
    })
    this.#confirming = new Timer('link', () => this.#links.confirm())
  }

  add(code: (typeof linked)[keyof typeof linked], part: LinkPart): void {
    this.#parts.set(code, part)
  }

  get hasWork(): boolean {
    return this.#links.hasWork
  }

  /** Bytes that the other nodes have not confirmed. */
  get bytes(): number {
    return this.#links.bytes
  }

  /**
   * Sends a message, which begins with the byte of its part, at the end of the sweep. It must not change afterwards.
   */
  send(node: number, message: Uint8Array): void {
    if (this.#host.isThere(node)) this.#links.send(node, message)
  }

  /**
   * Whether more can be under way to a node: what is sent beyond that only waits. `isLast`: whether what cannot wait
   * can be sent and does not break the link.
   */
  isOpen(node: number, isLast = false): boolean {
    return this.#links.bytesTo(node) < (isLast ? this.#most / 2 : this.#window)
  }

  /** A packet of another node. */
  handle(from: number, bytes: Uint8Array, now: number): void {
    if (!this.#host.isThere(from)) return
    this.#links.handle(from, bytes, now)
    this.#confirmSoon(now)
  }

  #confirmSoon(now: number): void {
    if (this.#links.isOwing && this.#confirming.index < 0)
      this.#timers.set(this.#confirming, now + CONFIRM_MS)
  }

  /** Part of the sweep. */
  sweep(now: number): void {
    if (!this.#links.hasWork) return
    this.#links.sweep(now)
    this.#confirmSoon(now)
    if (this.#beat.index < 0) this.#watch(now)
  }

  /** While something is not confirmed, it may be lost, and is sent again. */
  #watch(now: number): void {
    if (this.#links.isWaiting) this.#timers.set(this.#beat, now + BEAT_MS)
  }

  /** The bus carries messages again: what was under way is lost. */
  up(): void {
    this.#links.up()
  }

  /** A node has ended. */
  gone(node: number): void {
    this.#links.gone(node)
  }
}
