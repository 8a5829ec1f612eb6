import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../src/core/index.ts'
import { Harness, type Peer, text } from './harness.ts'

/** A meeting whose business hears of those who have left when told to. */
function slowly(options: { frameRate?: number; capacity?: number; ttlMs?: number } = {}) {
  const h = new Harness()
  const told: string[] = []
  let unheard = 0
  const logic: MeetingLogic = {
    isBehind: () => unheard > 0,
    leave: (slot, user, reason) => {
      told.push(`${user} leaves ${slot}: ${reason}`)
      unheard++
    },
    join: (slot, user) => (told.push(`${user} joins ${slot}`), null),
    input: (slot, _, data) => (told.push(`${slot} plays`), data),
    close: () => void told.push('closes'),
  }
  h.node.openMeeting('m', { frameRate: 0, ...options }, h.now, { kind: 'k', metadata: {}, logic })
  const news = (): string[] => told.splice(0)
  /** So many who come, in order. */
  const come = (...users: string[]): { peers: Peer[]; log: number } => {
    const peers = users.map((user) => h.connect(user))
    const logs = peers.map((peer) => h.seat(peer, 'm').log)
    news()
    return { peers, log: logs[0] ?? 0 }
  }
  const slots = (): number[] => h.node.meeting('m')?.members.map(({ slot }) => slot) ?? []
  const heard = (): string[] => {
    unheard = 0
    h.node.sweep(h.now)
    return news()
  }
  return { h, come, news, slots, heard }
}

describe('Members who leave together', () => {
  it('leave one after the other, as the business hears of them, and nobody else waits for that', () => {
    const { h, come, news, slots, heard } = slowly()
    const { peers, log } = come('eve', 'eve', 'eve', 'ann')
    const bob = h.connect('bob')
    for (const peer of peers.slice(0, 3)) peer.hangUp(true)
    for (let n = 0; n < 3; n++) h.node.sweep(h.now)
    expect([news(), slots()]).toEqual([['eve leaves 0: left'], [1, 2, 3]])
    expect(h.node.deadline(h.now)).toBe(h.now)
    peers[3]?.input(log, 1)
    bob.join('m')
    h.node.sweep(h.now)
    expect(news().toSorted()).toEqual(['3 plays', 'bob joins 0'])
    expect([heard(), slots()]).toEqual([['eve leaves 1: left'], [2, 3, 0]])
    expect([heard(), slots()]).toEqual([['eve leaves 2: left'], [3, 0]])
    expect([heard(), slots()]).toEqual([[], [3, 0]])
    h.settle()
    expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
  })

  it('leave together where the business hears of each at once', () => {
    const h = new Harness()
    const told: number[] = []
    const logic: MeetingLogic = { isBehind: () => false, leave: (slot) => void told.push(slot) }
    h.node.openMeeting('m', { frameRate: 0 }, h.now, { kind: 'k', metadata: {}, logic })
    const peers = ['ann', 'bob', 'cid', 'dan'].map((user) => h.connect(user))
    const [first] = peers.map((peer) => h.seat(peer, 'm'))
    // What they have sent last is in the same frame.
    for (const peer of peers.slice(1)) {
      peer.input(first?.log ?? 0, 1)
      peer.send({ type: 'leave', call: peer.call(), log: first?.log ?? 0 })
    }
    h.settle()
    expect([told, h.node.meeting('m')?.members.length]).toEqual([[1, 2, 3], 1])
  })

  it('leave a full meeting at once where somebody wants a slot, and the business hears of that first', () => {
    const { h, come, news, slots } = slowly({ capacity: 3 })
    const { peers } = come('eve', 'eve', 'ann')
    const [bob, cid] = [h.connect('bob'), h.connect('cid')]
    for (const peer of peers.slice(0, 2)) peer.hangUp(true)
    h.node.sweep(h.now)
    news()
    for (const peer of [bob, cid]) peer.join('m')
    h.node.sweep(h.now)
    expect([news(), slots()]).toEqual([
      ['bob joins 0', 'eve leaves 1: left', 'cid joins 1'],
      [2, 0, 1],
    ])
    expect([bob, cid].map((peer) => peer.takeOf('joined').length)).toEqual([1, 1])
  })

  it('make room in a full meeting for a user without a seat, whoever has left and was not heard of', () => {
    const { h, come, news } = slowly({ capacity: 3 })
    const { peers } = come('dan', 'eve', 'eve')
    peers[0]?.hangUp(true)
    h.node.sweep(h.now)
    h.seat(h.connect('bob'), 'm')
    news()
    const cid = h.connect('cid')
    cid.join('m')
    h.node.sweep(h.now)
    expect(news()).toEqual(['eve leaves 2: kicked', 'cid joins 2'])
  })

  it('keep a clock running until all have left, so their leaving is in a frame', () => {
    const { h, come, news, heard, slots } = slowly({ frameRate: 20, ttlMs: 1_000 })
    const { peers } = come('eve', 'eve')
    for (const peer of peers) peer.hangUp(true)
    for (let n = 0; n < 8; n++) {
      h.now += 50
      h.node.sweep(h.now)
    }
    expect([news(), slots()]).toEqual([['eve leaves 0: left'], [1]])
    expect([heard(), slots()]).toEqual([['eve leaves 1: left'], []])
    h.now += 50
    h.node.sweep(h.now)
    const events = [...h.node.meetingHistory('m', 0, 1_000)].flatMap((frame) => frame.events)
    expect(events.at(-1)).toMatchObject({ type: 'leave', slot: 1 })
    heard()
    h.advance(1_500)
    expect([news(), h.node.meetingCount]).toEqual([['closes'], 0])
  })

  it('have left before their meeting ends, in turns unless the node ends', () => {
    for (const isNow of [false, true]) {
      const { h, come, news, heard } = slowly()
      const { peers } = come('eve', 'eve', 'eve', 'ann')
      for (const peer of peers.slice(0, 3)) peer.hangUp(true)
      h.node.sweep(h.now)
      news()
      h.node.closeMeeting('m', h.now, 'the first word', isNow)
      if (!isNow) {
        h.node.closeMeeting('m', h.now, 'another one')
        h.node.sweep(h.now)
        expect([news(), heard(), h.node.meetingCount]).toEqual([[], ['eve leaves 1: left'], 1])
        expect(heard()).toEqual(['eve leaves 2: left', 'closes'])
      } else expect(news()).toEqual(['eve leaves 1: left', 'eve leaves 2: left', 'closes'])
      h.settle()
      expect(peers[3]?.takeOf('ended')).toMatchObject([{ message: 'the first word' }])
      expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
    }
  })

  it('are no member for anything but their slot, and bots leave without the business being asked', () => {
    const { h, come, slots } = slowly()
    const { peers, log } = come('eve', 'eve', 'eve')
    const again = h.connect('eve')
    const bot = h.node.addBot('m', 'bot')
    for (const peer of peers.slice(0, 2)) peer.hangUp(true)
    h.node.sweep(h.now)
    expect([h.node.kick('m', 1, 'out'), h.node.sendTo('m', 1, text('x'))]).toEqual([false, false])
    if (typeof bot === 'object') bot.leave()
    expect(slots()).toEqual([1, 2])
    // Nor is a place kept for the same user.
    again.join('m')
    h.node.sweep(h.now)
    expect(again.takeOf('joined')).toMatchObject([{ log, slot: 0 }])
  })
})
