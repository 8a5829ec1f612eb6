import type { JWTVerifyGetKey } from 'jose'
import type { Limits } from '../ground/limits.ts'
import type { Logger } from '../ground/logger.ts'
import type { Key, TicketKeys } from '../options/keys.ts'
import { RemoteKeys } from './jwks.ts'

/** Keys in their imported form. */
export interface Keys {
  readonly algorithm: string
  readonly sign: Key | undefined
  /** The name (`kid`) of the signing key. */
  readonly kid: string | undefined
  readonly verify: readonly (Key | JWTVerifyGetKey)[]
  readonly remote: RemoteKeys | null
}

export async function keysOf(
  {
    secret,
    keys,
    limits,
  }: {
    readonly secret: string | undefined
    readonly keys: TicketKeys | undefined
    readonly limits: Limits
  },
  logger: Logger,
): Promise<Keys> {
  if (keys === undefined) {
    // Imported once: `jose` would import the bytes anew for each token.
    const use = { name: 'HMAC', hash: 'SHA-256' }
    const bytes = new TextEncoder().encode(secret)
    const key = await crypto.subtle.importKey('raw', bytes, use, false, ['sign', 'verify'])
    return { algorithm: 'HS256', sign: key, kid: undefined, verify: [key], remote: null }
  }
  const { algorithm, sign, verify = [], jwks } = keys
  const kid = sign !== undefined && 'kid' in sign ? sign.kid : undefined
  if (jwks === undefined) {
    const each = (Array.isArray(verify) ? verify : [verify]) as readonly Key[]
    return { algorithm, sign, kid, verify: each, remote: null }
  }
  const remote = await RemoteKeys.fetch({ url: jwks, algorithm }, limits, logger)
  return { algorithm, sign, kid, verify: [remote.find], remote }
}
