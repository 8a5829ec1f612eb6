import * as v from 'valibot'
import { show } from '../ground/show.ts'

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

/** The same for a list: the message names the entry that is wrong and, where `why` can tell, what is wrong with it. */
export function listSetting<T>(
  is: (value: unknown) => boolean,
  expected: string,
  remedy: string,
  { why = () => '', also }: { readonly why?: (entry: unknown) => string; readonly also?: unknown } = {},
): v.OptionalSchema<v.CustomSchema<T, v.ErrorMessage<v.CustomIssue>>, undefined> {
  const isWhole = (value: unknown): boolean =>
    Array.isArray(value) ? value.every(is) : also !== undefined && value === also
  const given = (input: unknown): string => {
    const at = Array.isArray(input) ? input.findIndex((entry) => !is(entry)) : -1
    if (at === -1) return `${show(input)} was given`
    const entry: unknown = (input as unknown[])[at]
    return `entry ${at + 1} is ${show(entry)}${why(entry)}`
  }
  return v.optional(
    v.custom<T, v.ErrorMessage<v.CustomIssue>>(
      isWhole,
      ({ input }) => `${given(input)}; expected ${expected}; ${remedy}`,
    ),
  )
}

export const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
export const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
