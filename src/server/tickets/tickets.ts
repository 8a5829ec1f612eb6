import { randomBytes } from 'node:crypto'
import { errors as joseErrors, jwtVerify, SignJWT } from 'jose'
import * as v from 'valibot'
import { fixedLimits, type Grant, type Outcome, type Revoked, type Role } from '../../core/index.ts'
import { type ErrorCode, limits, RtmsError } from '../../protocol/index.ts'
import { checkUser } from '../ground/check.ts'
import type { Limits } from '../ground/limits.ts'
import type { Logger } from '../ground/logger.ts'
import { Seldom } from '../ground/seldom.ts'
import type { Key, TicketKeys } from '../options/keys.ts'
import { type Claims, claimsOf, grantOf, meetingClaim, topicClaim } from './claims.ts'
import type { RemoteKeys } from './jwks.ts'
import { type Keys, keysOf } from './keys.ts'

/** Keeps a token for something else, signed with the same key, from being taken for a ticket. */
const TYPE = 'rtms+jwt'
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

/** The settings that concern tickets. */
export interface TicketSettings {
  readonly secret: string | undefined
  readonly keys: TicketKeys | undefined
  readonly issuer: string
  readonly audience: string | undefined
  readonly limits: Limits
}

/** What tickets need of the node. */
export interface TicketsHost {
  /** The address of a ticket, for the host of a request where one is given. */
  url(host: string | undefined): string
  /** Until when a user's tokens are revoked, in milliseconds since 1970; 0 where they are not. */
  revokedUntil(user: string): number
  /** Of a user those issued until `until`, in milliseconds since 1970. */
  revoke(revoked: Revoked, until: number): Promise<number | ErrorCode>
}

/** Issues and verifies the tokens of tickets: JWTs of one pinned algorithm. */
export class Tickets {
  readonly #keys: Keys
  readonly #issuer: string
  readonly #audience: string | undefined
  readonly #maxLife: number
  readonly #host: TicketsHost
  readonly #logger: Logger
  /** The latest time at which a token was issued that was made or taken here: the clock may be set back afterwards. */
  #latest = 0
  readonly #misfits: Seldom = new Seldom()

  private constructor(
    keys: Keys,
    { issuer, audience, limits: { tokenMs } }: TicketSettings,
    host: TicketsHost,
    logger: Logger,
  ) {
    this.#keys = keys
    this.#issuer = issuer
    this.#audience = audience
    this.#maxLife = tokenMs / 1000
    this.#host = host
    this.#logger = logger
  }

