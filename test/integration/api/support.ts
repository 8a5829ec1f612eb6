import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Rtms, RtmsOptions } from '../../../src/server/index.ts'
import { start } from '../server/peer.ts'

export const KEY = 'a-key-for-tests-which-is-long-enough'

/** A node with the API. */
export function startApi(options: Partial<RtmsOptions> = {}): Promise<Rtms> {
  return start({ api: { keys: [KEY] }, ...options })
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

/** Calls an operation, with the key unless headers say otherwise. A text is sent as it is. */
export function caller(rtms: Rtms): Call {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${rtms.address.port}/rtms/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
  }
}

// ---- the document

export interface Described {
  readonly operationId: string
  readonly parameters: readonly { name: string; in: string; required?: boolean; schema: object }[]
  readonly requestBody?: { required: boolean; content: Content }
  readonly responses: Record<string, { description: string; content: Content }>
}

interface Content {
  readonly 'application/json': { readonly schema: object }
}

export interface Document {
  readonly openapi: string
  readonly servers: readonly [{ readonly url: string }]
  readonly paths: Record<string, Record<string, Described>>
  readonly components: { readonly schemas: Record<string, object> }
}

/** Every operation, as `POST /publish`. */
export function operationsIn(document: Document): Map<string, Described> {
  return new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => [`${method.toUpperCase()} ${path}`, described]),
    ),
  )
}

/** What is wrong with a value by a schema of the document; '' for nothing. */
export function faults(document: Document, schema: object, value: unknown): string {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false })
  const validate = ajv.compile(resolved(document, schema))
  return validate(value) ? '' : ajv.errorsText(validate.errors)
}

/** A schema that is but a reference into the document. */
function resolved(document: Document, schema: object): object {
  const { $ref } = schema as { $ref?: string }
  if ($ref === undefined) return schema
  const found = document.components.schemas[$ref.replace('#/components/schemas/', '')]
  if (found === undefined) throw new Error(`the document has no ${$ref}`)
  return found
}
