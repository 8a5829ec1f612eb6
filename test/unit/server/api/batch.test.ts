import { expect, it } from 'vitest'
import type { ApiNode } from '../../../../src/server/api/operation.ts'
import { topicOperations } from '../../../../src/server/api/topics.ts'
import { defaultLimits } from '../../../../src/server/ground/limits.ts'
import { RtmsError } from '../../../../src/protocol/index.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('A batch is published in order, a little in each turn, and what is refused holds up nothing', async () => {
  let now = 0
  const published: string[] = []
  const publish = (topic: string): number => {
    now += 1
    if (topic === 't5') throw new RtmsError('LIMIT')
    published.push(topic)
    return 0
  }
  const batch = topicOperations(defaultLimits, () => now).find(({ id }) => id === 'publishBatch')
  const items = Array.from({ length: 20 }, (_, n) => () => ({ topic: `t${n}`, data: n }))
  const answer = batch?.run({ topics: { publish } } as unknown as ApiNode, { items }, '')
  expect(published).toEqual(['t0'])
  await turn()
  expect(published).toEqual(['t0', 't1', 't2', 't3', 't4'])
  const { results } = (await answer) as { results: unknown[] }
  expect(published).toEqual(items.map((item) => item().topic).filter((topic) => topic !== 't5'))
  expect(results).toEqual(
    items.map((_, n) =>
      n === 5
        ? expect.objectContaining({ index: 5, error: expect.objectContaining({ code: 'LIMIT' }) })
        : { pressure: 0 },
    ),
  )
})
