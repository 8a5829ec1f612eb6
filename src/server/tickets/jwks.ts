import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import * as v from 'valibot'
import type { Limits } from '../ground/limits.ts'
import { MAX_WAIT_MS, withDeadline } from '../ground/deadline.ts'
import type { Logger } from '../ground/logger.ts'
import type { Algorithm } from '../options/keys.ts'

/**
 * The wait after the first failure, in milliseconds; it doubles with each further failure, up to the usual interval.
 */
const FIRST_RETRY_MS = 5_000

/**
 * How long to wait before the keys are fetched again, in milliseconds, after so many failures in a row: the interval
 * give or take a tenth, or less after a failure. `random` is from 0 to 1, so nodes that start together soon fetch at
 * different times. At most 24 days, which is as long as a timer can wait.
 */
export function nextFetchMs(refreshMs: number, failures: number, random: number): number {
  const retryMs = FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 30)
  const wait =
    failures === 0 ? refreshMs * (0.9 + 0.2 * random) : Math.min(refreshMs, retryMs) * (0.5 + 0.5 * random)
  return Math.min(wait, MAX_WAIT_MS)
}

/** Public keys only: a reader of a key set must not be able to sign. */
const keySet = v.object({
  keys: v.array(
    v.looseObject({
      kty: v.picklist(
        ['EC', 'RSA', 'OKP'],
        ({ input }) => `has a key of type ${String(input).slice(0, 20)} that is not one of EC, RSA and OKP`,
      ),
      alg: v.optional(v.string()),
      d: v.optional(v.undefined_('has a private key')),
    }),
  ),
})

function keyTypeOf(algorithm: Algorithm): 'EC' | 'OKP' | 'RSA' {
  if (algorithm.startsWith('ES')) return 'EC'
  return algorithm.startsWith('Ed') ? 'OKP' : 'RSA'
}

/** Parses a key set. Throws where it is no set of public keys, or none of them is for the algorithm. */
export function parseKeySet(text: string, algorithm: Algorithm): JWTVerifyGetKey {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new Error('it is not JSON', { cause })
  }
  const { success, output, issues } = v.safeParse(keySet, json)
  if (!success) throw new Error(`it ${/^has /.exec(issues[0].message) ? issues[0].message : 'is no key set'}`)
  const type = keyTypeOf(algorithm)
  if (!output.keys.some(({ kty, alg = algorithm }) => kty === type && alg === algorithm))
    throw new Error(`it has no key for ${algorithm}`)
  return createLocalJWKSet(json as JSONWebKeySet)
}

/** The state of fetching, for the metrics. */
export interface FetchStats {
  fetched: number
  failed: number
  /** When the current keys were fetched, in monotonic milliseconds. */
  at: number
}

/**
 * The public keys of an issuer at a URL. They are fetched at the start and on a schedule, and never because of a token,
 * so an unverified client cannot make a node send requests. The last keys stay in use while the issuer cannot be
 * reached.
 */
export class RemoteKeys {
  readonly stats: FetchStats = { fetched: 0, failed: 0, at: 0 }
  readonly #url: URL
  readonly #algorithm: Algorithm
  readonly #limits: Limits
  readonly #logger: Logger
  readonly #closing: AbortController = new AbortController()
  #find: JWTVerifyGetKey | null = null
  #failures = 0
  #timer: NodeJS.Timeout | null = null

  private constructor(url: URL, algorithm: Algorithm, limits: Limits, logger: Logger) {
    this.#url = url
    this.#algorithm = algorithm
    this.#limits = limits
    this.#logger = logger
  }

  /** Fetches the keys for the first time. Rejects with an Error that says what to do where they are not available. */
  static async fetch(
    { url, algorithm }: { readonly url: string | URL; readonly algorithm: Algorithm },
    limits: Limits,
    logger: Logger,
  ): Promise<RemoteKeys> {
    const keys = new RemoteKeys(new URL(url), algorithm, limits, logger)
    try {
      await keys.#fetch()
    } catch (error) {
      throw new Error(
        `RTMS cannot start:\n  keys.jwks: no keys could be had from ${keys.#url.href} (${reasonOf(error)}); ` +
          `expected a JSON Web Key Set with a public key for ${algorithm}; check the URL and whether its server is up`,
        { cause: error },
      )
    }
    return keys
  }

  /** Finds the key that a token names among the known ones. */
  readonly find: JWTVerifyGetKey = (header, token) => (this.#find as JWTVerifyGetKey)(header, token)

  /** Fetches the keys on schedule from now on, until {@link close}. */
  follow(): void {
    const wait = nextFetchMs(this.#limits.jwksRefreshMs, this.#failures, Math.random())
    this.#timer = setTimeout(() => void this.#refresh(), wait)
    this.#timer.unref()
  }

  close(): void {
    this.#closing.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  async #refresh(): Promise<void> {
    try {
      await this.#fetch()
      this.#failures = 0
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#failures++
      this.stats.failed++
      this.#logger.error(
        { url: this.#url.href, why: reasonOf(error), failures: this.#failures },
        'the keys of the issuer could not be fetched; the last ones stay in use',
      )
    }
    if (!this.#closing.signal.aborted) this.follow()
  }

  async #fetch(): Promise<void> {
    const text = await withDeadline(this.#limits.jwksTimeoutMs, this.#closing.signal, async (signal) => {
      const response = await fetch(this.#url, {
        headers: { Accept: 'application/jwk-set+json, application/json' },
        redirect: 'error',
        signal,
      })
      const body = await this.#read(response)
      if (response.status !== 200) throw new Error(`it answered ${response.status}`)
      return body
    })
    this.#find = parseKeySet(text, this.#algorithm)
    this.stats.fetched++
    this.stats.at = performance.now()
  }

  /** Reads the body. Throws where it is too large. */
  async #read(response: Response): Promise<string> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    // Leaving the loop cancels the rest of the body.
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > this.#limits.jwksBytes) throw new Error(`it is larger than ${this.#limits.jwksBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  }
}

/** The reason of a failed `fetch` is in its cause. */
function reasonOf(error: unknown): string {
  const why = error instanceof TypeError && error.cause instanceof Error ? error.cause : error
  if (!(why instanceof Error)) return String(why)
  const { code } = why as { code?: unknown }
  return typeof code === 'string' ? code : why.message
}
