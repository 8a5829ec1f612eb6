import * as v from 'valibot'
import type { Grant, Role } from '../../core/index.ts'
import { isPattern, isUser } from '../../protocol/index.ts'
import { checkPattern } from '../ground/check.ts'
import { checkNames } from '../../spelling/meant.ts'

const pattern = v.pipe(v.string(), v.check(isPattern))

/**
 * The claims of a ticket's token: JWT's own names, and `m`, `r`, `w` for meetings with their roles, topics to read and
 * topics to write.
 */
export interface Claims {
  readonly sub: string
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly rev: number
  readonly m: readonly (readonly [name: string, role: Role])[]
  readonly r: readonly string[]
  readonly w: readonly string[]
}

/** A claim of the shape that `POST /tickets` takes, which would grant nothing as a claim. */
const misplaced = v.optional(
  v.pipe(
    v.unknown(),
    v.check((value) => typeof value !== 'object' || value === null),
  ),
)

/** Other claims are ignored. */
const claimsSchema: v.GenericSchema<unknown, Claims> = v.object({
  sub: v.pipe(v.string(), v.check(isUser)),
  // Far beyond any date, and small enough for an exact conversion to milliseconds.
  exp: v.pipe(v.number(), v.maxValue(8.64e12)),
  iat: v.number(),
  jti: v.optional(v.string(), ''),
  // The revocation of its user that the token was issued after, in milliseconds since 1970: see `Grant.after`.
  rev: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  m: v.optional(v.array(v.strictTuple([pattern, v.picklist(['member', 'spectator'])])), []),
  r: v.optional(v.array(pattern), []),
  w: v.optional(v.array(pattern), []),
  topics: misplaced,
  meetings: misplaced,
})

const SECONDS = 'a number of seconds since 1970'
const TOPICS = 'a list of names of topics or patterns such as ["stock.*"]'

/** What a claim must be, for whoever makes tokens. */
const expectations: Readonly<Record<string, string>> = {
  sub: 'the user, 1 to 255 bytes of UTF-8 without control characters',
  exp: SECONDS,
  iat: SECONDS,
  nbf: `${SECONDS} that has passed`,
  jti: 'a text',
  rev: 'a number of milliseconds since 1970',
  m: 'a list of pairs of a meeting, or a pattern, and a role such as [["quiz.*", "member"]]',
  r: TOPICS,
  w: TOPICS,
  topics: 'r and w in its place: topics to read and to write, each a list such as ["stock.*"]',
  meetings: 'm in its place: a list of pairs such as [["quiz.*", "member"]]',
}

/** What is wrong with a claim, without its value: no part of a token belongs in a log. */
export function wrongClaim(claim: string): string {
  const expected = expectations[claim]
  return expected === undefined ? `${claim} is not valid` : `${claim}: expected ${expected}`
}

/** Throws where the claims are not those of a ticket. */
export function claimsOf(payload: unknown): Claims {
  return v.parse(claimsSchema, payload)
}

export function meetingClaim(
  meeting: string | { readonly name: string; readonly role?: Role | undefined },
): [string, Role] {
  if (typeof meeting !== 'string')
    checkNames('a meeting of tickets.issue', meeting, { name: true, role: true })
  const { name, role = 'member' } = typeof meeting === 'string' ? { name: meeting } : meeting
  checkPattern('meeting', name, 'BAD_NAME')
  if (role !== 'member' && role !== 'spectator') {
    throw new TypeError(`role is ${String(role)}; expected 'member' or 'spectator'`)
  }
  return [name, role]
}

export function topicClaim(topic: string): string {
  checkPattern('topic', topic, 'BAD_TOPIC')
  return topic
}

export function grantOf({ sub, iat, exp, jti, rev, m, r, w }: Claims): Grant {
  return {
    user: sub,
    id: jti,
    issued: Math.round(iat * 1000),
    after: rev,
    // 0 would mean never.
    expires: Math.max(1, Math.floor(exp * 1000)),
    meetings: m.map(([name, role]) => ({ name, role })),
    read: r,
    write: w,
  }
}
