import { describe, expect, it } from 'vitest'
import { Lineage, Trace } from '../../../src/core/meeting/lineage.ts'
import { simLineage } from '../../../src/testing/lineage.ts'

const lineage = new Lineage(simLineage, (now) => now)
const frame = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)

/** All are different, and the same when they are made again. */
function expectApart(make: () => number[]): void {
  const all = make()
  expect(new Set(all).size).toBe(all.length)
  expect(make()).toEqual(all)
}

describe('The chain of a log', () => {
  it('tells apart frames, their numbers and all that was before, and is the same on each node', () => {
    expectApart(() => [
      lineage.after(0, 1, frame(1)),
      lineage.after(0, 1, frame(2)),
      lineage.after(0, 2, frame(1)),
      lineage.after(9, 1, frame(1)),
    ])
  })

  it('is left as it is by an empty frame', () => {
    expect([lineage.after(0, 1, frame()), lineage.after(9, 5, frame())]).toEqual([0, 9])
  })

  it('is known of each frame that is kept, and of the one before those', () => {
    const trace = new Trace(lineage, () => ({ name: 'm', world: 7 }), 5, 42)
    const fifth = lineage.after(42, 5, frame(1))
    expect(trace.behind(4)).toBe(42)
    trace.push(frame(1))
    trace.push(frame())
    trace.push(frame(2))
    const last = lineage.after(fifth, 7, frame(2))
    expect([4, 5, 6, 7].map((at) => trace.behind(at))).toEqual([42, fifth, fifth, last])
    trace.shift()
    trace.shift()
    expect([6, 7].map((at) => trace.behind(at))).toEqual([fifth, last])
    trace.skipTo(20, 99)
    expect(trace.behind(19)).toBe(99)
    trace.push(frame(3))
    expect(trace.behind(20)).toBe(lineage.after(99, 20, frame(3)))
  })
})

describe('A chain that another node has told', () => {
  it('is taken as it is, and hashed on from, with nothing hashed here', () => {
    let hashed = 0
    const keys = { ...simLineage, tag: (bytes: Uint8Array) => (hashed++, simLineage.tag(bytes)) }
    const trace = new Trace(new Lineage(keys, (now) => now), () => ({ name: 'm', world: 7 }), 1, 0)
    trace.push(frame(1), 77)
    trace.push(frame(), 77)
    expect([trace.behind(1), trace.behind(2), hashed]).toEqual([77, 77, 0])
    trace.push(frame(2))
    expect([trace.behind(3), hashed]).toEqual([lineage.after(77, 3, frame(2)), 1])
  })
})

describe('A tag', () => {
  it('binds frames to a meeting, a world, a place and a stable mark', () => {
    const named = { name: 'm', world: 7 }
    expectApart(() => [
      lineage.ofHead(named, 1, 2, 3),
      lineage.ofHead({ ...named, name: 'n' }, 1, 2, 3),
      lineage.ofHead({ ...named, world: 8 }, 1, 2, 3),
      lineage.ofHead(named, 2, 2, 3),
      lineage.ofHead(named, 1, 3, 3),
      lineage.ofHead(named, 1, 2, 4),
    ])
  })

  it('binds a charter to a meeting, a frame and what it says, and is none of frames', () => {
    expectApart(() => [
      lineage.ofCharter('m', 1, frame(1)),
      lineage.ofCharter('n', 1, frame(1)),
      lineage.ofCharter('m', 2, frame(1)),
      lineage.ofCharter('m', 1, frame(2)),
      lineage.ofHead({ name: 'm', world: 1 }, 1, 2, 3),
      lineage.ofCharter('m', 1, frame(1, 2, 3)),
    ])
  })

  it('is never 0, which stands for none', () => {
    const zero = new Lineage({ ...simLineage, tag: () => 0 }, (now) => now)
    expect([zero.ofHead({ name: 'm', world: 1 }, 1, 2, 3), zero.ofCharter('m', 1, frame(1))]).toEqual([1, 1])
  })

  it('of a log is that of its history as it is called at the moment', () => {
    let world = 7
    const trace = new Trace(lineage, () => ({ name: 'm', world }), 1, 0)
    trace.push(frame(1))
    trace.push(frame(2))
    const tags = [7, 8].map((each) => {
      world = each
      return [trace.tagOf(1, 0), trace.tagOf(2, 1)]
    })
    expect(tags).toEqual(
      [7, 8].map((each) => [
        lineage.ofHead({ name: 'm', world: each }, trace.behind(1), 1, 0),
        lineage.ofHead({ name: 'm', world: each }, trace.behind(2), 2, 1),
      ]),
    )
  })
})
