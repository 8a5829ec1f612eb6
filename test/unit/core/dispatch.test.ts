import { describe, expect, it } from 'vitest'
import { nowhere } from '../../../src/protocol/index.ts'
import { Harness, type Peer, positionAfter, text } from './harness.ts'

const typesOf = (peer: Peer): string[] => peer.take().map(({ type }) => type)

describe('A full upstream queue', () => {
  it('answers a call that it cannot take, and nothing for a cancel, which is no call', () => {
    const h = new Harness({ upstreamMessages: 1 })
    const ann = h.connect('ann')
    const call = ann.request('r')
    ann.send({ type: 'cancel', call })
    const late = ann.request('r')
    h.settle()
    expect(ann.take()).toMatchObject([{ type: 'failed', call: late, error: 'BUSY' }])
    expect([h.application.requests.length, h.application.ended]).toEqual([1, []])
  })

  it('pauses the socket that fills it until it has drained, and the one that goes on for it, too', () => {
    const h = new Harness({ upstreamMessages: 1 })
    const ann = h.connect('ann')
    ann.request('r')
    expect(ann.transport.paused).toBe(true)
    h.settle()
    expect(ann.transport.paused).toBe(false)
    ann.request('r')
    ann.hangUp()
    const back = h.open()
    const calls: string[] = []
    back.transport.pause = () => void calls.push('pause')
    back.transport.resume = () => void calls.push('resume')
    back.hello('ann', { session: ann.session, calls: 0 } as never)
    h.settle()
    expect([typesOf(back)[0], h.application.requests.length, calls]).toEqual([
      'welcome',
      2,
      ['pause', 'resume'],
    ])
  })
})

describe('A reader that says where it stood', () => {
  it('is counted as resumed, by how that ended; one that begins is not', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 2, bytes: 10_000, ageMs: 1e9 })
    const ann = h.connect('ann')
    const subscribed = h.listen(ann, 't', { history: 9 })
    expect(h.node.stats.topicResumes.size).toBe(0)
    h.publish('t', '1')
    h.settle()
    const since = positionAfter(subscribed, ann.take())
    ann.hangUp(true)
    const bob = h.connect('bob')
    bob.subscribe('t', { since })
    bob.subscribe('none*', { since })
    h.settle()
    expect([...h.node.stats.topicResumes]).toEqual([['recovered', 1]])
    for (let n = 0; n < 5; n++) h.publish('t', `${n}`)
    h.settle()
    const eve = h.connect('eve')
    eve.subscribe('t', { since })
    eve.subscribe('t2', { since: nowhere })
    h.settle()
    expect([...h.node.stats.topicResumes]).toEqual([
      ['recovered', 1],
      ['RETENTION', 1],
    ])
  })

  it('of a meeting is, too', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const ann = h.connect('ann')
    const { world, next } = h.seat(ann, 'm')
    expect(h.node.stats.meetingResumes.size).toBe(0)
    h.seat(ann, 'm', { world, next })
    expect([...h.node.stats.meetingResumes]).toEqual([['recovered', 1]])
    h.seat(ann, 'm', { world: world + 1, next })
    expect([...h.node.stats.meetingResumes]).toEqual([
      ['recovered', 1],
      ['NEW_EPOCH', 1],
    ])
  })
})

it('A user in debt is given nothing back for messages that cost less than every message may', () => {
  const h = new Harness({ workMsPerUserPerSecond: 1, userBurstSeconds: 1, subscribesPerUserPerSecond: 1_000 })
  for (let n = 0; n < 2_000; n++) h.publish('k', 'x', `key${n}`)
  h.settle()
  const waits = [0, 2_000].map((cheap) => {
    const user = `user ${cheap}`
    const peer = h.connect(user)
    peer.subscribe('k')
    h.settle()
    peer.subscribe('k')
    h.settle()
    peer.take()
    for (let n = 0; n < cheap; n++) {
      peer.send({ type: 'publish', call: 0, topic: 'u', key: '', tombstone: false, data: text('x') })
      if (n % 100 === 0) h.settle()
    }
    h.settle()
    peer.take()
    peer.subscribe('k')
    h.settle()
    const [failed] = peer.take()
    return failed?.type === 'failed' ? failed.retryAfter : 0
  })
  expect(waits[0]).toBeGreaterThan(0)
  expect(waits[1]).toBe(waits[0])
})
