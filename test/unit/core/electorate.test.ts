import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Elector, Electorate } from '../../../src/core/meeting/electorate.ts'

/** So many electors that have joined with frame 1. */
function electorateOf(count: number): { electorate: Electorate; electors: Elector[] } {
  const electorate = new Electorate()
  const electors = Array.from({ length: count }, () => new Elector())
  for (const elector of electors) electorate.join(elector, 1)
  return { electorate, electors }
}

const stable = (most: number): number => {
  const electorate = new Electorate(most)
  const electors = [1, 5, 9].map((frame) => {
    const elector = new Elector()
    electorate.join(elector, frame)
    return elector
  })
  // The first, who was alone at first, acknowledges nothing.
  for (const elector of electors.slice(1)) electorate.acknowledge(elector, 20)
  return electorate.stableTo(30)
}

describe('A frame is stable', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
    [10, 5],
  ])('of %i members once %i have acknowledged it, or a later one', (members, needed) => {
    const { electorate, electors } = electorateOf(members)
    electors.slice(0, needed - 1).forEach((elector) => electorate.acknowledge(elector, 9))
    expect(electorate.stableTo(20)).toBe(0)
    electorate.acknowledge(electors.at(-1) as Elector, 7)
    expect(electorate.stableTo(20)).toBe(7)
  })

  it('at the head at once where nobody has a say, and never beyond it', () => {
    const electorate = new Electorate()
    expect([electorate.stableTo(3), electorate.stableTo(5)]).toEqual([3, 5])
  })

  it('without whoever left by its own word, and not without one who is only away', () => {
    const { electorate, electors } = electorateOf(3)
    const [a, b] = electors as [Elector, Elector]
    electorate.acknowledge(a, 5)
    expect(electorate.stableTo(9)).toBe(0)
    electorate.leave(b, 10, true)
    expect(electorate.stableTo(10)).toBe(5)
  })

  it('by half of the electorate before a change and of the one after it', () => {
    const { electorate, electors } = electorateOf(2)
    const [a] = electors as [Elector, Elector]
    const late = Array.from({ length: 4 }, () => new Elector())
    for (const elector of late) electorate.join(elector, 10)
    electorate.acknowledge(a, 12)
    // Half of the two; one of the six.
    expect(electorate.stableTo(20)).toBe(0)
    for (const elector of late) electorate.acknowledge(elector, 15)
    // One of the two has acknowledged 12, and from 10 on only the six count.
    expect(electorate.stableTo(20)).toBe(15)
  })

  it('though more than half of an electorate have vanished for good', () => {
    const { electorate, electors } = electorateOf(3)
    const [a, b, c] = electors as [Elector, Elector, Elector]
    electorate.leave(a, 5, false)
    electorate.acknowledge(c, 8)
    // One of three, one of whom is gone: b may still come.
    expect(electorate.stableTo(9)).toBe(0)
    electorate.leave(b, 9, false)
    // Both may be with another node that goes on.
    expect(electorate.stableTo(9)).toBe(0)
    electorate.forsake()
    expect(electorate.stableTo(9)).toBe(8)
  })

  it('not though more than half have vanished, where another owner goes on that is not sure of it either', () => {
    const { electorate, electors } = electorateOf(3)
    for (const each of electors.slice(0, 2)) electorate.leave(each, 5, false)
    electorate.acknowledge(electors[2] as Elector, 8)
    const next = new Electorate()
    next.restore(
      electorate.stateFor((elector) => (elector === electors[2] ? 2 : undefined)),
      (slot) => (slot === 2 ? electors[2] : undefined),
    )
    expect(next.stableTo(9)).toBe(0)
    next.forsake()
    expect(next.stableTo(9)).toBe(8)
  })

  it('again after everybody has reloaded', () => {
    const { electorate, electors } = electorateOf(1)
    const anew = new Elector()
    electorate.leave(electors[0] as Elector, 4, false)
    electorate.join(anew, 4)
    expect(electorate.stableTo(9)).toBe(0)
    electorate.acknowledge(anew, 6)
    electorate.forsake()
    expect(electorate.stableTo(9)).toBe(6)
  })

  it('still where exactly half of an electorate have vanished: the others decide', () => {
    const { electorate, electors } = electorateOf(2)
    const [a, b] = electors as [Elector, Elector]
    electorate.leave(a, 9, false)
    electorate.acknowledge(b, 5)
    electorate.join(new Elector(), 12)
    expect(electorate.stableTo(8)).toBe(5)
  })

  it('no further than the one who is left of two has acknowledged, whoever has joined since', () => {
    const { electorate, electors } = electorateOf(2)
    const [a, b] = electors as [Elector, Elector]
    const late = [new Elector(), new Elector()]
    electorate.leave(a, 9, false)
    for (const elector of late) {
      electorate.join(elector, 9)
      electorate.acknowledge(elector, 8)
    }
    electorate.acknowledge(b, 3)
    expect(electorate.stableTo(8)).toBe(3)
  })

  it('though an acknowledgement comes late that says less', () => {
    const { electorate, electors } = electorateOf(3)
    const [a, b] = electors as [Elector, Elector]
    electorate.acknowledge(a, 9)
    electorate.acknowledge(a, 3)
    electorate.acknowledge(b, 8)
    expect(electorate.stableTo(20)).toBe(8)
  })

  it('by the latest electorates alone where there are too many', () => {
    expect([4, 3, 2].map(stable)).toEqual([0, 0, 20])
  })

  it('in the end, whatever number of members come and go while nobody acknowledges', () => {
    const { electorate, electors } = electorateOf(3)
    for (let frame = 2; frame < 1_000; frame++) {
      const guest = new Elector()
      electorate.join(guest, frame)
      electorate.leave(guest, frame + 1, frame % 2 === 0)
      expect(electorate.stableTo(frame)).toBe(0)
    }
    for (const elector of electors) electorate.acknowledge(elector, 1_000)
    expect(electorate.stableTo(1_000)).toBe(1_000)
  })
})

