import { type BaseIssue, getDotPath } from 'valibot'
import { notAnOption } from '../../spelling/meant.ts'

/** Names in an object that its schema does not know. */
interface Unknown {
  /** Where the object is. */
  readonly path: readonly string[]
  readonly names: readonly string[]
  /** The names that the object may have. */
  readonly known: readonly string[]
}

/**
 * All names that the schema does not know, of which valibot names the first of each object alone; null: another issue.
 * `at`: where the issue is in the schema.
 */
export function unknownIn(
  issue: BaseIssue<unknown>,
  schema: object,
  at: readonly string[] = pathOf(issue),
): Unknown | null {
  if (issue.type !== 'strict_object' || issue.expected !== 'never') return null
  const path = at.slice(0, -1)
  const known = namesAt(schema, path)
  const names = Object.keys(Object(issue.path?.at(-1)?.input)).filter((name) => !known.includes(name))
  return { path, names, known }
}

/** What is wrong with options, a line for each fault that begins with its option. */
export function optionFaults(issues: readonly BaseIssue<unknown>[], schema: object): string[] {
  return issues.flatMap((issue) => {
    const unknown = unknownIn(issue, schema)
    if (unknown === null) return [`${getDotPath(issue) ?? 'options'}: ${issue.message}`]
    const { path, names, known } = unknown
    return names.map((name) => `${[...path, name].join('.')}: ${notAnOption(name, known)}`)
  })
}

/** The names that lead to what an issue is about. */
export function pathOf({ path }: BaseIssue<unknown>): string[] {
  return path?.map(({ key }) => String(key)) ?? []
}

/** How valibot's schemas lead further in. */
interface Parts {
  readonly entries?: Readonly<Record<string, Parts>>
  readonly item?: Parts
  readonly wrapped?: Parts
  readonly options?: readonly (Parts | string)[]
}

/** The names that an object may have where the path leads in a schema; none where no object belongs there. */
export function namesAt(schema: object | undefined, path: readonly unknown[]): readonly string[] {
  const { wrapped, options, entries = {}, item } = (schema ?? {}) as Parts
  if (wrapped !== undefined) return namesAt(wrapped, path)
  // Of alternatives, at most one is an object.
  const object = options?.find((each) => typeof each === 'object' && each.entries !== undefined)
  if (typeof object === 'object') return namesAt(object, path)
  const [key, ...rest] = path
  if (key === undefined) return Object.keys(entries)
  const isField = typeof key === 'string' && Object.hasOwn(entries, key)
  return namesAt(item ?? (isField ? entries[key] : undefined), rest)
}
