import { afterEach, expect, it, vi } from 'vitest'
import type { Battle } from '../../../src/demo/battle/rooms.ts'
import { type Figures, home } from '../../../src/demo/home.ts'
import { createTestNode } from '../../../src/testing/index.ts'

afterEach(() => vi.useRealTimers())

it('Whoever opens the first page gets no figures of the time before, when nobody looked', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const node = await createTestNode()
  const failed = vi.fn()
  const part = home(node.rtms, {} as Battle, failed)
  const tell = async (): Promise<void> => {
    vi.advanceTimersByTime(1_000)
    await node.advance(1_000)
  }
  /** How many frames each of the figures tells of that a page has had. */
  const look = async (): Promise<number[]> => {
    const ann = node.client('ann', { topics: { read: ['home.figures'] } })
    const frames: number[] = []
    ann.subscribe<Figures>('home.figures', (figures) => frames.push(figures.frames))
    await node.advance(100)
    await tell()
    ann.close()
    await node.advance(100)
    await tell()
    return frames
  }
  Object.assign(node.rtms.stats, { framesSealed: 10 })
  expect(await look()).toEqual([10])
  Object.assign(node.rtms.stats, { framesSealed: 5_000 })
  expect(await look()).toEqual([5_000])
  expect(failed).not.toHaveBeenCalled()
  part.close()
  await node.close()
})
