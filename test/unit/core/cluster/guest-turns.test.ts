import { describe, expect, it } from 'vitest'
import { GuestTurns } from '../../../../src/core/cluster/guest-turns.ts'
import { Work } from '../../../../src/core/ground/work.ts'

const MS = 1e6

/** Turns at hooks that take `ms` for each act; what was done, in order. */
class Desk {
  hookTime = 0
  readonly done: string[] = []
  readonly work: Work = new Work(() => this.hookTime)
  readonly turns: GuestTurns = new GuestTurns(this.work, { perUser: 100, most: 250 })

  say(user: string, what: string, ms = 1, bytes = 10): boolean {
    return this.turns.hear(user, bytes, 0, () => {
      this.done.push(what)
      this.hookTime += ms * MS
    })
  }

  sweep(): string {
    this.work.begin()
    this.turns.sweep(0)
    return this.done.splice(0).join(' ')
  }
}

describe('What users at other nodes say', () => {
  it('is acted on at once as long as hooks take little, and then in turns of their users', () => {
    const desk = new Desk()
    for (let n = 1; n <= 6; n++) desk.say('eve', `e${n}`, 0.5)
    expect(desk.done.splice(0)).toEqual(['e1', 'e2'])
    desk.say('ann', 'a1')
    desk.say('bob', 'b1')
    desk.say('ann', 'a2')
    expect([desk.turns.waits('ann'), desk.turns.waits('dan'), desk.turns.hasWork]).toEqual([
      true,
      false,
      true,
    ])
    expect(desk.sweep()).toBe('e3 a1 b1 e4 a2')
    desk.work.begin()
    desk.say('eve', 'e7')
    desk.say('dan', 'd1')
    expect(desk.done.splice(0)).toEqual(['d1'])
    expect(desk.sweep()).toBe('e5 e6 e7')
    expect([desk.turns.hasWork, desk.sweep()]).toEqual([false, ''])
  })

  it('goes on with one in each sweep though there is no time', () => {
    const desk = new Desk()
    desk.say('ann', 'a1', 9)
    for (const what of ['a2', 'a3']) desk.say('ann', what, 9)
    desk.turns.sweep(0)
    desk.turns.sweep(0)
    expect(desk.done).toEqual(['a1', 'a2', 'a3'])
  })

  it('is refused where much of one user waits, and all waits at the nodes where much of all does', () => {
    const desk = new Desk()
    desk.say('eve', 'e0', 4)
    expect(Array.from({ length: 11 }, (_, n) => desk.say('eve', `e${n + 1}`))).toEqual([
      ...Array<boolean>(10).fill(true),
      false,
    ])
    // What is larger than that waits alone.
    expect([desk.say('ann', 'a1', 1, 149), desk.turns.isFull]).toEqual([true, false])
    expect([desk.say('ann', 'a2', 1, 1), desk.say('bob', 'b1', 1, 1)]).toEqual([false, true])
    expect(desk.turns.isFull).toBe(true)
    desk.done.length = 0
    expect(desk.sweep()).toBe('e1 a1 b1 e2')
    expect([desk.turns.isFull, desk.say('ann', 'a3', 1, 1)]).toEqual([false, true])
  })

  it('is refused where many users have much that waits, of who has more than an even share of half of it', () => {
    const desk = new Desk()
    desk.say('eve', 'e0', 4)
    const users = ['eve', 'ann', 'bob', 'cid', 'dan']
    const taken = users.map(() => 0)
    for (let n = 0; n < 20; n++)
      for (const [at, user] of users.entries()) if (desk.say(user, user, 1)) taken[at] = (taken[at] ?? 0) + 1
    // Up to half of 250 bytes each might have 100; 25 are the share of five in that.
    expect([taken, desk.turns.isFull]).toEqual([[3, 3, 3, 2, 2], false])
    // Who has nothing is heard, and that somebody leaves has its turn.
    expect([desk.say('fay', 'f1'), desk.say('eve', 'left', 1, 0)]).toEqual([true, true])
    desk.done.length = 0
    expect([desk.sweep(), desk.sweep()]).toEqual(['eve ann bob cid', 'dan f1 eve ann'])
  })
})
