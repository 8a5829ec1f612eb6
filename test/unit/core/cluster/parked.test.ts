import { describe, expect, it } from 'vitest'
import type { MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'
import { Parked } from '../../../../src/core/cluster/parked.ts'

const follow = (meeting: string, replica: number): MeshMessageOf<'follow'> => ({
  type: 'follow',
  meeting,
  replica,
  world: 0,
  next: 1,
  readers: 0,
  spectators: 0,
})

describe('Replicas that wait until it is known who has a meeting', () => {
  it('wait with their last word', () => {
    const parked = new Parked()
    const [first, again, other] = [follow('m', 1), follow('m', 1), follow('n', 3)]
    for (const each of [first, again, other]) parked.add(5, each)
    parked.add(6, first)
    const taken = [first, again, again, other].map((each) => parked.take(5, each))
    expect(taken).toEqual([false, true, false, true])
    expect(parked.take(6, first)).toBe(true)
  })

  it('are a thousand of a node at the most', () => {
    const parked = new Parked()
    for (let n = 0; n < 1_000; n++) {
      expect(parked.isFull(5)).toBe(false)
      parked.add(5, follow('m', n))
    }
    expect([parked.isFull(5), parked.isFull(6)]).toEqual([true, false])
    parked.remove(5, 7)
    expect(parked.isFull(5)).toBe(false)
  })

  it('wait no more once they have ended, each alone, or all where their node has', () => {
    const parked = new Parked()
    const [one, two] = [follow('m', 1), follow('n', 2)]
    const wait = (): void => [one, two].forEach((each) => parked.add(5, each))
    wait()
    parked.remove(5, 2)
    parked.remove(5, 3)
    parked.remove(6, 1)
    expect([one, two].map((each) => parked.take(5, each))).toEqual([true, false])
    wait()
    parked.forget(6)
    parked.forget(5)
    expect([one, two].map((each) => parked.take(5, each))).toEqual([false, false])
  })
})
