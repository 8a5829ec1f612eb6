import { describe, expect, it } from 'vitest'
import { Backers } from '../../../../src/core/cluster/backers.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'
import { Support } from '../../../../src/core/cluster/support.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'

const LEASE = 1_000

/** An owner, the nodes that may have its frames, and whether it was told to look again. */
function ownerWith(holders: readonly (readonly [node: number, since: number])[]) {
  const map = new Map(holders)
  const looks: number[] = []
  const doubts = new Map<number, number>()
  const backing = {
    holders: map,
    unsure: new Set<number>(),
    doubt: (node: number, now: number) => {
      doubts.set(node, now)
      map.set(node, -Infinity)
    },
    doubtedSince: (node: number) => doubts.get(node) ?? Infinity,
    release: (node: number) => map.delete(node) && backing.unsure.delete(node),
    look: (now: number) => looks.push(now),
  }
  const room = { facts: { world: 7, term: 3, incarnation: 5 } }
  return { owner: { name: 'm', backing, room } as unknown as Owner, map, looks, unsure: backing.unsure }
}

function clusterOf(ended: ReadonlySet<number>, peers: readonly number[]): never {
  return {
    nodes: { ended },
    get peers() {
      return peers.map((incarnation) => ({ incarnation }))
    },
  } as never
}

class Desk {
  readonly called: number[] = []
  readonly ended: Set<number> = new Set()
  readonly peers: number[] = []
  readonly owners: Owner[] = []
  readonly support: Support = new Support(
    { call: (node) => this.called.push(node), answer: () => {}, isAgainst: () => false },
    LEASE,
  )
  readonly backers: Backers = new Backers(
    this.support,
    clusterOf(this.ended, this.peers),
    () => ({ all: () => this.owners }) as never,
    () => ({
      ask: (nodes, kind, question, deadline, ended) => {
        this.asked.push([[...nodes], kind, question, deadline])
        this.answer = (node, ending) => ended(node, ending as never, deadline)
      },
    }),
    { ask: (node, subject, _, told) => void this.consents.push({ node, subject, told }) },
    (subject) => this.deposed.push(subject),
  )
  readonly asked: unknown[] = []
  readonly consents: { node: number; subject: object; told: (consents: boolean, now: number) => void }[] = []
  readonly deposed: object[] = []
  answer = (_node: number, _ending: object): void => {}

  heard(): number[] {
    return this.called.splice(0)
  }
}

