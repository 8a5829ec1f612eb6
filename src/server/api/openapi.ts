import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { type ErrorCode, errors as table, errorTexts } from '../../protocol/index.ts'
import { version } from '../ground/version.ts'
import { statusOf } from './errors.ts'
import type { Operation } from './operation.ts'
import { documentOf } from './schemas.ts'

/** The error codes that any operation may answer. */
const common: readonly ErrorCode[] = ['PROTOCOL', 'UNAUTHENTICATED', 'RATE', 'CLOSED']

const errorSchema = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { enum: Object.keys(table), description: 'What is wrong; PROTOCOL.md lists the codes.' },
        message: { type: 'string', description: 'For people.' },
        retry: {
          enum: ['fix', 'later', 'unknown'],
          description:
            'fix: the same call will fail again. later: it may succeed after a pause. unknown: it may have taken effect.',
        },
      },
      required: ['code', 'message', 'retry'],
      additionalProperties: false,
    },
  },
  required: ['error'],
  additionalProperties: false,
}

const conversion: ConversionConfig = {
  target: 'draft-2020-12',
  // Known checks are described; an unknown one throws, which fails a test.
  overrideAction: ({ valibotAction, jsonSchema }) => {
    // A character takes at least one byte.
    if (valibotAction.type === 'max_bytes' && 'requirement' in valibotAction)
      return { ...jsonSchema, maxLength: Number(valibotAction.requirement) }
    const said = documentOf(valibotAction, schemaOf)
    return said && { ...jsonSchema, ...said }
  },
}

function schemaOf(schema: v.GenericSchema): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, conversion)
  return rest
}

const content = (schema: object): object => ({ 'application/json': { schema } })

/** The responses for these codes, by status. */
function refusals(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const status = statusOf(code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `${code}: ${errorTexts[code]}`).join(' '),
        content: content({ $ref: '#/components/schemas/Error' }),
      },
    ]),
  )
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description?: string
  readonly required?: boolean
  readonly schema: object
}

function parametersOf({ path, name, method, input, isRepeatable }: Operation): Parameter[] {
  const parameters: Parameter[] = []
  const inPath = /\{(\w+)\}/.exec(path)?.[1]
  if (inPath !== undefined) {
    const schema = { type: 'string', minLength: 1, maxLength: 255 }
    parameters.push({ name: inPath, in: 'path', description: name ?? '', required: true, schema })
  }
  if (method !== 'POST') {
    for (const [name, entry] of Object.entries(input.entries)) {
      parameters.push({ name, in: 'query', schema: schemaOf(entry) })
    }
  }
  if (isRepeatable) parameters.push(IDEMPOTENCY_KEY)
  return parameters
}

const IDEMPOTENCY_KEY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Within five minutes, the same request with the same key is answered with the first answer.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

function describe(operation: Operation): object {
  const { id, method, summary, description, input, output, errors, isRepeatable } = operation
  const isPost = method === 'POST'
  const codes: ErrorCode[] = [...common, ...errors, ...(isPost ? (['TOO_LARGE'] as const) : [])]
  if (isRepeatable) codes.push('STALE')
  const hasRequired = isPost && (schemaOf(input) as { required?: string[] }).required?.length !== 0
  return {
    operationId: id,
    summary,
    description,
    parameters: parametersOf(operation),
    ...(isPost ? { requestBody: { required: hasRequired, content: content(schemaOf(input)) } } : {}),
    responses: {
      200: { description: 'It was done.', content: content(schemaOf(output)) },
      ...refusals([...new Set(codes)]),
      ...(isPost ? { 415: { ...UNREADABLE, content: content({ $ref: '#/components/schemas/Error' }) } } : {}),
    },
  }
}

const UNREADABLE = { description: 'UNSUPPORTED: The body is not JSON by its content-type, or is compressed.' }

/** The OpenAPI 3.1 document of these operations; `url` is their base. */
export function openApi(operations: readonly Operation[], url: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: describe(operation),
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'RTMS HTTP API',
      version: version(),
      description: 'For business servers. Whoever has a key may do everything: never give one to a client.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: errorSchema },
    },
  }
}
