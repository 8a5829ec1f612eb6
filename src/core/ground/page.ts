/** What a list of names is asked for. */
export interface PageQuery {
  /** At most so many. */
  readonly count: number
  /** Only names behind this one. */
  readonly after: string
  /** Only names with this in them, whatever its case. */
  readonly contains?: string | undefined
}

/** The first that are asked for, in the order of names: one pass over all, and never many more kept than asked for. */
export function pageOf<T extends { readonly name: string }>(
  all: Iterable<T>,
  { count, after, contains = '' }: PageQuery,
  keep: (each: T) => boolean = () => true,
): T[] {
  const part = contains.toLowerCase()
  const most = 2 * count + 16
  let found: T[] = []
  /** Once there are enough, what is behind the last of them is passed over. */
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
