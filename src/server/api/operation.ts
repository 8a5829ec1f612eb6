import * as v from 'valibot'
import { type ErrorCode, RtmsError } from '../../protocol/index.ts'
import type { Cluster } from '../business/cluster.ts'
import type { Meetings } from '../business/meetings.ts'
import type { Topics } from '../business/topics.ts'
import type { Users } from '../business/users.ts'
import type { Health, Readiness } from '../edge/http.ts'
import type { Tickets } from '../tickets/tickets.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary'

/** One metric and its values. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly values: { name: string; labels: Record<string, string | number>; value: number }[]
}

/** A value over time: one number where it has not changed, else one for each sample; null where it was not there. */
export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly values: readonly (number | null)[]
}

export interface Past {
  /** The metrics there are, with or without values. */
  readonly metrics: readonly string[]
  /** How long ago each sample was taken, in milliseconds, oldest first. */
  readonly agoMs: readonly number[]
  readonly series: readonly Series[]
}

/** The parts of a node that operations use. */
export interface ApiNode {
  readonly node: string
  readonly cluster: Cluster
  readonly meetings: Meetings
  readonly tickets: Tickets
  readonly topics: Topics
  readonly users: Users
  health(): Health
  ready(): Readiness
  /** Milliseconds since the node started. */
  uptime(): number
  measure(): Promise<Metric[]>
  /** The last ten minutes of it; empty where nobody may look. */
  past(): Past
}

/** One call of the API. The routing and the OpenAPI document are both made from these. */
export interface Operation {
  readonly id: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below `/v1`, with at most one name in it: `/meetings/{name}/kick`. */
  readonly path: string
  /** The description of the name in the path. */
  readonly name?: string
  readonly summary: string
  readonly description: string
  /** The schema of the body or, for a method without one, of the query. */
  readonly input: v.GenericSchema & { readonly entries: Readonly<Record<string, v.GenericSchema>> }
  readonly output: v.GenericSchema
  /** Error codes besides those that any operation may answer. */
  readonly errors: readonly ErrorCode[]
  /** Accepts an Idempotency-Key, because sending it twice would do it twice. */
  readonly isRepeatable: boolean
  run(node: ApiNode, input: unknown, name: string): unknown
}

interface Definition<I extends v.GenericSchema, O extends v.GenericSchema> {
  readonly id: string
  readonly at: `${Operation['method']} /${string}`
  readonly name?: string
  readonly summary: string
  readonly description: string
  readonly input: I
  readonly output: O
  readonly errors?: readonly ErrorCode[]
  readonly isRepeatable?: boolean
  run(node: ApiNode, input: v.InferOutput<I>, name: string): v.InferInput<O> | Promise<v.InferInput<O>>
}

/** Makes an operation whose answer is type-checked against its schema. */
export function operation<I extends Operation['input'], O extends v.GenericSchema>({
  at,
  errors = [],
  isRepeatable = false,
  ...rest
}: Definition<I, O>): Operation {
  const [method, path] = at.split(' ') as [Operation['method'], string]
  return { ...rest, method, path, errors, isRepeatable }
}

/** Runs what only the node can judge, such as the life or the host of a ticket; an input out of range is PROTOCOL. */
export async function judged<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError)
      throw new RtmsError('PROTOCOL', error.message)
    throw error
  }
}
