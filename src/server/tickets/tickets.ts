import { randomBytes } from 'node:crypto'
import { errors as joseErrors, jwtVerify, type JWTVerifyGetKey, SignJWT } from 'jose'
import * as v from 'valibot'
import type { Grant, NodeLimits, Outcome, Revoked, Role } from '../../core/index.ts'
import { type ErrorCode, isPattern, isUser, limits, RtmsError } from '../../protocol/index.ts'
import { checkUser, nameRule } from '../ground/check.ts'
import type { Limits } from '../ground/limits.ts'
import type { Logger } from '../ground/logger.ts'
import type { Key, TicketKeys } from '../options/keys.ts'
import { RemoteKeys } from './jwks.ts'

/** Keeps a token for something else, signed with the same key, from being taken for a ticket. */
const TYPE = 'rtms+jwt'
/** How far another issuer's clock may be ahead (`nbf`). The end of a token is held exactly, by the core. */
const CLOCK_TOLERANCE_S = 5
const DEFAULT_EXPIRES_S = 3600

/** What {@link Tickets.issue} takes. */
export interface TicketRequest {
  /** Whom the business has authenticated: 1–255 bytes of UTF-8 without control characters. */
  readonly user: string
  /** Meetings the user may join: handles, names or patterns (`quiz.*`), and as what; as a member by default. */
  readonly meetings?:
    | readonly (string | { readonly name: string; readonly role?: Role | undefined })[]
    | undefined
  /** Topics the user may subscribe and publish to: names or patterns (`stock.*`, `*`). Default none. */
  readonly topics?:
    | { readonly read?: readonly string[] | undefined; readonly write?: readonly string[] | undefined }
    | undefined
  /** Seconds from now, above 0, at most 30 days (`limits.tokenMs`). Default 3600. */
  readonly expiresIn?: number | undefined
  /** Host and port the client is to connect to, for instance the request's Host header. Not with `publicUrl`. */
  readonly host?: string | undefined
}

/** What a business hands its client so that it can connect. */
export interface Ticket {
  /** `wss://host/path?route=<node>`. No secret. */
  readonly url: string
  /** Goes into the first packet, never into the URL. */
  readonly token: string
  /** Seconds since 1970. */
  readonly expiresAt: number
  /** Names this ticket, for {@link Tickets.revoke}. No secret. */
  readonly id: string
}

/** What tickets need of the node. */
export interface TicketsHost {
  /** The address of a ticket, for the host of a request where one is given. */
  url(host: string | undefined): string
  /** `at` is in milliseconds since 1970. */
  revoke(revoked: Revoked, at: number): Promise<number | ErrorCode>
}

const pattern = v.pipe(v.string(), v.check(isPattern))

/** Claims besides the registered ones are not looked at. */
const claimsSchema = v.object({
  sub: v.pipe(v.string(), v.check(isUser)),
  // Far beyond any date, and where the conversion to milliseconds is still exact.
  exp: v.pipe(v.number(), v.maxValue(8.64e12)),
  iat: v.number(),
  jti: v.optional(v.string(), ''),
  m: v.optional(v.array(v.strictTuple([pattern, v.picklist(['member', 'spectator'])])), []),
  r: v.optional(v.array(pattern), []),
  w: v.optional(v.array(pattern), []),
})

type Claims = v.InferOutput<typeof claimsSchema>

/** Keys as they are used. */
interface Keys {
  readonly algorithm: string
  readonly sign: Key | Uint8Array | undefined
  /** The name of the one to sign with. */
  readonly kid: string | undefined
  readonly verify: readonly (Key | Uint8Array | JWTVerifyGetKey)[]
  readonly remote: RemoteKeys | null
}

/** Issues and verifies the tokens of tickets: JWTs of one pinned algorithm. */
export class Tickets {
  readonly #keys: Keys
  readonly #issuer: string
  readonly #maxLife: number
  readonly #host: TicketsHost
  readonly #logger: Logger
  /** When a user was last revoked, in milliseconds since 1970: a ticket issued afterwards says that it was. */
  #revokedAt = 0

