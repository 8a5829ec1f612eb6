import { describe, expect, it } from 'vitest'
import { Superseding } from '../../../../src/core/cluster/superseding.ts'
import type { RoomFacts } from '../../../../src/core/meeting/room.ts'

type Ended = (node: number, ending: { readonly by: string }) => void

function clusterOf(silent: ReadonlySet<number>, peers: readonly number[]) {
  return {
    isSilent: (node: number) => silent.has(node),
    get peers() {
      return peers.map((incarnation) => ({ incarnation }))
    },
  }
}

/** What nodes are told of the worlds that this one has gone on with. */
class Desk {
  readonly asked: string[] = []
  readonly silent: Set<number> = new Set()
  readonly watched: number[] = []
  readonly peers: number[] = []
  readonly #open: Map<string, Ended> = new Map()
  readonly superseding: Superseding = new Superseding(
    {
      cluster: clusterOf(this.silent, this.peers),
      questions: () => ({
        ask: (
          nodes: readonly number[],
          kind: string,
          { name }: { readonly name: string },
          deadline: number,
          ended: Ended,
        ) => {
          if (nodes.length > 0) this.asked.push(`${kind} ${name}: ${nodes.join()} until ${deadline}`)
          for (const node of nodes) this.#open.set(`${name} ${node}`, ended)
        },
      }),
    } as never,
    (now) => this.watched.push(now),
  )

  beat(now: number): string[] {
    this.superseding.beat(now)
    return this.asked.splice(0)
  }

  end(name: string, node: number, by = 'answer'): void {
    this.#open.get(`${name} ${node}`)?.(node, { by })
  }
}

const subject = (name: string) => ({ name, world: 7, term: 3, incarnation: 1 })

describe('A node that has gone on with a world', () => {
  it('knows that until all have heard it who may own it at a lower fence', () => {
    const desk = new Desk()
    desk.superseding.add(subject('m'), [2], 0)
    const passed = (parts: object): boolean =>
      desk.superseding.hasPassed({ ...subject('m'), term: 2, ...parts })
    expect([{}, { term: 3, incarnation: 0 }].map(passed)).toEqual([true, true])
    expect([{ term: 3 }, { term: 4 }, { name: 'n' }, { world: 8 }].map(passed)).toEqual([
      false,
      false,
      false,
      false,
    ])
    desk.beat(0)
    desk.end('m', 2)
    expect(passed({})).toBe(false)
  })
})

describe('A node that was handed a world', () => {
  it('tells nodes that are silent, where another one has gone on with it before', () => {
    const desk = new Desk()
    desk.peers.push(2, 3)
    desk.silent.add(2)
    const reign = (term: number) => ({ term, incarnation: 1, from: term })
    const facts = { ...subject('m'), reigns: [reign(1)] } as never as RoomFacts
    desk.superseding.inherit(facts, 0)
    expect(desk.superseding.isBusy).toBe(false)
    desk.superseding.inherit({ ...facts, reigns: [reign(1), reign(3)] }, 0)
    expect([2, 3].map((node) => desk.superseding.isPending(node))).toEqual([true, false])
    desk.silent.clear()
    desk.superseding.inherit({ ...facts, name: 'n', reigns: [reign(1), reign(3)] }, 0)
    expect(desk.beat(0)).toEqual(['supersede m: 2 until 500'])
    desk.end('m', 2)
    expect(desk.superseding.isBusy).toBe(false)
  })
})

describe('A node that has gone on with a world', () => {
  it('tells each node that may own it still, twice a second, until that has answered', () => {
    const desk = new Desk()
    desk.superseding.add(subject('m'), [2, 3], 1_000)
    expect([desk.watched, desk.superseding.isBusy]).toEqual([[1_000], true])
    expect(desk.beat(1_000)).toEqual(['supersede m: 2,3 until 1500'])
    expect(desk.beat(1_499)).toEqual([])
    desk.end('m', 2)
    desk.end('m', 3, 'deadline')
    expect([2, 3].map((node) => desk.superseding.isPending(node))).toEqual([false, true])
    expect(desk.beat(1_500)).toEqual(['supersede m: 3 until 2000'])
    desk.end('m', 3)
    expect([desk.superseding.isBusy, desk.superseding.isPending(3)]).toEqual([false, false])
    expect(desk.beat(9_000)).toEqual([])
  })

  it('waits for those that are silent, and not for those that have ended', () => {
    const desk = new Desk()
    desk.silent.add(2)
    desk.superseding.add(subject('m'), [2, 3], 0)
    desk.superseding.add(subject('n'), [3], 0)
    expect(desk.beat(0)).toEqual(['supersede m: 3 until 500', 'supersede n: 3 until 500'])
    desk.superseding.gone(3)
    expect([2, 3].map((node) => desk.superseding.isPending(node))).toEqual([true, false])
    desk.silent.clear()
    expect(desk.beat(500)).toEqual(['supersede m: 2 until 1000'])
    desk.superseding.gone(2)
    expect(desk.superseding.isBusy).toBe(false)
  })
})

describe('A node with frames of a later owner than the one that is to have the meeting', () => {
  it('is without an owner, and tells that one of the fence of those frames, once at a time', () => {
    const desk = new Desk()
    const lost: number[] = []
    const room = { facts: { world: 7, term: 2, incarnation: 4 }, lastFence: { term: 3, incarnation: 1 } }
    const replica = { name: 'm', copy: { room }, owner: 2, lost: (now: number) => lost.push(now) }
    const outrun = (now: number): void => desk.superseding.outrun(replica as never, now)
    outrun(0)
    outrun(100)
    expect([lost, desk.watched, desk.superseding.isPending(2)]).toEqual([[0, 100], [0], true])
    expect(desk.beat(100)).toEqual(['supersede m: 2 until 600'])
    desk.end('m', 2)
    expect(desk.superseding.isBusy).toBe(false)
    outrun(700)
    expect(desk.superseding.isPending(2)).toBe(true)
  })
})

describe('An owner that is yet to hear that a node has gone on with its world', () => {
  /** What it is told when it answers a replica there from a world at a fence; and whether it is not followed. */
  function answers(told: object, { name = 'm', owner = 2, room = null as object | null } = {}) {
    const desk = new Desk()
    desk.silent.add(2)
    desk.superseding.add(subject('n'), [2], 0)
    desk.superseding.add(subject('m'), [2], 0)
    const fence = { world: 7, term: 2, incarnation: 2, ...told }
    const tellsPassedOver = desk.superseding.tellsPassedOver(
      { name, owner, copy: { room } } as never,
      fence,
      40,
    )
    return [tellsPassedOver, ...desk.asked]
  }

  it('is told of the one meeting at once, and is not followed', () => {
    expect(answers({})).toEqual([true, 'supersede m: 2 until 540'])
    expect(answers({ term: 3, incarnation: 0 })).toEqual([true, 'supersede m: 2 until 540'])
  })

  it('is followed in another world, at a higher fence, with another meeting, and where it has answered', () => {
    for (const told of [{ world: 8 }, { term: 4 }, { term: 3, incarnation: 1 }])
      expect(answers(told)).toEqual([false])
    expect(answers({}, { name: 'o' })).toEqual([false])
    expect(answers({}, { owner: 3 })).toEqual([false])
  })

  it('is compared with the frames that are there, if there are some', () => {
    expect(answers({}, { room: {} })).toEqual([false])
  })
})
