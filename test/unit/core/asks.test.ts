import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Asks, type Ending } from '../../../src/core/ground/asks.ts'
import { Timers } from '../../../src/core/ground/timers.ts'

interface Question {
  readonly payer: string
  readonly id: number
  readonly deadline: number
}

class Rig {
  readonly timers: Timers = new Timers()
  readonly put: Question[] = []
  readonly ended: [Question, Ending<string>, boolean][] = []
  readonly asks: Asks<Question, string>
  #id = 0

  constructor(most: number, share = Infinity) {
    this.asks = new Asks(this.timers, {
      timer: 'request',
      most,
      share,
      payer: ({ payer }) => payer,
      put: (question) => this.put.push(question),
      ended: (question, ending, _, wasPut) => this.ended.push([question, ending, wasPut]),
    })
  }

  ask(payer: string, deadline = 1_000): Question {
    const question = { payer, id: ++this.#id, deadline }
    this.asks.ask(question, deadline)
    return question
  }
}

describe('Questions to somebody outside', () => {
  it('end once, by whatever comes first: answer, deadline, cancel, the end of the asker', () => {
    const rig = new Rig(10)
    const [a, b, c, d] = ['u', 'u', 'u', 'u'].map((user) => rig.ask(user)) as [
      Question,
      Question,
      Question,
      Question,
    ]
    expect(rig.asks.answer(a, 'yes', 1)).toBe(true)
    rig.asks.end(b, 'cancel', 2)
    rig.asks.end(c, 'close', 3)
    rig.timers.run(1_000)
    for (const question of [a, b, c, d]) {
      expect(rig.asks.answer(question, 'late', 1_001)).toBe(false)
      rig.asks.end(question, 'cancel', 1_001)
    }
    rig.timers.run(2_000)
    expect(rig.ended).toEqual([
      [a, { by: 'answer', answer: 'yes' }, true],
      [b, { by: 'cancel' }, true],
      [c, { by: 'close' }, true],
      [d, { by: 'deadline' }, true],
    ])
    expect([rig.asks.size, rig.timers.size]).toEqual([0, 0])
  })

  it('keep their place when their asker gives up: whoever answers is still at work', () => {
    const rig = new Rig(2)
    const [a, b, c] = ['ann', 'ann', 'ann'].map((user) => rig.ask(user)) as [Question, Question, Question]
    rig.asks.end(a, 'cancel', 1)
    rig.asks.end(b, 'close', 1)
    expect([rig.ended.length, rig.put.length]).toEqual([2, 2])
    expect(rig.asks.answer(a, 'late', 2)).toBe(false)
    expect([rig.put.at(-1), rig.ended.length]).toEqual([c, 2])
    rig.ask('bob', 5_000)
    expect(rig.put).toHaveLength(3)
    // Whoever never answers has its place until the deadline.
    rig.timers.run(1_000)
    expect(rig.put).toHaveLength(4)
    expect(rig.ended.filter(([question]) => question === b)).toHaveLength(1)
  })

  it('of one payer have at most its share of the places, and the next of them enter as its own end', () => {
    const rig = new Rig(4, 2)
    const anns = Array.from({ length: 5 }, () => rig.ask('ann'))
    const bob = rig.ask('bob')
    expect(rig.put).toEqual([anns[0], anns[1], bob])
    rig.asks.answer(bob, '', 1)
    expect(rig.put).toHaveLength(3)
    rig.asks.answer(anns[1] as Question, '', 1)
    rig.asks.end(anns[2] as Question, 'cancel', 1)
    rig.asks.end(anns[3] as Question, 'cancel', 1)
    rig.asks.answer(anns[0] as Question, '', 1)
    expect(rig.put.slice(3)).toEqual([anns[2], anns[4]])
  })

  it('wait for their turn where as many are outside as may be, each payer’s oldest in turn', () => {
    const rig = new Rig(1)
    const ids = ['ann', 'ann', 'ann', 'bob', 'bob', 'cid'].map((user) => rig.ask(user).id)
    for (const _ of ids) rig.asks.answer(rig.put.at(-1) as Question, '', 1)
    expect(rig.put.map(({ payer }) => payer)).toEqual(['ann', 'bob', 'cid', 'ann', 'bob', 'ann'])
    expect(rig.put.filter(({ payer }) => payer === 'ann').map(({ id }) => id)).toEqual([1, 2, 3])
  })

  it('that wait for their turn end at their deadline, without ever being put', () => {
    const rig = new Rig(1)
    rig.ask('ann', 5_000)
    const waits = rig.ask('bob', 1_000)
    expect(rig.asks.answer(waits, 'nobody asked', 1)).toBe(false)
    rig.timers.run(1_000)
    expect(rig.ended).toEqual([[waits, { by: 'deadline' }, false]])
    expect(rig.put).toHaveLength(1)
  })

  it('are not put when their deadline has come, though a place is free at that moment', () => {
    const rig = new Rig(1)
    for (const user of ['ann', 'bob', 'cid']) rig.ask(user, 1_000)
    rig.timers.run(1_000)
    expect([rig.put.length, rig.ended.length, rig.timers.size]).toEqual([1, 3, 0])
  })

  it('are charged to whoever asked, though their end has changed who that would be', () => {
    const timers = new Timers()
    const put: string[] = []
    const asks = new Asks<{ id: string; payer: string }, null>(timers, {
      timer: 'request',
      most: 1,
      share: 1,
      payer: ({ payer }) => payer,
      put: ({ id }) => put.push(id),
      ended: (question) => (question.payer = ''),
    })
    const [first, waiting, last] = ['first', 'waiting', 'last'].map((id) => ({ id, payer: 'ann' })) as [
      { id: string; payer: string },
      { id: string; payer: string },
      { id: string; payer: string },
    ]
    asks.ask(first, 2_000)
    asks.ask(waiting, 1_000)
    timers.run(1_000)
    asks.answer(first, null, 1_001)
    asks.ask(last, 3_000)
    expect(put).toEqual(['first', 'last'])
  })

  it('are never more outside than may be, and none is forgotten, in any order of what happens', () => {
    const step = fc.record({
      what: fc.constantFrom('ask', 'answer', 'cancel', 'close', 'time'),
      which: fc.nat(20),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 100 }),
        (most, share, steps) => {
          const rig = new Rig(most, share)
          const asked: Question[] = []
          const answered = new Set<Question>()
          let now = 0
          for (const { what, which } of steps) {
            const question = asked[which % (asked.length || 1)]
            if (what === 'ask') asked.push(rig.ask(`u${which % 3}`, now + 10 + which))
            else if (what === 'time') rig.timers.run((now += which))
            else if (question === undefined) continue
            else if (what === 'answer') {
              rig.asks.answer(question, '', now)
              if (rig.put.includes(question)) answered.add(question)
            } else rig.asks.end(question, what, now)
            const outside = rig.put.filter((each) => !answered.has(each) && each.deadline > now)
            expect(outside.length).toBeLessThanOrEqual(most)
            const ended = new Set(rig.ended.map(([each]) => each))
            for (const payer of ['u0', 'u1', 'u2']) {
              const held = outside.filter((each) => each.payer === payer).length
              expect(held).toBeLessThanOrEqual(share)
              const waits = asked.some(
                (each) => each.payer === payer && !rig.put.includes(each) && !ended.has(each),
              )
              if (what !== 'time' && waits) expect(held === share || outside.length === most).toBe(true)
            }
            expect(rig.timers.size).toBe(rig.asks.size)
          }
          expect(new Set(rig.ended.map(([question]) => question)).size).toBe(rig.ended.length)
          rig.timers.run(now + 1_000)
          expect([rig.asks.size, rig.ended.length]).toEqual([0, asked.length])
        },
      ),
    )
  })
})
