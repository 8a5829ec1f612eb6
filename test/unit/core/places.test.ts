import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Places, type PlacesHost } from '../../../src/core/ground/places.ts'
import { Timer, Timers } from '../../../src/core/ground/timers.ts'

/** Items are named by their payer and a number, `a1`. */
function places(
  most: number,
  { share = most, remembered = 100 } = {},
): { places: Places<string>; entered: string[] } {
  const entered: string[] = []
  const host: PlacesHost<string> = {
    most,
    share,
    payer: ([payer]) => payer as string,
    enter: (item) => {
      entered.push(item)
      return true
    },
  }
  return { places: new Places<string>(host, remembered), entered }
}

/** A call of the crowd, or of one who asks for little. */
interface Call {
  readonly payer: string
  readonly came: number
  state: 'waits' | 'inside' | 'over'
}

/**
 * The milliseconds that those who ask for little wait for one of 40 places, sorted, in 30 seconds of virtual time. Of a
 * crowd of `users`, each asks once a second for half a second, all at the same moment or one after the other, and gives
 * up then what it has not got.
 */
function waitsBeside(users: number, isTogether = false): number[] {
  const timers = new Timers()
  const waits: number[] = []
  let now = 0
  const later = (ms: number, run: () => void): void => timers.set(new Timer('request', run), now + ms)
  const forty = new Places<Call>({
    most: 40,
    share: 8,
    payer: ({ payer }) => payer,
    enter(call) {
      call.state = 'inside'
      const isLittle = call.payer.startsWith('little')
      // Once the crowd has come.
      if (isLittle && now > 5_000) waits.push(now - call.came)
      later(isLittle ? 3 : 500, () => end(call))
      return true
    },
  })
  const ask = (payer: string): Call => {
    const call: Call = { payer, came: now, state: 'waits' }
    forty.wait(call)
    return call
  }
  const end = (call: Call): void => {
    const { state } = call
    if (state === 'over') return
    call.state = 'over'
    if (state === 'inside') forty.release(call)
    else forty.withdraw(call)
  }
  const beginAt = (at: number, everyMs: number, run: () => void): void => {
    const again = (): void => {
      run()
      later(everyMs, again)
    }
    later(at, again)
  }
  for (let n = 0; n < users; n++) {
    let last: Call | undefined
    beginAt(isTogether ? 0 : (n * 1_000) / users, 1_000, () => {
      if (last !== undefined) end(last)
      last = ask(`crowd ${n}`)
    })
  }
  let visit = 0
  beginAt(50, 101, () => ask(`little ${visit++ % 60}`))
  while (timers.next < 30_000) {
    now = timers.next
    timers.runOne(now)
  }
  return waits.toSorted((a, b) => a - b)
}

