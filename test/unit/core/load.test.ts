import { expect, it } from 'vitest'
import { Stats } from '../../../src/core/ground/stats.ts'
import { loadOf } from '../../../src/core/load.ts'

it('A node tells the others how much there is on it, and what it has said and heard', () => {
  const stats = new Stats()
  stats.hearOnBus('topics', 5)
  stats.hearOnBus('links', 6)
  stats.sendOnBus('frames', 7)
  const node = { connections: 1, sessions: 2, meetingCount: 3, topics: 4, stats }
  const told = { connections: 1, sessions: 2, meetings: 3, topics: 4, busBytesIn: 11, busBytesOut: 7 }
  expect(loadOf({ ...node, peering: { mesh: { size: { replicas: 8 } } } as never })).toEqual({
    ...told,
    replicas: 8,
  })
  expect(loadOf({ ...node, peering: null })).toEqual({ ...told, replicas: 0 })
})
