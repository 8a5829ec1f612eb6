import * as v from 'valibot'
import { isObject } from '../ground/check.ts'
import { show } from '../ground/show.ts'
import { ApiError } from './errors.ts'
import { faultsOf } from './faults.ts'

/*
 * The building blocks of bodies and answers. Only the shape of names is checked here; the methods that take them check
 * the rest and know the error codes.
 */

/** What the document says of a schema. */
type SchemaOf = (schema: v.GenericSchema) => object

/** What the document says of a check or a transformation, which it cannot look inside. */
const documented: WeakMap<object, (schemaOf: SchemaOf) => object> = new WeakMap()

/** The JSON Schema of an action made here; undefined for any other. */
export function documentOf(action: object, schemaOf: SchemaOf): object | undefined {
  return documented.get(action)?.(schemaOf)
}

/** Checks that exactly one of these fields is given. */
export function oneOf<T extends object>(...names: string[]): v.CheckAction<T, string> {
  const action = v.check<T, string>(
    (value) => givenOf(value, names) === 1,
    `give either ${names.join(' or ')}`,
  )
  documented.set(action, () => ({ oneOf: names.map((name) => ({ required: [name] })) }))
  return action
}

function givenOf(value: object, names: readonly string[]): number {
  return names.filter((name) => Reflect.get(value, name) !== undefined).length
}

/** Checks that exactly one of these fields is given, or at most one where `flag` is true. */
export function oneOfUnless<T extends object>(flag: string, ...names: string[]): v.CheckAction<T, string> {
  const action = v.check<T, string>(
    (value) => {
      const given = givenOf(value, names)
      return given === 1 || (given === 0 && Reflect.get(value, flag) === true)
    },
    `give either ${names.join(' or ')}; neither is needed with ${flag}`,
  )
  const required = names.map((name) => ({ required: [name] }))
  const without = { properties: { [flag]: { const: true } }, required: [flag], not: { anyOf: required } }
  documented.set(action, () => ({ oneOf: [...required, without] }))
  return action
}

/** Any object of JSON. */
export function anyObject(): v.GenericSchema<Record<string, unknown>> {
  const action = v.check(isObject, ({ input }) => `${show(input)} was given; expected an object`)
  documented.set(action, () => ({ type: 'object' }))
  return v.pipe(v.unknown(), action) as v.GenericSchema<Record<string, unknown>>
}

/** Checks an item of a batch and returns it. Throws an ApiError that says what is wrong with it. */
export type Item<T> = () => T

/** An item of a batch, checked when its turn comes: what is wrong with it does not fail the others. */
export function alone<T>(schema: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, Item<T>> {
  const action = v.transform<unknown, Item<T>>((given) => () => {
    const { success, output, issues } = v.safeParse(schema, given, { abortPipeEarly: true })
    if (success) return output
    throw new ApiError('PROTOCOL', faultsOf(schema, issues))
  })
  documented.set(action, (schemaOf) => schemaOf(schema))
  return v.pipe(v.unknown(), action)
}

type Text = v.SchemaWithPipe<readonly [v.StringSchema<undefined>, v.DescriptionAction<string, string>]>

/** A text with a description. */
export function text(description: string): Text {
  return v.pipe(v.string(), v.description(description))
}

export function integer(min: number, max: number, description: string): v.GenericSchema<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  const wrong = ({ input }: { readonly input: unknown }): string =>
    `${show(input)} was given; expected an integer ${range}`
  return v.pipe(
    v.number(wrong),
    v.safeInteger(wrong),
    v.minValue(min, wrong),
    v.maxValue(max, wrong),
    v.description(description),
  )
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
