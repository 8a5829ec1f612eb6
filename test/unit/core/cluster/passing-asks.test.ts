import { describe, expect, it } from 'vitest'
import { Passing, type PassingHost } from '../../../../src/core/cluster/passing.ts'
import type { Whereabouts } from '../../../../src/core/cluster/question-kinds.ts'
import { Refusal } from '../../../../src/core/cluster/questions.ts'
import type { Session } from '../../../../src/core/session/session.ts'

const SELF = 1

/** What other nodes answer when they are asked for a session: they have it, or where it has gone; 0: nothing known. */
type Said = 'has it' | 'is connected' | 'of another user' | number

/** A node of five; whom it asks for what is noted in words, and answered at once as `says` and `home` want. */
class Desk {
  readonly asked: string[] = []
  readonly here: Map<string, Partial<Session>> = new Map()
  readonly gone: Map<string, number> = new Map()
  readonly taken: string[] = []
  readonly closed: string[] = []
  readonly says: Map<number, Said> = new Map()
  home: { readonly node: number; readonly told: Whereabouts | null } = { node: SELF, told: null }
  leaving: number[] = []
  silent: number[] = []
  readonly full: Set<number> = new Set()
  done = 0
  /** Whether the client still waits here. */
  isAwaited = true
  readonly passing: Passing

  constructor() {
    const nothing = { isComplete: false, places: [] }
    const host = {
      self: SELF,
      sessions: {
        get: (id: string) => this.here.get(id),
        whereGone: (id: string) => this.gone.get(id) ?? 0,
        give: ({ id }: Session, to: number) => ({ id, to }),
        take: ({ id }: { readonly id: string }) => {
          this.taken.push(id)
          this.here.set(id, {})
          return true
        },
      },
      questions: () => ({ ask: (...asked: Parameters<Desk['ask']>) => this.ask(...asked) }),
      homeOf: () => this.home.node,
      whereabouts: () => this.home.told ?? nothing,
      peers: () => [2, 3, 4, 5],
      draining: () => this.leaving,
      reaches: (node: number) => !this.silent.includes(node),
      replaced: ({ id }: Session) => this.closed.push(id),
      deliver: ({ id }: Session, entry: Uint8Array) => this.asked.push(`${id} is told ${entry[0]}`),
      isOpen: (node: number) => !this.full.has(node),
    }
    this.passing = new Passing(host as unknown as PassingHost)
  }

  ask(
    [node]: [number],
    kind: string,
    question: { readonly isSure?: boolean },
    deadline: number,
    ended: (...end: unknown[]) => void,
  ): void {
    const isSure = question.isSure === true
    this.asked.push(`${isSure ? 'sure ' : ''}${kind} of ${node} until ${deadline}`)
    const said = this.says.get(node)
    const user = said === 'of another user' ? 'eve' : 'ann'
    const answer =
      kind === 'whereabouts'
        ? this.home.told
        : said === 'is connected' && !isSure
          ? { state: null, to: 0, isConnected: true }
          : typeof said === 'string'
            ? { state: { id: 's', user }, to: 0, isConnected: said === 'is connected' }
            : { state: null, to: said ?? 0 }
    ended(node, answer === null ? { by: 'deadline' } : { by: 'answer', answer }, 1_000)
  }

  /** Looks for ann's session; whom it asks. */
  retrieve(): string[] {
    const isAwaited = (): boolean => this.isAwaited
    this.passing.retrieve('ann', 's', 1_000, isAwaited, () => this.done++)
    return this.asked.splice(0)
  }
}

const at = (...nodes: number[]): Whereabouts => ({
  isComplete: true,
  places: nodes.map((node) => ({ node, sessions: 1, connected: 0 })),
})
const from = (...nodes: number[]): string[] => nodes.map((node) => `session of ${node} until 6000`)

describe('A session that its client looks for', () => {
  it('is asked of those where the user has sessions, as the home knows, and gone on with once', () => {
    const desk = new Desk()
    desk.home = { node: 3, told: at(2, 4, SELF) }
    desk.says.set(2, 'has it').set(4, 'has it')
    expect(desk.retrieve()).toEqual(['whereabouts of 3 until 2000', ...from(2, 4)])
    expect([desk.taken, desk.done]).toEqual([['s'], 1])
  })

  it('is asked of all where the home does not answer, does not know of all, or is not heard', () => {
    const desk = new Desk()
    desk.home = { node: 3, told: null }
    expect(desk.retrieve()).toEqual(['whereabouts of 3 until 2000', ...from(2, 3, 4, 5)])
    desk.home = { node: SELF, told: { ...at(2), isComplete: false } }
    expect(desk.retrieve()).toEqual(from(2, 3, 4, 5))
    desk.home = { node: 3, told: at(2) }
    desk.silent = [3]
    expect(desk.retrieve()).toEqual(from(2, 4, 5))
    expect([desk.taken, desk.done]).toEqual([[], 3])
  })

  it('is looked for first at nodes that drain, and elsewhere only where these do not have it', () => {
    const desk = new Desk()
    desk.leaving = [4]
    desk.home = { node: SELF, told: at(2) }
    expect(desk.retrieve()).toEqual(from(4, 2))
    desk.says.set(4, 'has it')
    expect([desk.retrieve(), desk.taken, desk.done]).toEqual([from(4), ['s'], 2])
  })

  it('is followed to where it has gone, three times, and asked of no node twice in a row', () => {
    const desk = new Desk()
    desk.home = { node: SELF, told: at(2) }
    desk.says.set(2, 3).set(3, 4).set(4, 5).set(5, 'has it')
    expect([desk.retrieve(), desk.taken]).toEqual([from(2, 3, 4, 5), ['s']])
    desk.here.clear()
    desk.says.set(5, 2)
    expect([desk.retrieve(), desk.done]).toEqual([from(2, 3, 4, 5), 2])
    desk.says.set(2, 2)
    expect(desk.retrieve()).toEqual(from(2))
    // Where this node has given it to, it is asked for as well.
    desk.gone.set('s', 5)
    desk.says.clear()
    expect([desk.retrieve(), desk.done]).toEqual([from(2, 5), 4])
  })

  it('is not taken where it is another user’s', () => {
    const desk = new Desk()
    desk.home = { node: SELF, told: at(2) }
    desk.says.set(2, 'of another user')
    expect([desk.retrieve(), desk.taken, desk.done]).toEqual([from(2), [], 1])
  })

  it('is fetched from where its client is connected only while it waits here', () => {
    const desk = new Desk()
    desk.home = { node: SELF, told: at(2, 4) }
    desk.says.set(4, 'is connected')
    desk.isAwaited = false
    expect([desk.retrieve(), desk.taken, desk.done]).toEqual([from(2, 4), [], 1])
    desk.isAwaited = true
    expect([desk.retrieve(), desk.taken, desk.done]).toEqual([
      [...from(2, 4), `sure ${from(4)[0]}`],
      ['s'],
      2,
    ])
  })
})

