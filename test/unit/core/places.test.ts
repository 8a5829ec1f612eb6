import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Places } from '../../../src/core/index.ts'

/** Items are named by their payer and a number, `a1`. */
function places(most: number, share = most): { places: Places<string>; entered: string[] } {
  const entered: string[] = []
  const made = new Places<string>({
    most,
    share,
    payer: ([payer]) => payer as string,
    enter: (item) => {
      entered.push(item)
      return true
    },
  })
  return { places: made, entered }
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
