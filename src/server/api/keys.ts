import { createHash, timingSafeEqual } from 'node:crypto'
import { type Bucket, FULL, Rate } from '../../core/index.ts'

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/** One key of the API, and how many more requests it allows now. */
export interface ApiKey {
  /** Its index among the configured keys. */
  readonly number: number
  readonly hash: Buffer
  bucket: Bucket
}

const toEntry = (key: string, number: number): ApiKey => ({ number, hash: hash(key), bucket: FULL })

/** The keys of the API, kept as hashes. Time is an argument. */
export class ApiKeys {
  readonly #keys: readonly ApiKey[]
  /** Stands for callers who need no key. */
  readonly none: ApiKey
  readonly #rate: Rate

  constructor(keys: readonly string[], perSecond: number) {
    // Unused requests accumulate for one second.
    this.#rate = new Rate(perSecond, 1_000, perSecond)
    this.#keys = keys.map(toEntry)
    this.none = toEntry('', keys.length)
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0
  }

  /** The key of an `Authorization` header. A wrong key takes as long as a right one, so timing reveals nothing. */
  find(authorization: string | undefined): ApiKey | null {
    const given = hash(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
    let found: ApiKey | null = null
    for (const key of this.#keys) if (timingSafeEqual(key.hash, given)) found = key
    return found
  }

  /** Whether the key allows one more request. */
  take(key: ApiKey, now: number): boolean {
    if (this.#rate.wait(key.bucket, now) > 0) return false
    key.bucket = this.#rate.take(key.bucket, now)
    return true
  }
}
