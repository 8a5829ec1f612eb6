import * as v from 'valibot'

/*
 * The building blocks of bodies and answers. Only the shape of names is checked here; the methods that take them check
 * the rest and know the error codes.
 */

/** Marks a check that exactly one of several fields is given, for the document, which cannot look inside a check. */
const alternatives: WeakMap<object, readonly string[]> = new WeakMap()

/** Checks that exactly one of these fields is given. */
export function oneOf<T extends object>(...names: string[]): v.CheckAction<T, string> {
  const has = (value: T): boolean =>
    names.filter((name) => Reflect.get(value, name) !== undefined).length === 1
  const action = v.check<T, string>(has, `give either ${names.join(' or ')}`)
  alternatives.set(action, names)
  return action
}

/** The fields of a check made by {@link oneOf}. */
export function fieldsOf(action: object): readonly string[] | undefined {
  return alternatives.get(action)
}

type Text = v.SchemaWithPipe<readonly [v.StringSchema<undefined>, v.DescriptionAction<string, string>]>

/** A text with a description. */
export function text(description: string): Text {
  return v.pipe(v.string(), v.description(description))
}

type Integer = v.SchemaWithPipe<
  readonly [
    v.NumberSchema<undefined>,
    v.SafeIntegerAction<number, undefined>,
    v.MinValueAction<number, number, undefined>,
    v.MaxValueAction<number, number, undefined>,
    v.DescriptionAction<number, string>,
  ]
>

export function integer(min: number, max: number, description: string): Integer {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max), v.description(description))
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** The fields that carry a payload. */
export interface PayloadFields {
  readonly data?: unknown
  readonly base64?: string | undefined
}

export const payloadFields: {
  readonly data: v.OptionalSchema<v.UnknownSchema, undefined>
  readonly base64: v.OptionalSchema<v.GenericSchema<string>, undefined>
} = {
  data: v.optional(v.unknown()),
  base64: v.optional(
    v.pipe(
      v.string(),
      v.regex(BASE64, 'expected base64 with its padding'),
      v.description('Bytes instead of `data`, in base64.'),
    ),
  ),
}

/** The value to pass to `topics.publish`, `users.push` or `meeting.sendTo`. */
export function valueOf({ data, base64 }: PayloadFields): unknown {
  return base64 === undefined ? data : new Uint8Array(Buffer.from(base64, 'base64'))
}

/**
 * The value, or something else in its place where it cannot be written as JSON: a client may publish what is nested too
 * deeply, and a business may keep what has no JSON form. Neither may spoil an answer about others.
 */
export function writable<T>(value: T, instead: T): T {
  try {
    JSON.stringify(value)
    return value
  } catch {
    return instead
  }
}

/** A payload as answers carry it. */
export function fieldsOfValue(value: unknown): { data?: unknown; base64?: string } {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  return { data: value }
}

/** Of a list of all nodes. */
export const missing: v.GenericSchema<string[]> = v.pipe(
  v.array(v.string()),
  v.description('Names of nodes that did not answer: what they have is not in the list.'),
)
