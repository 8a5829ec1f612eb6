import { describe, expect, it } from 'vitest'
import { Buckets } from '../../../src/core/index.ts'
import { type MessageType, RtmsError, type ServerMessage } from '../../../src/protocol/index.ts'
import { bytes, grant, Harness, text, wish } from './harness.ts'

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

  it('tell what readers did not get, by the reason their GAPs gave', () => {
    const h = new Harness({ meetingLogBytes: 200, topicKeys: 2 })
    h.node.defineTopics('*', { entries: 2, bytes: 10_000, ageMs: 60_000 })
    const gaps: { readonly from: number; readonly to: number; readonly reason: string }[] = []
    const take = (messages: readonly ServerMessage[]): void => {
      for (const message of messages) if (message.type === 'gap') gaps.push(message)
    }
    const peer = h.connect('ann')
    h.listen(peer, 't')
    peer.transport.accepts = false
    for (let n = 0; n < 7; n++) {
      h.publish('t', `${n}`)
      h.settle()
    }
    peer.drain()
    h.settle()
    take(peer.take())
    // A key that was removed and forgotten before a conflating reader has heard of it.
    const reader = h.connect('bob')
    h.publish('k', '1', 'a')
    h.listen(reader, 'k', { conflate: true })
    reader.transport.accepts = false
    h.publish('k', '2', 'a')
    h.settle()
    h.publish('k', '', 'a', true)
    for (const key of ['b', 'c']) h.publish('k', '3', key)
    h.settle()
    reader.drain()
    h.settle()
    take(reader.take())
    // Frames that are gone when somebody joins late.
    h.node.openMeeting('m', {}, h.now)
    h.seat(peer, 'm')
    h.advance(2_000)
    reader.join('m')
    h.settle()
    take(reader.take())
    const { gaps: counted, entriesSkipped } = h.node.stats
    const [slow, retention, early] = gaps
    expect(gaps.map(({ reason }) => reason)).toEqual(['SLOW', 'RETENTION', 'NO_SNAPSHOT'])
    expect(Object.fromEntries(counted)).toEqual({ SLOW: 1, RETENTION: 1, NO_SNAPSHOT: 1 })
    expect([slow?.from, slow?.to, retention?.from]).toEqual([2, 6, retention?.to])
    expect(Object.fromEntries(entriesSkipped)).toEqual({ SLOW: 4, NO_SNAPSHOT: (early?.to ?? 0) - 1 })
    expect(entriesSkipped.get('NO_SNAPSHOT')).toBeGreaterThan(10)
  })

  it('tell how many entries of its log a session missed while it was away', () => {
    const h = new Harness({ sessionLogEntries: 3 })
    const peer = h.connect('ann')
    peer.hangUp()
    for (let n = 0; n < 8; n++) h.node.push('ann', 'p', text(`${n}`))
    const back = h.connect('ann', { session: peer.session })
    expect(h.node.stats.sessionEntriesLost).toBe(5)
    back.hangUp()
    h.connect('ann', { session: peer.session, received: 8 })
    expect(h.node.stats.sessionEntriesLost).toBe(5)
    expect(Object.fromEntries(h.node.stats.sessionResumes)).toEqual({ LOST: 1, recovered: 1 })
  })

  it('tell every call that failed, by kind and reason', () => {
    const h = new Harness({ meetingsPerSession: 1, subscriptionsPerSession: 1, requestsPerSession: 3 })
    h.node.openMeeting('m', { capacity: 1 }, h.now)
    h.node.openMeeting('n', {}, h.now)
    h.application.grants.set('ann', grant('ann', { read: ['t', 'u'], write: ['t'] }))
    h.seat(h.connect('bob'), 'm')
    const peer = h.connect('ann')
    for (const name of ['m', 'gone', 'n', 'm']) peer.join(name)
    for (const topic of ['t', 'u', 'secret', '*']) peer.subscribe(topic)
    peer.publish('t', bytes(10))
    peer.publish('secret', bytes(10))
    for (const method of ['one', 'two', 'three', 'four', '']) peer.request(method, text('x'), 100)
    peer.send({ type: 'leave', call: peer.call(), log: 77 })
    h.settle()
    const [one, two] = h.application.requests
    if (one === undefined || two === undefined) throw new Error('no requests')
    h.node.handleReply(one, { ok: false, error: new RtmsError('NO_HANDLER') }, h.now)
    peer.send({ type: 'cancel', call: two.call })
    h.advance(100)
    h.application.grants.set('bad', null)
    for (const token of ['bad', 'bob']) {
      peer.send({ type: 'refresh', call: peer.call(), token })
      h.settle()
      h.authenticate()
    }
    h.settle()
    const failed: Partial<Record<MessageType, Record<string, number>>> = {}
    for (const [call, reasons] of h.node.stats.callsFailed) failed[call] = Object.fromEntries(reasons)
    expect(failed).toEqual({
      join: { FULL: 1, NOT_FOUND: 1, LIMIT: 1 },
      subscribe: { LIMIT: 1, FORBIDDEN: 1, BAD_TOPIC: 1 },
      publish: { FORBIDDEN: 1 },
      request: { LIMIT: 1, BAD_NAME: 1, NO_HANDLER: 1, CANCELLED: 1, TIMEOUT: 1 },
      leave: { NOT_JOINED: 1 },
      refresh: { UNAUTHENTICATED: 2 },
    })
    // As many as the client was told of.
    const counts = Object.values(failed).flatMap((reasons) => Object.values(reasons))
    expect(peer.takeOf('failed')).toHaveLength(counts.reduce((sum, count) => sum + count))
  })

  it('tell calls that found no room in their session’s queue, each topic of a subscribe', () => {
    const h = new Harness({ upstreamMessages: 1 })
    const peer = h.connect('ann')
    peer.request('r')
    peer.publish('t', text('x'))
    peer.send({ type: 'subscribe', call: peer.call(), topics: [wish('a'), wish('b')] })
    h.settle()
    const { callsFailed } = h.node.stats
    expect([callsFailed.get('publish')?.get('BUSY'), callsFailed.get('subscribe')?.get('BUSY')]).toEqual([
      1, 2,
    ])
  })
})
