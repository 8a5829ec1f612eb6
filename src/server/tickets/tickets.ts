import { randomBytes } from 'node:crypto'
import { errors as joseErrors, jwtVerify, SignJWT } from 'jose'
import * as v from 'valibot'
import { fixedLimits, type Grant, type Outcome, type Revoked, type Role } from '../../core/index.ts'
import { type ErrorCode, errorOf, isName, limits, RtmsError } from '../../protocol/index.ts'
import { checkList, checkUser } from '../ground/check.ts'
import type { Limits } from '../ground/limits.ts'
import type { Logger } from '../ground/logger.ts'
import { checkNames, type Names } from '../../spelling/meant.ts'
import { type Outside, runtime } from '../ground/outside.ts'
import { SeldomWarning } from '../ground/seldom-warning.ts'
import type { Key, TicketKeys } from '../options/keys.ts'
import { type Claims, claimsOf, grantOf, meetingClaim, topicClaim, wrongClaim } from './claims.ts'
import type { RemoteKeys } from './jwks.ts'
import { type Keys, keysOf } from './keys.ts'

/**
 * The token's type, which keeps a token for another purpose, signed with the same key, from being accepted as a ticket.
 */
const TYPE = 'rtms+jwt'
const DEFAULT_EXPIRES_S = 3600

/** What {@link Tickets.issue} takes. */
export interface TicketRequest {
  /** The user that the business has authenticated: 1–255 bytes of UTF-8 without control characters. */
  readonly user: string
  /**
   * Meetings the user may join: handles, names or patterns (`quiz.*`), with a role; a member by default. The ticket
   * leads to the node that has the first one that is no pattern, and to this node where nobody has it.
   */
  readonly meetings?:
    | readonly (string | { readonly name: string; readonly role?: Role | undefined })[]
    | undefined
  /** Topics the user may subscribe and publish to: names or patterns (`stock.*`, `*`). Default none. */
  readonly topics?:
    | { readonly read?: readonly string[] | undefined; readonly write?: readonly string[] | undefined }
    | undefined
  /** Seconds from now, above 0, at most 30 days (`limits.tokenMs`). Default 3600. */
  readonly expiresIn?: number | undefined
  /**
   * Edges that the client may use besides the node that the ticket leads to; it takes the nearest of all, and another
   * one where that fails. Names of edges, those near the user; `true`: any, those with the fewest connections; `false`:
   * none. At most three that are there are named. Default true for a ticket that grants no seat of a member in a
   * meeting, else false: members play on the node that has their meeting.
   */
  readonly edges?: boolean | readonly string[] | undefined
  /** Host and port the client will connect to, for instance the request's Host header. Not with `publicUrl`. */
  readonly host?: string | undefined
}

const requestNames: Names<TicketRequest> = {
  user: true,
  meetings: true,
  topics: true,
  expiresIn: true,
  edges: true,
  host: true,
}

/** The ticket that a business gives its client to connect with. */
export interface Ticket {
  /** `wss://host/path?route=<node>`, or as the option `publicUrl` says. No secret. */
  readonly url: string
  /** Where there are edges: this URL and theirs. The client takes the nearest. */
  readonly urls?: readonly string[]
  /** Sent in the first packet, never in the URL. */
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

/** The parts of the node that tickets use. */
export interface TicketsHost {
  /**
   * The address for a ticket, given the host of a request and the meeting to lead to, where there are such. Throws or
   * rejects with a TypeError for a host that is none.
   */
  url(host: string | undefined, meeting: string | undefined): string | Promise<string>
  /** The addresses of edges, for a ticket: of those with these names, or of any. */
  edges(host: string | undefined, names: readonly string[] | undefined): readonly string[]
  /** The time up to which a user's tokens are revoked, in milliseconds since 1970; 0 where they are not. */
  revokedUntil(user: string): number
  /** Revokes a user's tokens issued up to `until`, in milliseconds since 1970, or one token. */
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
  /** The latest issue time of a token made or accepted here: the clock may be set back afterwards. */
  #latest = 0
  /** By what is wrong, of which there is a fixed set. */
  readonly #misfits: Map<string, SeldomWarning> = new Map()
  /** Anybody can forge tokens, but mostly the secrets of two servers differ. */
  readonly #forged: SeldomWarning
  readonly #outside: Outside

  private constructor(
    keys: Keys,
    { issuer, audience, limits: { tokenMs } }: TicketSettings,
    host: TicketsHost,
    logger: Logger,
    outside: Outside,
  ) {
    this.#outside = outside
    this.#keys = keys
    this.#issuer = issuer
    this.#audience = audience
    this.#maxLife = tokenMs / 1000
    this.#host = host
    this.#logger = logger
    this.#forged = new SeldomWarning(
      logger,
      'tokens were refused whose signature is not by a key of this node: check that the server that issues them has the same secret (or the private key that belongs to `keys`)',
    )
  }

