import { describe, expect, it } from 'vitest'
import type { Session } from '../../../src/core/session/session.ts'
import { FirstReaders } from '../../../src/core/topic/first-readers.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'

/** Topics whose first readers wait, and what is done with them, in words and in order. */
class Desk {
  readonly done: string[] = []
  readonly readers: FirstReaders = new FirstReaders((topic, now) =>
    this.done.push(`${topic.name} left ${now}`),
  )

  now = 0

  /** A topic has caught up, and its readers have their turns at once. */
  ready(topic: Topic, now: number): void {
    this.now = now
    this.readers.ready(topic)
  }

  topic(name: string): Topic {
    return { name, expected: 0 } as Topic
  }

  session(user: string): Session {
    return {
      wait: () => this.done.push(`${user} waits`),
      goOn: () => this.done.push(`${user} goes on`),
    } as unknown as Session
  }

  hold(user: string, ...topics: Topic[]): Session {
    const session = this.session(user)
    const go = (now: number): void =>
      void this.done.push(
        `${user} reads ${now}, ${topics.map(({ expected }) => expected).join(' ')} expected`,
      )
    this.readers.hold(session, {} as never, new Set(topics), {
      act: go,
      proceed: (then) => then(this.now),
    })
    return session
  }

  news(): string[] {
    return this.done.splice(0)
  }
}

describe('A SUBSCRIBE to topics that have yet to catch up', () => {
  it('goes on when all of them have, and they count as read until then', () => {
    const desk = new Desk()
    const [s, t] = [desk.topic('s'), desk.topic('t')]
    desk.hold('ann', s, t)
    expect([desk.news(), desk.readers.has(s), desk.readers.has(t), s.expected]).toEqual([
      ['ann waits'],
      true,
      true,
      1,
    ])
    desk.ready(s, 5)
    expect([desk.news(), desk.readers.has(s), desk.readers.has(t), s.expected]).toEqual([[], false, true, 1])
    desk.ready(t, 7)
    expect(desk.news()).toEqual(['ann goes on', 'ann reads 7, 1 1 expected', 's left 7', 't left 7'])
    expect([s.expected, t.expected, desk.readers.has(t)]).toEqual([0, 0, false])
    desk.ready(t, 8)
    expect(desk.news()).toEqual([])
  })

  it('waits for its own topics, whoever else waits for one of them', () => {
    const desk = new Desk()
    const [s, t] = [desk.topic('s'), desk.topic('t')]
    desk.hold('ann', t)
    desk.hold('bob', s, t)
    desk.news()
    expect(t.expected).toBe(2)
    desk.ready(t, 5)
    expect(desk.news()).toEqual(['ann goes on', 'ann reads 5, 2 expected', 't left 5'])
    desk.ready(s, 6)
    expect(desk.news()).toEqual(['bob goes on', 'bob reads 6, 1 1 expected', 's left 6', 't left 6'])
  })

  it('is forgotten with its session, and the topics with it unless others wait', () => {
    const desk = new Desk()
    const [s, t] = [desk.topic('s'), desk.topic('t')]
    const ann = desk.hold('ann', s, t)
    const bob = desk.hold('bob', t)
    desk.news()
    desk.ready(s, 4)
    desk.readers.drop(ann, 5)
    expect(desk.news()).toEqual(['ann goes on', 's left 5', 't left 5'])
    expect([s.expected, t.expected, desk.readers.has(t)]).toEqual([0, 1, true])
    desk.readers.drop(ann, 6)
    expect(desk.news()).toEqual([])
    desk.readers.drop(bob, 7)
    expect([desk.news(), desk.readers.has(t)]).toEqual([['bob goes on', 't left 7'], false])
    desk.ready(t, 8)
    expect(desk.news()).toEqual([])
  })
})
