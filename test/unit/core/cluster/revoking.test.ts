import { describe, expect, it } from 'vitest'
import type { AnswerOf, QuestionOf } from '../../../../src/core/cluster/question-kinds.ts'
import { Revoking } from '../../../../src/core/cluster/revoking.ts'

type Ended = (node: number, ending: object, now: number) => void

/** A node, what it asks others of revocations, and what it learns of them. */
class Desk {
  readonly asked: string[] = []
  readonly learnt: string[] = []
  readonly there: Set<number> = new Set([2, 3])
  readonly silent: Set<number> = new Set()
  /** The number of the last one that this node has added. */
  last = 0
  readonly #open: Map<number, Ended> = new Map()
  readonly revoking: Revoking

  constructor() {
    const last = (): number => this.last
    this.revoking = new Revoking({
      revocations: {
        get last() {
          return last()
        },
        list: (after, most, now) => ({ told: [], next: after + most, isAll: now > 0 }),
      },
      learnRevocation: ({ name }, now) => this.learnt.push(`${name} @${now}`),
      questions: () =>
        ({
          ask: (
            [node]: number[],
            _: string,
            question: QuestionOf<'revocations'>,
            deadline: number,
            ended: Ended,
          ) => {
            this.asked.push(
              `${node} behind ${question.after}, with ${question.last} of its own, until ${deadline}`,
            )
            this.#open.set(node as number, ended)
          },
        }) as never,
      isThere: (node) => this.there.has(node),
      reaches: (node) => !this.silent.has(node),
    })
  }

  heard(): string[] {
    return this.asked.splice(0)
  }

  answer(node: number, names: readonly string[], next: number, isAll: boolean, now: number): void {
    const told = names.map((name) => ({ ofUser: true, name, until: 1, leftMs: 1 }))
    const answer: AnswerOf<'revocations'> = { told, next, isAll }
    this.#open.get(node)?.(node, { by: 'answer', answer }, now)
  }

  end(node: number, by: 'deadline' | 'broken', now: number): void {
    this.#open.get(node)?.(node, { by }, now)
  }
}

describe('The revocations of another node', () => {
  it('are asked for from where it has told them, until these are all', () => {
    const desk = new Desk()
    desk.last = 7
    desk.revoking.ask(2, 100)
    expect(desk.heard()).toEqual(['2 behind 0, with 7 of its own, until 5100'])
    desk.answer(2, ['ann', 'bob'], 2, false, 200)
    expect([desk.learnt, desk.heard()]).toEqual([
      ['ann @200', 'bob @200'],
      ['2 behind 2, with 7 of its own, until 5200'],
    ])
    desk.answer(2, ['cid'], 9, true, 300)
    expect(desk.heard()).toEqual([])
    desk.revoking.ask(2, 400)
    expect(desk.heard()).toEqual(['2 behind 9, with 7 of its own, until 5400'])
  })

  it('are asked for once at a time, and once more where it has more meanwhile', () => {
    const desk = new Desk()
    for (const now of [0, 10, 20]) desk.revoking.ask(2, now)
    expect(desk.heard()).toHaveLength(1)
    desk.answer(2, [], 3, true, 30)
    expect(desk.heard()).toEqual(['2 behind 3, with 0 of its own, until 5030'])
    desk.answer(2, [], 3, true, 40)
    expect(desk.heard()).toEqual([])
  })

  it('are asked for again where it does not answer in time, and is not silent or cut off', () => {
    const desk = new Desk()
    desk.revoking.ask(2, 0)
    desk.heard()
    desk.end(2, 'deadline', 5_000)
    expect(desk.heard()).toEqual(['2 behind 0, with 0 of its own, until 10000'])
    desk.silent.add(2)
    desk.end(2, 'deadline', 10_000)
    desk.silent.clear()
    desk.revoking.ask(2, 20_000)
    expect(desk.heard()).toHaveLength(1)
    desk.end(2, 'broken', 21_000)
    expect(desk.heard()).toEqual([])
  })

  it('are never asked for twice because an answer counts less than one before', () => {
    const desk = new Desk()
    desk.revoking.ask(2, 0)
    desk.answer(2, [], 9, true, 10)
    desk.revoking.ask(2, 20)
    desk.answer(2, [], 4, true, 30)
    desk.heard()
    desk.revoking.ask(2, 40)
    expect(desk.heard()).toEqual(['2 behind 9, with 0 of its own, until 5040'])
  })

  it('are asked for from the first once it has ended, and of a node that is not there nothing is kept', () => {
    const desk = new Desk()
    for (const node of [2, 4]) {
      desk.revoking.ask(node, 0)
      desk.answer(node, [], 9, true, 10)
    }
    desk.revoking.gone(2)
    desk.heard()
    for (const node of [2, 4]) desk.revoking.ask(node, 20)
    expect(desk.heard()).toEqual([2, 4].map((node) => `${node} behind 0, with 0 of its own, until 5020`))
  })
})

describe('A node that is asked for its revocations', () => {
  it('tells a thousand at a time, and asks in turn where the other one has some that it does not know', () => {
    const desk = new Desk()
    expect(desk.revoking.answer(2, { after: 4, last: 0 }, 1)).toEqual({ told: [], next: 1_004, isAll: true })
    expect(desk.heard()).toEqual([])
    desk.revoking.answer(2, { after: 4, last: 3 }, 10)
    expect(desk.heard()).toEqual(['2 behind 0, with 0 of its own, until 5010'])
    desk.answer(2, [], 3, true, 20)
    desk.revoking.answer(2, { after: 4, last: 3 }, 30)
    expect(desk.heard()).toEqual([])
    desk.revoking.answer(2, { after: 4, last: 4 }, 40)
    expect(desk.heard()).toEqual(['2 behind 3, with 0 of its own, until 5040'])
  })
})
