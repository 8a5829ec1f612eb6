import { describe, expect, it } from 'vitest'
import { clusterLimits } from '../../../../src/core/cluster/cluster-limits.ts'
import { Hearing } from '../../../../src/core/cluster/hearing.ts'
import { KnownPeer } from '../../../../src/core/cluster/peer.ts'

/** A node among so many others, which it has heard at this time; it does something often enough. */
function among(count: number, heard = 10_000) {
  const peers = new Map(Array.from({ length: count }, (_, n) => [n + 1, new KnownPeer(n + 1, heard, n + 1)]))
  const hearing = new Hearing(clusterLimits, peers)
  hearing.at(9_000)
  hearing.begin(9_000)
  hearing.at(10_000)
  return { hearing, peer: peers.get(1) as KnownPeer }
}

describe('A node that hears others', () => {
  it.each([
    [1, 1],
    [250, 1],
    [500, 2],
    [1_000, 4],
  ])('among %i speaks, suspects and gives up after %i times the usual time', (count, times) => {
    const { hearing, peer } = among(count)
    hearing.speak()
    // A beat may be early by less than half of one.
    const due = [500 * times - 251, 500 * times - 249].map((ms) => hearing.isDue(10_000 + ms))
    expect(due).toEqual([false, true])
    const suspects = [1_200 * times - 1, 1_200 * times].map((ms) => hearing.isSuspect(peer, 10_000 + ms))
    expect(suspects).toEqual([false, true])
    const silent = [3_000 * times - 1, 3_000 * times].map((ms) => hearing.isSilent(1, 10_000 + ms))
    expect(silent).toEqual([false, true])
  })

  it('has heard nobody while it stood still itself, for which it blames nobody', () => {
    const { hearing, peer } = among(500)
    hearing.at(12_399)
    expect(hearing.isSuspect(peer, 12_400)).toBe(true)
    hearing.at(14_800)
    expect(
      [14_800, 17_200, 20_800].map((now) => [hearing.isSuspect(peer, now), hearing.isSilent(1, now)]),
    ).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ])
    expect(hearing.isSilent(501, 14_800)).toBe(true)
  })

  it('hears no more heartbeats a second however many others there are', () => {
    const perSecond = [10, 250, 500, 1_000].map(
      (count) => (count * 1_000) / (500 * among(count).hearing.pace),
    )
    expect(perSecond).toEqual([20, 500, 500, 500])
  })
})
