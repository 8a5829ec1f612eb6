import { expect, it } from 'vitest'
import { type Hooked, HookTurns } from '../../../src/server/ground/hook-turns.ts'
import { InTurn } from '../../../src/server/ground/in-turn.ts'
import { Pace } from '../../../src/server/ground/pace.ts'
import { Loop, microtasks } from './virtual-loop.ts'

/** So many hooks, each of which takes 3 ms. */
function hooksOf(loop: Loop, name: string, count: number, done: string[]): Hooked {
  let next = 0
  return {
    payers: [name],
    listed: new Set(),
    runOne: () => {
      if (next === count) return false
      loop.time += 3
      done.push(`${name}${next++}`)
      return true
    },
  }
}

it('Hooks that nobody waits for run in this turn while it has time, and then one each time, those of other payers between', async () => {
  const [loop, done]: [Loop, string[]] = [new Loop(), []]
  const turns = new HookTurns(loop)
  const [a, b] = [hooksOf(loop, 'a', 5, done), hooksOf(loop, 'b', 3, done)]
  turns.run(a)
  expect([done, a.listed.size]).toEqual([['a0', 'a1'], 1])
  turns.run(b)
  // It has its turn to come, so it neither runs now nor has a second one.
  turns.run(a)
  expect(done).toEqual(['a0', 'a1'])
  await loop.next()
  expect(done.slice(2)).toEqual(['a2', 'b0'])
  await loop.next()
  expect(done.slice(4)).toEqual(['a3', 'b1'])
  for (let n = 0; n < 3; n++) await loop.next()
  expect([done.slice(6), a.listed.size, b.listed.size]).toEqual([['a4', 'b2'], 0, 0])
  // What comes later begins anew.
  turns.run(hooksOf(loop, 'c', 1, done))
  expect(done.at(-1)).toBe('c0')
})

it('Hooks run in the turns of each of their payers, so nobody waits for what another payer of them has elsewhere', async () => {
  const [loop, done]: [Loop, string[]] = [new Loop(), []]
  const turns = new HookTurns(loop)
  const [shared, ...others] = ['s', 'a', 'b', 'c'].map((name) => hooksOf(loop, name, 3, done))
  if (shared === undefined) throw new Error('there are four')
  let payers = ['eve']
  for (const hooks of others) turns.run(Object.assign(hooks, { payers }))
  turns.run(Object.assign(shared, { payers }))
  expect([done.splice(0), [...shared.listed]]).toEqual([['a0', 'a1'], ['eve']])
  payers = ['eve', 'ann', 'eve']
  turns.run(Object.assign(shared, { payers }))
  expect([...shared.listed]).toEqual(['eve', 'ann'])
  for (let n = 0; n < 3; n++) await loop.next()
  expect(done).toEqual(['a2', 's0', 'b0', 's1', 'c0', 's2'])
})

it('Hooks are settled once none is left for a later turn, or after the time that was given', async () => {
  for (const [timeoutMs, ranUntil] of [
    [1_000, ['a0', 'a1', 'a2', 'a3', 'a4']],
    [6, ['a0', 'a1', 'a2', 'a3']],
  ] as const) {
    const [loop, done]: [Loop, string[]] = [new Loop(), []]
    const turns = new HookTurns(loop)
    turns.run(hooksOf(loop, 'a', 5, done))
    loop.time = 0
    let ran: string[] | null = null
    void turns.settled(timeoutMs).then(() => (ran = [...done]))
    for (let n = 0; n < 6; n++) {
      // oxlint-disable-next-line no-await-in-loop -- One turn after the other.
      await loop.next()
    }
    expect(ran).toEqual(ranUntil)
  }
})

it('What is put off in a microtask after the question counts as well, and where nothing waits it is settled at once', async () => {
  const [loop, done]: [Loop, number[]] = [new Loop(), []]
  const inTurn = new InTurn(loop)
  let isSettled = false
  await inTurn.settled(1_000)
  inTurn.add(() => void (loop.time += 5), 'ann')
  queueMicrotask(() => inTurn.add(() => done.push(1), 'ann'))
  void inTurn.settled(1_000).then(() => (isSettled = true))
  await microtasks()
  expect([done, isSettled]).toEqual([[], false])
  await loop.next()
  expect([done, isSettled]).toEqual([[1], true])
})

it('With no time at all, nothing is waited for', async () => {
  const pace = new Pace<number>(
    () => {},
    () => {},
    () => 0,
    1,
    () => {},
  )
  pace.add(1, 'ann')
  await pace.settled(0)
  expect(pace.size).toBe(1)
})

it('Without a clock of its own, a pace goes by that of the machine', async () => {
  const pace = new Pace<number>(
    () => {},
    () => {},
  )
  pace.add(1, 'ann')
  await pace.settled(10_000)
  expect(pace.size).toBe(0)
})

it('A turn has begun for what is put off, and whoever has something waiting does not overtake it', async () => {
  const [loop, done]: [Loop, string[]] = [new Loop(), []]
  const inTurn = new InTurn(loop)
  const begin = (what: string): void => {
    loop.time += 5
    done.push(what)
  }
  inTurn.add(() => begin('first'), 'ann')
  // In the next turn, before what is put off below.
  loop.soon(() => {
    inTurn.add(() => begin('third'), 'ann')
    inTurn.add(() => begin('other'), 'bob')
  })
  inTurn.add(() => begin('second'), 'ann')
  await loop.next()
  expect(done).toEqual(['first', 'other', 'second'])
  await loop.next()
  expect(done.slice(3)).toEqual(['third'])
})

it('A pace asks for one turn however much waits, for none when nothing does, and runs nothing where there is nothing', async () => {
  const [loop, done]: [Loop, number[]] = [new Loop(), []]
  const pace = new Pace<number>(
    (item) => void done.push(item),
    () => {},
    loop.now,
    1,
    loop.soon,
  )
  pace.runOne()
  for (let n = 0; n < 3; n++) pace.add(n, 'ann')
  expect([loop.asked, pace.has('ann'), pace.has('bob')]).toEqual([1, true, false])
  await loop.next()
  expect([done, loop.asked, pace.has('ann')]).toEqual([[0, 1, 2], 1, false])
})
