import * as v from 'valibot'
import { meetingBounds, type MeetingOptions } from '../../core/index.ts'
import { limits } from '../../protocol/index.ts'
import { isObject } from '../ground/check.ts'
import { optionFaults } from '../ground/issues.ts'
import { show } from '../ground/show.ts'
import { hookNames, type KindHooks } from './kinds.ts'
import { isSchema, type Schema } from './schema.ts'

/** The options of a meeting. Those left out come from its kind, or else from `defaultMeeting`. */
type Settings = { readonly [K in keyof MeetingOptions]?: MeetingOptions[K] | undefined }

/** `K`: the kinds that there are. */
export interface OpenOptions<K extends string = string> extends Settings {
  /** The name given to `define`. */
  readonly kind?: K | undefined
  /** Data of the business's own, kept as it is; clients do not get it. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** The definition of a kind: the default options of its meetings, and its hooks. */
export interface MeetingKind<I = unknown, M = unknown, S = unknown, W = unknown, F = I>
  extends Settings, KindHooks<I, M, S, W, F> {}

type OptionsSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>

type OptionalInteger = v.OptionalSchema<v.GenericSchema<number>, undefined>

function integer(option: keyof typeof meetingBounds): OptionalInteger {
  const [min, max] = meetingBounds[option]
  const wrong = ({ input }: { readonly input: unknown }): string =>
    `${show(input)} was given; expected an integer from ${min} to ${max}; leave it out for the default`
  return v.optional(
    v.pipe(v.number(wrong), v.safeInteger(wrong), v.minValue(min, wrong), v.maxValue(max, wrong)),
  )
}

/** The schema of each option of a meeting, shared with the HTTP API. */
export const meetingSettings: Readonly<
  Record<Exclude<keyof MeetingOptions, 'config'>, OptionalInteger> & {
    config: v.OptionalSchema<v.GenericSchema<string>, undefined>
  }
> = {
  frameRate: integer('frameRate'),
  capacity: integer('capacity'),
  ttlMs: integer('ttlMs'),
  inputBytes: integer('inputBytes'),
  inputsPerSecond: integer('inputsPerSecond'),
  inputBurst: integer('inputBurst'),
  joinsPerMinute: integer('joinsPerMinute'),
  inputsPerFrame: integer('inputsPerFrame'),
  frameBytes: integer('frameBytes'),
  spectatorDelayMs: integer('spectatorDelayMs'),
  standby: integer('standby'),
  config: v.optional(
    v.pipe(
      v.string('expected a string; leave it out for that of the first member'),
      v.maxBytes(limits.name, `expected at most ${limits.name} bytes of UTF-8`),
      v.description(
        'Hash of the configuration that clients must run; others are refused with CONFIG_MISMATCH. Left out: that of the first member who names one.',
      ),
    ),
  ),
}

export const optionsSchema: OptionsSchema = v.strictObject({
  ...meetingSettings,
  kind: v.optional(v.string()),
  metadata: v.optional(
    v.custom<Readonly<Record<string, unknown>>>(isObject, 'expected an object; leave it out for none'),
  ),
})

const hook = v.optional(
  v.custom<() => unknown>(
    (value) => typeof value === 'function',
    'expected a function; leave it out for none',
  ),
)
export const kindSchema: OptionsSchema = v.strictObject({
  ...meetingSettings,
  input: v.optional(
    v.custom<Schema>(isSchema, 'expected a schema that follows Standard Schema; leave it out for none'),
  ),
  ...(Object.fromEntries(hookNames.map((name) => [name, hook])) as Record<
    (typeof hookNames)[number],
    typeof hook
  >),
})

/** Throws an Error that lists every fault. */
export function checkOptions(what: string, schema: OptionsSchema, options: OpenOptions | MeetingKind): void {
  const { issues } = v.safeParse(schema, options, { abortPipeEarly: true })
  if (issues === undefined) return
  const faults = optionFaults(issues, schema).map((fault) => `  ${fault}`)
  throw new Error(`${what}:\n${faults.join('\n')}`)
}
