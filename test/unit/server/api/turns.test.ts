import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { Api } from '../../../../src/server/api/api.ts'
import type { ApiNode } from '../../../../src/server/api/operation.ts'
import { defaultLimits } from '../../../../src/server/ground/limits.ts'
import { Loop } from '../virtual-loop.ts'

it('Calls have a few milliseconds of each turn of the event loop, keys in turns', async () => {
  const loop = new Loop()
  const log: string[] = []
  const sessions = (user: string): Promise<object> => {
    loop.time += 3
    log.push(user)
    return Promise.resolve({ user })
  }
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_: object, text: string) => void log.push(text),
  }
  const keys = ['one-key-of-the-api-long-enough', 'another-key-of-the-api-long-too']
  const settings = { api: { keys }, admin: false, limits: defaultLimits, path: '/rtms', logger } as const
  const api = new Api(settings, { users: { sessions } } as unknown as ApiNode, loop)
  const bodies: string[] = []
  const ask = (name: string, key: number): Promise<void> => {
    const headers = { authorization: `Bearer ${keys[key]}` }
    const request = { method: 'GET', url: `/rtms/v1/users/${name}`, headers, errored: null }
    const response = { setHeader() {}, writeHead() {}, end: (body: string) => void bodies.push(body) }
    return api.answer(request as unknown as IncomingMessage, response as unknown as ServerResponse)
  }
  const all = Promise.all([...Array.from({ length: 6 }, (_, n) => ask(`a${n}`, 0)), ask('b', 1)])
  const turns: string[][] = []
  for (let turn = 0; turn < 40; turn++) {
    if (log.length > 0) turns.push(log.splice(0))
    await loop.next()
  }
  await all
  expect(turns.map((done) => done.length)).toEqual([2, 2, 2, 1])
  // Whoever has the other key is answered while the first one's calls still wait.
  expect(turns.slice(0, 2).flat()).toContain('b')
  expect(bodies.slice(0, 4)).toContain('{"user":"b"}')
  expect(bodies).toHaveLength(7)
})
