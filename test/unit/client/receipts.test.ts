import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Receipts } from '../../../src/client/machine/receipts.ts'
import { welcomeOf } from './rig.ts'

/** Receipts of a connection whose window is 1,000 bytes, unless said otherwise. */
function begun(parts: Parameters<typeof welcomeOf>[0] = {}): Receipts {
  const receipts = new Receipts()
  receipts.welcomed(welcomeOf({ window: 1_000, ...parts }))
  return receipts
}

describe('An acknowledgement', () => {
  it('is due at a quarter of the window, and not a byte sooner', () => {
    const receipts = begun()
    receipts.bytes += 249
    expect(receipts.isAckDue).toBe(false)
    receipts.bytes += 1
    expect(receipts.isAckDue).toBe(true)
  })

  it('is due with the 64th entry of the session log, and not sooner', () => {
    const receipts = begun({ window: 0 })
    receipts.entries += 63
    expect(receipts.isAckDue).toBe(false)
    receipts.entries += 1
    expect(receipts.isAckDue).toBe(true)
  })

  it('is never due for bytes where there is no window', () => {
    const receipts = begun({ window: 0 })
    receipts.bytes += 1e9
    expect(receipts.isAckDue).toBe(false)
  })

  it('counts bytes from the beginning of a connection, and entries from that of the session', () => {
    const receipts = begun()
    receipts.bytes += 600
    receipts.entries += 10
    expect(receipts.ack()).toEqual({ type: 'ack', bytes: 600, received: 10 })
    receipts.welcomed(welcomeOf({ window: 1_000, received: 10 }))
    expect(receipts.isAckDue).toBe(false)
    receipts.bytes += 249
    receipts.entries += 63
    expect(receipts.isAckDue).toBe(false)
    receipts.bytes += 1
    expect(receipts.ack()).toEqual({ type: 'ack', bytes: 250, received: 73 })
  })

  it('says all that came, and is due again after as much as the first time', () => {
    const step = fc.oneof(fc.record({ bytes: fc.nat(300) }), fc.record({ entries: fc.nat(30) }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.constantFrom(0, 400, 1_000), (steps, window) => {
        const receipts = begun({ window })
        const total = { bytes: 0, entries: 0 }
        const since = { bytes: 0, entries: 0 }
        for (const { bytes = 0, entries = 0 } of steps as { bytes?: number; entries?: number }[]) {
          receipts.bytes += bytes
          receipts.entries += entries
          for (const count of [total, since]) {
            count.bytes += bytes
            count.entries += entries
          }
          const isDue = (window > 0 && since.bytes * 4 >= window) || since.entries >= 64
          expect(receipts.isAckDue).toBe(isDue)
          if (!isDue) continue
          expect(receipts.ack()).toEqual({ type: 'ack', bytes: total.bytes, received: total.entries })
          since.bytes = since.entries = 0
        }
      }),
    )
  })
})

describe('A welcome', () => {
  it('says whether entries were lost: the node sent more than came', () => {
    const receipts = begun()
    receipts.entries = 5
    expect(receipts.welcomed(welcomeOf({ received: 5 }))).toBe(false)
    expect(receipts.welcomed(welcomeOf({ received: 6 }))).toBe(true)
    expect(receipts.entries).toBe(6)
    // Another session begins to count anew.
    expect(receipts.welcomed(welcomeOf({ received: 0 }))).toBe(false)
    expect(receipts.entries).toBe(0)
  })
})
