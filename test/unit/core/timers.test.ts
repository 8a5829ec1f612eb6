import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Timer, Timers } from '../../../src/core/ground/timers.ts'

function make(): { timers: Timers<string>; fired: string[]; timer: (name: string) => Timer<string> } {
  const fired: string[] = []
  return {
    timers: new Timers<string>(),
    fired,
    timer: (name) => new Timer(name, (now) => fired.push(`${name}@${now}`)),
  }
}

describe('Timers', () => {
  it('fire in order of time, and in order of setting at the same time', () => {
    const { timers, fired, timer } = make()
    timers.set(timer('c'), 30)
    timers.set(timer('a'), 10)
    timers.set(timer('b1'), 20)
    timers.set(timer('b2'), 20)
    expect([timers.next, Object.fromEntries(timers.counts)]).toEqual([10, { a: 1, b1: 1, b2: 1, c: 1 }])
    timers.run(20)
    expect(fired).toEqual(['a@20', 'b1@20', 'b2@20'])
    expect(timers.next).toBe(30)
  })

  it('can be moved either way, and behind others at the time they are moved to', () => {
    const { timers, fired, timer } = make()
    const [a, b, c] = [timer('a'), timer('b'), timer('c')]
    timers.set(a, 10)
    timers.set(b, 20)
    timers.set(c, 30)
    timers.set(a, 30)
    timers.set(c, 5)
    expect(timers.size).toBe(3)
    timers.run(100)
    expect(fired).toEqual(['c@100', 'b@100', 'a@100'])
  })

  it('do not fire once cleared, and clearing twice does nothing', () => {
    const { timers, fired, timer } = make()
    const [a, b] = [timer('a'), timer('b')]
    timers.set(a, 10)
    timers.set(b, 20)
    timers.clear(a)
    timers.clear(a)
    expect([a.at, a.index, timers.size, timers.next]).toEqual([Infinity, -1, 1, 20])
    timers.run(100)
    expect(fired).toEqual(['b@100'])
    expect(timers.next).toBe(Infinity)
  })

  it('may set themselves again while they fire, within the same run where that is due', () => {
    const timers = new Timers<string>()
    const at: number[] = []
    const timer = new Timer('t', (now) => {
      at.push(now)
      if (at.length < 3) timers.set(timer, now + 10)
    })
    timers.set(timer, 0)
    timers.run(5)
    expect(at).toEqual([5])
    timers.run(15)
    expect(at).toEqual([5, 15])
    expect(timers.next).toBe(25)
  })

  it('are a sorted list, whatever is set, moved, cleared and run', () => {
    const operation = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('set' as const), timer: fc.nat(30), at: fc.nat(50) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('clear' as const), timer: fc.nat(30), at: fc.constant(0) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('run' as const), timer: fc.constant(0), at: fc.nat(50) }),
      },
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const timers = new Timers<string>()
        const fired: number[] = []
        const all = Array.from({ length: 31 }, (_, n) => new Timer('t', () => fired.push(n)))
        let model: { n: number; at: number; order: number }[] = []
        const expected: number[] = []
        operations.forEach((step, order) => {
          const timer = all[step.timer] as Timer<'t'>
          if (step.do !== 'run') model = model.filter(({ n }) => n !== step.timer)
          if (step.do === 'set') {
            timers.set(timer, step.at)
            model.push({ n: step.timer, at: step.at, order })
          } else if (step.do === 'clear') timers.clear(timer)
          else {
            timers.run(step.at)
            const due = model
              .filter(({ at }) => at <= step.at)
              .sort((a, b) => a.at - b.at || a.order - b.order)
            expected.push(...due.map(({ n }) => n))
            model = model.filter(({ at }) => at > step.at)
          }
          expect(timers.size).toBe(model.length)
          expect(timers.next).toBe(Math.min(Infinity, ...model.map(({ at }) => at)))
        })
        expect(fired).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  it('that are due together wait for the next run where those before them have taken long', () => {
    const timers = new Timers<string>()
    const fired: number[] = []
    for (let n = 0; n < 5; n++) timers.set(new Timer('t', () => void fired.push(n)), 5)
    const runs: number[][] = []
    for (let n = 0; n < 4; n++) {
      timers.run(5, 4, () => fired.length % 2 === 1)
      runs.push([...fired])
      fired.push(-1)
    }
    expect(runs).toEqual([[0], [0, -1, 1], [0, -1, 1, -1, 2], [0, -1, 1, -1, 2, -1, 3]])
  })

  it('that is set again for now, while it fires, waits for the next run: no run is endless', () => {
    const timers = new Timers<string>()
    let fired = 0
    const timer: Timer<string> = new Timer('t', (now) => {
      fired++
      timers.set(timer, now)
    })
    timers.set(timer, 5)
    timers.run(5)
    expect(fired).toBe(1)
    timers.run(5)
    expect([fired, timers.next]).toEqual([2, 5])
  })
})
