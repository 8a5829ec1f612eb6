import { afterEach, expect, it, vi } from 'vitest'
import { serverLimits } from '../../../src/server/ground/limits.ts'
import { History } from '../../../src/server/history.ts'

afterEach(() => vi.useRealTimers())

it('A sample of the metrics that cannot be taken is missing, and the next ones are taken', async () => {
  vi.useFakeTimers()
  let fails = true
  const history = new History(() =>
    fails ? Promise.reject(new Error('a gauge that throws')) : Promise.resolve([]),
  )
  await vi.advanceTimersByTimeAsync(serverLimits.pastEveryMs)
  expect(history.read().agoMs).toEqual([])
  fails = false
  await vi.advanceTimersByTimeAsync(serverLimits.pastEveryMs)
  expect(history.read().agoMs).toHaveLength(1)
  history.close()
})
