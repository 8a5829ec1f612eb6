import { describe, expect, it } from 'vitest'
import { FrameShare, FrameShares } from '../../../src/core/meeting/frame-shares.ts'
import type { Member } from '../../../src/core/meeting/seat.ts'
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

describe('Users that have had some of it', () => {
  const users = (count: number): string[] => Array.from({ length: count }, (_, n) => `u${n}`)

  it('are forgotten where there are many, once they are no longer ahead', () => {
    const shares = new FrameShares()
    for (const user of users(4_095)) shares.pay([user], 10, 1_000)
    shares.pay([], 0, 5_000)
    expect(shares.isEmpty).toBe(false)
    shares.pay(['one more'], 10, 1_000)
    // One of them is ahead by nothing.
    shares.pay([], 0, 1_009)
    expect(shares.isEmpty).toBe(false)
    shares.pay(users(4_097), 0, 1_009)
    shares.pay([], 0, 20_000)
    // They are twice as many before all are looked at again.
    expect(shares.isEmpty).toBe(false)
    shares.pay(users(8_192), 8_192, 20_000)
    shares.pay([], 0, 20_001)
    expect(shares.isEmpty).toBe(true)
  })
})

describe('The users because of whom a meeting runs', () => {
  type Present = Pick<Member, 'user'> & { readonly is?: string; readonly isBot?: boolean }

  /** How far a user is ahead once hooks of a meeting, with these members and readers, have taken 800 ms. */
  function paidBy(user: string, members: readonly Present[], readers: readonly string[], maker = ''): number {
    const shares = new FrameShares()
    const roster = {
      all: () =>
        members.map((each) => ({
          user: each.user,
          seat: each.isBot === true ? null : {},
          standing: { is: each.is ?? 'present' },
        })),
    }
    const room = { followers: [], seats: () => readers.map((each) => ({ session: { user: each } })) }
    const account = maker === '' ? null : { user: maker }
    const share = new FrameShare(shares, account as never, roster as never, room as never)
    expect(share.aheadMs(1_000)).toBe(0)
    share.pay(800, 1_000)
    return shares.aheadMs([user], 1_000)
  }

  const guests = (count: number): Present[] => Array.from({ length: count }, (_, n) => ({ user: `u${n}` }))

  it('are whom it was opened for, whoever else is there', () => {
    const paid = ['eve', 'ann'].map((user) => paidBy(user, [{ user: 'ann' }], ['ann'], 'eve'))
    expect(paid).toEqual([800, 0])
  })

  it('are else the members who are present and those who read, once each', () => {
    const members: Present[] = [
      { user: 'ann' },
      { user: 'ann' },
      { user: 'bob', is: 'away' },
      { user: 'cid', is: 'leaving' },
      { user: 'dan', isBot: true },
    ]
    const paid = ['ann', 'bob', 'cid', 'dan', 'eve'].map((user) =>
      paidBy(user, members, ['ann', 'eve', 'eve']),
    )
    // Who waits to leave pays as well.
    expect(paid.map(Math.round)).toEqual([267, 0, 267, 0, 267])
  })

  it('are nobody where there are more than eight', () => {
    expect(paidBy('u0', guests(8), [])).toBe(100)
    expect(paidBy('u0', guests(9), [])).toBe(0)
    expect(paidBy('u0', guests(8), ['u7', 'u1'])).toBe(100)
    expect(paidBy('u0', guests(8), ['u7', 'eve'])).toBe(0)
  })

  it('wait with it as long as the one of them who has had least', () => {
    const shares = new FrameShares()
    const room = { followers: [], seats: () => [{ session: { user: 'ann' } }, { session: { user: 'eve' } }] }
    const share = new FrameShare(shares, null, { all: () => [] } as never, room as never)
    shares.pay(['eve'], 500, 1_000)
    expect(share.aheadMs(1_000)).toBe(0)
    shares.pay(['ann'], 300, 1_000)
    expect(share.aheadMs(1_100)).toBe(200)
  })
})

/** Meetings of the business, whose `frame` takes 4 ms; eve is in all of them, and ann in the last one too. */
function hall(count: number, frameRate: number) {
  const h = new Harness()
  const sealed = Array.from({ length: count }, () => 0)
  for (const n of sealed.keys()) {
    const frame = (): void => {
      h.hookTime += 4e6
      sealed[n] = (sealed[n] ?? 0) + 1
    }
    h.node.openMeeting(`m${n}`, { frameRate }, h.now, { kind: 'k', metadata: {}, logic: { frame } })
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
