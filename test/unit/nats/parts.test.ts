import { describe, expect, it } from 'vitest'
import { busLimits } from '../../../src/bus/limits.ts'
import { Parts } from '../../../src/nats/parts.ts'

const most = busLimits.messageBytes / 2

describe('Messages in parts', () => {
  it('that are begun and never end are forgotten, the oldest first, beyond a limit for all senders', () => {
    const parts = new Parts()
    const bytes = new Uint8Array(most)
    const say = (from: number, part: number) =>
      parts.whole({ from, sequence: 10 + part, part, parts: 2, bytes })
    const senders = (busLimits.messageBytes * 4) / most - 1
    for (let from = 0; from <= senders; from++) expect(say(from, 0)).toBeNull()
    expect(say(0, 1)).toBeNull()
    for (let from = 1; from <= senders; from++) expect(say(from, 1)?.length).toBe(2 * most)
    // What has come whole counts no more.
    for (let from = 1; from <= senders; from++) say(from + 100, 0)
    for (let from = 1; from <= senders; from++) expect(say(from + 100, 1)?.length).toBe(2 * most)
  })

  it('count though they are empty', () => {
    const parts = new Parts()
    const say = (from: number, part: number) =>
      parts.whole({ from, sequence: 10 + part, part, parts: 2, bytes: new Uint8Array() })
    for (let from = 0; from < 200_000; from++) say(from, 0)
    expect([say(0, 1), say(199_999, 1)?.length]).toEqual([null, 0])
  })
})
