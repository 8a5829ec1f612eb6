import { describe, expect, it } from 'vitest'
import { Pledges } from '../../../../src/core/cluster/pledges.ts'
import { type Joining, WaitingJoins } from '../../../../src/core/cluster/waiting-joins.ts'
import type { Outlet } from '../../../../src/core/log/log.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import type { MessageOf, ServerMessage } from '../../../../src/protocol/index.ts'
import { connect, disconnect, joinOf, Parts, words } from './parts.ts'

const WORLD = 77
const held = (parts: Partial<MessageOf<'join'>['held'][number]> = {}) => [
  {
    slot: 2,
    elected: 3,
    term: 4,
    incarnation: 5,
    seen: 6,
    stable: 1,
    promisedTerm: 0,
    promisedIncarnation: 0,
    ...parts,
  },
]

/** The JOINs that wait at a replica, and what their clients were asked, by call. */
class Desk extends Parts {
  readonly joins: WaitingJoins = new WaitingJoins()
  readonly asked: string[] = []
  readonly pledges: Pledges
  #calls = 0

  constructor() {
    super()
    const control = (_: Outlet, message: ServerMessage): void => void this.asked.push(words(message))
    this.pledges = new Pledges({ control } as never, this.joins)
  }

  comes(user: string, parts: Partial<MessageOf<'join'>> = {}): Joining {
    const session = this.session(user)
    const message = joinOf({ call: ++this.#calls, world: WORLD, held: held(), ...parts })
    const joining = { session, message, joined: () => {}, since: 0, seat: 0, seated: null }
    this.joins.add(joining)
    return joining
  }

  stand(term: number, world = WORLD): void {
    this.pledges.stand({ world, term, incarnation: 9 })
  }

  promise(session: Session, call: number, term = 8, age = 0): unknown {
    return this.pledges.of(session, { type: 'promise', call, term, incarnation: 9, age }, this.now)
  }

  heard(): string[] {
    return this.asked.splice(0)
  }
}

describe('Members who wait while a node stands', () => {
  it('are asked for a promise when it does, and when they come, and again for a higher fence', () => {
    const desk = new Desk()
    const ann = desk.comes('ann')
    desk.pledges.ask(ann)
    expect(desk.heard()).toEqual([])
    desk.stand(8)
    expect(desk.heard()).toEqual(['stand call:1 term:8 incarnation:9'])
    desk.pledges.ask(desk.comes('bob'))
    expect(desk.heard()).toEqual(['stand call:2 term:8 incarnation:9'])
    desk.stand(10)
    expect(desk.heard()).toEqual(['stand call:1 term:10 incarnation:9', 'stand call:2 term:10 incarnation:9'])
    desk.pledges.stand(null)
    expect(desk.heard()).toEqual([])
  })

  it('are not asked where they hold nothing, or another world, or are gone', () => {
    const desk = new Desk()
    desk.comes('ann', { held: [] })
    desk.comes('bob', { world: WORLD + 1 })
    disconnect(desk.comes('cid').session)
    desk.stand(8)
    expect(desk.heard()).toEqual([])
  })

  it('promise with what they said in their JOIN, in their own name', () => {
    const desk = new Desk()
    const { session } = desk.comes('ann')
    desk.stand(8)
    expect(desk.promise(session, 1, 12)).toEqual({
      ...held()[0],
      user: 'ann',
      promisedTerm: 12,
      promisedIncarnation: 9,
      age: 1_000,
    })
  })

  it('promise as often as they were asked, and no more', () => {
    const desk = new Desk()
    const { session } = desk.comes('ann')
    desk.stand(8)
    desk.stand(10)
    const given = [8, 10, 10].map((term) => desk.promise(session, 1, term) !== null)
    expect(given).toEqual([true, true, false])
    desk.stand(11)
    expect(desk.promise(session, 1, 11)).not.toBeNull()
    expect(desk.promise(session, 1, 11)).toBeNull()
  })

  it('are asked 256 times at the most while they answer nothing', () => {
    const desk = new Desk()
    const { session } = desk.comes('ann')
    for (let n = 0; n < 300; n++) desk.stand(8 + n)
    expect(desk.heard()).toHaveLength(256)
    desk.promise(session, 1)
    for (let n = 0; n < 3; n++) desk.stand(400 + n)
    expect(desk.heard()).toHaveLength(1)
  })

  it('say for how long they have heard nothing of the owner, which may be longer than they wait here', () => {
    const desk = new Desk()
    const { session } = desk.comes('ann')
    desk.stand(8)
    expect(desk.promise(session, 1, 8, 10_000)).toMatchObject({ age: 10_000 })
    desk.stand(9)
    expect(desk.promise(session, 1, 9, 200)).toMatchObject({ age: 1_000 })
  })

  it('say so since they have promised something to another node, which may have begun with that', () => {
    const desk = new Desk()
    const { session } = desk.comes('ann')
    desk.stand(8)
    expect(desk.promise(session, 1)).toMatchObject({ age: 1_000 })
    desk.pledges.stand({ world: WORLD, term: 10, incarnation: 11 })
    desk.now = 1_300
    expect(desk.promise(session, 1, 10)).toMatchObject({ age: 300 })
    // That one asks again.
    desk.pledges.stand({ world: WORLD, term: 10, incarnation: 11 })
    desk.now = 1_900
    expect(desk.promise(session, 1, 10)).toMatchObject({ age: 900 })
  })

  it('say for how long they have acknowledged nothing: since they came with their connection', () => {
    const desk = new Desk()
    const { session, ...rest } = desk.comes('ann')
    desk.joins.delete({ session, ...rest })
    expect(desk.pledges.isAwaited).toBe(false)
    disconnect(session)
    connect(session)
    desk.joins.add({ session, ...rest, since: 400 })
    expect(desk.pledges.isAwaited).toBe(true)
    desk.stand(8)
    expect(desk.promise(session, 1)).toMatchObject({ age: 600 })
  })

  it('promise nothing unasked, for another call, without a JOIN, or when nobody stands', () => {
    const desk = new Desk()
    const ann = desk.comes('ann')
    const eve = desk.comes('eve', { held: [] })
    const bob = desk.comes('bob', { world: WORLD + 1 })
    expect(desk.promise(ann.session, 1)).toBeNull()
    desk.stand(8)
    expect(desk.promise(ann.session, 2)).toBeNull()
    expect(desk.promise(eve.session, 2)).toBeNull()
    expect(desk.promise(bob.session, 3)).toBeNull()
    expect(desk.promise(desk.session('dan'), 1)).toBeNull()
    desk.pledges.stand(null)
    expect(desk.promise(ann.session, 1)).toBeNull()
    desk.stand(9)
    expect(desk.promise(ann.session, 1)).not.toBeNull()
  })
})