describe('Places', () => {
  it('are given at once while there are any, and then to payers in turn', () => {
    const { places: two, entered } = places(2)
    for (const item of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) two.wait(item)
    expect(entered).toEqual(['a1', 'a2'])
    expect(two.taken).toBe(2)
    for (const item of ['a1', 'a2', 'b1', 'c1', 'a3']) two.release(item)
    expect(entered).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
  })

  it('let one who comes anew have the next one, however many wait with much', () => {
    const { places: one, entered } = places(1)
    const crowd = Array.from({ length: 20 }, (_, n) => String.fromCharCode(97 + n))
    for (const payer of crowd) for (let n = 0; n < 50; n++) one.wait(`${payer}${n}`)
    // Until each of them has had a turn.
    for (let n = 0; n < 40; n++) one.release(entered.at(-1) as string)
    for (let round = 0; round < 5; round++) {
      one.wait(`Z${round}`)
      const before = entered.length
      while (!entered.includes(`Z${round}`)) one.release(entered.at(-1) as string)
      expect(entered.length - before).toBe(1)
      // Its turn comes round.
      for (let n = 0; n < 25; n++) one.release(entered.at(-1) as string)
    }
  })

  it('go to all that one asks for within its share, and an item that does not wait has nothing to take back', () => {
    const { places: three, entered } = places(3, { share: 2 })
    for (const item of ['x1', 'y1', 'z1', 'a1', 'a2', 'a3']) three.wait(item)
    for (const item of ['a9', 'none', 'x1']) three.withdraw(item)
    for (const item of ['x1', 'y1', 'z1']) three.release(item)
    expect([entered, three.taken]).toEqual([['x1', 'y1', 'z1', 'a1', 'a2'], 2])
    three.release('a1')
    three.wait('a4')
    expect([entered.slice(5), three.taken]).toEqual([['a3'], 2])
  })

  it('are given to very many who are done as soon as they enter', () => {
    const entered: number[] = []
    const one: Places<number> = new Places<number>({
      most: 1,
      share: 1,
      payer: String,
      enter: (item) => {
        entered.push(item)
        if (item > 0) one.release(item)
        return true
      },
    })
    for (let n = 0; n < 50_000; n++) one.wait(n)
    one.release(0)
    expect([entered.length, one.taken]).toEqual([50_000, 0])
  })

  it('make nobody new who asks for one thing at a time, or takes back what it asked for', () => {
    const { places: one, entered } = places(1)
    for (const payer of 'abc') for (let n = 0; n < 50; n++) one.wait(`${payer}${n}`)
    for (let n = 0; n < 6; n++) one.release(entered.at(-1) as string)
    one.wait('s0')
    for (let n = 0; n < 60; n++) {
      const item = entered.at(-1) as string
      if (item.startsWith('s')) {
        one.wait(`t${n}`)
        one.withdraw(`t${n}`)
        one.wait(`s${n + 1}`)
      }
      one.release(item)
    }
    // One turn in each round of four, not one in two.
    expect(entered.slice(-40).filter((item) => item.startsWith('s'))).toHaveLength(10)
  })

  it('go to the payer whose last turn was longest ago', () => {
    const { places: one, entered } = places(1)
    for (const item of ['a1', 'b1', 'c1', 'd1']) one.wait(item)
    for (const item of ['a1', 'b1', 'c1']) one.release(item)
    for (const item of ['d9', 'b9', 'c9', 'a9']) one.wait(item)
    for (const item of ['d1', 'a9', 'b9', 'c9']) one.release(item)
    expect(entered.slice(4)).toEqual(['a9', 'b9', 'c9', 'd9'])
  })

  it('that are scarce are remembered by so many payers, of whom the others come anew', () => {
    const { places: one, entered } = places(1, { remembered: 2 })
    for (const item of ['a1', 'b1', 'c1', 'd1']) one.wait(item)
    for (const item of ['a1', 'b1', 'c1']) one.release(item)
    for (const item of ['c2', 'b2', 'a2']) one.wait(item)
    for (const item of ['d1', 'b2', 'a2']) one.release(item)
    expect(entered.slice(4)).toEqual(['b2', 'a2', 'c2'])
  })

  it('of which half are free are remembered by nobody, nor are they once all are free', () => {
    const { places: two, entered } = places(2)
    two.wait('a1')
    two.release('a1')
    for (const item of ['b1', 'c1', 'd2', 'a2']) two.wait(item)
    two.release('b1')
    two.release('c1')
    // Neither has had a turn that counts, so the one that came first is first.
    expect(entered).toEqual(['a1', 'b1', 'c1', 'd2', 'a2'])
    two.release('d2')
    two.release('a2')
    for (const item of ['b3', 'c3', 'a4', 'd4']) two.wait(item)
    two.release('b3')
    expect(entered.at(-1)).toBe('a4')
  })

  it('of one who holds some go to it behind all who had a turn before', () => {
    const { places: four, entered } = places(4)
    // Its turns came while half of them were free.
    for (const item of ['a1', 'a2', 'b1', 'c1']) four.wait(item)
    for (const item of ['a3', 'c2', 'b2']) four.wait(item)
    four.release('b1')
    four.release('c1')
    four.release('a1')
    expect(entered.slice(4)).toEqual(['b2', 'c2', 'a3'])
  })

  // 80 of the crowd need just as many places as there are.
  it.each([60, 80, 85, 100, 200])(
    'hardly keep those waiting who ask for little, beside a crowd of %i',
    (users) => {
      const waits = waitsBeside(users)
      expect(waits.length).toBeGreaterThan(200)
      expect(waits[waits.length >> 1]).toBeLessThanOrEqual(15)
      expect(waits[Math.floor(waits.length * 0.99)]).toBeLessThanOrEqual(60)
    },
  )

  it.each([60, 100, 200])('are kept for those who ask seldom, beside a crowd of %i in step', (users) => {
    const waits = waitsBeside(users, true)
    expect(waits.length).toBeGreaterThan(200)
    expect(waits[Math.floor(waits.length * 0.99)]).toBeLessThanOrEqual(5)
  })

  it('are kept for those who ask seldom: one in sixteen, which nobody else has', () => {
    const { places: all, entered } = places(32)
    for (let n = 0; n < 64; n++) all.wait(`a${n}`)
    // The first one came anew.
    expect(all.taken).toBe(31)
    for (const item of ['b0', 'b1']) all.wait(item)
    expect([entered.length, entered.at(-1)]).toEqual([32, 'b0'])
    all.release('a0')
    expect([entered.length, all.taken]).toEqual([32, 31])
    for (const item of ['a1', 'a2']) all.release(item)
    expect(entered.slice(32)).toEqual(['a31', 'b1'])
    all.release('b0')
    expect(all.taken).toBe(30)
    for (const item of ['c0', 'c1', 'd0', 'e0']) all.wait(item)
    expect(entered.slice(34)).toEqual(['c0', 'd0'])
  })

  it('without a limit are given to everybody at once', () => {
    const { places: all, entered } = places(Infinity)
    for (let n = 0; n < 100; n++) all.wait(`a${n}`)
    expect(entered).toHaveLength(100)
  })

  it('are not kept from those who wait by ever new payers', () => {
    const { places: one, entered } = places(1)
    for (let n = 0; n < 40; n++) one.wait(`a${n}`)
    one.release('a0')
    for (let n = 0; n < 40; n++) {
      one.wait(`${String.fromCharCode(200 + n)}0`)
      one.release(entered.at(-1) as string)
    }
    const ofA = entered.slice(-36).filter((item) => item.startsWith('a'))
    expect(ofA).toHaveLength(4)
    const turns = entered.flatMap((item, at) => (at > 0 && item.startsWith('a') ? [at] : []))
    expect(turns.map((at, n) => at - (turns[n - 1] ?? at - 9))).toEqual(turns.map(() => 9))
  })

  it('are never more than there are, nor more than a share each, and go to somebody whenever they may', () => {
    const item = fc.record({ payer: fc.constantFrom('a', 'b', 'c', 'd'), end: fc.nat(3), refused: fc.nat(9) })
    fc.assert(
      fc.property(fc.array(item, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), (script, most) => {
        const share = Math.max(1, most - 1)
        const waiting = new Set<string>()
        const inside = new Set<string>()
        const refused = new Set<string>()
        const count = (payer: string): number => [...inside].filter((each) => each[0] === payer).length
        const all = new Places<string>({
          most,
          share,
          payer: ([payer]) => payer as string,
          enter: (each) => {
            expect(waiting.delete(each)).toBe(true)
            // The oldest of its payer.
            expect(
              [...waiting].filter(
                (other) => other[0] === each[0] && Number(other.slice(1)) < Number(each.slice(1)),
              ),
            ).toEqual([])
            if (refused.has(each)) return false
            inside.add(each)
            return true
          },
        })
        const check = (): void => {
          expect(all.taken).toBe(inside.size)
          expect(inside.size).toBeLessThanOrEqual(most)
          for (const payer of 'abcd') expect(count(payer)).toBeLessThanOrEqual(share)
          if (inside.size < most)
            expect([...waiting].filter((each) => count(each[0] as string) < share)).toEqual([])
        }
        for (const [n, { payer, end, refused: no }] of script.entries()) {
          const name = `${payer}${n}`
          if (no === 0) refused.add(name)
          waiting.add(name)
          all.wait(name)
          check()
          const [first] = end === 1 ? inside : end === 2 ? waiting : []
          if (first === undefined) continue
          if (inside.delete(first)) all.release(first)
          else if (waiting.delete(first)) all.withdraw(first)
          check()
        }
        while (inside.size > 0) {
          const [first] = inside
          inside.delete(first as string)
          all.release(first as string)
          check()
        }
        expect(waiting.size).toBe(0)
        expect(all.taken).toBe(0)
      }),
    )
  })
})
