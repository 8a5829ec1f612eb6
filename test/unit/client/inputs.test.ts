import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Inputs } from '../../../src/client/machine/inputs.ts'
import {
  MOST_FRAMED_INPUTS,
  MOST_WAITING_BYTES,
  MOST_WAITING_INPUTS,
  Waiting,
} from '../../../src/client/machine/limits.ts'
import { type Payload, RtmsError } from '../../../src/protocol/index.ts'

const data: Payload = { text: false, bytes: new Uint8Array(10) }

/** A member's inputs, and how each ended, in the order in which they were made. */
class Sender {
  readonly waiting = new Waiting()
  readonly inputs = new Inputs(this.waiting)
  readonly ends: unknown[][] = []

  add(sendBy = 10_000, sent = true): { readonly seq: number; readonly after: number } {
    const ends: unknown[] = []
    const done = (result: unknown): void => void ends.push(result instanceof RtmsError ? result.code : result)
    const { seq, after } = this.inputs.add(data, sendBy, sent, done)
    this.ends.push(ends)
    return { seq, after }
  }

  resend(answered: number, now = 0): [number, number][] {
    return this.inputs.resend(answered, now).map(({ seq, after }) => [seq, after])
  }

  /** Whether nothing is held any more: all that may wait fits. */
  isEmpty(): boolean {
    const all: Payload = { text: false, bytes: new Uint8Array(MOST_WAITING_BYTES - 100) }
    try {
      this.waiting.take(all)
    } catch {
      return false
    }
    this.waiting.give(all)
    return true
  }
}

