import { Queue } from '../ground/queue.ts'
import { type Bucket, FULL, Rate } from '../ground/rate.ts'

const SECOND = 1_000

/** Limits per client address. */
export interface AddressLimits {
  readonly connectionsPerAddress: number
  readonly connectsPerAddressPerSecond: number
  readonly connectBurstPerAddress: number
  readonly addresses: number
}

interface Entry {
  open: number
  /** Limits new connections. */
  bucket: Bucket
}

/** Why an address is refused another connection, and the least wait before the next try, in whole milliseconds. */
export interface AddressRefusal {
  readonly by: 'address' | 'rate'
  readonly waitMs: number
}

/**
 * The key that connections are counted by: an IPv4 address, or the /64 prefix of an IPv6 address, because a subscriber
 * is usually assigned a whole /64. Expects the system's notation: lower case, IPv4 within IPv6 as `::ffff:1.2.3.4`.
 */
export function subscriberOf(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  // A dotted IPv4 address at the end stands for two groups.
  const length = left.length + right.length + (address.includes('.') ? 1 : 0)
  const zeros = Array.from({ length: Math.max(0, 8 - length) }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`
}

/**
 * Counts the open connections of each address and limits how fast it opens new ones, with one token bucket per address.
 * An address is remembered while it has a connection or its bucket is not full. Of the addresses without a connection
 * at most `addresses` are kept; one that is forgotten early gets a full bucket again.
 */
export class Addresses {
  readonly #limits: AddressLimits
  readonly #connects: Rate
  readonly #open: Map<string, Entry> = new Map()
  /** Addresses without a connection, in the order in which they lost their last one. */
  readonly #idle: Queue<string, Entry> = new Queue()

  constructor(limits: AddressLimits) {
    this.#limits = limits
    this.#connects = new Rate(limits.connectsPerAddressPerSecond, SECOND, limits.connectBurstPerAddress)
  }

  /** Number of addresses remembered. */
  get size(): number {
    return this.#open.size + this.#idle.size
  }

  /** Counts a new connection of this address, or returns why it is refused; a refusal takes no token. */
  take(address: string, now: number): AddressRefusal | null {
    this.#forget(now)
    const entry = this.#open.get(address) ?? this.#idle.get(address) ?? { open: 0, bucket: FULL }
    if (entry.open >= this.#limits.connectionsPerAddress) return { by: 'address', waitMs: 0 }
    const waitMs = this.#connects.wait(entry.bucket, now)
    if (waitMs > 0) return { by: 'rate', waitMs }
    entry.bucket = this.#connects.take(entry.bucket, now)
    if (entry.open++ === 0) {
      this.#idle.delete(address)
      this.#open.set(address, entry)
    }
    return null
  }

  /** Uncounts a connection that has closed. */
  release(address: string, now: number): void {
    const entry = this.#open.get(address)
    if (entry === undefined) return
    if (--entry.open === 0) {
      this.#open.delete(address)
      this.#idle.set(address, entry)
    }
    this.#forget(now)
  }

  /**
   * Stops at the first address that must be kept: the map is ordered by idle time, so later ones rarely have a full
   * bucket.
   */
  #forget(now: number): void {
    const idle = this.#idle
    for (let { oldest } = idle; oldest !== undefined; { oldest } = idle) {
      const bucket = idle.get(oldest)?.bucket ?? FULL
      if (!this.#connects.isFull(bucket, now) && idle.size <= this.#limits.addresses) return
      idle.delete(oldest)
    }
  }
}
