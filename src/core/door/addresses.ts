import { type Bucket, FULL, Rate } from '../ground/rate.ts'

const SECOND = 1_000

/** What an address may do. */
export interface AddressLimits {
  readonly connectionsPerAddress: number
  readonly connectsPerAddressPerSecond: number
  readonly connectBurstPerAddress: number
  readonly addresses: number
}

interface Entry {
  open: number
  /** Of new connections. */
  bucket: Bucket
}

/** Why an address gets no further connection, and how many whole milliseconds to wait at least. */
export interface AddressRefusal {
  readonly by: 'address' | 'rate'
  readonly waitMs: number
}

/**
 * What stands for a client in the count: an IPv4 address, or the /64 of an IPv6 one, since whoever has one address of
 * it has them all. Takes an address as the system writes it: lower case, IPv4 within IPv6 as `::ffff:1.2.3.4`.
 */
export function subscriberOf(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  // Dotted IPv4 at the end stands for two groups.
  const length = left.length + right.length + (address.includes('.') ? 1 : 0)
  const zeros = Array.from({ length: Math.max(0, 8 - length) }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`
}

/**
 * How many connections each address has, and how fast it opens them: a token bucket each. An address is remembered
 * while it has a connection, or its bucket is not full; of those without a connection the last `addresses`. One that
 * was forgotten early may open a few more.
 */
export class Addresses {
  readonly #limits: AddressLimits
  readonly #connects: Rate
  readonly #open: Map<string, Entry> = new Map()
  /** Without a connection, in the order in which they lost the last one. */
  readonly #idle: Map<string, Entry> = new Map()

  constructor(limits: AddressLimits) {
    this.#limits = limits
    this.#connects = new Rate(limits.connectsPerAddressPerSecond, SECOND, limits.connectBurstPerAddress)
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#open.size + this.#idle.size
  }

  /** Counts a new connection of this address, or says why it may not have it, which costs it nothing. */
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

  /** A connection that was counted is gone. */
  release(address: string, now: number): void {
    const entry = this.#open.get(address)
    if (entry === undefined) return
    if (--entry.open === 0) {
      this.#open.delete(address)
      this.#idle.set(address, entry)
    }
    this.#forget(now)
  }

  /** Those that come first have waited longest, and a bucket is soon full again. */
  #forget(now: number): void {
    for (const [address, { bucket }] of this.#idle) {
      if (!this.#connects.isFull(bucket, now) && this.#idle.size <= this.#limits.addresses) return
      this.#idle.delete(address)
    }
  }
}
