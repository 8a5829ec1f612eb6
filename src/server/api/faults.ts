import * as v from 'valibot'
import { meant } from '../../spelling/meant.ts'
import { namesAt, pathOf, unknownIn } from '../ground/issues.ts'
import { show } from '../ground/show.ts'

/** Faults of one input that an answer describes, and characters of each. */
const MOST_FAULTS = 5
const FAULT_LENGTH = 200

type Issue = v.BaseIssue<unknown> & { readonly requirement?: unknown }

const words: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
  strict_object: 'an object',
}

/** Valibot's list of alternatives: `(string | Object)`, `("a" | "b")`. */
const alternatives = (expected: string | null): string[] =>
  (expected ?? '').replaceAll(/[()"]/g, '').split(' | ')

function expectationOf({ type, requirement, expected }: Issue): string {
  switch (type) {
    case 'min_length':
    case 'min_value':
      return `at least ${String(requirement)}`
    case 'max_length':
    case 'max_value':
      return `at most ${String(requirement)}`
    case 'gt_value':
      return `more than ${String(requirement)}`
    case 'picklist':
      return alternatives(expected).join(' or ')
    case 'union':
      return alternatives(expected)
        .map((each) => words[each.toLowerCase()] ?? each)
        .join(' or ')
    default:
      return words[type] ?? type
  }
}

function given({ type, input }: Issue): string {
  const ofLength = type === 'min_length' || type === 'max_length'
  if (!ofLength || (typeof input !== 'string' && !Array.isArray(input))) return `${show(input)} was given`
  return typeof input === 'string' ? `${input.length} characters were given` : `${input.length} were given`
}

/** What is wrong and where, by a path from the input. */
interface Fault {
  readonly at: readonly string[]
  readonly said: string
}

function wrongKind(at: readonly string[], input: unknown, schema: object): Fault {
  const fields = namesAt(schema, at)
  return {
    at,
    said: `${show(input)} was given; expected an object${fields.length === 0 ? '' : ` with ${fields.join(', ')}`}`,
  }
}

function notKnown(name: string, known: readonly string[]): string {
  if (known.length === 0) return 'nothing is known by this name'
  const near = meant(name, known)
  return `it is not known; ${near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`}`
}

function faultsIn(issue: Issue, schema: object, front: readonly string[] = []): Fault[] {
  const at = [...front, ...pathOf(issue)]
  const last = issue.path?.at(-1)
  // An array has the type of an object, and all its fields are unknown or missing.
  if (issue.type === 'strict_object' && last !== undefined && Array.isArray(last.input))
    return [wrongKind(at.slice(0, -1), last.input, schema)]
  const unknown = unknownIn(issue, schema, at)
  if (unknown !== null) {
    const { path, names, known } = unknown
    return names.slice(0, MOST_FAULTS).map((name) => ({ at: [...path, name], said: notKnown(name, known) }))
  }
  if (issue.input === undefined && at.length > 0) return [{ at, said: 'it is missing' }]
  // Of alternatives, the one meant is the one that something inside of was right or wrong.
  const inside = issue.type === 'union' && issue.issues?.find(({ path }) => path !== undefined)
  if (inside) return faultsIn(inside, schema, at)
  if (issue.type === 'strict_object') return [wrongKind(at, issue.input, schema)]
  // A message of the schema's own is for people already.
  if (!issue.message.startsWith('Invalid ')) return [{ at, said: issue.message }]
  const expected = expectationOf(issue)
  const inBrackets =
    issue.type === 'array' && typeof issue.input === 'string' ? `: [${show(issue.input)}]` : ''
  return [{ at, said: `${given(issue)}; expected ${expected}${inBrackets}` }]
}

/** What is wrong with an input, for whoever sent it, in words of their own names and kinds of values. */
export function faultsOf(schema: v.GenericSchema, issues: readonly v.BaseIssue<unknown>[]): string {
  const said = new Set<string>()
  for (const issue of issues) {
    for (const { at, said: fault } of faultsIn(issue, schema)) {
      const text = at.length === 0 ? fault : `${at.join('.')}: ${fault}`
      said.add(text.length > FAULT_LENGTH ? `${text.slice(0, FAULT_LENGTH)}…` : text)
    }
    if (said.size >= MOST_FAULTS) break
  }
  return [...said].slice(0, MOST_FAULTS).join('; ')
}
