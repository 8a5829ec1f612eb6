import { describe, expect, it } from 'vitest'
import { Deposing } from '../../../../src/core/cluster/deposing.ts'
import type { Heritage } from '../../../../src/core/cluster/heritage.ts'
import type { Subject } from '../../../../src/core/cluster/question-kinds.ts'
import type { Replica } from '../../../../src/core/cluster/replica.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import { seatOf } from '../../../../src/core/meeting/seat.ts'
import { frameOf, joinOf, ownerOn, Parts, seal } from './parts.ts'

/** The reign of the meeting that is open here. */
const REIGN: Subject = { name: 'm', world: 77, term: 2, incarnation: 5 }

/** A node that owns `m`, with ann, bob, who is away, and a robot. What is done about it is noted in words. */
class Desk extends Parts {
  readonly done: string[] = []
  readonly owner: Owner
  readonly deposing: Deposing
  /** What the node has of the meeting once it owns it no more. */
  readonly left: { heritage: Heritage | null } = { heritage: null }
  isOpen = true

  constructor() {
    super()
    const { done, left } = this
    const logic = { revive: () => ({}), moved: () => done.push('the business hears of it') }
    const owner = (this.owner = ownerOn(this, {}, logic))
    owner.join(this.session('ann'), joinOf(), this.now)
    const bob = this.session('bob')
    owner.join(bob, joinOf(), this.now)
    owner.addBot('robot')
    seal(owner, this.now)
    const seat = seatOf(bob, owner.log.number)
    if (seat === undefined) throw new Error('bob has no seat')
    owner.detach(seat)
    seal(owner, this.now)
    this.deposing = new Deposing({
      meetings: () => ({
        get: (name: string) => (this.isOpen && name === 'm' ? owner : undefined),
        resign: () => {
          this.isOpen = false
          done.push('it owns the meeting no more')
        },
      }),
      cluster: { closed: (name: string) => done.push(`${name} is let go of`) },
      stats: this.stats,
      hosting: {
        of: () => ['guests'],
        retire: (guests: string[], legacy: string, now: number) =>
          done.push(`${guests.join()} are told ${legacy.slice(0, 11)} @${now}`),
        release: (guests: string[], next: number) => done.push(`${guests.join()} go to ${next}`),
      },
      demote: (_: Owner, next: number, seats: unknown[], now: number) => {
        done.push(`a replica of ${next} with ${seats.length} seats @${now}`)
        return { copy: left, lost: (at: number) => done.push(`it has no owner @${at}`) }
      },
      forget: () => done.push('the other replica is forgotten'),
    } as never)
  }

  heard(): string[] {
    return this.done.splice(0)
  }
}

const deposed = [
  'guests are told {"options": @1000',
  'it owns the meeting no more',
  'the business hears of it',
  'm is let go of',
  'a replica of 0 with 2 seats @1000',
  'guests go to 0',
  'it has no owner @1000',
]

describe('A node that owns a meeting that others own as well', () => {
  it('tells its fence, how many members are present, without bots, and how long its log is', () => {
    const desk = new Desk()
    const { world, term, incarnation } = REIGN
    const told = { world, term, incarnation, isPaused: false, present: 1, next: 3 }
    expect([desk.deposing.claimant('m'), desk.deposing.claimant('n')]).toEqual([told, null])
  })

  it('gives it up, keeps the frames with what is needed to go on from them, and has no owner', () => {
    const desk = new Desk()
    desk.deposing.depose(REIGN, desk.now)
    expect([desk.heard(), desk.stats.meetingsDeposed]).toEqual([deposed, 1])
    const { heritage } = desk.left
    expect(heritage?.terms(2).map(({ slot }) => slot)).toEqual([0, 1])
    // What its frames say is known.
    heritage?.append(2, frameOf([{ type: 'leave', slot: 0, reason: 'left' }]), 0)
    expect(heritage?.terms(2)).toHaveLength(2)
    heritage?.append(3, frameOf([{ type: 'leave', slot: 0, reason: 'left' }]), 0)
    expect(heritage?.terms(3).filter(({ until }) => until === Infinity)).toHaveLength(1)
  })

  it.each<[string, Partial<Subject>]>([
    ['meeting', { name: 'n' }],
    ['world', { world: 78 }],
    ['term', { term: 3 }],
    ['owner', { incarnation: 6 }],
  ])('does not where that was decided of another %s', (_, other) => {
    const desk = new Desk()
    desk.deposing.depose({ ...REIGN, ...other }, desk.now)
    expect([desk.heard(), desk.stats.meetingsDeposed]).toEqual([[], 0])
  })

  it('gives it up to one that goes on with the same world at a higher fence, and to no other', () => {
    const desk = new Desk()
    const others = [{}, { term: 1 }, { term: 3, world: 78 }, { term: 3, name: 'n' }]
    for (const other of others) desk.deposing.supersede({ ...REIGN, ...other }, desk.now)
    expect(desk.heard()).toEqual([])
    desk.deposing.supersede({ ...REIGN, incarnation: 6 }, desk.now)
    expect(desk.heard()).toEqual(deposed)
  })
})

describe('A node to which members have shown what they have', () => {
  const replicaOf = (desk: Desk, name: string, outruns: boolean): Replica =>
    ({
      name,
      copy: { outruns: () => outruns },
      giveUp: () => desk.done.push('whoever waits looks anew'),
    }) as never

  it('has nothing to give up of a meeting that it does not own', () => {
    const desk = new Desk()
    expect([desk.deposing.recalled(replicaOf(desk, 'n', true), desk.now), desk.heard()]).toEqual([false, []])
  })

  it('gives its own meeting up where that is of a later owner, and has all who wait look anew', () => {
    const desk = new Desk()
    expect(desk.deposing.recalled(replicaOf(desk, 'm', false), desk.now)).toBe(true)
    const [first, last] = ['the other replica is forgotten', 'whoever waits looks anew']
    expect(desk.heard()).toEqual([first, last])
    expect(desk.deposing.recalled(replicaOf(desk, 'm', true), desk.now)).toBe(true)
    expect(desk.heard()).toEqual([first, ...deposed, last])
  })
})
