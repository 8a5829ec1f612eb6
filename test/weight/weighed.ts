import { afterAll, expect } from 'vitest'
import { type Connection, type RtmsNode, settleShapes } from '../../src/core/index.ts'
import { messages } from '../../src/testing/index.ts'
import { Scale, weigh } from './scale.ts'

/*
 * What things weigh, heap and buffers together, beside what the node counts for them. Nothing of the test's own is held
 * between two weighings. The figures are told in the table that is printed at the end of each file.
 */

settleShapes()

/** What was built is held here while it is weighed. */
export const held: unknown[] = []
const table: Record<
  string,
  { readonly each: number; readonly counted: number | null; readonly ratio: string }
> = {}

afterAll(() => {
  held.length = 0
  console.table(table)
})

/** What is compiled on its first run is not to be weighed. In a function of its own, which keeps nothing of it. */
function warmUp(build: () => { readonly grow: () => void }): void {
  build().grow()
}

/**
 * Bytes that each of `count` things weighs, and that the node counts for it: the middle one of three weighings, since
 * the test runner makes and drops garbage of its own meanwhile; the first where that is fair.
 */
export async function measure(
  what: string,
  count: number,
  build: () => { readonly node: RtmsNode; readonly grow: () => void; readonly counted: () => number | null },
): Promise<{ readonly each: number; readonly ratio: number }> {
  warmUp(build)
  const weighings: { readonly each: number; readonly countedEach: number | null }[] = []
  const isEnough = (): boolean => {
    const [first] = weighings
    return first !== undefined && (weighings.length === 3 || isFair(first.each / (first.countedEach ?? 0)))
  }
  while (!isEnough()) {
    const { node, grow, counted } = build()
    held.push(node)
    const countedBefore = counted()
    const before = await weigh()
    grow()
    const each = ((await weigh()) - before) / count
    const countedAfter = counted()
    held.length = 0
    const countedEach =
      countedBefore === null || countedAfter === null ? null : (countedAfter - countedBefore) / count
    weighings.push({ each, countedEach })
  }
  const { each, countedEach } = weighings.toSorted((a, b) => a.each - b.each)[
    weighings.length >> 1
  ] as (typeof weighings)[number]
  // Of less, the test runner's garbage would be weighed as well.
  expect(each * count).toBeGreaterThan(500_000)
  const ratio = countedEach === null ? Number.NaN : each / countedEach
  table[what] = {
    each: Math.round(each),
    counted: countedEach === null ? null : Math.round(countedEach),
    ratio: countedEach === null ? 'not counted' : ratio.toFixed(2),
  }
  return { each, ratio }
}

/** How much more than what is counted something may weigh, or less: half as much again (I21). */
const MOST = 1.5
const isFair = (ratio: number): boolean => ratio > 1 / MOST && ratio < MOST

/** What a peer makes a node hold weighs what is counted for it. */
function expectFair(ratio: number): void {
  expect(ratio).toBeGreaterThan(1 / MOST)
  expect(ratio).toBeLessThan(MOST)
}

/** Weighs `count` things that users, topics or meetings of a node pay for. */
export async function weighed(
  what: string,
  count: number,
  build: () => { readonly node: RtmsNode; readonly grow: () => void },
): Promise<void> {
  const { ratio } = await measure(what, count, () => {
    const { node, grow } = build()
    return { node, grow, counted: () => node.logs.bytes }
  })
  expectFair(ratio)
}

/** Sessions whose upstream queues wait, behind what the business is asked about. */
export function blocked(scale: Scale, count: number): readonly Connection[] {
  scale.node.askFirst(true)
  const connections = Array.from({ length: count }, (_, n) => scale.connect(`u${n}`))
  for (const connection of connections) scale.say(connection, messages.join(1, 'm'))
  scale.settle()
  return connections
}
