import { describe, expect, it } from 'vitest'
import { RtmsError } from '../../../src/protocol/index.ts'
import { grant, Harness, text, textOf } from './harness.ts'

const news = (h: Harness): string[] =>
  h.application.news.splice(0).map(({ topic, data }) => `${topic} ${textOf(data)}`)

describe('A business that decides about publications', () => {
  it('is told who publishes what, and its payload takes the place of the other', () => {
    const h = new Harness()
    const asked: string[] = []
    h.application.decide = ({ user, topic, key, tombstone, data }) => {
      asked.push([user, topic, key, tombstone, textOf(data)].join(' '))
      return text(`${user}: ${textOf(data)}`)
    }
    const ann = h.connect('ann')
    ann.publish('t', text('hello'), { key: 'k' })
    h.settle()
    const kept = h.node.topicLatest('t').map(({ data }) => textOf(data))
    expect([asked, kept]).toEqual([['ann t k false hello'], ['ann: hello']])
  })

  it('refuses with its own code and words, which does not count as a flood', () => {
    const h = new Harness()
    h.application.decide = () => new RtmsError('RATE', 'One word a minute.', { retryAfterMs: 60_000 })
    const ann = h.connect('ann')
    for (let n = 0; n < 200; n++) {
      ann.publish('t', text('x'))
      h.settle()
      h.now += 100
    }
    const refused = ann.takeOf('failed')
    expect(refused).toHaveLength(200)
    expect(refused[0]).toMatchObject({ error: 'RATE', message: 'One word a minute.', retryAfter: 60_000 })
    expect([h.node.connections, h.node.topics]).toEqual([1, 0])
  })

  it('is not asked about what the ticket does not allow, nor about its own', () => {
    const h = new Harness()
    let count = 0
    h.application.decide = ({ data }) => {
      count++
      return data
    }
    h.application.grants.set('ann', grant('ann', { write: ['u'] }))
    const ann = h.connect('ann')
    ann.publish('t', text('x'))
    h.node.publish('t', text('x'), '', false, h.now)
    h.settle()
    expect([count, ann.takeOf('failed').map(({ error }) => error)]).toEqual([0, ['FORBIDDEN']])
  })
})

describe('A business that listens to a topic', () => {
  it('hears what it and clients publish from then on, in order', () => {
    const h = new Harness()
    const ann = h.connect('ann')
    h.node.publish('t', text('0'), '', false, h.now)
    h.settle()
    expect(h.node.listen('t', true, h.now)).toBeNull()
    h.node.publish('t', text('1'), '', false, h.now)
    ann.publish('t', text('2'))
    h.settle()
    h.node.publish('other', text('3'), '', false, h.now)
    expect(news(h)).toEqual(['t 1', 't 2'])
    h.node.listen('t', false, h.now)
    h.node.publish('t', text('4'), '', false, h.now)
    h.settle()
    expect(news(h)).toEqual([])
  })

  it('wants it of other nodes for as long as it or a client reads it', () => {
    const h = new Harness()
    h.node.listen('t', true, h.now)
    const ann = h.connect('ann')
    h.listen(ann, 't')
    expect(h.bus.interest).toEqual(['+t'])
    h.node.listen('t', false, h.now)
    expect(h.bus.interest).toEqual(['+t'])
    ann.hangUp(true)
    h.settle()
    expect(h.bus.interest).toEqual(['+t', '-t'])
    h.node.listen('t', true, h.now)
    h.node.listen('t', false, h.now)
    expect(h.bus.interest).toEqual(['+t', '-t', '+t', '-t'])
  })

  it('keeps the topic, however long nobody publishes to it', () => {
    const h = new Harness()
    h.node.listen('t', true, h.now)
    h.advance(3_600_000)
    expect(h.node.topics).toBe(1)
    h.node.publish('t', text('1'), '', false, h.now)
    expect(news(h)).toEqual(['t 1'])
  })
})
