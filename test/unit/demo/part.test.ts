import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { inside } from '../../../src/demo/inside/index.ts'
import { every } from '../../../src/demo/part.ts'
import { playground } from '../../../src/demo/playground.ts'
import { wall } from '../../../src/demo/wall/index.ts'
import { RtmsError } from '../../../src/protocol/index.ts'
import type { Rtms } from '../../../src/server/index.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('What is done again and again goes on behind a time that fails, until it is ended', () => {
  const faults: unknown[] = []
  let count = 0
  const action = (): void => {
    if (++count % 2 === 0) throw new Error(`${count}`)
  }
  const stop = every(100, action, (error) => faults.push((error as Error).message))
  vi.advanceTimersByTime(500)
  stop()
  vi.advanceTimersByTime(500)
  expect([count, faults]).toEqual([5, ['2', '4']])
})

const full = (): never => {
  throw new RtmsError('LIMIT')
}

/** A node that is full: whatever is published or pushed is refused. */
function fullNode(): { rtms: Rtms; handlers: Map<string, (request: object) => unknown> } {
  const handlers = new Map<string, (request: object) => unknown>()
  const rtms = {
    topics: {
      publish: full,
      define() {},
      get: () => ({ subscribers: 1 }),
      history: () => [],
      latest: () => [],
    },
    cluster: { nodes: () => [] },
    users: { push: () => Promise.reject(new RtmsError('CLOSED')) },
    meetings: { define() {}, open: () => Promise.reject(new RtmsError('LIMIT')), get: () => ({}) },
    onRequest: (method: string, handler: (request: object) => unknown) => {
      handlers.set(method, handler)
      return () => {}
    },
  }
  return { rtms: rtms as unknown as Rtms, handlers }
}

it('The parts of the demo live on in a node that is full', async () => {
  for (const make of [playground, wall, inside]) {
    const { rtms, handlers } = fullNode()
    const faults: unknown[] = []
    const part = make(rtms, (error) => void faults.push(error))
    await handlers.get('demo.order')?.({ user: 'u1', data: { quantity: 1 } })
    await vi.advanceTimersByTimeAsync(3_000)
    part.close()
    for (const fault of faults) expect(fault).toBeInstanceOf(RtmsError)
    if (make === playground) expect(faults.length).toBeGreaterThan(10)
  }
})
