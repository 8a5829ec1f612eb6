import { describe, expect, it } from 'vitest'
import { type ClaimEnding, Claims } from '../../../../src/core/cluster/claims.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'

const GRANT = { by: 'grant', term: 3 } as const
const DEADLINE = 1_000

/** The claims of a node; what was sent, as `open a #1`, and how each ended. */
class Desk {
  readonly timers: Timers = new Timers()
  readonly sent: string[] = []
  readonly endings: string[] = []
  readonly gaveUp: string[] = []
  readonly refused: string[] = []
  /** Whether the registrar can be reached. */
  isReached = true
  /** Happens while a claim is being sent. */
  meanwhile: (id: number) => void = () => {}
  readonly claims: Claims

  constructor(most = 10) {
    this.claims = new Claims(this.timers, most, {
      put: (name, id, opens) => {
        const { isReached } = this
        this.sent.push(`${opens ? 'open' : 'find'} ${name} #${id}`)
        this.meanwhile(id)
        return isReached
      },
      gaveUp: (name) => this.gaveUp.push(name),
      refused: (name) => this.refused.push(name),
    })
  }

  #ended(name: string): (ending: ClaimEnding, now: number) => void {
    return (ending, now) => this.endings.push(`${name} ${ending.by} at ${now}`)
  }

  open(...names: string[]): void {
    for (const name of names) this.claims.claim(name, DEADLINE, this.#ended(name))
  }

  find(name: string): void {
    this.claims.find(name, DEADLINE, this.#ended(name))
  }

  /** What was sent since this was last asked. */
  news(): string[] {
    return this.sent.splice(0)
  }
}

describe('A claim', () => {
  it('is sent at once under an id that rises, and ends once with its answer', () => {
    const desk = new Desk()
    desk.open('a')
    desk.find('b')
    expect(desk.news()).toEqual(['open a #1', 'find b #2'])
    // What is only looked for is not claimed.
    expect(['a', 'b', 'c'].map((name) => desk.claims.has(name))).toEqual([true, false, false])
    expect([desk.claims.answered(1, GRANT, 5), desk.claims.answered(1, GRANT, 6)]).toEqual([true, false])
    expect(desk.claims.answered(9, GRANT, 6)).toBe(false)
    expect(desk.claims.answered(2, { by: 'taken', owner: 0, term: 0 }, 7)).toBe(true)
    expect(desk.endings).toEqual(['a grant at 5', 'b taken at 7'])
    expect([desk.claims.has('a'), desk.gaveUp, desk.timers.size]).toEqual([false, [], 0])
  })

  it('is still under way when a search for the same name has ended', () => {
    const desk = new Desk()
    desk.open('a')
    desk.find('a')
    desk.claims.answered(2, { by: 'taken', owner: 5, term: 0 }, 5)
    expect([desk.endings, desk.claims.has('a')]).toEqual([['a taken at 5'], true])
  })

  it('without an answer in time is late, and its name given up; one that only looks gives up nothing', () => {
    const desk = new Desk()
    desk.open('a')
    desk.find('b')
    desk.timers.run(DEADLINE - 1)
    expect(desk.endings).toEqual([])
    desk.timers.run(DEADLINE)
    expect(desk.endings).toEqual(['a late at 1000', 'b late at 1000'])
    expect([desk.gaveUp, desk.claims.has('a')]).toEqual([['a'], false])
    expect(desk.claims.answered(1, GRANT, DEADLINE)).toBe(false)
    desk.claims.renew()
    desk.claims.beat()
    desk.claims.beat()
    expect(desk.news()).toEqual(['open a #1', 'find b #2'])
  })

  it('is refused where another node has the name; it is not where it is late, and one that only looks never is', () => {
    const desk = new Desk()
    desk.open('a', 'b', 'c')
    desk.find('d')
    desk.claims.answered(1, { by: 'taken', owner: 5, term: 0 }, 5)
    desk.claims.answered(2, GRANT, 5)
    desk.claims.answered(4, { by: 'taken', owner: 5, term: 0 }, 5)
    desk.timers.run(DEADLINE)
    expect([desk.refused, desk.gaveUp]).toEqual([['a'], ['c']])
  })

  it('that could not be sent is sent later, once', () => {
    const desk = new Desk()
    desk.isReached = false
    desk.open('a')
    expect(desk.claims.answered(1, GRANT, 5)).toBe(false)
    desk.claims.retry()
    expect(desk.news()).toEqual(['open a #1', 'open a #2'])
    desk.isReached = true
    desk.claims.retry()
    desk.claims.retry()
    expect(desk.news()).toEqual(['open a #3'])
    expect([desk.claims.last, desk.claims.answered(3, GRANT, 6)]).toEqual([3, true])
  })

  it('is made anew in a new view, and answers of the old one mean nothing', () => {
    const desk = new Desk()
    desk.open('a', 'b')
    desk.news()
    desk.claims.renew()
    expect(desk.news()).toEqual(['open a #3', 'open b #4'])
    expect([1, 2, 3, 4].map((id) => desk.claims.answered(id, GRANT, 5))).toEqual([false, false, true, true])
  })

  it('may be made anew while it is being sent, and is sent no third time then', () => {
    const desk = new Desk()
    desk.isReached = false
    desk.meanwhile = (id) => {
      if (id !== 1) return
      desk.isReached = true
      desk.claims.renew()
    }
    desk.open('a')
    desk.claims.retry()
    expect(desk.news()).toEqual(['open a #1', 'open a #2'])
    expect([desk.claims.answered(1, GRANT, 5), desk.claims.answered(2, GRANT, 6)]).toEqual([false, true])
  })

  it('is made anew when a whole beat has passed without an answer', () => {
    const desk = new Desk()
    desk.open('a')
    desk.find('b')
    desk.news()
    const beats = [1, 2, 3, 4].map(() => {
      desk.claims.beat()
      return desk.news()
    })
    expect(beats).toEqual([[], ['open a #3', 'find b #4'], [], ['open a #5', 'find b #6']])
    expect([3, 4, 5, 6].map((id) => desk.claims.answered(id, GRANT, 5))).toEqual([false, false, true, true])
  })

  it('waits for its turn where as many are made as may be: nothing is sent for it, in no view and with no beat', () => {
    const desk = new Desk(1)
    desk.open('a')
    desk.find('b')
    desk.open('c')
    expect(desk.claims.has('c')).toBe(true)
    desk.claims.renew()
    desk.claims.retry()
    desk.claims.beat()
    desk.claims.beat()
    expect(desk.news()).toEqual(['open a #1', 'open a #2', 'open a #3'])
    desk.claims.answered(3, GRANT, 5)
    desk.claims.answered(4, GRANT, 6)
    expect(desk.news()).toEqual(['find b #4', 'open c #5'])
  })

  it('ends when its node leaves, whether its turn has come or not', () => {
    const desk = new Desk(1)
    desk.open('a', 'b')
    desk.find('c')
    desk.claims.endAll(7)
    expect(desk.endings.toSorted()).toEqual(['a late at 7', 'b late at 7', 'c late at 7'])
    expect(desk.gaveUp.toSorted()).toEqual(['a', 'b'])
    expect(['a', 'b'].map((name) => desk.claims.has(name))).toEqual([false, false])
  })
})
