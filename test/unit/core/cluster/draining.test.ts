import { describe, expect, it } from 'vitest'
import { type Harness, text } from '../harness.ts'
import { settled } from './world.ts'

describe('A connection of a node that drains', () => {
  it('is closed once its request is answered, the answer first, though the step comes before the flush', () => {
    const [a] = settled(2).nodes as [Harness, Harness]
    const peer = a.connect('ann')
    peer.send({ type: 'request', call: 1, method: 'slow', timeout: 0, data: text('x') })
    a.settle()
    const [request] = a.application.requests
    if (request === undefined) throw new Error('not asked')
    a.node.drain(a.now, a.now + 10_000)
    a.advance(1_000)
    expect(peer.closed).toBeNull()
    // The answer and the next step come in one sweep, as on a busy node.
    a.stall(a.limits.drainBeatMs ?? 100)
    a.node.handleReply(request, { ok: true, value: text('yes') }, a.now)
    a.advance(1_000)
    expect(peer.take().map(({ type }) => type)).toEqual(['reply', 'move'])
    expect(peer.closed).toBeNull()
    // It does not move.
    a.advance(3_000)
    expect(peer.take().map(({ type }) => type)).toEqual(['move', 'goodbye'])
    expect(peer.closed).toBe(4454)
  })
})
