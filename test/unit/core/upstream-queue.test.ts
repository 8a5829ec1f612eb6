import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget } from '../../../src/core/ground/budget.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { UpstreamQueue, weighMessage } from '../../../src/core/session/upstream-queue.ts'
import { type ClientMessage, nowhere, type Payload } from '../../../src/protocol/index.ts'
import { bytes, wish } from './harness.ts'
import { endless, Purse } from './payers.ts'

const { message, field, text: heading, bytes: array, item } = weights

const input = (data: Payload, seq = 1): ClientMessage => ({
  type: 'input',
  log: 1,
  seq,
  after: 0,
  seen: 0,
  data,
})

const key = (of: string): { key: string } => ({ key: of })

const subscribe = (...topics: readonly ReturnType<typeof wish>[]): number =>
  weighMessage({ type: 'subscribe', call: 1, topics })

const refresh = (token: string): number => weighMessage({ type: 'refresh', call: 1, token })

describe('What a message weighs while it waits', () => {
  it('is itself, its fields, and what is of variable size in them', () => {
    // Five fields besides the payload, which is an object of its own with a view.
    expect(weighMessage(input(bytes(0)))).toBe(message + 5 * field + field + array)
    expect(weighMessage(input(bytes(1_000))) - weighMessage(input(bytes(0)))).toBe(1_000)
    expect(weighMessage({ type: 'leave', call: 1, log: 1 })).toBe(message + 2 * field)
    expect(weighMessage({ type: 'cancel', call: 1 })).toBe(message + field)
  })

  it('counts texts as engines store them: one byte a character, or two where one is not Latin', () => {
    const none = refresh('')
    expect(none).toBe(message + 2 * field)
    expect(refresh('a') - none).toBe(heading + 1)
    expect(refresh('abc\u00ff') - none).toBe(heading + 4)
    expect(refresh('abc\u0100') - none).toBe(heading + 8)
    expect(refresh('\u0100bc') - none).toBe(heading + 6)
  })

  it('counts each item of a list with what is in it', () => {
    const one = subscribe(wish('t'))
    expect(subscribe(wish('t'), wish('t')) - one).toBe(one - subscribe())
    expect(subscribe(wish('topic')) - one).toBe(4)
    expect(subscribe(wish('t', { keys: [key('a'), key('bcd')] })) - one).toBe(
      2 * (item + field + heading) + 4,
    )
    const since = {
      epoch: 1,
      at: 5,
      numbers: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    } as const
    expect(subscribe(wish('t', { since })) - subscribe(wish('t', { since: nowhere }))).toBe(3 * item)
  })
})

describe('An upstream queue', () => {
  it('holds and pays for what waits in it, whatever comes and goes', () => {
    const step = fc.constantFrom('input', 'leave', 'shift', 'shift', 'peek')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const payer = new Purse(endless())
        const queue = new UpstreamQueue(payer, endless())
        const model: ClientMessage[] = []
        for (const [at, what] of steps.entries()) {
          if (what === 'input' || what === 'leave') {
            const next: ClientMessage =
              what === 'input' ? input(bytes(at)) : { type: 'leave', call: at, log: 1 }
            expect(queue.push(next)).toBe(true)
            model.push(next)
          } else if (what === 'shift' && model.length > 0) {
            queue.shift()
            model.shift()
          }
          const [first] = model
          expect(queue.peek()).toEqual(
            first === undefined ? undefined : { message: first, cost: weighMessage(first) },
          )
          const held = model.reduce((sum, each) => sum + weighMessage(each), 0)
          expect([queue.size, queue.bytes, payer.held]).toEqual([model.length, held, held])
          expect(queue.inputs).toBe(model.filter(({ type }) => type === 'input').length)
        }
      }),
    )
  })

  it('of a full node takes data up to the common size, and always what may give something back', () => {
    const budget = new Budget(10_000)
    const [large, payer] = [new Purse(budget, 9_500), new Purse(budget, 600)]
    for (const each of [large, payer]) budget.enter(each)
    const queue = new UpstreamQueue(payer, budget)
    // Nine tenths of the limit, less what this one holds: it is below the common size by far.
    expect(queue.push(input(bytes(8_000)))).toBe(false)
    expect([queue.size, payer.held]).toEqual([0, 600])
    expect(queue.push({ type: 'leave', call: 1, log: 1 })).toBe(true)
    expect(queue.push(input(bytes(1_000)))).toBe(true)
    expect(payer.held).toBe(
      600 + weighMessage({ type: 'leave', call: 1, log: 1 }) + weighMessage(input(bytes(1_000))),
    )
  })
})
