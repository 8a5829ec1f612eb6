import { describe, expect, it } from 'vitest'
import { Buckets } from '../../../src/core/index.ts'
import { bytes, Harness } from './harness.ts'

describe('Buckets', () => {
  it('count a value at the first bound it does not exceed', () => {
    const buckets = new Buckets([1, 5])
    for (const value of [0, 1, 1.5, 5, 6, 1_000]) buckets.add(value)
    expect([buckets.counts, buckets.sum]).toEqual([[2, 2, 2], 1_013.5])
  })
})

describe('The counters of a node', () => {
  it('tell how late frames were sealed', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 10 }, h.now)
    const peer = h.connect('ann')
    h.seat(peer, 'm')
    h.advance(1_000)
    const { sealing, framesSealed } = h.node.stats
    expect(sealing.counts[0]).toBe(framesSealed)
    h.stall(150)
    h.settle()
    expect(sealing.counts.reduce((sum, count) => sum + count)).toBe(h.node.stats.framesSealed)
    expect(sealing.counts[0]).toBeLessThan(h.node.stats.framesSealed)
  })

  it('tell messages written, and sweeps that were not done within their budget', () => {
    const h = new Harness({ sweepMessages: 2, sweepBytes: 100 })
    const peers = [h.connect('ann'), h.connect('bob')] as const
    const { messagesOut } = h.node.stats
    for (let n = 0; n < 3; n++) peers[0].request('r')
    h.settle()
    expect(h.node.stats.sweepsCutUp).toBe(1)
    for (const user of ['ann', 'bob']) h.node.push(user, 'p', bytes(200))
    h.settle()
    expect([h.node.stats.sweepsCutDown, h.node.stats.messagesOut - messagesOut]).toEqual([1, 2])
  })
})
