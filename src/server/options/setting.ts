import * as v from 'valibot'

/** A value for a message: short, and never the inside of an object. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

/** An optional setting; where `is` says no, the message tells what was expected and what to do. */
export function setting<T>(
  is: (value: unknown) => boolean,
  expected: string,
  remedy: string,
): v.OptionalSchema<v.CustomSchema<T, v.ErrorMessage<v.CustomIssue>>, undefined> {
  return v.optional(
    v.custom<T, v.ErrorMessage<v.CustomIssue>>(
      is,
      ({ input }) => `${show(input)} was given; expected ${expected}; ${remedy}`,
    ),
  )
}

export const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
export const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
