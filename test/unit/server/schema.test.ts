import * as v from 'valibot'
import { afterEach, describe, expect, it } from 'vitest'
import type { Logger, Schema } from '../../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'

/* Schemas that follow Standard Schema, where business code handles what clients send. */

const nodes: TestNode[] = []
const logged: string[] = []
const note = (details: object, message: string): void => {
  const { err } = details as { readonly err?: Error }
  logged.push(`${message}: ${err?.message ?? ''}`)
}
const logger: Logger = { debug() {}, info() {}, warn: note, error: note }

afterEach(async () => {
  logged.length = 0
  for (const node of nodes.splice(0)) await node.close()
})

async function start(): Promise<TestNode> {
  const node = await createTestNode({ logger })
  nodes.push(node)
  return node
}

const order = v.object({
  symbol: v.string(),
  lots: v.array(v.object({ quantity: v.pipe(v.number(), v.minValue(1)) })),
})

/** A schema as a library of the user's own may have it. */
function schemaOf(validate: (value: unknown) => unknown): Schema {
  return { '~standard': { version: 1, vendor: 'mine', validate: validate as never } }
}

describe('A request with a schema', () => {
  it('gets what the schema makes of the data', async () => {
    const node = await start()
    const text = v.pipe(v.string(), v.trim(), v.toUpperCase())
    node.rtms.onRequest('shout', text, ({ data, user }) => `${user}: ${data}`)
    expect(await node.client('ann').request('shout', '  hello ')).toBe('ann: HELLO')
  })

  it('is answered FORBIDDEN where the data is wrong, saying what and where, and its handler is not called', async () => {
    const node = await start()
    let calls = 0
    node.rtms.onRequest('order', order, () => ++calls)
    const refusal = { code: 'FORBIDDEN', retry: 'fix' }
    const ann = node.client('ann')
    await expect(
      ann.request('order', { symbol: 'A', lots: [{ quantity: 1 }, { quantity: 0 }] }),
    ).rejects.toMatchObject({
      ...refusal,
      message: expect.stringMatching(/^data\.lots\[1\]\.quantity: Invalid value: Expected >=1/) as string,
    })
    await expect(ann.request('order')).rejects.toMatchObject({
      ...refusal,
      message: expect.stringMatching(/^data: Invalid type: Expected Object but received null/) as string,
    })
    expect([calls, logged]).toEqual([0, []])
  })

  it('names what is no identifier in brackets, and no more than three faults', async () => {
    const node = await start()
    const issue = (...path: PropertyKey[]): object => ({
      message: 'wrong',
      path: path.map((key) => ({ key })),
    })
    const issues = [
      issue('a b', 'c'),
      { message: 'odd', path: [0, 'x'] },
      { message: 'bare' },
      issue('d'),
      issue('e'),
    ]
    node.rtms.onRequest(
      'x',
      schemaOf(() => ({ issues })),
      () => 1,
    )
    await expect(node.client('ann').request('x')).rejects.toThrow(
      'data["a b"].c: wrong; data[0].x: odd; data: bare; and 2 more',
    )
  })

  it('may be asynchronous: its handler is called once the data was checked', async () => {
    const node = await start()
    const known = v.pipeAsync(
      v.string(),
      v.checkAsync(async (name) => name === 'ann', 'Nobody of this name'),
    )
    node.rtms.onRequest('find', known, ({ data }) => data.length)
    const client = node.client('ann')
    expect(await client.request('find', 'ann')).toBe(3)
    await expect(client.request('find', 'bob')).rejects.toThrow('data: Nobody of this name')
  })

  it('whose caller gave up while the data was checked is not handled', async () => {
    const node = await start()
    let goOn: ((result: object) => void) | undefined
    let calls = 0
    node.rtms.onRequest(
      'slow',
      schemaOf(() => new Promise((resolve) => (goOn = resolve))),
      () => ++calls,
    )
    const abort = new AbortController()
    const asked = node.client('ann').request('slow', null, { signal: abort.signal })
    await node.advance(0)
    abort.abort(new Error('gave up'))
    await expect(asked).rejects.toThrow('gave up')
    await node.advance(0)
    goOn?.({ value: 1 })
    await node.advance(0)
    expect(calls).toBe(0)
  })

  it('whose schema throws is answered HANDLER_FAILED, and it is logged', async () => {
    const node = await start()
    node.rtms.onRequest(
      'x',
      schemaOf(() => JSON.parse('{')),
      () => 1,
    )
    await expect(node.client('ann').request('x')).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    expect(logged[0]).toMatch(/^a request handler failed/)
  })

  it('is not registered with what is no schema, or without a handler', async () => {
    const { rtms } = await start()
    const register = rtms.onRequest.bind(rtms) as (...given: unknown[]) => void
    for (const none of [undefined, null, {}, { '~standard': {} }, 'string', () => true])
      expect(() => register('x', none, () => 1)).toThrow(/^onRequest needs a schema/)
    expect(() => register('x', order)).toThrow(TypeError)
    expect(() => register('x', order, undefined)).toThrow(TypeError)
  })

  it('is removed like any other', async () => {
    const node = await start()
    const off = node.rtms.onRequest('x', v.number(), () => 1)
    off()
    node.rtms.onRequest('x', v.string(), () => 2)
    expect(await node.client('ann').request('x', 'text')).toBe(2)
  })
})