/** The rule as it is written, over the whole history. */
class Model {
  readonly electors: { from: number; until: number; acked: number; gone: boolean }[] = []
  #mark = 0

  stableTo(head: number): number {
    for (let frame = head; frame > this.#mark; frame--) {
      if (!this.#isStable(frame, head)) continue
      this.#mark = frame
      // The electorates of before no longer count.
      return this.stableTo(head)
    }
    return this.#mark
  }

  #isStable(frame: number, head: number): boolean {
    for (let at = this.#mark; at <= head + 1; at++) {
      const electorate = this.electors.filter(({ from, until }) => from <= at && at < until)
      const gone = electorate.filter((elector) => elector.gone).length
      if (gone * 2 > electorate.length) continue
      if (electorate.filter(({ acked }) => acked >= frame).length * 2 < electorate.length) return false
    }
    return true
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ack' as const), who: fc.nat(9), upTo: fc.nat(40) }) },
  fc.record({ do: fc.constant('join' as const) }),
  fc.record({ do: fc.constant('leave' as const), who: fc.nat(9), asked: fc.boolean() }),
  fc.record({ do: fc.constant('be sure' as const) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('seal' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
)

it('The stable mark is what the rule says, never goes back, and never passes the head', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const electorate = new Electorate()
      const model = new Model()
      const electors: Elector[] = []
      let head = 0
      let mark = 0
      for (const each of steps) {
        if (each.do === 'seal') head++
        else if (each.do === 'be sure') {
          electorate.forsake()
          for (const known of model.electors) known.gone = known.until < Infinity && known.acked < Infinity
        } else if (each.do === 'join') {
          const elector = new Elector()
          electors.push(elector)
          electorate.join(elector, head + 1)
          model.electors.push({ from: head + 1, until: Infinity, acked: 0, gone: false })
        } else if (each.do === 'look') {
          const stable = electorate.stableTo(head)
          expect(stable).toBe(model.stableTo(head))
          expect(stable >= mark && stable <= head).toBe(true)
          mark = stable
        } else {
          const elector = electors[each.who]
          const known = model.electors[each.who]
          if (elector === undefined || known === undefined || known.until < Infinity) continue
          if (each.do === 'ack') {
            const frame = Math.min(each.upTo, head)
            electorate.acknowledge(elector, frame)
            known.acked = Math.max(known.acked, frame)
          } else {
            electorate.leave(elector, head + 1, each.asked)
            known.until = head + 1
            if (each.asked) known.acked = Infinity
          }
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
