import { describe, expect, it } from 'vitest'
import { Consents, type ConsentsHost } from '../../../../src/core/cluster/consents.ts'
import type { Fence } from '../../../../src/core/meeting/reigns.ts'

const SUBJECT = { name: 'm', world: 7, term: 3, incarnation: 5 }

/** What a node has of a meeting: the fence of its owner, and that of its last frame. */
interface Has {
  readonly world?: number
  readonly facts: Fence
  readonly lastFence: Fence
}

class Desk {
  readonly asked: string[] = []
  readonly told: string[] = []
  open: Has | null = null
  copy: Has | null = null
  stands = false
  /** What its copy knows of the last consent. */
  noted: { readonly room: object; consentedHop: number } | null = null
  hasPassed = false
  end: (ending: object) => void = () => {}
  readonly consents: Consents

  constructor() {
    const roomOf = ({ world = 7, facts, lastFence }: Has): object => ({
      facts: { world, hop: 4, ...facts },
      lastFence,
    })
    this.consents = new Consents({
      questions: () => ({
        ask: (nodes: Iterable<number>, kind: string, subject: object, deadline: number, ended: Ended) => {
          this.asked.push(
            `${kind} ${[...nodes].join()} ${Object.values(subject).join(' ')} until ${deadline}`,
          )
          this.end = (ending) => ended(2, ending, deadline)
        },
      }),
      meetings: () => ({ get: () => this.open && { room: roomOf(this.open) } }),
      replica: () => {
        if (this.copy !== null) this.noted = { room: roomOf(this.copy), consentedHop: -1 }
        return this.copy && { copy: this.noted }
      },
      revival: () => ({
        stands: () => this.stands,
        superseding: { hasPassed: () => this.hasPassed },
      }),
    } as unknown as ConsentsHost)
  }

  ask(who: string, node = 2, term = 3): void {
    this.consents.ask(node, { ...SUBJECT, term }, 100, (consents, now) =>
      this.told.push(`${who} ${consents} ${now}`),
    )
  }
}

type Ended = (node: number, ending: object, now: number) => void

describe('A node that is asked whether another may take a meeting over', () => {
  const own = { term: 3, incarnation: 5 }
  const later = { term: 3, incarnation: 6 }

  it('consents where it has nothing of it, or nothing later', () => {
    const desk = new Desk()
    expect(desk.consents.gives(SUBJECT)).toBe(true)
    desk.copy = { facts: own, lastFence: { term: 2, incarnation: 9 } }
    expect([desk.consents.gives(SUBJECT), desk.noted?.consentedHop]).toEqual([true, 4])
    desk.copy = { world: 8, facts: later, lastFence: later }
    expect([desk.consents.gives(SUBJECT), desk.noted?.consentedHop]).toEqual([true, -1])
    desk.open = { facts: own, lastFence: own }
    expect(desk.consents.gives(SUBJECT)).toBe(true)
  })

  it('does not where it knows of a later owner, has gone on with it, or would', () => {
    const cases: Partial<Pick<Desk, 'open' | 'copy' | 'stands' | 'hasPassed'>>[] = [
      { open: { facts: later, lastFence: own } },
      { copy: { facts: later, lastFence: own } },
      { copy: { facts: own, lastFence: later } },
      { stands: true },
      { hasPassed: true },
    ]
    for (const has of cases) {
      const desk = Object.assign(new Desk(), { copy: { facts: own, lastFence: own } }, has)
      expect([desk.consents.gives(SUBJECT), desk.noted?.consentedHop]).toEqual([false, -1])
    }
  })
})

describe('A node to which a meeting is handed over', () => {
  it('asks each node once at a time, for each owner of the world, and tells whoever has asked last', () => {
    const desk = new Desk()
    desk.ask('first')
    desk.ask('second')
    expect(desk.asked).toEqual(['takes 2 m 7 3 5 until 1100'])
    const { end } = desk
    desk.ask('other', 3)
    desk.ask('later', 2, 4)
    expect(desk.asked).toHaveLength(3)
    end({ by: 'answer', answer: false })
    expect(desk.told).toEqual(['second false 1100'])
  })

  it('asks again where there was no answer', () => {
    const desk = new Desk()
    desk.ask('first')
    desk.end({ by: 'deadline' })
    desk.ask('second')
    desk.end({ by: 'answer', answer: true })
    expect([desk.asked.length, desk.told]).toEqual([2, ['second true 1100']])
  })
})
