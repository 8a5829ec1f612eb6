import * as fc from 'fast-check'
import { TooFast } from '../../../src/core/session/told.ts'
import { describe, expect, it } from 'vitest'
import { fixedLimits } from '../../../src/core/ground/config.ts'
import { defaultMeeting, type MeetingOptions } from '../../../src/core/meeting/options.ts'
import { FULL } from '../../../src/core/ground/rate.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { Intake } from '../../../src/core/meeting/intake.ts'
import type { Member } from '../../../src/core/meeting/seat.ts'
import type { MessageOf } from '../../../src/protocol/index.ts'
import { bytes } from './harness.ts'
import { endless, Purse } from './payers.ts'

function memberOf(slot: number): Member {
  return { slot, user: `u${slot}`, seat: null, standing: { is: 'present' }, seq: 0, bucket: FULL, waiting: 0 }
}

const input = (seq: number, after = 0, size = 1): MessageOf<'input'> => ({
  type: 'input',
  log: 1,
  seq,
  after,
  seen: 0,
  data: bytes(size),
})

function make(options: Partial<MeetingOptions> = {}): { intake: Intake; payer: Purse } {
  const payer = new Purse(endless(), 0, 'meeting')
  return { intake: new Intake({ ...defaultMeeting, ...options }, payer), payer }
}

describe('The intake of a meeting', () => {
  it('takes a seq above the last one, within a step, and behind the one that it follows', () => {
    const { intake } = make()
    const member = memberOf(0)
    const check = (seq: number, after = 0, turnedAway = 0): unknown => [
      intake.check(member, input(seq, after), turnedAway, 0),
      member.seq,
    ]
    expect(check(1)).toEqual([null, 1])
    expect(check(1)).toEqual(['STALE', 1])
    expect(check(5, 4)).toEqual(['OUT_OF_ORDER', 1])
    expect(check(5, 2, 1)).toEqual(['OUT_OF_ORDER', 1])
    expect(check(5, 2, 2)).toEqual([null, 5])
    expect(check(6, 5)).toEqual([null, 6])
    expect(check(7 + fixedLimits.seqStep)).toEqual(['LIMIT', 6])
    expect(check(6 + fixedLimits.seqStep)).toEqual([null, 6 + fixedLimits.seqStep])
  })

  it('takes inputs at each limit, and refuses them one above; what is refused is answered, and costs nothing', () => {
    const { intake, payer } = make({ inputBytes: 10, inputsPerSecond: 10, inputBurst: 3 })
    const member = memberOf(0)
    const check = (seq: number, size: number, now = 0): string | null => {
      const refusal = intake.check(member, input(seq, 0, size), 0, now)
      return refusal instanceof TooFast ? `RATE for ${refusal.retryAfterMs}` : refusal
    }
    expect([check(1, 11), check(2, 10), check(3, 0), check(4, 0), check(5, 0)]).toEqual([
      'TOO_LARGE',
      null,
      null,
      null,
      'RATE for 100',
    ])
    expect([check(6, 0, 99), check(7, 0, 100), member.seq, payer.held]).toEqual(['RATE for 1', null, 7, 0])
    member.waiting = 3
    expect(check(8, 0, 1_000)).toBe('BUSY')
    member.waiting = 2
    // The one that was BUSY took nothing from the rate.
    expect([1, 2, 3, 4].map((n) => check(8 + n, 0, 1_000))).toEqual([null, null, null, 'RATE for 100'])
  })

  it('takes what bots say at any rate, within the same sizes', () => {
    const { intake } = make({ inputBytes: 10, inputBurst: 2 })
    const bot = memberOf(0)
    expect([11, 10, 10, 10].map((size) => intake.checkBot(bot, bytes(size)))).toEqual([
      'TOO_LARGE',
      null,
      null,
      null,
    ])
    expect(bot.seq).toBe(3)
    bot.waiting = 2
    expect([intake.checkBot(bot, bytes(1)), bot.seq]).toEqual(['BUSY', 3])
  })

  it('has its meeting pay for what waits, until it is framed or dropped', () => {
    const step = fc.record({ what: fc.constantFrom('push', 'push', 'push', 'take', 'clear'), n: fc.nat(60) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { intake, payer } = make({ inputsPerFrame: 2, frameBytes: 100 })
        const members = [0, 1, 2].map(memberOf)
        let waiting: { seq: number; size: number }[] = []
        let seq = 0
        for (const { what, n } of steps) {
          if (what === 'push') {
            intake.push(members[n % 3] as Member, ++seq, bytes(n))
            waiting.push({ seq, size: n })
          } else if (what === 'take') {
            const taken = intake.take()
            expect(taken.length > 0).toBe(waiting.length > 0)
            const gone = new Set(taken.map((each) => each.seq))
            waiting = waiting.filter((each) => !gone.has(each.seq))
          } else {
            expect(intake.clear()).toBe(waiting.length)
            waiting = []
          }
          const held = waiting.reduce((sum, { size }) => sum + weights.input + size, 0)
          expect([intake.size, payer.held]).toEqual([waiting.length, held])
        }
      }),
    )
  })

  it('begins a full frame behind the slot that was served last', () => {
    const { intake } = make({ inputsPerFrame: 1, frameBytes: 1 })
    const members = [0, 1, 2].map(memberOf)
    for (const [at, member] of members.entries()) intake.push(member, at + 1, bytes(1))
    intake.push(members[0] as Member, 9, bytes(1))
    expect([1, 2, 3, 4].map(() => intake.take().map(({ member }) => member.slot))).toEqual([
      [0],
      [1],
      [2],
      [0],
    ])
  })
})
