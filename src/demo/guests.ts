import { createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { HttpError } from './http.ts'

const NAME = 'name must be a string of 1 to 24 characters, without control characters'
const GUEST = 'guest must be what an earlier answer gave as guest, or be left out'

const guestWish = v.object(
  {
    // eslint-disable-next-line no-control-regex
    name: v.optional(v.pipe(v.string(NAME), v.trim(), v.regex(/^[^\p{C}]{1,24}$/u, NAME)), 'Guest'),
    guest: v.optional(v.pipe(v.string(GUEST), v.regex(/^[\w-]{22}$/, GUEST))),
  },
  'the body must be a JSON object: {"name": "Ada"}',
)

const NODE = 'node must be the name of a node, or be left out'

/** Somebody who was let in without a password. */
export interface Guest {
  /** `name~letters`: only who holds `guest` can be this user again; others in a room see what is made of it. */
  readonly user: string
  readonly name: string
  readonly guest: string
}

/** Throws an HttpError for a body that names no guest. */
export function guestOf(body: unknown): Guest {
  const { name, guest = randomBytes(16).toString('base64url') } = parse(guestWish, body)
  const user = `${name}~${createHash('sha256').update(guest).digest('hex').slice(0, 12)}`
  return { user, name, guest }
}

const nodeWish = v.object({ node: v.optional(v.string(NODE)) })

/**
 * The node that a page wants to be connected to, wherever that which it joins is: to see that this makes no difference.
 * Throws an HttpError where it is no name.
 */
export function nodeOf(body: unknown): string | undefined {
  return parse(nodeWish, body).node
}

/** What a body says, or an HttpError with the first fault. */
export function parse<T extends v.GenericSchema>(schema: T, body: unknown): v.InferOutput<T> {
  const wish = v.safeParse(schema, body)
  if (!wish.success) throw new HttpError(400, wish.issues[0].message)
  return wish.output
}
