import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Rtms } from '../../../src/server/index.ts'
import { join, Peer, stopAll, subscribe, tokenOf } from '../server/peer.ts'
import {
  type Answer,
  type Call,
  caller,
  type Described,
  type Document,
  faults,
  operationsIn,
  startApi,
} from './support.ts'

/*
 * Holds the OpenAPI document to the code: every operation that it has is called for real, with a body that it allows,
 * and what comes back is what it says.
 */

let rtms: Rtms
let call: Call
let document: Document
let operations: Map<string, Described>

beforeEach(async () => {
  rtms = await startApi({ nodeId: 'n', faults: true })
  call = caller(rtms)
  document = (await call('GET', '/openapi.json')).body as Document
  operations = operationsIn(document)
})
afterEach(async () => {
  await stopAll()
  vi.restoreAllMocks()
})

function schemaOf(operation: string, status: number): object {
  const response = operations.get(operation)?.responses[status]
  if (response === undefined) throw new Error(`${operation} does not say that it answers ${status}`)
  return response.content['application/json'].schema
}

/** Calls an operation and holds the answer to the document; the body too, where it is meant to be right. */
async function checked(operation: string, path: string, body?: unknown): Promise<Answer> {
  const [method = ''] = operation.split(' ')
  const answer = await call(method, path, body)
  expect(faults(document, schemaOf(operation, answer.status), answer.body)).toBe('')
  const asked = operations.get(operation)?.requestBody?.content['application/json'].schema
  if (answer.status === 200 && body !== undefined && asked !== undefined)
    expect(faults(document, asked, body)).toBe('')
  return answer
}

/** Everything that can be done, and once wrongly: the status expected besides 200. */
const calls: readonly [operation: string, path: string, body?: unknown, status?: number][] = [
  ['POST /publish', '/publish', { topic: 'stock.1', data: { price: 1 }, key: 'a' }],
  ['POST /publish', '/publish', { topic: 'stock.1', base64: 'AQID' }],
  ['POST /publish', '/publish', { topic: 'stock.1', key: 'a', tombstone: true }],
  ['POST /publish', '/publish', { topic: 'a b', data: 1 }, 400],
  ['POST /publish', '/publish', { topic: 'big', data: 'x'.repeat(40_000) }, 413],
  [
    'POST /publish/batch',
    '/publish/batch',
    {
      items: [
        { topic: 'a', data: 1 },
        { topic: 'a b', data: 1 },
        { topic: 'c', key: 'k', tombstone: true, data: null },
        { topic: 'c', key: 'k', tombstone: true },
      ],
    },
  ],
  ['POST /publish/batch', '/publish/batch', { items: [] }, 400],
  ['POST /meetings', '/meetings', { name: 'duel', metadata: [1] }, 400],
  ['POST /meetings', '/meetings', { name: 'duel', capacity: { toString: 1 } }, 400],
  ['GET /topics/{topic}', '/topics/stock.1?history=10&latest=10'],
  ['GET /topics/{topic}', '/topics/stock.1?history=x', undefined, 400],
  ['GET /topics', '/topics?limit=1&contains=Stock'],
  ['GET /topics', '/topics?limit=0', undefined, 400],
  ['POST /push', '/push', { user: 'u1', name: 'order.filled', data: { id: 1 } }],
  ['POST /push', '/push', { user: '', name: 'order.filled', data: 1 }, 400],
  ['GET /users/{user}', '/users/u1'],
  ['GET /users/{user}', '/users/%00', undefined, 400],
  [
    'POST /tickets',
    '/tickets',
    { user: 'u2', meetings: ['m', { name: 'w', role: 'spectator' }], topics: { read: ['*'] } },
  ],
  ['POST /tickets', '/tickets', { user: 'u2', expiresIn: 1e12 }, 400],
  ['POST /tickets', '/tickets', { user: 'u2', host: 'a/b' }, 400],
  ['POST /meetings', '/meetings', { name: 'duel', frameRate: 20, capacity: 2, metadata: { level: 3 } }],
  ['POST /meetings', '/meetings', { name: 'duel', frameRate: 61 }, 400],
  ['POST /meetings', '/meetings', { name: 'other', kind: 'unheard-of' }, 501],
  ['GET /meetings', '/meetings?limit=1'],
  ['GET /meetings', '/meetings?limit=0', undefined, 400],
  ['GET /meetings/{name}', '/meetings/m'],
  ['GET /meetings/{name}', '/meetings/unheard-of', undefined, 404],
  ['GET /meetings/{name}/nodes', '/meetings/m/nodes'],
  ['GET /meetings/{name}/nodes', '/meetings/unheard-of/nodes', undefined, 404],
  ['POST /meetings/{name}/send', '/meetings/m/send', { slot: 0, data: 'hello' }],
  ['POST /meetings/{name}/send', '/meetings/unheard-of/send', { slot: 0, data: 'hello' }, 404],
  ['POST /meetings/{name}/kick', '/meetings/m/kick', { slot: 0, reason: 'for the test' }],
  ['POST /meetings/{name}/kick', '/meetings/m/kick', { slot: 255 }, 400],
  ['DELETE /meetings/{name}', '/meetings/m'],
  ['DELETE /meetings/{name}', '/meetings/a%20b', undefined, 400],
  ['POST /users/{user}/disconnect', '/users/u1/disconnect'],
  ['POST /users/{user}/disconnect', '/users/u1/disconnect', { final: true, reason: 'for the test' }],
  ['POST /users/{user}/disconnect', '/users/u1/disconnect', { final: 1 }, 400],
  ['POST /revocations', '/revocations', { user: 'u1' }],
  ['POST /revocations', '/revocations', { id: 'abc' }],
  ['POST /revocations', '/revocations', { user: 'u1', id: 'abc' }, 400],
  ['GET /sessions', '/sessions'],
  ['GET /sessions', '/sessions?user=u1&limit=1'],
  ['GET /sessions', '/sessions?limit=0', undefined, 400],
  ['GET /cluster', '/cluster?host=game.example'],
  ['GET /cluster', '/cluster?host=a%2Fb', undefined, 400],
  ['GET /nodes/{node}/drain', '/nodes/n/drain'],
  ['GET /nodes/{node}/drain', '/nodes/nowhere/drain', undefined, 404],
  ['POST /nodes/{node}/drain', '/nodes/nowhere/drain', {}, 404],
  ['POST /nodes/{node}/drain', '/nodes/n/drain', { timeoutMs: 0 }, 400],
  ['POST /nodes/{node}/cut', '/nodes/nowhere/cut', {}, 404],
  ['POST /nodes/{node}/cut', '/nodes/n/cut', { ms: 0 }, 400],
  ['POST /nodes/{node}/cut', '/nodes/n/cut', { ms: 1 }],
  ['POST /nodes/{node}/kill', '/nodes/nowhere/kill', {}, 404],
  ['GET /successions', '/successions'],
  ['GET /successions', '/successions?withinMs=0', undefined, 400],
  ['GET /metrics', '/metrics'],
  ['GET /metrics/past', '/metrics/past'],
  ['GET /info', '/info'],
  ['GET /info', '/info?verbose=1', undefined, 400],
  // Last, since it closes what the others need.
  ['POST /nodes/{node}/drain', '/nodes/n/drain', { timeoutMs: 5_000 }],
  ['GET /nodes/{node}/drain', '/nodes/n/drain'],
  ['POST /nodes/{node}/kill', '/nodes/n/kill', {}],
]

