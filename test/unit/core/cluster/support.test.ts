import { describe, expect, it } from 'vitest'
import { Support } from '../../../../src/core/cluster/support.ts'

const LEASE = 1_000

/** What a node says to others of support, in words. */
class Desk {
  readonly said: string[] = []
  readonly against: Set<number> = new Set()
  readonly support: Support = new Support(
    {
      call: (node, sent) => this.said.push(`calls ${node} at ${sent}`),
      answer: (node, sent) => this.said.push(`answers ${node} about ${sent}`),
      isAgainst: (node) => this.against.has(node),
    },
    LEASE,
  )

  heard(): string[] {
    return this.said.splice(0)
  }
}

describe('A node that needs the support of another one', () => {
  it('calls it, with its own time in microseconds, and again at once only when a tenth of a second has passed', () => {
    const { support, said } = new Desk()
    support.urge(2, 0.5)
    support.urge(2, 100.4)
    support.urge(3, 100.4)
    support.urge(2, 100.5)
    support.ask(2, 100.6)
    expect(said).toEqual(['calls 2 at 500', 'calls 3 at 100400', 'calls 2 at 100500', 'calls 2 at 100600'])
  })

  it('has it for nine tenths of a lease from when it called, not from the answer', () => {
    const { support } = new Desk()
    expect(support.until(2, -Infinity)).toBe(-Infinity)
    support.answered(2, 5_000_000, 5_400)
    expect(support.until(2, -Infinity)).toBe(5_900)
    expect(support.until(3, -Infinity)).toBe(-Infinity)
    // What was answered before counts no less, and what else was answered since counts more.
    support.answered(2, 4_000_000, 5_500)
    expect(support.until(2, 3_000)).toBe(5_900)
    expect(support.until(2, 5_200)).toBe(6_100)
    expect(support.since(6_000)).toBe(5_100)
  })

  it('has none for the future of a node that answers calls which were never made', () => {
    const { support } = new Desk()
    support.answered(2, Number.MAX_SAFE_INTEGER, 5_000)
    expect(support.until(2, -Infinity)).toBe(5_900)
  })
})

describe('A node that is asked for its support', () => {
  it('answers, and is bound by that for a lease and a tenth', () => {
    const desk = new Desk()
    const { support } = desk
    expect(support.isFree(2, 0)).toBe(true)
    support.called(2, 77, 10_000)
    expect(desk.heard()).toEqual(['answers 2 about 77'])
    expect([11_099, 11_100].map((now) => support.isFree(2, now))).toEqual([false, true])
    expect(support.isFree(3, 10_000)).toBe(true)
    expect([support.isOver(10_000, 11_099), support.isOver(10_000, 11_100)]).toEqual([false, true])
    support.gave(3, 10_500)
    expect(support.isFree(3, 11_500)).toBe(false)
  })

  it('answers nothing, and is not bound, where it goes on with a meeting of that node', () => {
    const desk = new Desk()
    desk.against.add(2)
    desk.support.called(2, 77, 10_000)
    expect([desk.heard(), desk.support.isFree(2, 10_000)]).toEqual([[], true])
  })

  it('forgets all of a node that has ended', () => {
    const desk = new Desk()
    const { support } = desk
    support.ask(2, 10_000)
    support.answered(2, 10_000_000, 10_001)
    support.called(2, 1, 10_000)
    desk.heard()
    support.gone(2)
    expect([support.until(2, -Infinity), support.isFree(2, 10_000)]).toEqual([-Infinity, true])
    support.urge(2, 10_001)
    expect(desk.heard()).toHaveLength(1)
  })
})