describe('The support of an owner', () => {
  it('lasts as long as that of all nodes that may have its frames', () => {
    const desk = new Desk()
    const { owner } = ownerWith([
      [2, 1_000],
      [3, 500],
    ])
    expect(desk.backers.supportedUntil(owner, 1_000)).toBe(1_400)
    desk.backers.answered(3, 1_200_000, 1_250)
    expect([desk.backers.supportedUntil(owner, 1_250), desk.heard()]).toEqual([1_900, []])
    expect(desk.backers.supportedUntil(ownerWith([]).owner, 1_250)).toBe(Infinity)
    expect(desk.backers.answersSince(2_000)).toBe(1_100)
  })

  it('is asked for at once where it is over, and the owner looks again with the next answer, once', () => {
    const desk = new Desk()
    const { owner, looks } = ownerWith([
      [2, 1_000],
      [3, 1_500],
    ])
    expect(desk.backers.supportedUntil(owner, 1_900)).toBe(1_900)
    expect(desk.heard()).toEqual([2])
    desk.backers.answered(3, 1_900_000, 1_950)
    desk.backers.answered(2, 1_900_000, 1_960)
    expect(looks).toEqual([1_950])
    const supported = ownerWith([[2, 1_900]])
    desk.backers.supportedUntil(supported.owner, 1_960)
    desk.backers.answered(2, 1_960_000, 1_970)
    expect(supported.looks).toEqual([])
  })

  it('is not needed of nodes that have ended', () => {
    const desk = new Desk()
    const { owner, map } = ownerWith([
      [2, 0],
      [3, 1_500],
    ])
    desk.ended.add(2)
    expect([desk.backers.supportedUntil(owner, 2_000), [...map.keys()]]).toEqual([2_400, [3]])
  })

  it('is needed of every node once one has ended that supported it no more: it may have given them the frames', () => {
    const desk = new Desk()
    const doubtful = ownerWith([[2, 1_000]])
    const supported = ownerWith([
      [2, 1_500],
      [5, 0],
    ])
    const other = ownerWith([[5, 0]])
    desk.owners.push(doubtful.owner, supported.owner, other.owner)
    desk.peers.push(3, 4, LEAST_EDGE + 1)
    desk.backers.gone(2, 1_900)
    const holders = (): number[][] => [doubtful, supported, other].map(({ map }) => [...map.keys()])
    expect(holders()).toEqual([[3, 4], [5], [5]])
    // Each of them is asked once.
    desk.backers.answered(3, 1_899_000, 1_901)
    expect([desk.backers.supportedUntil(doubtful.owner, 1_901), holders()[0]]).toEqual([-Infinity, [3, 4]])
    desk.backers.answered(3, 1_900_000, 1_902)
    expect([desk.backers.supportedUntil(doubtful.owner, 1_902), holders()[0]]).toEqual([-Infinity, [4]])
    desk.backers.answered(4, 1_901_000, 1_903)
    expect([desk.backers.supportedUntil(doubtful.owner, 1_903), holders()[0]]).toEqual([Infinity, []])
  })

  it('is not that of a node that has yet to consent that the meeting is handed over, whatever it has answered', () => {
    const desk = new Desk()
    const { owner, unsure, looks } = ownerWith([
      [2, 1_900],
      [3, 1_800],
    ])
    unsure.add(2)
    expect([desk.backers.supportedUntil(owner, 2_000), desk.heard()]).toEqual([-Infinity, [2]])
    expect(desk.consents).toMatchObject([
      { node: 2, subject: { name: 'm', world: 7, term: 3, incarnation: 5 } },
    ])
    desk.consents[0]?.told(true, 2_010)
    expect([looks, [...unsure], desk.deposed]).toEqual([[2_010], [], []])
    expect(desk.backers.supportedUntil(owner, 2_010)).toBe(2_700)
    // Nor is it needed where that node has ended.
    unsure.add(2)
    desk.ended.add(2)
    expect([desk.backers.supportedUntil(owner, 2_020), desk.consents.length]).toEqual([2_700, 1])
  })

  it('is no more to be had where that node does not: this one gives way', () => {
    const desk = new Desk()
    const { owner, unsure, looks } = ownerWith([[2, 1_900]])
    unsure.add(2)
    desk.backers.supportedUntil(owner, 2_000)
    desk.consents[0]?.told(false, 2_010)
    expect([looks, desk.deposed]).toEqual([[], [{ name: 'm', world: 7, term: 3, incarnation: 5 }]])
  })

  it('is needed of every node where one has ended that had yet to consent', () => {
    const desk = new Desk()
    const { owner, map, unsure } = ownerWith([[2, 1_900]])
    unsure.add(2)
    desk.owners.push(owner)
    desk.peers.push(3)
    desk.backers.gone(2, 2_000)
    expect([...map.keys()]).toEqual([3])
  })

  it('is asked for with each beat, of the nodes of all owners and of those to come', () => {
    const desk = new Desk()
    desk.owners.push(
      ownerWith([
        [2, 0],
        [3, 0],
      ]).owner,
      ownerWith([[3, 0]]).owner,
    )
    desk.backers.ask([4, 2], 1_000)
    expect([desk.heard().toSorted((one, other) => one - other), desk.backers.needed]).toEqual([[2, 3, 4], 3])
    desk.owners.length = 0
    desk.backers.ask([], 1_500)
    expect([desk.heard(), desk.backers.needed]).toEqual([[], 0])
  })
})

describe('How far nodes have the log of an owner', () => {
  const reigns = [
    { term: 2, incarnation: 1, from: 1 },
    { term: 4, incarnation: 1, from: 10 },
  ]
  const facts = { world: 77, term: 4, incarnation: 1, reigns }

  it('is asked of them, and what they say of this branch is taken', () => {
    const desk = new Desk()
    const told: unknown[] = []
    const backing = { reaches: (...args: unknown[]) => told.push(args) }
    const owner = { name: 'm', room: { facts }, log: { next: 20 }, backing } as unknown as Owner
    desk.backers.askReach(owner, [2, 3], 500)
    expect(desk.asked).toEqual([
      [[2, 3], 'frames', { name: 'm', world: 77, term: 4, incarnation: 1, from: 20 }, 1_500],
    ])
    const says = (node: number, answer: object | null): void => desk.answer(node, { by: 'answer', answer })
    says(2, { term: 4, incarnation: 1, next: 15 })
    says(3, { term: 2, incarnation: 1, next: 8 })
    // It has nothing, and gets all from the owner.
    says(4, null)
    // Frames of another branch have the same numbers.
    says(5, { term: 3, incarnation: 9, next: 15 })
    says(6, { term: 2, incarnation: 1, next: 15 })
    desk.answer(7, { by: 'deadline' })
    expect(told).toEqual([
      [2, 14, 1_500],
      [3, 7, 1_500],
      [4, Infinity, 1_500],
    ])
  })
})