  /** Rejects where keys and algorithm do not belong together, or the keys cannot be fetched. */
  static async create(given: TicketSettings, host: TicketsHost, logger: Logger): Promise<Tickets> {
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
    const exp = iat + Math.min(60, this.#maxLife)
    const claims = { sub: 'rtms', iat, exp, jti: '', rev: 0, m: [], r: [], w: [] }
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
      iat: now / 1000,
      exp: expiresAt,
      jti: id,
      rev: this.#host.revokedUntil(user),
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
    this.#latest = Math.max(this.#latest, now)
    return { url, token, expiresAt, id }
  }

  /**
   * Takes back every ticket that a user was given so far, or the one of this `id`. Their connections are closed with
   * REVOKED, their sessions end, and who comes with such a ticket later is refused with REVOKED. A ticket that `issue`
   * makes afterwards is good at once; one of another issuer is once its clock is 5 s past the revocation, since it
   * might be one of before by a clock that is ahead. Kept in memory as long as such a ticket could be valid
   * (`limits.tokenMs`). Resolves with the number of connections closed. Rejects with an `RtmsError`: BAD_NAME; LIMIT
   * where `limits.revocations` is reached, and nothing was revoked; CLOSED. With a TypeError for an id that is none.
   */
  async revoke(revoked: Revoked): Promise<number> {
    if ('user' in revoked) checkUser(revoked.user)
    else if (typeof revoked.id !== 'string' || revoked.id === '' || revoked.id.length > limits.name) {
      throw new TypeError('expected { user }, or { id } with the id of a ticket')
    }
    const until = Math.max(Date.now() + fixedLimits.aheadMs, this.#latest)
    const closed = await this.#host.revoke(revoked, until)
    if (typeof closed === 'number') return closed
    throw new RtmsError(closed, 'more users and tokens are revoked than limits.revocations allows')
  }

  async #token({ sub, iat, exp, jti, rev, ...grants }: Claims, key: Key | Uint8Array): Promise<string> {
    const { algorithm, kid } = this.#keys
    const jwt = new SignJWT(rev === 0 ? grants : { ...grants, rev })
    if (this.#audience !== undefined) jwt.setAudience(this.#audience)
    return jwt
      .setProtectedHeader({ alg: algorithm, typ: TYPE, ...(kid === undefined ? {} : { kid }) })
      .setSubject(sub)
      .setIssuer(this.#issuer)
      .setIssuedAt(iat)
      .setJti(jti)
      .setExpirationTime(exp)
      .sign(key)
  }

  /**
   * What a token allows. EXPIRED where a fresh one helps; any other failure is UNAUTHENTICATED to the peer, and why
   * goes to the log: at level debug, and once a minute as a warning where the signature is good, since that is the
   * operator's affair. Never rejects.
   */
  async verify(token: string): Promise<Outcome<Grant>> {
    try {
      const grant = grantOf(await this.#verified(token))
      this.#latest = Math.max(this.#latest, grant.issued)
      return { ok: true, value: grant }
    } catch (error) {
      const why = reasonOf(error)
      this.#logger.debug({ why }, 'a token was refused')
      if (error instanceof joseErrors.JWTExpired) return { ok: false, error: new RtmsError('EXPIRED') }
      const count = isSigned(error) ? this.#misfits.note(performance.now()) : 0
      if (count > 0)
        this.#logger.warn(
          { why, count },
          'tokens with a good signature were refused; count is how many since this was last said',
        )
      return { ok: false, error: new RtmsError('UNAUTHENTICATED') }
    }
  }

  async #verified(token: string): Promise<Claims> {
    const options = {
      algorithms: [this.#keys.algorithm],
      issuer: this.#issuer,
      ...(this.#audience === undefined ? {} : { audience: this.#audience }),
      typ: TYPE,
      // For `nbf`. The end of a token is held exactly, by the core.
      clockTolerance: fixedLimits.aheadMs / 1000,
      requiredClaims: ['exp', 'iat', 'sub'],
    }
    let failure: unknown
    // Each key in turn. Of those of an issuer the token's `kid` chooses among what is known, and nothing is fetched for
    // it.
    for (const key of this.#keys.verify) {
      try {
        const { payload } =
          typeof key === 'function'
            ? await jwtVerify(token, key, options)
            : await jwtVerify(token, key, options)
        return this.#checked(claimsOf(payload))
      } catch (error) {
        if (isSigned(error)) throw error
        failure = error
      }
    }
    throw failure
  }

  /** Throws where the times of a token's life cannot be. */
  #checked(claims: Claims): Claims {
    if (claims.exp - claims.iat > this.#maxLife)
      throw new RangeError('its life is longer than limits.tokenMs')
    // A revocation would miss it: it would seem to come afterwards.
    if (claims.iat * 1000 <= Date.now() + fixedLimits.aheadMs) return claims
    throw new RangeError(
      'it was issued in the future (iat, in seconds): the clock of its issuer is ahead of this one',
    )
  }
}

/** Whether the signature of a token that was refused is good. */
function isSigned(error: unknown): boolean {
  return (
    error instanceof joseErrors.JWTExpired ||
    error instanceof joseErrors.JWTClaimValidationFailed ||
    error instanceof RangeError ||
    v.isValiError(error)
  )
}

/** Why a token was refused, without a word of what it says: no part of a token belongs into a log. */
function reasonOf(error: unknown): string {
  if (v.isValiError(error)) return `the claim ${v.getDotPath(error.issues[0]) ?? 'set'} is not valid`
  if (error instanceof joseErrors.JWTClaimValidationFailed) return `${error.code} ${error.claim}`
  if (error instanceof joseErrors.JOSEError) return error.code
  return error instanceof RangeError ? error.message : 'it is no token'
}