  private constructor(
    keys: Keys,
    { issuer, limits: { tokenMs } }: { issuer: string; limits: NodeLimits },
    host: TicketsHost,
    logger: Logger,
  ) {
    this.#keys = keys
    this.#issuer = issuer
    this.#maxLife = tokenMs / 1000
    this.#host = host
    this.#logger = logger
  }

  /** Rejects where keys and algorithm do not belong together, or the keys cannot be fetched. */
  static async create(
    given: {
      readonly secret: string | undefined
      readonly keys: TicketKeys | undefined
      readonly issuer: string
      readonly limits: Limits
    },
    host: TicketsHost,
    logger: Logger,
  ): Promise<Tickets> {
    const tickets = new Tickets(await keysOf(given, logger), given, host, logger)
    await tickets.#tryKeys()
    return tickets
  }

  /** The keys of the issuer, where they are at a URL. */
  get remoteKeys(): RemoteKeys | null {
    return this.#keys.remote
  }

  /** A pair that does not match would otherwise be noticed at the first client. */
  async #tryKeys(): Promise<void> {
    const { sign, algorithm } = this.#keys
    if (sign === undefined) return
    const iat = Date.now() / 1000
    const claims = { sub: 'rtms', iat, exp: iat + Math.min(60, this.#maxLife), jti: '', m: [], r: [], w: [] }
    try {
      await this.#verified(await this.#token(claims, sign))
    } catch (error) {
      throw new Error(
        `RTMS cannot start:\n  keys: a token signed with keys.sign is not verified by keys.${this.#keys.remote === null ? 'verify' : 'jwks'} as ${algorithm}; ` +
          'expected a pair that belongs together; check the keys and keys.algorithm',
        { cause: error },
      )
    }
  }

  /**
   * Makes a ticket. Rejects with an `RtmsError`: BAD_NAME for a user or meeting, BAD_TOPIC for a topic that is not
   * valid, TOO_LARGE where the token would exceed 8 KiB (use patterns), UNSUPPORTED where this node has no key to sign.
   */
  async issue(request: TicketRequest): Promise<Ticket> {
    const { sign } = this.#keys
    if (sign === undefined) {
      throw new RtmsError(
        'UNSUPPORTED',
        'keys.sign was not given: this node verifies tickets and cannot issue them',
      )
    }
    const { user, meetings = [], topics = {}, expiresIn = DEFAULT_EXPIRES_S } = request
    checkUser(user)
    if (!(expiresIn > 0 && expiresIn <= this.#maxLife)) {
      throw new RangeError(
        `expiresIn is ${String(expiresIn)}; expected seconds above 0 and at most ${this.#maxLife} (limits.tokenMs)`,
      )
    }
    const url = this.#host.url(request.host)
    const now = Date.now()
    const expiresAt = Math.floor(now / 1000 + expiresIn)
    const id = randomBytes(12).toString('base64url')
    const claims: Claims = {
      sub: user,
      // To the millisecond, and never as if before a revocation that it came after.
      iat: Math.max(now, this.#revokedAt + 1) / 1000,
      exp: expiresAt,
      jti: id,
      m: meetings.map(meetingClaim),
      r: (topics.read ?? []).map(topicClaim),
      w: (topics.write ?? []).map(topicClaim),
    }
    const token = await this.#token(claims, sign)
    if (token.length > limits.token) {
      throw new RtmsError(
        'TOO_LARGE',
        `the token has ${token.length} bytes where at most ${limits.token} are allowed; name fewer meetings and topics, or use patterns`,
      )
    }
    return { url, token, expiresAt, id }
  }

  /**
   * Takes back every ticket that a user was given so far (by the clocks of those who issued them), or the one of this
   * `id`. Their connections are closed with REVOKED, their sessions end, and who comes with such a ticket later is
   * refused with REVOKED. A ticket issued afterwards is good. Kept in memory as long as such a ticket could be valid
   * (`limits.tokenMs`). Resolves with the number of connections closed. Rejects with an `RtmsError`: BAD_NAME; LIMIT
   * where `limits.revocations` is reached, and nothing was revoked; CLOSED. With a TypeError for an id that is none.
   */
  async revoke(revoked: Revoked): Promise<number> {
    const at = Date.now()
    if ('user' in revoked) {
      checkUser(revoked.user)
      this.#revokedAt = Math.max(this.#revokedAt, at)
    } else if (typeof revoked.id !== 'string' || revoked.id === '' || revoked.id.length > limits.name) {
      throw new TypeError('expected { user }, or { id } with the id of a ticket')
    }
    const closed = await this.#host.revoke(revoked, at)
    if (typeof closed === 'number') return closed
    throw new RtmsError(closed, 'more users and tokens are revoked than limits.revocations allows')
  }

  async #token({ sub, iat, exp, jti, ...grants }: Claims, key: Key | Uint8Array): Promise<string> {
    const { algorithm, kid } = this.#keys
    return new SignJWT(grants)
      .setProtectedHeader({ alg: algorithm, typ: TYPE, ...(kid === undefined ? {} : { kid }) })
      .setSubject(sub)
      .setIssuer(this.#issuer)
      .setIssuedAt(iat)
      .setJti(jti)
      .setExpirationTime(exp)
      .sign(key)
  }

  /** What a token allows. Every failure is the same to the peer; why goes to the log at level debug. Never rejects. */
  async verify(token: string): Promise<Outcome<Grant>> {
    try {
      return { ok: true, value: grantOf(await this.#verified(token)) }
    } catch (error) {
      this.#logger.debug({ why: reasonOf(error) }, 'a token was refused')
      return { ok: false, error: new RtmsError('UNAUTHENTICATED') }
    }
  }

  async #verified(token: string): Promise<Claims> {
    const options = {
      algorithms: [this.#keys.algorithm],
      issuer: this.#issuer,
      typ: TYPE,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['exp', 'iat', 'sub'],
    }
    let failure: unknown
    // Each key in turn. Of those of an issuer the token's `kid` chooses among what is known, and nothing is fetched for it.
    for (const key of this.#keys.verify) {
      try {
        const { payload } =
          typeof key === 'function'
            ? await jwtVerify(token, key, options)
            : await jwtVerify(token, key, options)
        const claims = v.parse(claimsSchema, payload)
        if (claims.exp - claims.iat <= this.#maxLife) return claims
        throw new RangeError('its life is longer than limits.tokenMs')
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }
}

/** Why a token was refused, without a word of what it says: no part of a token belongs into a log. */
function reasonOf(error: unknown): string {
  if (v.isValiError(error)) return `the claim ${v.getDotPath(error.issues[0]) ?? 'set'} is not valid`
  if (error instanceof joseErrors.JWTClaimValidationFailed) return `${error.code} ${error.claim}`
  if (error instanceof joseErrors.JOSEError) return error.code
  return error instanceof RangeError ? error.message : 'it is no token'
}

async function keysOf(
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
    const key = new TextEncoder().encode(secret)
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

function meetingClaim(
  meeting: string | { readonly name: string; readonly role?: Role | undefined },
): [string, Role] {
  const { name, role = 'member' } = typeof meeting === 'string' ? { name: meeting } : meeting
  if (typeof name !== 'string' || !isPattern(name)) {
    throw new RtmsError(
      'BAD_NAME',
      `a meeting must be named by a handle, a name or a pattern such as quiz.*; names are ${nameRule}`,
    )
  }
  if (role !== 'member' && role !== 'spectator') {
    throw new TypeError(`role is ${String(role)}; expected 'member' or 'spectator'`)
  }
  return [name, role]
}

function topicClaim(topic: string): string {
  if (typeof topic !== 'string' || !isPattern(topic)) {
    throw new RtmsError(
      'BAD_TOPIC',
      `a topic must be a name or a pattern such as stock.*; names are ${nameRule}`,
    )
  }
  return topic
}

function grantOf({ sub, iat, exp, jti, m, r, w }: Claims): Grant {
  return {
    user: sub,
    id: jti,
    issued: Math.round(iat * 1000),
    expires: Math.floor(exp * 1000),
    meetings: m.map(([name, role]) => ({ name, role })),
    read: r,
    write: w,
  }
}
