import { describe, expect, it } from 'vitest'
import { plain } from '../../../../src/core/meeting/business.ts'
import type { LineageKeys } from '../../../../src/core/ground/config.ts'
import { simLineage } from '../../../../src/testing/lineage.ts'
import { bytes, type Harness, type Peer } from '../harness.ts'
import { settled } from './world.ts'

/** Meetings of a node whose cluster has a secret, and how many charters it has written. */
function node(
  names: readonly string[],
  limits: Parameters<typeof settled>[1] = {},
  metadata: Readonly<Record<string, unknown>> = {},
) {
  const written = { count: 0, most: 0 }
  const keys: LineageKeys = {
    ...simLineage,
    seal: (charter) => {
      written.count++
      return simLineage.seal(charter)
    },
  }
  const world = settled(1, limits, undefined, keys)
  const [h] = world.nodes as [Harness]
  const business = { ...plain, metadata }
  for (const name of names)
    h.node.claimMeeting(
      { name },
      { frameRate: 0, capacity: 255, inputsPerSecond: 1_000 },
      world.now,
      business,
    )
  world.settle()
  const sweep = h.sweep.bind(h)
  h.sweep = () => {
    const before = written.count
    sweep()
    written.most = Math.max(written.most, written.count - before)
  }
  return { world, h, written }
}

/** The meetings for which it has been given something since it was last looked at, by their logs. */
function charters(peer: Peer): number[] {
  return peer.takeOf('charter').map(({ log }) => log)
}

/** A member of all of these. */
function memberOf(h: Harness, names: readonly string[], user: string): Peer {
  const peer = h.connect(user, { window: 0 })
  for (const name of names) h.seat(peer, name)
  return peer
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`)
const SESSION = 100

describe('What members are given to have their meeting go on', () => {
  it('is paid for by whoever joins again and again', () => {
    const { world, h } = node(['m'], { workMsPerUserPerSecond: 12, userBurstSeconds: 1 })
    for (let at = 0; at < 100; at++) h.node.addBot('m', `bot${at}`.padEnd(150, 'x'))
    const eve = memberOf(h, ['m'], 'eve')
    for (let at = 0; at < 100; at++) {
      h.node.say('m', bytes(1))
      // From now on, so that an earlier charter is of no use to it.
      eve.join('m', { next: 2 ** 40 })
      world.advance(20)
    }
    expect(charters(eve).length).toBeLessThan(80)
    expect(eve.all('failed').map(({ error }) => error)).toContain('RATE')
  })

  it('is written a few at a time, where many are due together', () => {
    const names = namesOf(400)
    const { world, h, written } = node(names, { heartbeatMs: 1_000_000 })
    const peers = [0, 1, 2, 3].map((at) =>
      memberOf(h, names.slice(at * SESSION, (at + 1) * SESSION), `u${at}`),
    )
    written.count = written.most = 0
    for (const peer of peers) peer.take()
    world.advance(62_000)
    expect(written.count).toBe(400)
    expect(written.most).toBeLessThan(80)
    for (const peer of peers) expect(new Set(charters(peer)).size).toBe(SESSION)
  })

  it('comes to the members of all meetings, though those of many get theirs again and again', () => {
    const names = namesOf(700)
    const { world, h } = node(names, { charterMs: 1_000, heartbeatMs: 1_000_000 })
    const peers = [0, 1, 2, 3, 4, 5, 6].map((at) =>
      memberOf(h, names.slice(at * SESSION, (at + 1) * SESSION), `u${at}`),
    )
    for (const peer of peers) peer.take()
    world.advance(6_000)
    for (const peer of peers) expect(new Set(charters(peer)).size).toBe(SESSION)
  })

  it('does not make the log of a member run over who reads slowly', () => {
    const { world, h } = node(['m'], { charterBytes: 100, sessionLogBytes: 8_192, heartbeatMs: 1_000_000 })
    const slow = h.connect('slow', { window: 2_000 })
    slow.join('m')
    const ann = memberOf(h, ['m'], 'ann')
    const { log } = h.seat(ann, 'm')
    for (let seq = 1; seq <= 60; seq++) {
      ann.input(log, seq, bytes(200))
      world.advance(1_100)
    }
    expect(charters(ann).length).toBeGreaterThan(50)
    expect(slow.closed).toBe(null)
  })

  it('is not tried anew for each who joins, where it would be too large', () => {
    const { world, h, written } = node(['m'], {}, { text: 'x'.repeat(60_000) })
    const ann = memberOf(h, ['m'], 'ann')
    for (let at = 0; at < 20; at++) {
      ann.join('m', { next: 2 ** 40 })
      h.node.say('m', bytes(1))
      world.advance(20)
    }
    expect(charters(ann)).toEqual([])
    expect(written.count).toBe(1)
  })

  it('is held at the expense of the meeting, and given back with it', () => {
    const { world, h } = node(['m'], {}, { text: 'x'.repeat(20_000) })
    const before = h.node.logs.of.meeting
    const ann = memberOf(h, ['m'], 'ann')
    expect(ann.closed).toBe(null)
    expect(h.node.logs.of.meeting - before).toBeGreaterThan(20_000)
    h.node.closeMeeting('m', world.now)
    world.advance(2_000)
    expect(h.node.logs.of.meeting).toBe(0)
  })
})
