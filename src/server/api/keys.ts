import { createHash, timingSafeEqual } from 'node:crypto'
import { type Bucket, FULL, Rate } from '../../core/index.ts'

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/** One key of the API: who asks with it, and how much more may be asked now. */
export interface ApiKey {
  /** Which of the keys that were given, from 0. */
  readonly number: number
  readonly hash: Buffer
  bucket: Bucket
}

const toEntry = (key: string, number: number): ApiKey => ({ number, hash: hash(key), bucket: FULL })

/** The keys of the API, kept as hashes. Time is an argument. */
export class ApiKeys {
  readonly #keys: readonly ApiKey[]
  /** Stands for those who need none. */
  readonly none: ApiKey
  readonly #rate: Rate

  constructor(keys: readonly string[], perSecond: number) {
    // What a key does not ask for is saved up for a second.
    this.#rate = new Rate(perSecond, 1_000, perSecond)
    this.#keys = keys.map(toEntry)
    this.none = toEntry('', keys.length)
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0
  }

  /** The key of an `Authorization` header. Takes as long for a wrong one as for a right one. */
  find(authorization: string | undefined): ApiKey | null {
    const given = hash(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
    let found: ApiKey | null = null
    for (const key of this.#keys) if (timingSafeEqual(key.hash, given)) found = key
    return found
  }

  /** Whether the key may ask once more. */
  take(key: ApiKey, now: number): boolean {
    if (this.#rate.wait(key.bucket, now) > 0) return false
    key.bucket = this.#rate.take(key.bucket, now)
    return true
  }
}
