import { describe, expect, it } from 'vitest'
import { denied, isByBusiness, plainly, TooFast, toldOf } from '../../../src/core/session/told.ts'
import { outcomeOf } from '../../../src/core/up/outcome.ts'

describe('A refusal', () => {
  it('of a topic says whether the ticket or the name is at fault, and nothing where neither is', () => {
    expect(denied('FORBIDDEN', 'read', 'news')).toBe('the ticket does not let this user read news')
    expect(denied('BAD_TOPIC', 'read', 'a b')).toContain('a space at character 2')
    expect([denied('BUSY', 'read', 'news'), denied(null, 'read', 'news')]).toEqual([undefined, undefined])
  })

  it('is one of the business unless the node makes it, by a code or because inputs come too fast', () => {
    const refusal = { code: 'FORBIDDEN', message: '', retryAfterMs: 0 } as const
    expect([isByBusiness(refusal), isByBusiness('FULL'), isByBusiness(new TooFast(7))]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('goes over the wire with its wait, and by the node with its code alone', () => {
    expect(toldOf(new TooFast(7.4))).toEqual({ error: 'RATE', message: '', retryAfter: 7, reason: '' })
    expect(toldOf({ code: 'FULL', message: 'm', retryAfterMs: 0, reason: 'r' })).toMatchObject({
      reason: 'r',
    })
    expect(plainly('BUSY')).toEqual({ error: 'BUSY', message: '', retryAfter: 0, reason: '' })
  })
})

it('A position was recovered, or not for the reason that its reader is told', () => {
  expect([
    outcomeOf({ recovered: true, reason: 'RETENTION' }),
    outcomeOf({ recovered: false, reason: 'RETENTION' }),
  ]).toEqual(['recovered', 'RETENTION'])
})
