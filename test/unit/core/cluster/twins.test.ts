import { describe, expect, it } from 'vitest'
import type { Claimant } from '../../../../src/core/cluster/question-kinds.ts'
import { Twins, winnerOf } from '../../../../src/core/cluster/twins.ts'
import type { Questions } from '../../../../src/core/cluster/questions.ts'

const claimant = (parts: Partial<Claimant> = {}): Claimant => ({
  world: 1,
  term: 1,
  incarnation: 1,
  isPaused: false,
  present: 1,
  next: 10,
  ...parts,
})

describe('Of several owners of one name', () => {
  const weak = claimant()
  it.each<[string, Claimant]>([
    ['the higher fence of one world', claimant({ term: 2, present: 0, isPaused: true, next: 1 })],
    ['the one that lives', claimant({ world: 2, present: 2 })],
    ['the one with more members', claimant({ world: 2, present: 2, next: 1 })],
    ['the one with more frames', claimant({ world: 2, next: 11 })],
    ['the higher fence where nothing else tells them apart', claimant({ world: 2, incarnation: 2 })],
  ])('%s is left, in whichever order they are told', (_, strong) => {
    expect(winnerOf([weak, strong])).toBe(strong)
    expect(winnerOf([strong, weak])).toBe(strong)
  })

  it('a living one is left before a paused one with more members', () => {
    const paused = claimant({ world: 2, isPaused: true, present: 9 })
    expect(winnerOf([paused, weak])).toBe(weak)
  })

  it('the lower fence of one world does not win over a third by its members', () => {
    const lower = claimant({ present: 9 })
    const higher = claimant({ term: 2, present: 1 })
    const third = claimant({ world: 2, present: 5 })
    for (const all of [
      [lower, higher, third],
      [third, lower, higher],
      [higher, third, lower],
    ])
      expect(winnerOf(all)).toBe(third)
  })

  it('none is chosen where there is none', () => {
    expect(winnerOf([])).toBe(undefined)
  })
})

/** The desk of a registrar: notes what it asks, and answers when told. */
class Desk {
  readonly asked: string[] = []
  readonly deposed: string[] = []
  own: Claimant | null = null
  readonly #ended: Map<number, (answer: Claimant | null) => void> = new Map()
  readonly twins: Twins = new Twins({
    self: 1,
    questions: () => ({ ask: ((...asked: unknown[]) => this.#ask(...asked)) as Questions['ask'] }),
    claimant: () => this.own,
    depose: ({ name, world, term, incarnation }) =>
      this.deposed.push(`${name} ${world} ${term}.${incarnation}`),
  })

  #ask(...[nodes, kind, question, , ended]: unknown[]): void {
    for (const node of nodes as number[]) {
      const { name, world } = question as { name: string; world?: number }
      this.asked.push(`${node} ${String(kind)} ${name}${world === undefined ? '' : ` ${world}`}`)
      if (kind !== 'claimant') continue
      this.#ended.set(node, (answer) =>
        (ended as (...parts: unknown[]) => void)(
          node,
          answer === null ? { by: 'deadline' } : { by: 'answer', answer },
          0,
        ),
      )
    }
  }

  answer(node: number, answer: Claimant | null): void {
    this.#ended.get(node)?.(answer)
  }
}

describe('A registrar that several nodes tell of one name', () => {
  it('asks all, and has all but one give up that very reign', () => {
    const desk = new Desk()
    desk.own = claimant()
    desk.twins.contested({ name: 'm', owners: [2, 3, 1] }, 0)
    expect(desk.asked.splice(0)).toEqual(['2 claimant m', '3 claimant m'])
    desk.answer(3, claimant({ world: 3, present: 5 }))
    // It is asked once at a time.
    desk.twins.contested({ name: 'm', owners: [2, 3, 1] }, 0)
    expect(desk.asked).toEqual([])
    desk.answer(2, claimant({ world: 2 }))
    expect(desk.asked.splice(0)).toEqual(['2 depose m 2'])
    expect(desk.deposed).toEqual(['m 1 1.1'])
    desk.twins.contested({ name: 'm', owners: [2, 3] }, 0)
    expect(desk.asked).toHaveLength(2)
  })

  it('leaves the only one that owns it alone, as after a hand-over', () => {
    const desk = new Desk()
    desk.twins.contested({ name: 'm', owners: [2, 3] }, 0)
    desk.answer(2, null)
    desk.answer(3, claimant())
    expect(desk.asked).toEqual(['2 claimant m', '3 claimant m'])
  })
})
