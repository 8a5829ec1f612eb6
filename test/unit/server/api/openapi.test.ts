import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { openApi } from '../../../../src/server/api/openapi.ts'
import { type Operation, operation } from '../../../../src/server/api/operation.ts'
import { integer, oneOf, payloadFields, text } from '../../../../src/server/api/schemas.ts'

interface Described {
  readonly parameters: {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    schema: object
  }[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: { readonly 'application/json': { readonly schema: object } }
  }
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}

const facts = { id: 'x', summary: 's', description: 'd', output: v.strictObject({}), run: () => ({}) }

function documented(
  ...operations: Operation[]
): Readonly<Record<string, Readonly<Record<string, Described>>>> {
  return (openApi(operations, '/rtms/v1') as { paths: Record<string, Record<string, Described>> }).paths
}

const list = operation({
  ...facts,
  at: 'GET /things/{thing}',
  name: 'Its name.',
  input: v.strictObject({ limit: v.optional(integer(1, 9, 'So many.')), after: text('Behind it.') }),
})
const make = operation({
  ...facts,
  at: 'POST /things/{thing}',
  input: v.strictObject({ title: v.pipe(v.string(), v.maxBytes(7)) }),
  errors: ['NOT_FOUND', 'BAD_NAME', 'PROTOCOL'],
  isRepeatable: true,
})
const remove = operation({ ...facts, at: 'DELETE /things', input: v.strictObject({}) })

const named = ({ parameters }: Described): string[] => parameters.map((each) => `${each.in} ${each.name}`)

describe('The document of the API', () => {
  it('has the operations of a path beside one another, each with its parameters', () => {
    const { '/things/{thing}': things, '/things': all } = documented(list, make, remove)
    const { get, post } = things as Record<string, Described>
    expect(named(get as Described)).toEqual(['path thing', 'query limit', 'query after'])
    expect(named(post as Described)).toEqual(['path thing', 'header Idempotency-Key'])
    expect(named(all?.['delete'] as Described)).toEqual([])
    expect(get?.parameters[0]).toEqual({
      name: 'thing',
      in: 'path',
      description: 'Its name.',
      required: true,
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    })
    expect(get?.parameters[1]?.schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 9 })
    expect(Object.keys(things ?? {})).toEqual(['get', 'post'])
  })

  it('has a body for what is posted alone, which is required where one of its fields is', () => {
    const optional = operation({
      ...facts,
      at: 'POST /optional',
      input: v.strictObject({ a: v.optional(v.string()) }),
    })
    const paths = documented(list, make, remove, optional)
    expect(paths['/things/{thing}']?.['get']).not.toHaveProperty('requestBody')
    expect(paths['/things']?.['delete']).not.toHaveProperty('requestBody')
    expect(paths['/things/{thing}']?.['post']?.requestBody?.required).toBe(true)
    expect(paths['/optional']?.['post']?.requestBody?.required).toBe(false)
    // A character takes at least one byte.
    expect(paths['/things/{thing}']?.['post']?.requestBody?.content['application/json'].schema).toMatchObject(
      {
        properties: { title: { type: 'string', maxLength: 7 } },
      },
    )
  })

  it('says of a body that has one of several fields which they are', () => {
    const input = v.pipe(v.strictObject({ ...payloadFields }), oneOf('data', 'base64'))
    const at = operation({ ...facts, at: 'POST /one', input })
    expect(documented(at)['/one']?.['post']?.requestBody?.content['application/json'].schema).toMatchObject({
      oneOf: [{ required: ['data'] }, { required: ['base64'] }],
    })
  })

  it('tells the codes that a call may be answered with by their status, each once', () => {
    const { '/things/{thing}': things, '/things': all } = documented(list, make, remove)
    const statuses = (each: Described | undefined): string[] => Object.keys(each?.responses ?? {})
    expect(statuses(all?.['delete'])).toEqual(['200', '400', '401', '429', '503'])
    expect(statuses(things?.['get'])).toEqual(['200', '400', '401', '429', '503'])
    expect(statuses(things?.['post'])).toEqual([
      '200',
      '400',
      '401',
      '404',
      '409',
      '413',
      '415',
      '429',
      '503',
    ])
    const told = (status: number): string => things?.['post']?.responses[status]?.description ?? ''
    expect(told(400)).toMatch(/^PROTOCOL: .+ BAD_NAME: /)
    expect(told(400).match(/PROTOCOL: /g)).toHaveLength(1)
    expect([told(409), told(413)]).toEqual([
      expect.stringMatching(/^STALE: /),
      expect.stringMatching(/^TOO_LARGE: /),
    ])
    // Sent again, it would do nothing twice.
    const once = operation({ ...facts, at: 'POST /once', input: v.strictObject({}) })
    expect(statuses(documented(once)['/once']?.['post'])).not.toContain('409')
  })
})
