import { closest, distance } from 'fastest-levenshtein'

/** So many wrong letters of a name still tell which one is meant: of a short one, and of any. */
const SLIPS_OF_SHORT = 2
const SLIPS = 3

/** The known name that is meant by one that is not known; undefined where none is near. */
export function meant(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const lower = new Map(known.map((each) => [each.toLowerCase(), each]))
  const near = closest(name.toLowerCase(), [...lower.keys()])
  const slips = Math.min(SLIPS, Math.max(SLIPS_OF_SHORT, name.length / 2))
  return distance(name.toLowerCase(), near) <= slips ? lower.get(near) : undefined
}

/** Says of an option that there is none of this name, and which one is meant, or else which there are. */
export function notAnOption(name: string, known: readonly string[]): string {
  const near = meant(name, known)
  if (near !== undefined) return `it is not an option; did you mean ${near}?`
  return `it is not an option; expected one of ${known.join(', ')}; remove it`
}

function unknownIn(options: object, known: readonly string[]): string {
  const unknown = Object.keys(options).filter((name) => !known.includes(name))
  return unknown.map((name) => `${name}: ${notAnOption(name, known)}`).join('; ')
}

/** The names that options may have: all of them, or it does not compile. */
export type Names<T> = Readonly<Record<T extends unknown ? keyof T : never, true>>

/** Throws a TypeError for names that are not options of the call `what`: it says of each which one is meant. */
export function checkNames<T extends object>(what: string, given: T, names: Names<T>): void {
  const options: unknown = given
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${what} takes an object of options: any of ${Object.keys(names).join(', ')}`)
  // Nothing more is made where all is well, since each publication passes here.
  for (const name of Object.keys(options))
    if (!Object.hasOwn(names, name)) throw new TypeError(`${what}: ${unknownIn(options, Object.keys(names))}`)
}
