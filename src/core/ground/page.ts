/** A query for one page of a list that is sorted by name. */
export interface PageQuery {
  /** The most items to return. */
  readonly count: number
  /** Only names that sort after this one; '' for the first page. */
  readonly after: string
  /** Only names that contain this text, ignoring case. */
  readonly contains?: string | undefined
}

/**
 * Returns the first `count` matches in order of name. One pass over `all`, holding at most about twice `count` items.
 */
export function pageOf<T extends { readonly name: string }>(
  all: Iterable<T>,
  { count, after, contains = '' }: PageQuery,
  keep: (each: T) => boolean = () => true,
): T[] {
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
  for (const each of all) {
    const { name } = each
    if (name <= after || (last !== null && name > last) || !keep(each)) continue
    if (part !== '' && !name.toLowerCase().includes(part)) continue
    found.push(each)
    if (found.length >= most) cut()
  }
  cut()
  return found
}