describe('The OpenAPI document', () => {
  it('says what every operation answers, right and wrong', async () => {
    await rtms.meetings.open('m')
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1'))
    peer.send(join(1, 'm'), subscribe(2, 'stock.1'))
    await peer.next('joined')
    await peer.next('subscribed')
    vi.spyOn(process, 'kill').mockReturnValue(true)
    const succeeded = new Set<string>()
    for (const [operation, path, body, status = 200] of calls) {
      const answer = await checked(operation, path, body)
      expect([operation, path, answer.status, answer.body]).toEqual([operation, path, status, answer.body])
      if (status === 200) succeeded.add(operation)
    }
    expect([...succeeded].sort()).toEqual([...operations.keys()].sort())
  })

  it('says of each operation what it answers without a key, too often, and when the node has stopped', async () => {
    for (const [operation] of operations) {
      const [method = '', path = ''] = operation.split(' ')
      const at = path.replace(/\{\w+\}/, 'x')
      const answer = await call(method, at, undefined, { authorization: '' })
      expect(answer.status).toBe(401)
      expect(faults(document, schemaOf(operation, 401), answer.body)).toBe('')
      for (const status of [429, 503]) expect(schemaOf(operation, status)).toBeDefined()
    }
  })

  it('names where the API is, and what a name in a path is', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/rtms/v1' }] })
    for (const [operation, { parameters, operationId }] of operations) {
      const named = [...operation.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const described = parameters.filter((parameter) => parameter.in === 'path')
      expect(described.map(({ name }) => name)).toEqual(named)
      expect(operationId).toMatch(/^[a-z]+[A-Za-z]*$/)
    }
    const ids = [...operations.values()].map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('refuses what the code refuses: a body with a field too many, or with two payloads', async () => {
    for (const body of [
      { topic: 'a', data: 1, extra: 1 },
      { topic: 'a', data: 1, base64: '' },
      { topic: 'a' },
      { topic: 'a', base64: '?' },
      { topic: 'a', key: 'k', tombstone: false },
      { topic: 'a', key: 'k', tombstone: true, data: 1, base64: '' },
      { data: 1 },
      [],
      null,
    ]) {
      expect((await checked('POST /publish', '/publish', body)).status).toBe(400)
      const schema = operations.get('POST /publish')?.requestBody?.content['application/json'].schema
      expect(faults(document, schema as object, body)).not.toBe('')
    }
  })
})
