import { ApiError } from './errors.ts'
import type { Operation } from './operation.ts'

/** The operation of a request, and the name in its path. */
export interface Route {
  readonly operation: Operation
  readonly name: string
}

/** Finds the operation of a path; paths have at most one name in them. */
export class Router {
  readonly #operations: readonly { readonly operation: Operation; readonly segments: readonly string[] }[]

  constructor(operations: readonly Operation[]) {
    this.#operations = operations.map((operation) => ({ operation, segments: operation.path.split('/') }))
  }

  /** Throws ApiError: NOT_FOUND, or UNSUPPORTED with the methods that the path allows. */
  find(method: string, path: string): Route {
    const segments = path.split('/')
    const found = this.#operations.filter((entry) => isAt(entry.segments, segments))
    if (found.length === 0) throw new ApiError('NOT_FOUND', 'there is nothing at this path')
    const entry = found.find(({ operation }) => operation.method === method)
    if (entry !== undefined) return { operation: entry.operation, name: nameOf(entry.segments, segments) }
    const allow = found.map(({ operation }) => operation.method).join(', ')
    throw new ApiError('UNSUPPORTED', `this path takes ${allow}`, { status: 405, headers: { allow } })
  }
}

const isName = (segment: string): boolean => segment.startsWith('{')

function isAt(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false
  return pattern.every((segment, at) => isName(segment) || segment === segments[at])
}

/**
 * Names that URL libraries take for steps in the path, even percent-encoded, and those that stand for them: they are
 * sent encoded once more.
 */
const STEP = /^(?:\.|%(?:25)*2e){1,2}$/i

function nameOf(pattern: readonly string[], segments: readonly string[]): string {
  const segment = segments[pattern.findIndex(isName)] ?? ''
  try {
    const name = decodeURIComponent(segment)
    return STEP.test(name) ? decodeURIComponent(name) : name
  } catch {
    throw new ApiError('PROTOCOL', 'the name in the path is not percent-encoded UTF-8')
  }
}
