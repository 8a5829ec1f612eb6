import { describe, expect, it } from 'vitest'
import type { ApiNode } from '../../../../src/server/api/operation.ts'
import { topicOperations } from '../../../../src/server/api/topics.ts'
import { defaultLimits } from '../../../../src/server/ground/limits.ts'

/** What an operation on these topics answers. */
async function answered(id: string, topics: object, input: object, name = ''): Promise<unknown> {
  const operation = topicOperations(defaultLimits).find((each) => each.id === id)
  return operation?.run({ topics } as unknown as ApiNode, input, name)
}

const none = { subscribers: 0, keys: 0, publications: 0, kept: 0, bytes: 0 }

describe('A page of topics', () => {
  /** The names of a page of so many topics, and what to ask for next. */
  async function page(count: number, input: object): Promise<unknown[]> {
    const all = Array.from({ length: count }, (_, n) => ({ name: `t${n}`, ...none }))
    const asked: unknown[] = []
    const topics = {
      page: (wish: { limit: number }) => {
        asked.push(wish)
        return Promise.resolve(Object.assign(all.slice(0, wish.limit), { missing: [] }))
      },
    }
    const { topics: found, next } = (await answered('listTopics', topics, input)) as {
      topics: unknown[]
      next: string | null
    }
    return [found.length, next, ...asked]
  }

  it('says where the next one begins, and nothing where there is none', async () => {
    const asked = { limit: 3, after: undefined, contains: undefined }
    expect(await page(3, { limit: 2 })).toEqual([2, 't1', asked])
    expect(await page(2, { limit: 2 })).toEqual([2, null, asked])
    expect(await page(1, { limit: 2 })).toEqual([1, null, asked])
    expect(await page(0, { limit: 2 })).toEqual([0, null, asked])
  })

  it('has a hundred of them unless it is asked for another number', async () => {
    expect((await page(101, {})).slice(0, 2)).toEqual([100, 't99'])
    expect(await page(0, { limit: 1, after: 'a', contains: 'c' })).toEqual([
      0,
      null,
      { limit: 2, after: 'a', contains: 'c' },
    ])
  })
})

describe('A topic', () => {
  const entry = { key: 'k', removed: false, time: 7 }
  const topics = {
    get: (name: string) => (name === 'known' ? { name, ...none, keys: 2, bytes: 9 } : undefined),
    history: (_: string, { limit }: { limit: number }) =>
      limit === 0 ? [] : [{ ...entry, data: new Uint8Array([1, 2, 3]) }],
    latest: (_: string, { limit }: { limit: number }) =>
      limit === 0 ? [] : [{ ...entry, data: { price: 1 } }],
  }

  it('is told with nothing of its entries unless they are asked for', async () => {
    expect(await answered('getTopic', topics, {}, 'known')).toEqual({
      ...none,
      keys: 2,
      bytes: 9,
      history: [],
      latest: [],
    })
    expect(await answered('getTopic', topics, { history: 1, latest: 1 }, 'known')).toMatchObject({
      history: [{ ...entry, base64: 'AQID' }],
      latest: [{ ...entry, data: { price: 1 } }],
    })
  })

  it('that nobody has heard of holds nothing', async () => {
    expect(await answered('getTopic', topics, {}, 'unheard-of')).toEqual({ ...none, history: [], latest: [] })
  })

  it('is published to as the call says', async () => {
    const published: unknown[] = []
    const publish = (...args: unknown[]): number => {
      published.push(args)
      return 0.5
    }
    for (const input of [
      { topic: 'a', data: 1 },
      { topic: 'b', base64: 'AQID', key: 'k' },
      { topic: 'c', data: null, key: 'k', tombstone: true },
    ])
      expect(await answered('publish', { publish }, input)).toEqual({ pressure: 0.5 })
    expect(published).toEqual([
      ['a', 1, { key: undefined, tombstone: undefined }],
      ['b', new Uint8Array([1, 2, 3]), { key: 'k', tombstone: undefined }],
      ['c', null, { key: 'k', tombstone: true }],
    ])
  })

  it('ends a batch where the node itself fails', async () => {
    const publish = (): never => {
      throw new TypeError('a fault')
    }
    const items = [() => ({ topic: 'a', data: 1 })]
    await expect(answered('publishBatch', { publish }, { items })).rejects.toThrow('a fault')
  })
})