  /** Rejects where keys and algorithm do not match, or the keys cannot be fetched. */
  static async create(
    given: TicketSettings,
    host: TicketsHost,
    logger: Logger,
    outside: Outside = runtime,
  ): Promise<Tickets> {
    const tickets = new Tickets(await keysOf(given, logger), given, host, logger, outside)
    await tickets.#tryKeys()
    return tickets
  }

  /** @internal The issuer's keys, where they come from a URL. */
  get remoteKeys(): RemoteKeys | null {
    return this.#keys.remote
  }

  /** Checks that a key pair matches, which otherwise the first client would reveal. */
  async #tryKeys(): Promise<void> {
    const { sign, algorithm } = this.#keys
    if (sign === undefined) return
    const iat = this.#outside.wallNow() / 1000
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
   * Makes a ticket. Rejects with an `RtmsError`: BAD_NAME for an invalid user or meeting, BAD_TOPIC for an invalid
   * topic, TOO_LARGE where the token would exceed 8 KiB (use patterns), UNSUPPORTED where this node has no key to sign
   * with. Rejects with a TypeError for an option that there is not.
   */
  issue(request: TicketRequest): Promise<Ticket> {
    return this.#outside.wait(this.#issue(request))
  }

  async #issue(request: TicketRequest): Promise<Ticket> {
    checkNames('tickets.issue', request, requestNames)
    const { sign } = this.#keys
    if (sign === undefined) {
      throw new RtmsError(
        'UNSUPPORTED',
        'keys.sign was not given: this node verifies tickets and cannot issue them',
      )
    }
    const { user, meetings = [], topics = {}, expiresIn = DEFAULT_EXPIRES_S } = request
    checkUser(user)
    checkNames('topics of tickets.issue', topics, { read: true, write: true })
    // A text would be joined to the time, not added.
    if (typeof expiresIn !== 'number' || !(expiresIn > 0 && expiresIn <= this.#maxLife)) {
      throw new RangeError(
        `expiresIn is ${String(expiresIn)}; expected seconds above 0 and at most ${this.#maxLife} (limits.tokenMs)`,
      )
    }
    checkList('meetings', meetings, "['quiz-7', 'chat.*']")
    const { read = [], write = [] } = topics
    checkList('topics.read', read, "['stock.*']")
    checkList('topics.write', write, "['chat.*']")
    const granted = meetings.map(meetingClaim)
    const { edges = granted.every(([, role]) => role !== 'member') } = request
    if (typeof edges !== 'boolean' && !Array.isArray(edges))
      throw new TypeError(`edges is ${String(edges)}; expected true, false or an array of names of edges`)
    const url = await this.#host.url(request.host, granted.map(([name]) => name).find(isName))
    const near = edges === false ? [] : this.#host.edges(request.host, edges === true ? undefined : edges)
    const urls = [...new Set([url, ...near])]
    const now = this.#outside.wallNow()
    const expiresAt = Math.floor(now / 1000 + expiresIn)
    const id = randomBytes(12).toString('base64url')
    const claims: Claims = {
      sub: user,
      iat: now / 1000,
      exp: expiresAt,
      jti: id,
      rev: this.#host.revokedUntil(user),
      m: granted,
      r: read.map(topicClaim),
      w: write.map(topicClaim),
    }
    const token = await this.#token(claims, sign)
    if (token.length > limits.token) {
      throw new RtmsError(
        'TOO_LARGE',
        `the token has ${token.length} bytes where at most ${limits.token} are allowed; name fewer meetings and topics, or use patterns`,
      )
    }
    this.#latest = Math.max(this.#latest, now)
    return { url, ...(urls.length > 1 ? { urls } : {}), token, expiresAt, id }
  }

