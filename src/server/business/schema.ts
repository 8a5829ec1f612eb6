import { RtmsError } from '../../protocol/index.ts'
import { isThenable } from '../ground/thenable.ts'
import { atOnce } from './decisions.ts'

/**
 * A schema of any library that follows [Standard Schema](https://standardschema.dev): valibot, zod, ArkType and others.
 * `T` is the type of what has been checked.
 */
export interface Schema<T = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Checked<T> | Promise<Checked<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

type Checked<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Issues that an error names. */
const MOST_ISSUES = 3

/** Throws a TypeError where `schema` is none: a check that is never made would let everything in. */
export function checkSchema(what: string, schema: unknown): void {
  if (isSchema(schema)) return
  throw new TypeError(`${what} needs a schema that follows Standard Schema, such as one of valibot or zod`)
}

/** Whether it is one; some are functions. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard: unknown = (value as { readonly '~standard'?: unknown })['~standard']
  return typeof (standard as { readonly validate?: unknown } | undefined)?.validate === 'function'
}

/**
 * What the schema makes of the data. Throws FORBIDDEN, which says what is wrong and where; a TypeError where the schema
 * is asynchronous, since nothing may overtake what waits for it.
 */
export function checked<T>(schema: Schema<T>, data: unknown): T {
  const why = 'the schema is asynchronous, and only those of requests may be'
  return outcome(atOnce(schema['~standard'].validate(data), why))
}

/** Like {@link checked}, for one that may be asynchronous. */
export function checkedLater<T>(schema: Schema<T>, data: unknown): T | Promise<T> {
  const result = schema['~standard'].validate(data)
  if (isThenable(result)) return Promise.resolve(result).then((settled) => outcome(settled))
  return outcome(result)
}

function outcome<T>(result: Checked<T>): T {
  if (result.issues === undefined) return result.value
  const { issues } = result
  const told = issues.slice(0, MOST_ISSUES).map(({ message, path }) => `${placeOf(path ?? [])}: ${message}`)
  const rest = issues.length - told.length
  throw new RtmsError('FORBIDDEN', told.join('; ') + (rest > 0 ? `; and ${rest} more` : ''))
}

/** As it would be written in a program: `data.items[2].symbol`. */
function placeOf(path: NonNullable<SchemaIssue['path']>): string {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment))
  return keys.reduce<string>((place, key) => {
    if (typeof key === 'number') return `${place}[${key}]`
    const text = String(key)
    return /^[A-Za-z_$][\w$]*$/.test(text) ? `${place}.${text}` : `${place}[${JSON.stringify(text)}]`
  }, 'data')
}
