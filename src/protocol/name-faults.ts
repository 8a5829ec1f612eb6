import { utf8Length } from './bytes.ts'
import { limits } from './limits.ts'

/*
 * What is wrong with a name, for people: which character at which place, and what is allowed. `names.ts` says whether a
 * name is valid at all; clients that are built for production leave this module out.
 */

const NAMES = `1 to ${limits.name} bytes, segments joined by single dots, without white space, control characters, * > and $`

/** Characters of a refused name that are shown. */
const MOST_SHOWN = 60

const SPOKEN: Readonly<Record<string, string>> = {
  ' ': 'a space',
  '\t': 'a tab',
  '\n': 'a line feed',
  '\r': 'a carriage return',
  '\u00a0': 'a no-break space',
}

/** A character as it is told: one that cannot be seen by its number. */
function spoken(character: string): string {
  const known = SPOKEN[character]
  if (known !== undefined) return known
  if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(character)) return JSON.stringify(character)
  const number = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  return /\p{Surrogate}/u.test(character) ? `half a character (${number})` : number
}

/** Whether a dot joins nothing: it is the first, the last, or followed by another one. */
function isLost(characters: readonly string[], at: number): boolean {
  return characters[at] === '.' && (at === 0 || at === characters.length - 1 || characters[at + 1] === '.')
}

/** What is wrong with a text of which these characters are not allowed; '' where nothing is. */
function faultOf(value: unknown, forbidden: RegExp, isSegmented: boolean, least: number): string {
  if (typeof value !== 'string') return `it is ${value === null ? 'null' : typeof value}, not a text`
  if (value.length < least) return 'it is empty'
  const bytes = utf8Length(value)
  if (bytes > limits.name) return `it has ${bytes} bytes of UTF-8`
  // Characters as people count them: most emoji are one.
  const characters = Array.from(value)
  const at = characters.findIndex((character) => forbidden.test(character))
  if (at >= 0) return `${spoken(characters[at] as string)} at character ${at + 1} is not allowed`
  const lost = isSegmented ? characters.findIndex((_, at) => isLost(characters, at)) : -1
  return lost < 0
    ? ''
    : `the dot at character ${lost + 1} has no segment ${lost === 0 ? 'before' : 'behind'} it`
}

const IN_NAME = /[\s\p{Cc}*>$\p{Cs}]/u
// oxlint-disable-next-line no-control-regex
const IN_USER = /[\u0000-\u001f\u007f\p{Surrogate}]/u

/** What is wrong with the name of a topic, a meeting, a kind or a method; '' where nothing is. */
export const nameFault = (name: unknown): string => faultOf(name, IN_NAME, true, 1)

/** The same, for a user. */
export const userFault = (user: unknown): string => faultOf(user, IN_USER, false, 1)

/** The same, for a key, and for the hash of a configuration. */
export const keyFault = (key: unknown): string => faultOf(key, /\p{Surrogate}/u, false, 0)

/** The same, for a pattern. */
export function patternFault(pattern: unknown): string {
  if (pattern === '*') return ''
  const isPrefix = typeof pattern === 'string' && pattern.endsWith('.*')
  return nameFault(isPrefix ? pattern.slice(0, -2) : pattern)
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  const text = JSON.stringify(value)
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}

function wordsOf(what: string, value: unknown, fault: string, rule: string): string {
  return fault === '' ? '' : `${shown(value)} cannot be a ${what}: ${fault}; ${rule}`
}

/** The whole sentence about a refused topic, meeting, kind or method, with what is allowed; '' where nothing is wrong. */
export function nameWords(what: string, name: unknown): string {
  const hint =
    what === 'topic' && typeof name === 'string' && name.includes('*') ? 'use keys of one topic; ' : ''
  return wordsOf(what, name, nameFault(name), `${hint}names have ${NAMES}`)
}

/** The same, about a user. */
export const userWords = (user: unknown): string =>
  wordsOf(
    'user',
    user,
    userFault(user),
    `users have 1 to ${limits.name} bytes of UTF-8, without control characters`,
  )

/** The same, about a key or the hash of a configuration. */
export const keyWords = (what: string, key: unknown): string =>
  wordsOf(what, key, keyFault(key), `expected at most ${limits.name} bytes of UTF-8`)

/** The same, about a name or a pattern. */
export const patternWords = (what: string, pattern: unknown): string =>
  wordsOf(what, pattern, patternFault(pattern), `expected a name, a prefix and .*, or *; names have ${NAMES}`)