describe('A session that another node asks for', () => {
  function asking(desk: Desk, id = 's', now = 1_000, isSure = false): unknown[] {
    const told: unknown[] = []
    const reply = (answer: unknown): void => void told.push(answer)
    desk.passing.answerers.session({ user: 'ann', id, isSure }, reply, 2, now)
    return told
  }

  it('is given at once, and its connection closed; where it is not here, it is told where it went', () => {
    const desk = new Desk()
    desk.here.set('s', { id: 's', user: 'ann', ended: false, outlet: null })
    desk.here.set('over', { id: 'over', user: 'ann', ended: true, outlet: null })
    desk.here.set('other', { id: 'other', user: 'eve' })
    desk.gone.set('t', 4)
    expect(asking(desk)).toEqual([{ state: { id: 's', to: 2 }, to: 0, isConnected: false }])
    expect(asking(desk, 'over')).toEqual([{ state: null, to: 0, isConnected: false }])
    expect([asking(desk, 't'), asking(desk, 'other'), asking(desk, 'u')]).toEqual([
      [{ state: null, to: 4, isConnected: false }],
      [{ state: null, to: 0, isConnected: false }],
      [{ state: null, to: 0, isConnected: false }],
    ])
    expect(desk.closed).toEqual(['s', 'over'])
  })

  it('is left where its client is connected, unless whoever asks is sure that it waits there', () => {
    const desk = new Desk()
    desk.here.set('s', { id: 's', user: 'ann', ended: false, outlet: {} as Session['outlet'] })
    expect(asking(desk)).toEqual([{ state: null, to: 0, isConnected: true }])
    expect(desk.closed).toEqual([])
    expect(asking(desk, 's', 1_000, true)).toEqual([{ state: { id: 's', to: 2 }, to: 0, isConnected: false }])
    expect(desk.closed).toEqual(['s'])
  })

  it('waits until the link takes it, for four seconds, and one of a thousand', () => {
    const desk = new Desk()
    desk.here.set('s', { id: 's', user: 'ann', ended: false, outlet: null })
    desk.full.add(2)
    const told = asking(desk)
    expect([told, desk.passing.hasWork]).toEqual([[], false])
    desk.passing.sweep(4_999)
    expect(told).toEqual([])
    desk.full.clear()
    expect(desk.passing.hasWork).toBe(true)
    desk.passing.sweep(4_999)
    expect([told, desk.passing.hasWork]).toEqual([
      [{ state: { id: 's', to: 2 }, to: 0, isConnected: false }],
      false,
    ])
    desk.full.add(2)
    const late = asking(desk)
    desk.passing.sweep(5_000)
    expect(late).toEqual([{ state: null, to: 0, isConnected: false }])
    for (let n = 0; n < 1_000; n++) asking(desk)
    expect(asking(desk)).toEqual([expect.any(Refusal)])
  })
})

describe('A session that its node hands over', () => {
  it('goes where the link takes it, which has time to say that it goes on with it', () => {
    const desk = new Desk()
    const session = { id: 's' } as Session
    expect([desk.passing.keep(session, 2, 1_000), desk.asked.splice(0)]).toEqual([
      true,
      ['keep of 2 until 6000'],
    ])
    desk.full.add(2)
    expect([desk.passing.keep(session, 2, 1_000), desk.asked]).toEqual([false, []])
  })

  it('gets the answers to its calls there, in the next sweep', () => {
    const desk = new Desk()
    desk.passing.sendOn({ id: 's' } as Session, 2, Uint8Array.of(7))
    expect([desk.passing.hasWork, desk.asked]).toEqual([true, []])
    desk.passing.sweep(1_000)
    expect([desk.passing.hasWork, desk.asked.splice(0)]).toEqual([false, ['sendOn of 2 until 6000']])
    const told: unknown[] = []
    const hear = (id: string): void =>
      desk.passing.answerers.sendOn({ id, entry: Uint8Array.of(7) }, (answer) => told.push(answer), 2, 0)
    hear('s')
    desk.here.set('s', { id: 's' })
    hear('s')
    expect([told, desk.asked]).toEqual([[false, true], ['s is told 7']])
  })
})
