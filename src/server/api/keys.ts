import { createHash, timingSafeEqual } from 'node:crypto'

/** How many of what a key may ask for are saved up while it asks for less, in seconds. */
const BURST_S = 1

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/** One key of the API: who asks with it, and how much more may be asked now. */
export interface ApiKey {
  /** Which of the keys that were given, from 0. */
  readonly number: number
  readonly hash: Buffer
  tokens: number
  filledAt: number
}

/** The keys of the API, kept as hashes. Time is an argument. */
export class ApiKeys {
  readonly #keys: readonly ApiKey[]
  /** Stands for those who need none. */
  readonly none: ApiKey
  readonly #perSecond: number

  constructor(keys: readonly string[], perSecond: number) {
    this.#perSecond = perSecond
    const entry = (key: string, number: number): ApiKey => ({
      number,
      hash: hash(key),
      tokens: perSecond,
      filledAt: 0,
    })
    this.#keys = keys.map(entry)
    this.none = entry('', keys.length)
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
    const most = this.#perSecond * BURST_S
    key.tokens = Math.min(most, key.tokens + ((now - key.filledAt) / 1000) * this.#perSecond)
    key.filledAt = now
    if (key.tokens < 1) return false
    key.tokens--
    return true
  }
}
