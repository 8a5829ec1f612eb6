import { limits } from '../../protocol/limits.ts'
import { matches } from '../../protocol/names.ts'
import type { Grant } from '../ports.ts'

/** A list of at most so many patterns is walked through. */
const FEW = 8

/**
 * Finds patterns that match a name, in lists of patterns or of what has one. A token may have 850 of them, and a
 * SUBSCRIBE a thousand names, so a longer list gets a set, made at the first question.
 */
class Matching<T> {
  readonly #patternOf: (item: T) => string | null
  readonly #sets: WeakMap<readonly T[], ReadonlySet<string | null>> = new WeakMap()

  /** `patternOf`: null for an item that does not count. */
  constructor(patternOf: (item: T) => string | null) {
    this.#patternOf = patternOf
  }

  some(list: readonly T[], name: string): boolean {
    if (list.length <= FEW)
      return list.some((item) => {
        const pattern = this.#patternOf(item)
        return pattern !== null && matches(pattern, name)
      })
    const patterns = this.#sets.get(list) ?? new Set(list.map(this.#patternOf))
    this.#sets.set(list, patterns)
    if (patterns.has(name) || patterns.has('*')) return true
    for (let dot = name.indexOf('.'); dot >= 0 && dot < limits.name; dot = name.indexOf('.', dot + 1))
      if (dot + 1 < name.length && patterns.has(`${name.slice(0, dot)}.*`)) return true
    return false
  }
}

const topics: Matching<string> = new Matching((pattern) => pattern)
const watched: Matching<Grant['meetings'][number]> = new Matching(({ name }) => name)
const played: Matching<Grant['meetings'][number]> = new Matching(({ name, role }) =>
  role === 'member' ? name : null,
)

/** A member may also watch; a spectator may only watch. */
export function mayJoin({ meetings }: Grant, meeting: string, spectator: boolean): boolean {
  return (spectator ? watched : played).some(meetings, meeting)
}

export function mayRead({ read }: Grant, topic: string): boolean {
  return topics.some(read, topic)
}

export function mayWrite({ write }: Grant, topic: string): boolean {
  return topics.some(write, topic)
}
