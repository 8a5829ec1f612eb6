import { describe, expect, it } from 'vitest'
import {
  continues,
  type Holding,
  isOutrun,
  promiseOf,
  visitorOf,
  whyOutrun,
} from '../../../src/core/meeting/visitor.ts'
import type { Member } from '../../../src/core/meeting/seat.ts'

const FACTS = { world: 5, term: 3, incarnation: 7 }

const holding = (parts: Partial<Holding> = {}): Holding =>
  ({
    term: 3,
    incarnation: 7,
    slot: 2,
    elected: 9,
    promisedTerm: 0,
    promisedIncarnation: 0,
    ...parts,
  }) as Holding

/** A JOIN of the session `new` for a meeting of a world. */
const visitor = (held: Holding | null, former = 'old', world = 5) =>
  visitorOf(
    { user: 'ann', id: 'new' },
    { former, config: 'c', world, held: held === null ? [] : [held] },
    FACTS,
  )

const member = (id: string | null, elected = 9, slot = 2): Member =>
  ({ slot, seat: id === null ? null : { id, elector: { elected } } }) as unknown as Member

describe('Who asks for a seat', () => {
  it('says which session had it and what it holds, its own session where it names none', () => {
    const held = holding()
    expect(visitor(held)).toEqual({ user: 'ann', former: 'old', config: 'c', held, slot: 2 })
    expect(visitor(held, '')).toMatchObject({ former: 'new' })
    expect(visitor(null)).toEqual({ user: 'ann', former: 'old', config: 'c', held: null, slot: NaN })
  })

  it('holds nothing of this world that it holds of another, and keeps its slot', () => {
    expect(visitor(holding(), 'old', 6)).toMatchObject({ former: 'old', held: null, slot: 2 })
  })

  it('has no say where it has promised a higher fence to another node: it comes as a newcomer', () => {
    const newcomer = { user: 'ann', former: '', config: 'c', held: null, slot: NaN }
    expect(visitor(holding({ promisedTerm: 4 }))).toEqual(newcomer)
    expect(visitor(holding({ promisedTerm: 3, promisedIncarnation: 8 }))).toEqual(newcomer)
    // That of this node itself is none, nor is one for another world.
    expect(visitor(holding({ promisedTerm: 3, promisedIncarnation: 7 }))).toMatchObject({ former: 'old' })
    expect(visitor(holding({ promisedTerm: 4 }), 'old', 6)).toMatchObject({ former: 'old', slot: 2 })
    expect(promiseOf(holding({ promisedTerm: 4, promisedIncarnation: 8 }))).toEqual({
      term: 4,
      incarnation: 8,
    })
  })

  it.each<[string, boolean, Member, string, Holding | null]>([
    ['goes on in the session that had it', true, member('old'), 'old', null],
    [
      'goes on as the member that it was elected as, whatever the session',
      true,
      member('x'),
      'old',
      holding(),
    ],
    ['does not, where nobody has the place', false, member(null), 'old', holding()],
    ['does not, in another session', false, member('x'), 'old', null],
    ['does not, where neither has a session', false, member(''), '', null],
    ['does not, of another slot', false, member('x', 9, 3), 'old', holding()],
    ['does not, elected at another time', false, member('x', 8), 'old', holding()],
    ['does not, elected never', false, member('x', 0), 'old', holding({ elected: 0 })],
  ])('%s', (_, does, of, former, held) => {
    expect(continues(of, { former, held })).toBe(does)
  })
})

describe('A client with frames of a later owner', () => {
  const message = (held: Holding | null, world = 5) => ({ world, held: held === null ? [] : [held] })

  it('has outrun the owner that it asks, in its own world alone', () => {
    const later = holding({ term: 4 })
    expect(isOutrun(message(later), FACTS)).toBe(true)
    expect(isOutrun(message(holding({ incarnation: 8 })), FACTS)).toBe(true)
    for (const other of [message(holding()), message(null), message(later, 6), message(holding({ term: 2 }))])
      expect(isOutrun(other, FACTS)).toBe(false)
  })

  it('is to try again while the owner may not seal, and has its seat while it may', () => {
    const later = message(holding({ term: 4 }))
    const owner = (isPaused: boolean) =>
      ({ backing: { isPaused }, room: { facts: FACTS } }) as Parameters<typeof whyOutrun>[0]
    expect(whyOutrun(owner(true), later)).toMatchObject({ code: 'BUSY' })
    expect(whyOutrun(owner(true), later)?.retryAfterMs).toBeGreaterThan(0)
    expect([whyOutrun(owner(false), later), whyOutrun(owner(true), message(holding()))]).toEqual([null, null])
  })
})