describe('A kind of meeting with a schema of its inputs', () => {
  it('frames what the schema makes of them, and drops others with FORBIDDEN', async () => {
    const node = await start()
    const seen: unknown[] = []
    node.rtms.meetings.define('quiz', {
      frameRate: 0,
      input: v.object({ answer: v.pipe(v.number(), v.integer()) }),
      onInput: ({ data }) => void seen.push(data.answer),
    })
    await node.rtms.meetings.open('q', { kind: 'quiz' })
    const meeting = await node.client('ann').join('q')
    const framed: unknown[] = []
    meeting.onFrame(({ inputs }) => framed.push(...inputs.map(({ data }) => data)))
    await meeting.send({ answer: 3, more: 'than that' })
    await expect(meeting.send({ answer: 'b' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(meeting.send('b')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await node.advance(0)
    expect([seen, framed, logged]).toEqual([[3], [{ answer: 3 }], []])
  })

  it('needs no hook besides, and onInput has the last word', async () => {
    const node = await start()
    node.rtms.meetings.define('plain', { frameRate: 0, input: v.number() })
    node.rtms.meetings.define('other', { frameRate: 0, input: v.number(), onInput: ({ data }) => data + 1 })
    for (const [kind, expected] of [
      ['plain', 1],
      ['other', 2],
    ] as const) {
      await node.rtms.meetings.open(kind, { kind })
      const meeting = await node.client('ann').join(kind)
      const framed: unknown[] = []
      meeting.onFrame(({ inputs }) => framed.push(...inputs.map(({ data }) => data)))
      await meeting.send(1)
      await node.advance(0)
      expect(framed).toEqual([expected])
    }
  })

  it('drops inputs with HANDLER_FAILED where its schema is asynchronous, and the log says why', async () => {
    const node = await start()
    node.rtms.meetings.define('quiz', {
      frameRate: 0,
      input: v.pipeAsync(
        v.number(),
        v.checkAsync(async () => true),
      ),
    })
    await node.rtms.meetings.open('q', { kind: 'quiz' })
    const meeting = await node.client('ann').join('q')
    await expect(meeting.send(1)).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    expect(logged).toEqual([
      'a hook of a meeting failed: the schema is asynchronous, and only those of requests may be',
    ])
  })

  it('is not defined with what is no schema', async () => {
    const { rtms } = await start()
    const input = { type: 'object' } as never
    expect(() => rtms.meetings.define('quiz', { input })).toThrow(
      /input: expected a schema that follows Standard/,
    )
  })
})
