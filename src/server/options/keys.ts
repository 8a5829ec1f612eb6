import type { KeyObject } from 'node:crypto'
import type { CryptoKey, JWK } from 'jose'
import * as v from 'valibot'
import { isJwksUrl, isKey, isKeys } from './checks.ts'
import { show } from '../ground/show.ts'
import { setting } from './setting.ts'

/** A key as `jose` takes it: of Web Crypto, of `node:crypto`, or a JWK. */
export type Key = CryptoKey | KeyObject | JWK

/** Signature algorithms of asymmetric keys. For a shared secret, use `secret` (HS256). */
const algorithms = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const
export type Algorithm = (typeof algorithms)[number]

/** Asymmetric keys for tickets. */
export interface TicketKeys {
  /**
   * The private key; a JWK's `kid` goes into the tickets. Without it, this node verifies tickets and cannot issue them.
   */
  readonly sign?: Key | undefined
  /** The public key, or several while one replaces another. Either this or `jwks`. */
  readonly verify?: Key | readonly Key[] | undefined
  /**
   * Where the issuer publishes its public keys (a JSON Web Key Set): https, or http on this machine. Fetched at the
   * start and every 10 min (`limits.jwksRefreshMs`), never because of a token: publish a key at least that long before
   * using it. Tokens name their key (`kid`) where there are several.
   */
  readonly jwks?: string | URL | undefined
  /** The only algorithm used and accepted. */
  readonly algorithm: Algorithm
}

const SECRET_BYTES = 32
export const MAKE_A_SECRET = 'make one with `openssl rand -hex 32` and keep it out of the source'

const A_KEY = 'an asymmetric CryptoKey, KeyObject or JWK'
const IMPORT_IT = 'import a PEM with `createPrivateKey` or `createPublicKey` of node:crypto'

export const secretSetting: v.OptionalSchema<v.GenericSchema<string>, undefined> = v.optional(
  v.custom<string>(
    (value) => typeof value === 'string' && Buffer.byteLength(value) >= SECRET_BYTES,
    ({ input }) => {
      const given =
        typeof input === 'string' ? `${Buffer.byteLength(input)} bytes were` : `${show(input)} was`
      return `${given} given; expected a string of at least ${SECRET_BYTES} bytes; ${MAKE_A_SECRET}`
    },
  ),
)

const KEYS_REMEDY = `one of ${algorithms.join(', ')}; name the one that belongs to the keys`

export const keysSetting: v.OptionalSchema<v.GenericSchema<TicketKeys>, undefined> = v.optional(
  v.strictObject(
    {
      sign: setting<Key>(isKey, A_KEY, IMPORT_IT),
      verify: setting<Key | readonly Key[]>(isKeys, `${A_KEY}, or an array of them`, IMPORT_IT),
      jwks: setting<string | URL>(
        isJwksUrl,
        'an https URL without user and password',
        'http is for this machine alone; give what the issuer of the tickets names as its jwks_uri',
      ),
      algorithm: v.picklist(algorithms, ({ input }) => `${show(input)} was given; expected ${KEYS_REMEDY}`),
    },
    (issue) =>
      `${issue.received} was given; expected { sign, verify or jwks, algorithm }; give all that apply`,
  ),
)