describe('Inputs', () => {
  it('that are unanswered are limited in number; framed ones do not count', () => {
    const sender = new Sender()
    for (let i = 0; i < MOST_WAITING_INPUTS; i++) sender.add()
    expect(() => sender.add()).toThrow(expect.objectContaining({ code: 'BUSY' }))
    sender.inputs.framed(1, 1)
    expect(sender.inputs.unanswered).toBe(MOST_WAITING_INPUTS - 1)
    expect(sender.add().seq).toBe(MOST_WAITING_INPUTS + 1)
    expect(() => sender.add()).toThrow(expect.objectContaining({ code: 'BUSY' }))
  })

  it('that are framed are kept until they are stable, the latest of them only', () => {
    const sender = new Sender()
    for (let i = 1; i <= MOST_FRAMED_INPUTS + 2; i++) {
      sender.add()
      sender.inputs.framed(i, i)
    }
    // A log that has none of them: the two oldest were given up.
    const again = sender.resend(0)
    expect([again.length, again[0]?.[0]]).toEqual([MOST_FRAMED_INPUTS, 3])
    sender.inputs.settle(500)
    expect(sender.resend(0)[0]?.[0]).toBe(501)
    sender.inputs.settle(Infinity)
    expect([sender.resend(0), sender.inputs.unanswered, sender.isEmpty()]).toEqual([[], 0, true])
  })

  it('name the last one before them that was sent and not refused', () => {
    const sender = new Sender()
    expect([sender.add().after, sender.add().after, sender.add().after]).toEqual([0, 1, 2])
    sender.inputs.refused(2, new RtmsError('RATE'))
    expect(sender.add().after).toBe(3)
    sender.inputs.refused(4, new RtmsError('RATE'))
    expect(sender.add().after).toBe(3)
    sender.inputs.framed(1, 1)
    sender.inputs.framed(3, 1)
    sender.inputs.settle(1)
    sender.inputs.refused(5, new RtmsError('RATE'))
    // All others are answered and forgotten, and 3 was the last of them.
    expect(sender.add().after).toBe(3)
    expect(sender.ends).toEqual([[1], ['RATE'], [1], ['RATE'], ['RATE'], []])
  })

  it('that were not sent are passed over by those that follow', () => {
    const sender = new Sender()
    sender.add(10_000, false)
    expect(sender.add().after).toBe(0)
    expect(sender.add().after).toBe(2)
  })

  it('that did not arrive are sent again, in order, each after the one before', () => {
    const sender = new Sender()
    for (let i = 0; i < 4; i++) sender.add()
    expect(sender.resend(2)).toEqual([
      [3, 2],
      [4, 3],
    ])
    expect(sender.ends).toEqual([[], [], [], []])
  })

  it('are not sent after their time', () => {
    const sender = new Sender()
    sender.add(100)
    sender.add(200)
    expect(sender.resend(0, 100)).toEqual([[2, 0]])
    expect(sender.ends).toEqual([['NOT_SENT'], []])
  })

  it('expire by their time, sent ones as UNKNOWN, and the earliest of the others is known', () => {
    const sender = new Sender()
    sender.add(300, false)
    sender.add(100)
    sender.add(200)
    sender.inputs.framed(3, 1)
    expect(sender.inputs.earliest).toBe(100)
    sender.inputs.expire(99, false)
    expect([sender.ends, sender.inputs.earliest]).toEqual([[[], [], [1]], 100])
    sender.inputs.expire(100, false)
    expect([sender.ends, sender.inputs.earliest]).toEqual([[[], ['UNKNOWN'], [1]], 300])
    sender.inputs.expire(300, false)
    expect([sender.ends, sender.inputs.earliest]).toEqual([[['NOT_SENT'], ['UNKNOWN'], [1]], Infinity])
  })

  it('that wait for another seat get its numbers; those of the seat before are dropped', () => {
    const sender = new Sender()
    sender.add(10_000, false)
    sender.add(10_000, false)
    sender.inputs.restart(10, true)
    expect(sender.resend(10)).toEqual([
      [11, 0],
      [12, 11],
    ])
    sender.inputs.restart(20, false)
    expect([sender.resend(20), sender.ends]).toEqual([[], [['UNKNOWN'], ['UNKNOWN']]])
    expect(sender.add()).toEqual({ seq: 21, after: 0 })
  })

  it('name none before them that another member of the slot has sent', () => {
    const sender = new Sender()
    sender.inputs.restart(10, false)
    expect(sender.add()).toEqual({ seq: 11, after: 0 })
    sender.add()
    expect(sender.resend(10)).toEqual([
      [11, 0],
      [12, 11],
    ])
    expect(sender.resend(11)).toEqual([[12, 11]])
  })

  it('that are framed are sent again at any time, where the log does not have them', () => {
    const sender = new Sender()
    sender.add(100)
    sender.inputs.framed(1, 5)
    expect([sender.resend(0, 200), sender.ends]).toEqual([[[1, 0]], [[5]]])
  })

  it('that came too late and are undone are not sent again, and those that follow name none of them', () => {
    const sender = new Sender()
    sender.add(100)
    sender.add(10_000)
    sender.inputs.expire(100, true)
    sender.inputs.framed(1, 5)
    sender.inputs.framed(2, 5)
    sender.inputs.undo(5)
    expect(sender.resend(0, 200)).toEqual([[2, 0]])
    sender.inputs.refused(2, new RtmsError('OUT_OF_ORDER'))
    expect([sender.add().after, sender.ends]).toEqual([0, [['TIMEOUT'], [5], []]])
  })

  it('that came too late are not sent again, in whatever seat, and never were if they were not sent in time', () => {
    for (const wasSent of [true, false])
      for (const isJoined of [true, false]) {
        const sender = new Sender()
        sender.add(100, wasSent)
        sender.add(300, wasSent)
        sender.inputs.expire(100, isJoined && wasSent)
        const told = wasSent ? (isJoined ? 'TIMEOUT' : 'UNKNOWN') : 'NOT_SENT'
        expect(sender.ends).toEqual([[told], []])
        sender.inputs.restart(10, true)
        // The same data, in the numbers of the new seat.
        expect(sender.resend(10, 200).length).toBe(1)
        expect(sender.resend(10, 300)).toEqual([])
        expect(sender.ends).toEqual([[told], ['NOT_SENT']])
      }
  })

  it('that were sent late are as UNKNOWN as any when the seat is lost', () => {
    const sender = new Sender()
    sender.add(10_000, false)
    sender.resend(0)
    sender.add(10_000, false)
    sender.inputs.end(new RtmsError('CLOSED'))
    expect(sender.ends).toEqual([['UNKNOWN'], ['CLOSED']])
  })

  it('that are unanswered are not given up for those that are framed', () => {
    const sender = new Sender()
    sender.add()
    for (let seq = 2; seq <= MOST_FRAMED_INPUTS + 2; seq++) {
      sender.add()
      sender.inputs.framed(seq, seq)
    }
    expect(sender.inputs.unanswered).toBe(1)
    expect(
      sender
        .resend(0)
        .map(([seq]) => seq)
        .slice(0, 2),
    ).toEqual([1, 3])
  })

  it('that were never sent are not named as the last one when that is refused', () => {
    const sender = new Sender()
    sender.add()
    sender.add(10_000, false)
    sender.inputs.refused(1, new RtmsError('RATE'))
    expect(sender.add()).toEqual({ seq: 3, after: 0 })
  })

  it('are given up as far as they were sent and the hole may have held their answers', () => {
    const sender = new Sender()
    for (const sent of [true, true, true, false]) sender.add(10_000, sent)
    sender.inputs.giveUp(2)
    expect(sender.ends).toEqual([['UNKNOWN'], ['UNKNOWN'], [], []])
    sender.inputs.giveUp(Infinity)
    expect(sender.ends).toEqual([['UNKNOWN'], ['UNKNOWN'], ['UNKNOWN'], []])
  })

  it('end once each and give all room back, whatever happens and in whatever order', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: fc.boolean(), sendBy: fc.nat(100) }) },
      fc.record({ framed: fc.integer({ min: 1, max: 20 }), frame: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ refused: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ settle: fc.nat(30) }),
      fc.record({ expire: fc.nat(100) }),
      fc.record({ resend: fc.nat(20), now: fc.nat(100) }),
      fc.record({ giveUp: fc.nat(20) }),
      fc.record({ restart: fc.nat(20), keep: fc.constant(false) }),
      fc.constant({ abandon: true }),
    )
    type Step = Partial<Record<string, number>> & { add?: boolean; keep?: boolean }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const sender = new Sender()
        const { inputs } = sender
        for (const each of steps as Step[]) {
          if (each.add !== undefined) sender.add(each['sendBy'], each.add)
          if (each['framed'] !== undefined) inputs.framed(each['framed'], each['frame'] as number)
          if (each['refused'] !== undefined) inputs.refused(each['refused'], new RtmsError('RATE'))
          if (each['settle'] !== undefined) inputs.settle(each['settle'])
          if (each['expire'] !== undefined) inputs.expire(each['expire'], false)
          if (each['giveUp'] !== undefined) inputs.giveUp(each['giveUp'])
          if (each['restart'] !== undefined) inputs.restart(each['restart'], each.keep as boolean)
          if ('abandon' in each) inputs.abandon()
          if (each['resend'] !== undefined) {
            const again = sender.resend(each['resend'], each['now'])
            let before = -1
            for (const [seq, after] of again) {
              expect(seq).toBeGreaterThan(each['resend'])
              expect(after).toBeLessThan(seq)
              expect(after).toBeGreaterThanOrEqual(before)
              before = seq
            }
          }
          const open = sender.ends.filter((ends) => ends.length === 0).length
          expect(inputs.unanswered).toBe(open)
          for (const ends of sender.ends) expect(ends.length).toBeLessThanOrEqual(1)
        }
        inputs.end(new RtmsError('CLOSED'))
        expect(sender.ends.every((ends) => ends.length === 1)).toBe(true)
        expect([inputs.unanswered, sender.isEmpty()]).toEqual([0, true])
      }),
      { numRuns: 500 },
    )
  })
})
