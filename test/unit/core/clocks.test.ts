import { describe, expect, it } from 'vitest'
import { type Codec, binaryCodec, jsonCodec, type ServerMessage } from '../../../src/protocol/index.ts'
import { framesOf, grant, Harness, publicationsOf, textOf } from './harness.ts'
import { alive, Wanderer } from './wanderer.ts'

const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

/**
 * What a wall clock may show: never set; as it should be; where 2^53 ÷ 4096 ms ends; near the last stamp (2^52 µs,
 * 2112).
 */
const walls: readonly (readonly [name: string, wall: number])[] = [
  ['1970', 0],
  ['2026', Date.UTC(2026, 10, 26)],
  ['September 2039', Date.UTC(2039, 8, 7, 15, 47)],
  ['2100', Date.UTC(2100, 0, 1)],
]

/** A node whose wall clock shows `wall` now. */
function nodeAt(wall: number): Harness {
  return new Harness({}, { wallOffset: wall - 10_000 })
}

const timesOf = (messages: readonly ServerMessage[]): number[] =>
  publicationsOf(messages).map(({ time }) => time)

describe.each(walls)('Where the wall clock shows %s,', (_, wall) => {
  for (const codec of [binaryCodec, jsonCodec] as readonly Codec[]) {
    it(`meetings and topics are joined, read and resumed, in ${codec.subprotocol}`, () => {
      const h = nodeAt(wall)
      h.node.openMeeting('m', { frameRate: 20 }, h.now)
      const ann = h.connect('ann', {}, codec)
      const joined = h.seat(ann, 'm')
      h.listen(ann, 't')
      for (let seq = 1; seq <= 3; seq++) {
        ann.input(joined.log, seq)
        h.publish('t', `${seq}`)
        h.advance(50)
      }
      const heard = ann.take()
      expect(framesOf(heard).flatMap(({ inputs }) => inputs.map(({ seq }) => seq))).toEqual([1, 2, 3])
      expect(publicationsOf(heard).map(({ data }) => textOf(data))).toEqual(['1', '2', '3'])
      const { follower, session } = ann
      ann.hangUp()
      h.publish('t', '4')
      const again = h.open(codec, '', follower)
      again.hello('ann')
      again.join('m', follower.join('m'))
      again.subscribe('t', follower.wish('t'))
      h.settle()
      const back = again.take()
      expect(back.find(({ type }) => type === 'welcome')).toMatchObject({ session, resumed: true })
      expect(back.filter(({ type }) => type === 'joined' || type === 'subscribed')).toMatchObject([
        { recovered: true },
        { recovered: true },
      ])
      expect(publicationsOf(back).map(({ data }) => textOf(data))).toEqual(['4'])
    })
  }

  it('publications tell the time it shows', () => {
    const h = nodeAt(wall)
    const ann = h.open()
    ann.hello('ann')
    h.settle()
    const [welcome] = ann.takeOf('welcome')
    h.listen(ann, 't')
    h.advance(1_000)
    h.publish('t', 'x')
    h.settle()
    const [time] = timesOf(ann.take())
    expect(Math.abs((welcome?.origin ?? 0) + (time ?? 0) - (wall + 1_000))).toBeLessThanOrEqual(1)
  })

  it('a clock that is set, forth and back, neither stops a topic nor turns its order round', () => {
    const h = nodeAt(wall)
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const ann = new Wanderer(h, 'ann')
    for (const [n, off] of [0, DAY_MS, -DAY_MS, 3_600_000, -YEAR_MS, YEAR_MS, 0].entries()) {
      h.node.handleWallClock(wall - 10_000 + off)
      h.publish('t', `${n}`, n % 2 === 0 ? 'k' : '')
      alive(h, 1_000, ann.peer)
      ann.listen()
      if (n === 3) ann.connect()
    }
    expect(ann.texts).toEqual(['0', '1', '2', '3', '4', '5', '6'])
    expect(h.node.topicLatest('t').map(({ data }) => textOf(data))).toContain('6')
  })

  it('tokens live as long as they say, and revocations hold', () => {
    const h = nodeAt(wall)
    const wallNow = (): number => wall - 10_000 + h.now
    h.application.grants.set('short', grant('ann', { issued: wallNow(), expires: wallNow() + 3_000 }))
    const ann = h.connect('short')
    h.advance(2_900)
    expect(ann.closed).toBe(null)
    h.advance(200)
    expect(ann.closed).toBe(4451)
    h.application.grants.set('old', grant('bob', { issued: wallNow() - 1 }))
    const bob = h.connect('old')
    h.node.revoke({ user: 'bob' }, wallNow(), h.now)
    h.settle()
    expect(bob.closed).not.toBe(null)
    const thief = h.open()
    thief.hello('old')
    h.settle()
    expect(thief.closed).not.toBe(null)
  })
})
