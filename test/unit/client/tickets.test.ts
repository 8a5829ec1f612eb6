import { describe, expect, it } from 'vitest'
import { Tickets } from '../../../src/client/machine/tickets.ts'

const ticket = { url: 'ws://x', token: 'tok', expiresAt: 0 }

function holding(validMs: number, now = 1_000): Tickets {
  const tickets = new Tickets()
  tickets.take(ticket, validMs, now)
  return tickets
}

describe('A ticket', () => {
  it('is used until 30 s before it expires, and where no other is to be had, until it expires', () => {
    const tickets = holding(600_000)
    expect([570_999, 571_000].map((now) => tickets.isUsable(now))).toEqual([true, false])
    expect([600_999, 601_000].map((now) => tickets.isValid(now))).toEqual([true, false])
  })

  it('of a short life is used for three quarters of it', () => {
    const tickets = holding(60_000)
    expect([45_999, 46_000].map((now) => tickets.isUsable(now))).toEqual([true, false])
    expect([60_999, 61_000].map((now) => tickets.isValid(now))).toEqual([true, false])
    // From two minutes on, a quarter of its life is as long as the margin.
    expect([90_999, 91_000].map((now) => holding(120_000).isUsable(now))).toEqual([true, false])
  })

  it('that has expired before it came is not used, and is not renewed in a circle', () => {
    for (const validMs of [0, -1, -60_000]) {
      const tickets = holding(validMs)
      expect([tickets.isUsable(1_000), tickets.isValid(1_000)]).toEqual([false, false])
      tickets.welcomed()
      expect(tickets.renewAt).toBe(Infinity)
    }
  })

  it('is held, counted, and new until the node has said something to it', () => {
    const tickets = new Tickets()
    expect([tickets.held, tickets.count, tickets.isNew, tickets.isUsable(0), tickets.isValid(0)]).toEqual([
      null,
      0,
      false,
      false,
      false,
    ])
    tickets.take(ticket, 60_000, 0)
    tickets.take({ ...ticket, token: 'second' }, 60_000, 0)
    expect([tickets.held?.token, tickets.count, tickets.isNew]).toEqual(['second', 2, true])
    tickets.welcomed()
    expect(tickets.isNew).toBe(false)
  })

  it('that is accepted is renewed when it is no longer used', () => {
    const tickets = holding(600_000)
    expect(tickets.renewAt).toBe(Infinity)
    tickets.schedule()
    expect(tickets.renewAt).toBe(571_000)
    tickets.retry(571_000)
    expect(tickets.renewAt).toBe(576_000)
  })

  it('that missed twice is doubted, though it is valid still; a welcome in between makes it good again', () => {
    const tickets = holding(600_000)
    tickets.missed()
    expect(tickets.isUsable(1_000)).toBe(true)
    tickets.welcomed()
    tickets.missed()
    expect(tickets.isUsable(1_000)).toBe(true)
    tickets.missed()
    expect([tickets.isUsable(1_000), tickets.isValid(1_000)]).toEqual([false, true])
    tickets.welcomed()
    expect(tickets.isUsable(1_000)).toBe(true)
  })

  it('that takes the place of one that missed begins anew', () => {
    const tickets = holding(600_000)
    tickets.missed()
    tickets.take(ticket, 600_000, 1_000)
    tickets.missed()
    expect(tickets.isUsable(1_000)).toBe(true)
    tickets.missed()
    tickets.take(ticket, 600_000, 1_000)
    expect(tickets.isUsable(1_000)).toBe(true)
  })

  it('that is discarded is not even tried where no other is to be had', () => {
    const tickets = holding(600_000)
    tickets.discard()
    expect([tickets.isUsable(1_000), tickets.isValid(1_000)]).toEqual([false, false])
  })

  it('that is needed now is asked for now, and the one held is not used for another connection', () => {
    const tickets = holding(600_000)
    tickets.renew(7_000)
    expect([tickets.renewAt, tickets.isUsable(7_000), tickets.isValid(7_000)]).toEqual([7_000, false, true])
  })
})

describe('A refusal', () => {
  it('is the last one when it is the third since the last welcome', () => {
    const tickets = holding(600_000)
    expect([tickets.refused(false), tickets.refused(false), tickets.refused(false)]).toEqual([
      true,
      true,
      false,
    ])
    tickets.welcomed()
    expect([tickets.refused(false), tickets.refused(false), tickets.refused(false)]).toEqual([
      true,
      true,
      false,
    ])
  })

  it('of the token discards the ticket; one of the session that was offered with it does not', () => {
    const ofSession = holding(600_000)
    expect(ofSession.refused(true)).toBe(true)
    expect([ofSession.isUsable(1_000), ofSession.isValid(1_000)]).toEqual([true, true])
    const ofToken = holding(600_000)
    expect(ofToken.refused(false)).toBe(true)
    expect([ofToken.isUsable(1_000), ofToken.isValid(1_000)]).toEqual([false, false])
  })
})
