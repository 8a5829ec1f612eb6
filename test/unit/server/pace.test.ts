import { expect, it } from 'vitest'
import { InTurn } from '../../../src/server/ground/in-turn.ts'
import { Pace } from '../../../src/server/ground/pace.ts'

const never = (_: unknown, error: unknown): void => {
  throw error
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('A storm is worked through in order, a few milliseconds in each turn of the event loop', async () => {
  let now = 0
  const done: number[] = []
  const pace = new Pace<number>(
    (item) => {
      done.push(item)
      now += 1
      // What comes meanwhile waits behind the others.
      if (item === 1) pace.add(100, 'a')
    },
    never,
    () => now,
  )
  for (let n = 0; n < 10; n++) pace.add(n, 'a')
  expect(done).toEqual([])
  await turn()
  expect(done).toEqual([0, 1, 2, 3])
  expect(pace.size).toBe(7)
  await turn()
  await turn()
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100])
  expect(pace.size).toBe(0)
  await turn()
  pace.add(200, 'a')
  await turn()
  expect(done.at(-1)).toBe(200)
})

it('Something slow is done all the same, one in each turn', async () => {
  let now = 0
  const done: number[] = []
  const pace = new Pace<number>(
    (item) => {
      done.push(item)
      now += 1_000
    },
    never,
    () => now,
  )
  for (let n = 0; n < 3; n++) pace.add(n, 'a')
  await turn()
  expect(done).toEqual([0])
  await turn()
  await turn()
  expect(done).toEqual([0, 1, 2])
})

it('So many are done in each turn at least, however late the clock says it is', async () => {
  let now = 0
  const done: number[] = []
  const pace = new Pace<number>(
    (item) => {
      done.push(item)
      now += 1_000
    },
    never,
    () => now,
    3,
  )
  for (let n = 0; n < 7; n++) pace.add(n, 'a')
  await turn()
  expect(done).toEqual([0, 1, 2])
  await turn()
  await turn()
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6])
})

it('Something that throws costs nobody else their turn', async () => {
  const done: number[] = []
  const failed: [number, unknown][] = []
  const pace = new Pace<number>(
    (item) => {
      if (item % 2 === 0) throw new Error(`${item}`)
      done.push(item)
    },
    (item, error) => void failed.push([item, (error as Error).message]),
    () => 0,
  )
  for (let n = 0; n < 5; n++) pace.add(n, 'a')
  await turn()
  expect(done).toEqual([1, 3])
  expect(failed).toEqual([
    [0, '0'],
    [2, '2'],
    [4, '4'],
  ])
  expect(pace.size).toBe(0)
  pace.add(7, 'a')
  await turn()
  expect(done).toEqual([1, 3, 7])
})

it('A crowd at one address delays the others by no more than one of it', async () => {
  let now = 0
  const done: string[] = []
  const pace = new Pace<string>(
    (item) => {
      done.push(item)
      now += 1
    },
    never,
    () => now,
  )
  for (let n = 0; n < 100; n++) pace.add(`a${n}`, 'a')
  pace.add('b0', 'b')
  pace.add('c0', 'c')
  pace.add('b1', 'b')
  await turn()
  await turn()
  expect(done).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'a2', 'a3', 'a4'])
  expect(pace.size).toBe(95)
})

it('Where there is no room, the first of the payer with most gives way, unless nobody has more', async () => {
  const done: string[] = []
  const pace = new Pace<string>(
    (item) => void done.push(item),
    never,
    () => 0,
  )
  expect(pace.makeRoom('a')).toBeUndefined()
  for (let n = 0; n < 4; n++) pace.add(`a${n}`, 'a')
  pace.add('b0', 'b')
  expect(pace.makeRoom('a')).toBeUndefined()
  expect([pace.makeRoom('c'), pace.makeRoom('b')]).toEqual(['a0', 'a1'])
  // Each of them has two or, with one more, would have.
  expect(pace.makeRoom('b')).toBeUndefined()
  expect(pace.size).toBe(3)
  await turn()
  expect(done).toEqual(['b0', 'a2', 'a3'])
  pace.add('d0', 'd')
  await turn()
  expect([done.at(-1), pace.size]).toEqual(['d0', 0])
})

it('Whoever causes more than can be done does not fill memory: the first of what waits is done at once', () => {
  let now = 0
  const done: number[] = []
  const inTurn = new InTurn({ now: () => now, soon: () => () => {} })
  inTurn.add(() => void (now += 5), 'eve')
  for (let n = 0; n < 10_003; n++) inTurn.add(() => void done.push(n), 'eve')
  expect(done).toEqual([0, 1, 2])
})
