import { describe, expect, it } from 'vitest'
import { clusterLimits } from '../../../../src/core/cluster/cluster-limits.ts'
import { Hearing } from '../../../../src/core/cluster/hearing.ts'
import { KnownPeer, takesOver } from '../../../../src/core/cluster/peer.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'

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

const LOAD = {} as NonNullable<KnownPeer['load']>

describe('The nodes that a node knows', () => {
  it('are counted by whether they were heard for a lease', () => {
    const { hearing, peer } = among(3)
    peer.heard = 12_000
    expect([12_999, 13_000, 15_000].map((now) => hearing.census(now))).toEqual([
      { alive: 3, silent: 0 },
      { alive: 1, silent: 2 },
      { alive: 0, silent: 3 },
    ])
  })

  it('were perhaps started anew where they are silent, and their name is its own or that of one that is heard', () => {
    const { hearing, peer } = among(2)
    const other = new KnownPeer(3, 13_000, 3)
    const all = new Map([peer, other].map((each) => [each.incarnation, each]))
    const both = new Hearing(clusterLimits, all)
    both.begin(9_000)
    peer.id = 'a'
    expect(both.isReplaced(peer, 'a', 12_999)).toBe(false)
    expect([both.isReplaced(peer, 'a', 13_000), both.isReplaced(peer, 'b', 13_000)]).toEqual([true, false])
    other.id = 'a'
    // Others have told of it, which may have meant an earlier run.
    expect(both.isReplaced(peer, 'b', 13_000)).toBe(false)
    other.load = LOAD
    expect(both.isReplaced(peer, 'b', 13_000)).toBe(true)
    expect(both.isReplaced(peer, 'b', 14_200)).toBe(false)
    other.id = 'c'
    expect(both.isReplaced(peer, 'b', 13_000)).toBe(false)
    // Of one that has told no name nothing is known.
    peer.id = ''
    other.id = ''
    expect([both.isReplaced(peer, '', 13_000), hearing.isReplaced(peer, '', 13_000)]).toEqual([false, false])
  })

  it('introduce themselves, within the time that one waits who hears others since then, or one it does not know', () => {
    const { hearing } = among(1)
    expect(hearing.aloneAt).toBe(12_000)
    hearing.strange()
    expect(hearing.aloneAt).toBe(13_000)
    hearing.at(11_000)
    hearing.begin(11_000)
    expect(hearing.aloneAt).toBe(14_000)
  })

  it('take something over that were heard themselves, and lately, do not drain and are no edges', () => {
    const asked: unknown[] = []
    const cluster = (isSilent: boolean) => ({
      isSilent: (...parts: unknown[]) => {
        asked.push(parts)
        return isSilent
      },
    })
    const peer = new KnownPeer(7, 0, 1)
    expect(takesOver(peer, cluster(false), 5)).toBe(false)
    peer.load = LOAD
    expect([takesOver(peer, cluster(false), 5), takesOver(peer, cluster(true), 5)]).toEqual([true, false])
    expect(asked).toEqual([
      [7, 5],
      [7, 5],
    ])
    peer.isDraining = true
    expect(takesOver(peer, cluster(false))).toBe(false)
    const edge = new KnownPeer(LEAST_EDGE, 0, 1)
    edge.load = LOAD
    expect(takesOver(edge, cluster(false))).toBe(false)
  })
})

describe('The view of another node', () => {
  it('differs since so many beats, counted anew with each change of one of the two', () => {
    const peer = new KnownPeer(1, 0, 1)
    const beats = (own: number, view: number): number => {
      const count = peer.compare(own, view)
      peer.beat()
      return count
    }
    expect([beats(5, 5), beats(5, 6), beats(5, 6), beats(5, 6)]).toEqual([-1, 0, 1, 2])
    expect([beats(5, 7), beats(5, 7), beats(4, 7), beats(7, 7), beats(4, 7)]).toEqual([0, 1, 0, -1, 0])
  })

  it('has it told of the others once in each beat, and at once when it differs in another way', () => {
    const peer = new KnownPeer(1, 0, 1)
    peer.compare(5, 6)
    expect([peer.introduce(), peer.introduce()]).toEqual([true, false])
    peer.beat()
    expect([peer.introduce(), peer.introduce()]).toEqual([true, false])
    peer.compare(5, 6)
    expect(peer.introduce()).toBe(false)
    peer.compare(5, 7)
    expect(peer.introduce()).toBe(true)
  })
})

it('A node speaks again when it has not spoken for nearly a beat, and at once where it never has', () => {
  const { hearing } = among(1)
  expect(hearing.isDue(10_000)).toBe(true)
  hearing.speak()
  expect([hearing.isDue(10_249), hearing.isDue(10_250)]).toEqual([false, true])
})
