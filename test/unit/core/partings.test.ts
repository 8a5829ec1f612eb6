import { describe, expect, it } from 'vitest'
import { Timers } from '../../../src/core/ground/timers.ts'
import type { Cursor } from '../../../src/core/log/log.ts'
import { Partings } from '../../../src/core/meeting/partings.ts'
import type { Seat } from '../../../src/core/meeting/seat.ts'

/** Readers may take a second; those whose delay is named get what they read so much later. */
class Desk {
  readonly timers: Timers = new Timers()
  readonly told: string[] = []
  readonly delays: Map<Cursor, number> = new Map()
  readonly partings: Partings = new Partings(
    this.timers,
    1_000,
    (cursor) => this.delays.get(cursor) ?? 0,
    ({ session }, message) => this.told.push(`${session.id} ${message}`),
  )
}

/** A seat whose reader is before this position. */
function seatAt(id: string, position: number): { readonly seat: Seat; readonly cursor: Cursor } {
  const cursor = { position, outlet: { outflow: 'open' } } as unknown as Cursor
  return { cursor, seat: { session: { id, part() {}, parted() {} }, cursor } as unknown as Seat }
}

/** Other parts of a cursor. */
const change = (cursor: Cursor, parts: { position?: number; outlet?: { outflow: string } }): void =>
  void Object.assign(cursor, parts)

describe('A reader whose seat has ended', () => {
  it('is told so once it has its last frame', () => {
    const { partings, timers, told } = new Desk()
    const { seat, cursor } = seatAt('ann', 7)
    partings.add(seat, 9, 'kicked')
    expect([partings.size, partings.has(cursor), timers.next]).toEqual([1, true, 0])
    timers.run(100)
    expect([told, timers.next]).toEqual([[], 1_100])
    change(cursor, { position: 8 })
    partings.look()
    timers.run(200)
    // Its time counts from when it was looked at first.
    expect([told, timers.next]).toEqual([[], 1_100])
    change(cursor, { position: 9 })
    partings.look()
    timers.run(300)
    expect([told, partings.size, partings.has(cursor), timers.size]).toEqual([['ann kicked'], 0, false, 0])
    partings.look()
    expect(timers.size).toBe(0)
  })

  it('is told at the end of its time, with what it gets late added, and at once where it is lost', () => {
    const desk = new Desk()
    const { partings, timers, told } = desk
    const [ann, bob, cid] = [seatAt('ann', 1), seatAt('bob', 1), seatAt('cid', 1)]
    desk.delays.set(bob.cursor, 500)
    for (const { seat } of [bob, ann, cid]) partings.add(seat, 9, 'kicked')
    change(cid.cursor, { outlet: { outflow: 'closed' } })
    timers.run(100)
    expect([told, timers.next]).toEqual([['cid kicked'], 1_100])
    timers.run(1_099)
    expect(told).toHaveLength(1)
    timers.run(1_100)
    expect([told.slice(1), timers.next]).toEqual([['ann kicked'], 1_600])
    timers.run(1_600)
    expect([told.slice(2), timers.size]).toEqual([['bob kicked'], 0])
  })

  it('is told before its session takes another seat, and no other session is', () => {
    const { partings, told } = new Desk()
    const [ann, bob] = [seatAt('ann', 1), seatAt('bob', 1)]
    partings.add(ann.seat, 9, 'kicked')
    partings.add(bob.seat, 9, 'kicked')
    partings.settle({ session: ann.seat.session } as Seat)
    expect([told, partings.has(ann.cursor), partings.has(bob.cursor)]).toEqual([['ann kicked'], false, true])
  })
})
