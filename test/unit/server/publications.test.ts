import * as v from 'valibot'
import { afterEach, describe, expect, it } from 'vitest'
import { type Logger, RtmsError } from '../../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'

/* What the business has to do with the publications of its clients. */

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

/** A node, and what a reader of `chat.1` gets. */
async function start(): Promise<{ node: TestNode; read: unknown[] }> {
  const node = await createTestNode({ logger })
  nodes.push(node)
  const read: unknown[] = []
  node.client('bob').subscribe('chat.1', (data) => read.push(data))
  await node.advance(0)
  return { node, read }
}

describe('A removal of a key', () => {
  it('needs no data, whoever publishes it', async () => {
    const { node } = await start()
    const heard: unknown[] = []
    node.client('eve').subscribe('prices', (data, { key, removed }) => heard.push([key, removed, data]))
    await node.advance(0)
    const { topics } = node.rtms
    topics.publish('prices', undefined, { key: 'a', tombstone: true })
    await node.client('ann').publish('prices', undefined, { key: 'b', remove: true })
    await node.advance(0)
    expect(heard).toEqual([
      ['a', true, null],
      ['b', true, null],
    ])
    expect(() => topics.publish('prices', undefined, { key: 'a' })).toThrow('undefined cannot be sent')
  })
})

describe('onPublish', () => {
  it('sees who publishes what, and may put that into the data', async () => {
    const { node, read } = await start()
    node.rtms.topics.onPublish('chat.*', ({ user, topic, data }) => ({ user, topic, text: data }))
    await node.client('ann').publish('chat.1', 'hello')
    await node.advance(0)
    expect(read).toEqual([{ user: 'ann', topic: 'chat.1', text: 'hello' }])
  })

  it('passes on with true or nothing, and drops with false or null: FORBIDDEN', async () => {
    const { node, read } = await start()
    const answers = [true, undefined, false, null]
    node.rtms.topics.onPublish('chat.*', ({ data }) => answers[data as number])
    const ann = node.client('ann')
    await ann.publish('chat.1', 0)
    await ann.publish('chat.1', 1)
    for (const dropped of [2, 3])
      await expect(ann.publish('chat.1', dropped)).rejects.toMatchObject({
        code: 'FORBIDDEN',
        message: 'The business does not take this publication.',
      })
    await node.advance(0)
    expect(read).toEqual([0, 1])
  })

  it('refuses with what it throws: an RtmsError as it is, anything else as HANDLER_FAILED, which is logged', async () => {
    const { node, read } = await start()
    node.rtms.topics.onPublish('chat.*', ({ data }) => {
      if (data === 'rude') throw new RtmsError('LIMIT', 'One rude word a day.')
      if (data === 'slow') return Promise.resolve(true) as never
      throw new Error('a slip')
    })
    const ann = node.client('ann')
    const refusal = { code: 'LIMIT', message: 'One rude word a day.' }
    await expect(ann.publish('chat.1', 'rude')).rejects.toMatchObject(refusal)
    await expect(ann.publish('chat.1', 'x')).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    await expect(ann.publish('chat.1', 'slow')).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    await expect(ann.publish('chat.1', 'y'.repeat(10))).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
    await node.advance(0)
    expect(read).toEqual([])
    expect(logged[0]).toBe('a handler of onPublish failed: a slip')
    expect(logged[1]).toMatch(/^a handler of onPublish failed: the hook returned a promise/)
  })

  it('is for the topics of its pattern alone, and the first that matches applies', async () => {
    const { node, read } = await start()
    node.rtms.topics.onPublish('chat.1', ({ data }) => `one ${String(data)}`)
    const off = node.rtms.topics.onPublish('chat.*', ({ data }) => `all ${String(data)}`)
    node.rtms.topics.onPublish('news', () => false)
    const ann = node.client('ann')
    ann.subscribe('chat.2', (data) => read.push(data))
    await ann.publish('chat.1', 'a')
    await ann.publish('chat.2', 'b')
    await ann.publish('free', 'c')
    await expect(ann.publish('news', 'd')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    off()
    off()
    await ann.publish('chat.2', 'e')
    await node.advance(0)
    expect(read).toEqual(['one a', 'all b', 'e'])
  })

  it('is not asked about what the business publishes', async () => {
    const { node, read } = await start()
    node.rtms.topics.onPublish('*', () => false)
    node.rtms.topics.publish('chat.1', 'an announcement')
    await node.advance(0)
    expect(read).toEqual(['an announcement'])
  })

  it('checks the data with a schema, which needs no handler', async () => {
    const { node, read } = await start()
    const message = v.object({ text: v.pipe(v.string(), v.trim(), v.nonEmpty('Say something')) })
    node.rtms.topics.onPublish('chat.*', message)
    const ann = node.client('ann')
    await ann.publish('chat.1', { text: ' hi ', admin: true })
    await expect(ann.publish('chat.1', { text: ' ' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'data.text: Say something',
    })
    await node.advance(0)
    expect(read).toEqual([{ text: 'hi' }])
  })

  it('publishes what the schema makes of it, be it true, false or null', async () => {
    const { node, read } = await start()
    node.rtms.topics.onPublish('chat.*', v.nullable(v.boolean()), () => {})
    for (const data of [true, false, null]) await node.client('ann').publish('chat.1', data)
    await node.advance(0)
    expect(read).toEqual([true, false, null])
  })

  it('passes no data on with the removal of a key where there is a schema', async () => {
    const { node } = await start()
    const removals: unknown[] = []
    node.rtms.topics.onPublish(
      'chat.*',
      v.string(),
      ({ data, removed }) => void removals.push([data, removed]),
    )
    node.rtms.topics.subscribe('chat.1', (data, { removed }) => void removals.push([data, removed]))
    const ann = node.client('ann')
    await ann.publish('chat.1', { secret: 1 }, { key: 'k', remove: true })
    await node.advance(0)
    expect(removals).toEqual([
      [null, true],
      [null, true],
    ])
  })

  it('is registered once for a pattern, with a function, a schema or both', async () => {
    const { node } = await start()
    const { topics } = node.rtms
    const register = topics.onPublish.bind(topics) as (...given: unknown[]) => void
    topics.onPublish('chat.*', () => true)
    expect(() => register('chat.*', () => true)).toThrow('chat.* has a handler already')
    for (const bad of ['a..b', '', 7, 'a.*.b'])
      expect(() => register(bad, () => true)).toThrow(/cannot be a pattern of topics: /)
    for (const none of [undefined, null, {}, 'x']) expect(() => register('x', none)).toThrow(TypeError)
    expect(() => register('x', v.string(), undefined)).toThrow(TypeError)
    expect(() => register('x', undefined, () => true)).toThrow(/needs a schema/)
  })
})

describe('A business that subscribes to a topic', () => {
  it('hears what anybody publishes, with its key and time', async () => {
    const { node } = await start()
    const heard: unknown[] = []
    node.rtms.topics.publish('chat.1', 'before')
    const off = node.rtms.topics.subscribe('chat.1', (data, publication) => heard.push([data, publication]))
    await node.client('ann').publish('chat.1', { n: 1 }, { key: 'k' })
    node.rtms.topics.publish('chat.1', 2)
    await node.advance(0)
    const publication = { topic: 'chat.1', key: '', removed: false, time: expect.any(Number) as number }
    expect(heard).toEqual([
      [{ n: 1 }, { ...publication, key: 'k' }],
      [2, publication],
    ])
    off()
    off()
    node.rtms.topics.publish('chat.1', 3)
    await node.advance(0)
    expect(heard).toHaveLength(2)
  })

  it('may publish to the same topic, and remove itself, while it hears', async () => {
    const { node, read } = await start()
    const off = node.rtms.topics.subscribe('chat.1', (data) => {
      off()
      node.rtms.topics.publish('chat.1', `answer to ${String(data)}`)
    })
    node.rtms.topics.publish('chat.1', 'ask')
    await node.advance(0)
    expect(read).toEqual(['ask', 'answer to ask'])
  })

  it('hears on where a hook takes its listener away and adds another', async () => {
    const { node } = await start()
    const heard: unknown[] = []
    const listen = (): (() => void) => node.rtms.topics.subscribe('chat.1', (data) => heard.push(data))
    let off = listen()
    node.rtms.topics.onPublish('again', () => {
      off()
      off = listen()
    })
    await node.client('ann').publish('again', 1)
    node.rtms.topics.publish('chat.1', 2)
    await node.advance(0)
    expect(heard).toEqual([2])
    off()
    node.rtms.topics.publish('chat.1', 3)
    await node.advance(0)
    expect(heard).toEqual([2])
  })

  it('gives each listener data of its own, and goes on where one throws or rejects', async () => {
    const { node } = await start()
    const heard: unknown[] = []
    node.rtms.topics.subscribe('chat.1', () => {
      throw new Error('a slip')
    })
    node.rtms.topics.subscribe('chat.1', () => Promise.reject(new Error('a late slip')))
    for (let n = 0; n < 2; n++)
      node.rtms.topics.subscribe('chat.1', (data) => {
        heard.push(JSON.stringify(data))
        ;(data as { n: number }).n = 7
      })
    node.rtms.topics.publish('chat.1', { n: 1 })
    await node.advance(0)
    expect(heard).toEqual(['{"n":1}', '{"n":1}'])
    expect(logged).toEqual([
      'a listener of a topic failed: a slip',
      'a listener of a topic failed: a late slip',
    ])
  })

  it('says what a bad name or listener is', async () => {
    const { node } = await start()
    const subscribe = node.rtms.topics.subscribe.bind(node.rtms.topics) as (...given: unknown[]) => void
    expect(() => subscribe('chat.*', () => {})).toThrow(
      expect.objectContaining({ code: 'BAD_TOPIC' }) as Error,
    )
    expect(() => subscribe('chat.1', undefined)).toThrow(TypeError)
    expect(() => subscribe('chat.1', () => {}, { onGap: 1 })).toThrow(TypeError)
  })
})
