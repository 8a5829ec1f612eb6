import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { weights } from '../../../src/core/ground/weights.ts'
import { JoinRate } from '../../../src/core/meeting/join-rate.ts'
import { Harness } from './harness.ts'
import { endless, Purse } from './payers.ts'

describe('Taking a seat again and again', () => {
  it('is allowed so often in a minute, and says how long to wait for the next', () => {
    const rate = new JoinRate(3, new Purse(endless()))
    expect([0, 0, 0].map((at) => rate.take('ann', at))).toEqual([0, 0, 0])
    expect(rate.take('ann', 5_000)).toBeCloseTo(15_000)
    expect(rate.take('bob', 5_000)).toBe(0)
    expect(rate.take('ann', 20_000)).toBe(0)
    expect(rate.take('ann', 20_000)).toBeCloseTo(20_000)
  })

  it('of more users than are remembered forgets who joined longest ago', () => {
    const rate = new JoinRate(1, new Purse(endless()))
    expect(rate.take('ann', 0)).toBe(0)
    for (let n = 1; n <= 1_023; n++) rate.take(`u${n}`, 1)
    expect(rate.take('ann', 2)).toBeGreaterThan(0)
    rate.take('one more', 3)
    expect(rate.take('ann', 4)).toBe(0)
  })

  it('is remembered of the users who joined last, unless their allowance is whole again', () => {
    const step = fc.record({ user: fc.nat(6), wait: fc.nat(40_000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, users) => {
        const rate = new JoinRate(3, new Purse(endless()), users)
        /** By user, in order of the last join: when the allowance will be whole again. */
        const model = new Map<string, number>()
        let now = 0
        for (const { user: n, wait } of steps) {
          now += wait
          const user = `u${n}`
          const whole = Math.max(now, model.get(user) ?? 0) + 20_000
          const expected = Math.max(0, whole - now - 60_000)
          expect(rate.take(user, now)).toBeCloseTo(expected, 3)
          if (expected > 0.001) continue
          model.delete(user)
          model.set(user, whole)
          if (model.size <= users) continue
          for (const [each, at] of model) if (at <= now) model.delete(each)
          const [oldest] = model.keys()
          if (model.size > users && oldest !== undefined) model.delete(oldest)
        }
      }),
    )
  })

  it('is refused RATE beyond that, while who comes back to a kept seat is not counted', () => {
    const h = new Harness()
    h.node.openMeeting('m', { joinsPerMinute: 2 }, h.now)
    const peer = h.connect('ann')
    for (let n = 0; n < 2; n++) {
      const { log } = h.seat(peer, 'm')
      h.seat(peer, 'm')
      peer.send({ type: 'leave', call: peer.call(), log })
      h.settle()
    }
    peer.join('m')
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([{ error: 'RATE', message: 'more than 2 joins a minute' }])
    expect(h.node.meeting('m')?.members).toEqual([])
    h.advance(30_000)
    expect(h.seat(h.connect('ann'), 'm')).toMatchObject({ slot: 0 })
  })
})

it('The users whose joins are counted are paid for by the meeting, until their rates are whole again', () => {
  const meeting = new Purse(endless())
  const rate = new JoinRate(60, meeting)
  for (let n = 0; n < 10; n++) rate.take(`u${n}`, n * 100)
  rate.take('u9', 900)
  expect(meeting.held).toBe(10 * weights.joiner)
  rate.take('one more', 1_500)
  expect(meeting.held).toBe(5 * weights.joiner)
  rate.clear()
  expect(meeting.held).toBe(0)
})
