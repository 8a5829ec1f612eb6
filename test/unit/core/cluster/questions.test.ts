import { describe, expect, it } from 'vitest'
import { linked } from '../../../../src/core/cluster/link-messages.ts'
import type { AnswerOf } from '../../../../src/core/cluster/question-kinds.ts'
import {
  type Answerers,
  type QuestionEnding,
  Questions,
  questionsLimits,
  Refusal,
} from '../../../../src/core/cluster/questions.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'
import { textPayload } from '../../../../src/testing/index.ts'

type Reply = (answer: number | Refusal) => void

const session: AnswerOf<'sessions'>[number] = {
  user: 'ann',
  connected: true,
  meetings: [],
  topics: [],
  subscriptions: 0,
  cursors: [],
  requests: 0,
  waiting: { messages: 0, bytes: 0 },
  unacknowledgedBytes: 0,
  window: 0,
}

/** Nodes 1, 2 and 3, whose messages to each other wait until they are carried. */
class Rig {
  readonly timers: Timers = new Timers()
  readonly stats: Stats = new Stats()
  readonly messages: { from: number; to: number; bytes: Uint8Array }[] = []
  readonly nodes: ReadonlyMap<number, Questions>
  /** Pushes that a node was asked for and has yet to answer. */
  readonly asked: { node: number; from: number; user: string; reply: Reply }[] = []
  readonly endings: [node: number, ending: QuestionEnding<number>][] = []

  constructor(limits: Partial<typeof questionsLimits> = {}) {
    const make = (node: number): Questions =>
      new Questions(
        this.timers,
        this.stats,
        (to, bytes) => this.messages.push({ from: node, to, bytes }),
        {
          push: ({ user }, reply, from) => this.asked.push({ node, from, user, reply }),
          sessions: ({ limit }, reply) => reply(Array.from({ length: limit }, () => session)),
        } satisfies Pick<Answerers, 'push' | 'sessions'> as unknown as Answerers,
        { ...questionsLimits, ...limits },
      )
    this.nodes = new Map([1, 2, 3].map((node) => [node, make(node)]))
  }

  get first(): Questions {
    return this.nodes.get(1) as Questions
  }

  push(nodes: readonly number[], user = 'ann', deadline = 1_000): void {
    const question = { user, name: 'n', data: textPayload('x') }
    this.first.ask(nodes, 'push', question, deadline, (node, ending) => this.endings.push([node, ending]))
  }

  carry(now = 0): void {
    for (const { from, to, bytes } of this.messages.splice(0)) this.nodes.get(to)?.message(from, bytes, now)
  }

  reply(answer: number | Refusal): void {
    for (const { reply } of this.asked.splice(0)) reply(answer)
    this.carry()
  }
}

describe('A question to other nodes', () => {
  it('ends with the answer of each', () => {
    const rig = new Rig()
    rig.push([2, 3])
    rig.carry()
    expect(rig.asked.map(({ node, from, user }) => [node, from, user])).toEqual([
      [2, 1, 'ann'],
      [3, 1, 'ann'],
    ])
    rig.reply(4)
    expect(rig.endings).toEqual([
      [2, { by: 'answer', answer: 4 }],
      [3, { by: 'answer', answer: 4 }],
    ])
    expect([rig.first.size, rig.timers.size]).toEqual([0, 0])
  })

  it('is refused where the answer would be more than a link carries, and others go on', () => {
    const rig = new Rig({ answerBytes: 1_000 })
    const endings: unknown[] = []
    for (const limit of [100, 2])
      rig.first.ask([2], 'sessions', { user: '', limit }, 1_000, (_, ending) =>
        endings.push(ending.by === 'answer' ? ending.answer.length : ending),
      )
    rig.carry()
    rig.carry()
    const message = 'the answer is too large; ask for fewer items'
    expect(endings).toEqual([{ by: 'refused', refused: { code: 'TOO_LARGE', message } }, 2])
  })

  it('ends with a code and a text where the node refuses', () => {
    const rig = new Rig()
    rig.push([2])
    rig.carry()
    rig.reply(new Refusal('LIMIT', 'too many'))
    expect(rig.endings).toEqual([[2, { by: 'refused', refused: { code: 'LIMIT', message: 'too many' } }]])
  })

  it('ends at its deadline, at the end of the node, or when the link breaks; an answer after that counts for nothing', () => {
    const rig = new Rig()
    rig.push([2, 3])
    rig.push([2], 'bob', 500)
    rig.carry()
    rig.timers.run(500)
    rig.first.gone(2, 600)
    rig.first.broken(3, 700)
    rig.reply(1)
    rig.timers.run(2_000)
    expect(rig.endings).toEqual([
      [2, { by: 'deadline' }],
      [2, { by: 'gone' }],
      [3, { by: 'broken' }],
    ])
    expect([rig.first.size, rig.stats.strangers]).toEqual([0, 0])
  })

  it('ends with its node, once', () => {
    const rig = new Rig()
    rig.push([2, 3])
    rig.first.close(10)
    rig.first.gone(2, 20)
    rig.timers.run(2_000)
    expect(rig.endings).toEqual([
      [2, { by: 'close' }],
      [3, { by: 'close' }],
    ])
    expect(rig.first.size).toBe(0)
  })

  it('waits for its turn where too many are open to one node, and ends as they do', () => {
    const rig = new Rig({ questionsPerNode: 1 })
    rig.push([2], 'ann')
    rig.push([2], 'bob')
    rig.carry()
    expect(rig.asked.map(({ user }) => user)).toEqual(['ann'])
    rig.reply(1)
    rig.carry()
    expect(rig.asked.map(({ user }) => user)).toEqual(['bob'])
    rig.push([2], 'cid')
    rig.first.gone(2, 5)
    expect(rig.endings.map(([, { by }]) => by)).toEqual(['answer', 'gone', 'gone'])
  })

  it('that is malformed is counted and does nothing; so is a malformed answer, and the question goes on', () => {
    const rig = new Rig()
    const first = linked.questions
    for (const bytes of [[], [first], [first, 0, 1], [first, 0, 1, 99], [first, 0, 1, 1, 1], [first, 7, 1]])
      rig.first.message(2, Uint8Array.from(bytes), 0)
    // An answer to a question that nobody has asked is one that came too late.
    rig.first.message(2, Uint8Array.of(first, 1, 9, 0), 0)
    rig.push([2])
    rig.first.message(2, Uint8Array.of(first, 1, 1), 0)
    rig.first.message(2, Uint8Array.of(first, 9, 1, 0), 0)
    rig.first.message(2, Uint8Array.of(first, 2, 1, 127, 0), 0)
    expect([rig.stats.strangers, rig.endings, rig.asked]).toEqual([8, [], []])
    rig.carry()
    rig.reply(2)
    expect(rig.endings).toEqual([[2, { by: 'answer', answer: 2 }]])
  })
})