  /**
   * Revokes every ticket that a user has been given so far, or the one of this `id`. Their connections are closed with
   * REVOKED, their sessions end, and later connections with such a ticket are refused with REVOKED. A ticket that
   * `issue` makes afterwards is valid at once; a ticket of another issuer is valid once its clock is 5 s past the
   * revocation, because it might be an earlier one by a clock that is ahead. The revocation is kept in memory as long
   * as such a ticket could be valid (`limits.tokenMs`). Resolves with the number of connections closed. Rejects with an
   * `RtmsError`: BAD_NAME; LIMIT where `limits.revocations` is reached, and nothing was revoked; CLOSED. Rejects with a
   * TypeError for an invalid id, or an option that there is not.
   */
  async revoke(revoked: Revoked): Promise<number> {
    checkNames('tickets.revoke', revoked, { user: true, id: true })
    if ('user' in revoked) checkUser(revoked.user)
    else if (typeof revoked.id !== 'string' || revoked.id === '' || revoked.id.length > limits.name) {
      throw new TypeError('expected { user }, or { id } with the id of a ticket')
    }
    const until = Math.max(this.#outside.wallNow() + fixedLimits.aheadMs, this.#latest)
    const closed = await this.#host.revoke(revoked, until)
    if (typeof closed === 'number') return closed
    throw new RtmsError(closed, 'more users and tokens are revoked than limits.revocations allows')
  }

  async #token({ sub, iat, exp, jti, rev, ...grants }: Claims, key: Key): Promise<string> {
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
   * Verifies a token and returns what it allows. Fails with EXPIRED where a fresh token helps; for any other failure
   * the peer gets UNAUTHENTICATED and the log gets the reason: at level debug, and as a warning at most once a minute
   * of each kind where the operator can fix it: the signature is good, or is by another key. Never rejects.
   */
  verify(token: string): Promise<Outcome<Grant>> {
    return this.#outside.wait(this.#verify(token))
  }

  async #verify(token: string): Promise<Outcome<Grant>> {
    try {
      const grant = grantOf(await this.#verified(token))
      this.#latest = Math.max(this.#latest, grant.issued)
      return { ok: true, value: grant }
    } catch (error) {
      const why = this.#reasonOf(error)
      this.#logger.debug({ why }, 'a token was refused')
      if (error instanceof joseErrors.JWTExpired) return { ok: false, error: errorOf('EXPIRED') }
      if (isSigned(error)) this.#noteMisfit(why)
      else if (error instanceof joseErrors.JWSSignatureVerificationFailed)
        this.#forged.note(this.#outside.now())
      return { ok: false, error: errorOf('UNAUTHENTICATED') }
    }
  }

  #noteMisfit(why: string): void {
    const misfits =
      this.#misfits.get(why) ?? new SeldomWarning(this.#logger, 'tokens with a good signature were refused')
    this.#misfits.set(why, misfits)
    misfits.note(this.#outside.now(), { why })
  }

  /** Why a token was refused, and what was expected; without any of its content, of which no part belongs in a log. */
  #reasonOf(error: unknown): string {
    if (v.isValiError(error)) {
      const key = error.issues[0].path?.[0]?.key
      return wrongClaim(typeof key === 'string' ? key : 'the set of claims')
    }
    if (error instanceof joseErrors.JOSEAlgNotAllowed)
      return `alg (in the header): expected "${this.#keys.algorithm}"`
    if (error instanceof joseErrors.JWTClaimValidationFailed) {
      const { claim, reason } = error
      if (claim === 'typ') return `typ (in the header): expected "${TYPE}"`
      if (claim === 'iss') return `iss: expected ${JSON.stringify(this.#issuer)}`
      if (claim === 'aud') return `aud: expected ${JSON.stringify(this.#audience)}, or a list with it`
      return reason === 'missing' ? `it is missing: ${wrongClaim(claim)}` : wrongClaim(claim)
    }
    if (error instanceof joseErrors.JOSEError) return error.code
    return error instanceof RangeError ? error.message : 'it is no token'
  }

  async #verified(token: string): Promise<Claims> {
    const options = {
      algorithms: [this.#keys.algorithm],
      issuer: this.#issuer,
      ...(this.#audience === undefined ? {} : { audience: this.#audience }),
      typ: TYPE,
      // Tolerance for `nbf`. The core enforces the expiry exactly.
      clockTolerance: fixedLimits.aheadMs / 1000,
      currentDate: new Date(this.#outside.wallNow()),
      requiredClaims: ['exp', 'iat', 'sub'],
    }
    let failure: unknown
    // Tries each key in turn. For an issuer's keys, the token's `kid` chooses among the known ones, and nothing is
    // fetched for it.
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

  /** Throws where the times of a token are impossible. */
  #checked(claims: Claims): Claims {
    if (claims.exp - claims.iat > this.#maxLife)
      throw new RangeError('its life, from iat to exp (both in seconds), is longer than limits.tokenMs')
    // A revocation would miss this token, which would seem to be issued afterwards.
    if (claims.iat * 1000 <= this.#outside.wallNow() + fixedLimits.aheadMs) return claims
    throw new RangeError(
      'it was issued in the future (iat, in seconds): the clock of its issuer is ahead of this one',
    )
  }
}

/** Whether the signature of a refused token is good. */
function isSigned(error: unknown): boolean {
  return (
    error instanceof joseErrors.JWTExpired ||
    error instanceof joseErrors.JWTClaimValidationFailed ||
    error instanceof RangeError ||
    v.isValiError(error)
  )
}
