import { utf8Length } from './bytes.ts'
import { limits } from './limits.ts'

// Empty segments; white space and control characters (C0, DEL, C1, separators); characters that a bus reads as wildcards;
// lone surrogates, which UTF-8 cannot encode: names that differ only in one would be the same on the wire.
const FORBIDDEN = /(^|\.)(\.|$)|[\s\p{Cc}*>$\p{Cs}]/u

/**
 * Whether `name` can name a topic, meeting or method: 1–255 bytes of UTF-8, segments joined by single dots,
 * none empty, without white space, control characters, lone surrogates, `*`, `>` and `$`.
 */
export function isName(name: string): boolean {
  return utf8Length(name) <= limits.name && !FORBIDDEN.test(name)
}

// eslint-disable-next-line no-control-regex
const FORBIDDEN_IN_USER = /[\u0000-\u001f\u007f\p{Surrogate}]/u

/** Whether `user` can name a user: 1–255 bytes of UTF-8 without control characters (C0, DEL) and lone surrogates. */
export function isUser(user: string): boolean {
  return user.length > 0 && utf8Length(user) <= limits.name && !FORBIDDEN_IN_USER.test(user)
}

/**
 * Whether `key` can be the key of a publication: at most 255 bytes of UTF-8 without lone surrogates; '' stands for none.
 */
export function isKey(key: string): boolean {
  return utf8Length(key) <= limits.name && !/\p{Surrogate}/u.test(key)
}

/** Whether `name` is allowed by `pattern`: the name itself, a prefix ending in `.*`, or `*` for all. */
export function matches(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  if (pattern.endsWith('.*')) return name.startsWith(pattern.slice(0, -1)) && name.length > pattern.length - 1
  return pattern === name
}

/** Whether `pattern` is one that {@link matches} understands. */
export function isPattern(pattern: string): boolean {
  if (pattern === '*') return true
  return isName(pattern.endsWith('.*') ? pattern.slice(0, -2) : pattern)
}
