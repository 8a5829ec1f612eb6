/** A query for one page of a list that is sorted by name. */
export interface PageQuery {
  /** The most items to return. */
  readonly count: number
  /** Only names that sort after this one; '' for the first page. */
  readonly after: string
  /** Only names that contain this text, ignoring case. */
  readonly contains?: string | undefined
}

/** Items that one step of a search looks at. */
const STEP = 1_024

/** A search that does a little with each `next`, and goes on where it stopped. */
export type Search<T> = Generator<void, T, void>

/**
 * Finds the first `count` matches in order of name. One pass over `all`, holding at most about twice `count` items.
 * What is added to `all` or taken from it meanwhile may be found or not.
 */
export function* pageOf<T extends { readonly name: string }>(
  all: Iterable<T>,
  { count, after, contains = '' }: PageQuery,
  keep: (each: T) => boolean = () => true,
): Search<T[]> {
  const part = contains.toLowerCase()
  const most = 2 * count + 16
  let found: T[] = []
  /** The last name of a full page so far: names that sort after it can be skipped. */
  let last = null as string | null
  const cut = (): void => {
    found.sort((a, b) => (a.name < b.name ? -1 : 1))
    found = found.slice(0, count)
    if (found.length === count) last = found.at(-1)?.name ?? ''
  }
  let looked = 0
  for (const each of all) {
    if (++looked % STEP === 0) yield
    const { name } = each
    if (name <= after || (last !== null && name > last) || !keep(each)) continue
    if (part !== '' && !name.toLowerCase().includes(part)) continue
    found.push(each)
    if (found.length >= most) cut()
  }
  cut()
  return found
}
