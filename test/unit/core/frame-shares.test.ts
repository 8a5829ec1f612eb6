import { describe, expect, it } from 'vitest'
import { FrameShares } from '../../../src/core/meeting/frame-shares.ts'
import type { MeetingLogic } from '../../../src/core/index.ts'
import { Harness } from './harness.ts'

describe('Time that hooks have over frames', () => {
  it('is paid for by all who are there, and he counts who has had least', () => {
    const shares = new FrameShares()
    expect(shares.isEmpty).toBe(true)
    shares.pay(['eve', 'tom'], 400, 1_000)
    shares.pay(['eve'], 100, 1_050)
    expect(
      [['eve'], ['tom'], ['eve', 'tom'], ['eve', 'ann'], []].map((users) => shares.aheadMs(users, 1_100)),
    ).toEqual([200, 100, 100, 0, 0])
    expect([shares.aheadMs(['eve'], 2_000), shares.isEmpty]).toEqual([0, false])
  })

  it('is remembered for ten seconds at most, and of as many users as are ahead', () => {
    const shares = new FrameShares()
    shares.pay(['eve'], 60_000, 1_000)
    expect(shares.aheadMs(['eve'], 1_000)).toBe(10_000)
    for (let n = 0; n < 10_000; n++) shares.pay([`u${n}`], 1, 2_000 + n)
    expect(shares.aheadMs(['eve'], 10_900)).toBe(100)
    expect(shares.aheadMs(['u9999'], 11_999)).toBe(1)
  })
})

/** Meetings of the business, whose `frame` takes 4 ms; eve is in all of them, and ann in the last one too. */
function hall(count: number, frameRate: number, others: MeetingLogic = {}) {
  const h = new Harness()
  const sealed = Array.from({ length: count }, () => 0)
  for (const n of sealed.keys()) {
    const frame = (): void => {
      h.hookTime += 4e6
      sealed[n] = (sealed[n] ?? 0) + 1
    }
    h.node.openMeeting(`m${n}`, { frameRate }, h.now, { kind: 'k', metadata: {}, logic: { ...others, frame } })
  }
  const [eve, ann] = [h.connect('eve'), h.connect('ann')]
  const logs = Array.from(sealed.keys(), (n) => h.seat(eve, `m${n}`).log)
  h.seat(ann, `m${count - 1}`)
  return { h, sealed, eve, ann, logs }
}

describe('A user who is in many meetings whose hooks take long', () => {
  it('has few frames there, and one where somebody else is has all of them', () => {
    const { h, sealed } = hall(40, 10)
    sealed.fill(0)
    // Each sweep takes as long as its hooks, and 20 ms more.
    for (const until = h.now + 10_000; h.now < until;) {
      const before = h.hookTime
      h.node.sweep(h.now)
      h.now += 20 + (h.hookTime - before) / 1e6
    }
    const last = sealed.pop() ?? 0
    expect(last).toBeGreaterThan(80)
    expect(Math.max(...sealed)).toBeLessThan(30)
    expect(Math.min(...sealed)).toBeGreaterThan(2)
  })

  it('has no more of them while waiting to leave, nor once gone', () => {
    let left = 0
    const { h, sealed, eve } = hall(60, 10, { isBehind: () => true, leave: () => void left++ })
    h.advance(300)
    eve.hangUp(true)
    let [last, at, longest] = [sealed.at(-1) ?? 0, h.now, 0]
    for (const until = h.now + 4_000; h.now < until;) {
      const before = h.hookTime
      h.node.sweep(h.now)
      h.now += 20 + (h.hookTime - before) / 1e6
      if (sealed.at(-1) === last) continue
      last = sealed.at(-1) ?? 0
      longest = Math.max(longest, h.now - at)
      at = h.now
    }
    expect([left, longest]).toEqual([60, expect.toSatisfy((ms: number) => ms < 200)])
  })

  it('waits for them where these have no clock, and a meeting where somebody else is does not', () => {
    const { h, sealed, eve, ann, logs } = hall(60, 0)
    h.settle()
    h.now += 60_000
    sealed.fill(0)
    for (const log of logs) eve.input(log, 1)
    for (let n = 0; n < 8; n++) h.node.sweep(h.now)
    const before = [...sealed]
    ann.input(logs.at(-1) ?? 0, 1)
    h.node.sweep(h.now)
    // What eve has sent there does not come last either.
    expect([before.at(-1), sealed.at(-1)]).toEqual([1, 2])
    expect(before.filter((count) => count > 0).length).toBeLessThan(20)
    h.settle()
    expect(Math.min(...sealed)).toBe(1)
  })
})
