import { describe, expect, it } from 'vitest'
import type { MeetingLogic, MeetingOptions } from '../../../src/core/index.ts'
import { framesOf, type FrameView, Harness, type Peer, text } from './harness.ts'

interface World {
  readonly h: Harness
  readonly ann: Peer
  readonly bob: Peer
  readonly log: number
}

/** A meeting `m` of two, with ann in slot 0 and bob in slot 1. */
function full(options: Partial<MeetingOptions> = {}, logic: MeetingLogic = {}): World {
  const h = new Harness()
  h.node.openMeeting('m', { capacity: 2, frameRate: 0, ...options }, h.now, {
    kind: 'k',
    metadata: {},
    logic,
  })
  const ann = h.connect('ann')
  const bob = h.connect('bob')
  const { log } = h.seat(ann, 'm')
  h.seat(bob, 'm')
  h.settle()
  for (const peer of [ann, bob]) peer.take()
  return { h, ann, bob, log }
}

const events = (frames: readonly FrameView[]): string[] =>
  frames.flatMap(({ events: list }) =>
    list.map((event) => ('slot' in event ? `${event.type} ${event.slot}` : event.type)),
  )

const members = (h: Harness): string[] =>
  (h.node.meeting('m')?.members ?? []).map(({ slot, user, away }) => `${slot} ${user}${away ? ' away' : ''}`)

describe('A user who comes back in a new session', () => {
  it('has the seat again that was kept, at once, though the room is full, and nobody is asked', () => {
    const heard: string[] = []
    const { h, ann, bob, log } = full(
      { joinsPerMinute: 1 },
      {
        join: (slot, user) => (heard.push(`join ${slot} ${user}`), null),
        leave: (slot, user, reason) => heard.push(`leave ${slot} ${user} ${reason}`),
      },
    )
    ann.input(log, 7)
    ann.hangUp()
    h.settle()
    const again = h.connect('ann')
    const joined = h.seat(again, 'm')
    expect(joined).toMatchObject({ slot: 0, seq: 7, recovered: false, reason: '' })
    expect(joined.members).toEqual([
      { slot: 0, user: 'ann', away: false },
      { slot: 1, user: 'bob', away: false },
    ])
    expect(members(h)).toEqual(['0 ann', '1 bob'])
    again.input(log, 8)
    h.settle()
    const frames = bob.takeFrames()
    expect(events(frames)).toEqual(['away 0', 'back 0'])
    expect(frames.flatMap(({ inputs }) => inputs.map(({ slot, seq }) => `${slot}:${seq}`))).toEqual([
      '0:7',
      '0:8',
    ])
    // The old session expires meanwhile.
    for (let at = 0; at < 90_000; at += 5_000) {
      for (const peer of [again, bob]) peer.send({ type: 'ping', time: 0 })
      h.advance(5_000)
    }
    expect(h.node.presence('ann')).toEqual({ sessions: 1, connected: 1 })
    expect(heard).toEqual(['join 0 ann', 'join 1 bob'])
    expect(members(h)).toEqual(['0 ann', '1 bob'])
  })

  it('is told in the old session, should that come back, that the seat is gone, and it takes nothing of it', () => {
    const { h, ann, log } = full()
    ann.hangUp()
    h.settle()
    const again = h.connect('ann')
    h.seat(again, 'm')
    const old = h.connect('ann', { session: ann.session, received: 1 })
    h.settle()
    expect(old.transport.packets.flatMap(({ bytes }) => old.codec.decode(bytes, 'server'))).toMatchObject([
      { type: 'welcome', resumed: true },
      { type: 'ended', log, error: 'CLOSED' },
    ])
    old.input(log, 1)
    old.join('m')
    h.settle()
    expect(old.take()).toMatchObject([
      { type: 'nack', error: 'NOT_JOINED', message: '', reason: '' },
      { type: 'failed', error: 'FULL' },
    ])
    old.hangUp(true)
    h.settle()
    expect(members(h)).toEqual(['0 ann', '1 bob'])
    again.input(log, 1)
    h.settle()
    expect(framesOf(again.take()).flatMap(({ inputs }) => inputs)).toMatchObject([{ slot: 0, seq: 1 }])
  })

  it('does not take a seat that is connected: a second tab is a second member', () => {
    const { h } = full({ capacity: 3 })
    expect(h.seat(h.connect('ann'), 'm')).toMatchObject({ slot: 2, seq: 0 })
    expect(members(h)).toEqual(['0 ann', '1 bob', '2 ann'])
  })

  it('takes the seat that has been away for longest', () => {
    const { h, ann } = full({ capacity: 4 })
    const second = h.connect('ann')
    h.seat(second, 'm')
    second.hangUp()
    ann.hangUp()
    h.settle()
    expect([1, 2, 3].map(() => h.seat(h.connect('ann'), 'm').slot)).toEqual([2, 0, 3])
  })

  it('takes no seat of a bot, of somebody else, or of a member who is on the way out', () => {
    const { h, ann, log } = full({ capacity: 5, frameRate: 1, inputsPerFrame: 1 })
    h.node.addBot('m', 'cat')
    expect(h.seat(h.connect('cat'), 'm').slot).toBe(3)
    for (const seq of [1, 2, 3]) ann.input(log, seq)
    ann.hangUp(true)
    h.settle()
    expect(members(h)).toEqual(['0 ann', '1 bob', '2 cat', '3 cat'])
    expect(h.seat(h.connect('ann'), 'm').slot).toBe(4)
  })

  it('takes none as a spectator, nor one whose business has kicked it, nor with a ticket that does not allow it', () => {
    const { h, ann, bob } = full()
    for (const peer of [ann, bob]) peer.hangUp()
    h.settle()
    expect(h.seat(h.connect('ann'), 'm', { spectator: true }).slot).toBe(255)
    h.application.grants.set('ann-elsewhere', {
      user: 'ann',
      id: '',
      issued: 0,
      after: 0,
      expires: 0,
      meetings: [{ name: 'other', role: 'member' }],
      read: [],
      write: [],
    })
    const stranger = h.connect('ann-elsewhere')
    stranger.join('m')
    h.settle()
    expect(stranger.take()).toMatchObject([{ type: 'failed', error: 'FORBIDDEN' }])
    expect(members(h)).toEqual(['0 ann away', '1 bob away'])
    h.node.kick('m', 1, 'out')
    h.settle()
    expect(members(h)).toEqual(['0 ann away'])
    expect(h.seat(h.connect('bob'), 'm')).toMatchObject({ slot: 1 })
  })

  it('frames what the old session sent, before what the new one sends', () => {
    const { h, ann, bob, log } = full({ frameRate: 1, inputsPerFrame: 1 })
    for (const seq of [1, 2]) ann.input(log, seq, text('old'))
    ann.hangUp()
    h.settle()
    const again = h.connect('ann')
    const { seq } = h.seat(again, 'm')
    again.input(log, seq + 1, text('new'))
    h.advance(5_000)
    expect(bob.takeFrames().flatMap(({ inputs }) => inputs.map((input) => input.seq))).toEqual([1, 2, 3])
  })
})

describe('A meeting that is full', () => {
  it('has room for a user without a seat as long as another one has several: the last of those ends', () => {
    const heard: string[] = []
    const { h, ann, bob } = full(
      { capacity: 5 },
      {
        join: (slot, user) => (heard.push(`join ${slot} ${user}`), null),
        leave: (slot, user, reason) => heard.push(`leave ${slot} ${user} ${reason}`),
      },
    )
    const tabs = [2, 3, 4].map((slot) => {
      const tab = h.connect('ann')
      expect(h.seat(tab, 'm').slot).toBe(slot)
      return tab
    })
    h.settle()
    for (const peer of [ann, bob, ...tabs]) peer.take()
    heard.length = 0
    expect(h.seat(h.connect('cat'), 'm')).toMatchObject({ slot: 4, seq: 0 })
    expect(h.seat(h.connect('dan'), 'm').slot).toBe(3)
    expect(h.seat(h.connect('eve'), 'm').slot).toBe(2)
    expect(members(h)).toEqual(['0 ann', '1 bob', '4 cat', '3 dan', '2 eve'])
    expect(tabs.map((tab) => tab.take().find(({ type }) => type === 'ended'))).toMatchObject(
      tabs.map(() => ({ error: 'CLOSED', message: 'the meeting is full, and its user has another seat' })),
    )
    expect(events(bob.takeFrames())).toEqual(['leave 4', 'join 4', 'leave 3', 'join 3', 'leave 2', 'join 2'])
    expect(heard).toEqual([
      'leave 4 ann kicked',
      'join 4 cat',
      'leave 3 ann kicked',
      'join 3 dan',
      'leave 2 ann kicked',
      'join 2 eve',
    ])
    const late = h.connect('fay')
    late.join('m')
    h.settle()
    expect(late.take()).toMatchObject([{ type: 'failed', error: 'FULL' }])
  })

  it('has none for further seats of one user', () => {
    const { h } = full({ capacity: 3 })
    expect(h.seat(h.connect('ann'), 'm').slot).toBe(2)
    for (const user of ['ann', 'bob']) {
      const peer = h.connect(user)
      peer.join('m')
      h.settle()
      expect(peer.take()).toMatchObject([{ type: 'failed', error: 'FULL' }])
    }
    expect(members(h)).toEqual(['0 ann', '1 bob', '2 ann'])
  })

  it('keeps inputs that wait: the slot is free with the frame that has them', () => {
    const { h, ann, log } = full({ capacity: 3, frameRate: 1, inputsPerFrame: 1 })
    const tab = h.connect('ann')
    expect(h.seat(tab, 'm').slot).toBe(2)
    for (const seq of [1, 2]) ann.input(log, seq)
    h.settle()
    // The other one has none that waits.
    expect(h.seat(h.connect('cat'), 'm').slot).toBe(2)
    const second = h.connect('ann')
    second.join('m')
    h.settle()
    expect(second.take()).toMatchObject([{ type: 'failed', error: 'FULL' }])
    expect(members(h)).toEqual(['0 ann', '1 bob', '2 cat'])
  })

  it('frees the slot once that frame is sealed, where inputs of each seat wait', () => {
    const { h, ann, log } = full({ capacity: 3, frameRate: 1, inputsPerFrame: 1 })
    const tab = h.connect('ann')
    h.seat(tab, 'm')
    for (const peer of [ann, tab]) for (const seq of [1, 2]) peer.input(log, seq)
    h.settle()
    const cat = h.connect('cat')
    cat.join('m')
    h.settle()
    expect(cat.take()).toMatchObject([{ type: 'failed', error: 'FULL' }])
    h.advance(4_000)
    expect(tab.take()).toContainEqual(expect.objectContaining({ type: 'ended', error: 'CLOSED' }))
    expect(h.seat(cat, 'm')).toMatchObject({ slot: 2, seq: 2 })
    expect(members(h)).toEqual(['0 ann', '1 bob', '2 cat'])
  })

  it('keeps the slot that gets free for users without a seat, however fast another tab is opened', () => {
    const { h, ann, log } = full({ capacity: 3, frameRate: 1, inputsPerFrame: 1 })
    const tab = h.connect('ann')
    h.seat(tab, 'm')
    for (const peer of [ann, tab]) for (const seq of [1, 2]) peer.input(log, seq)
    h.settle()
    const [cat, dan, another] = [h.connect('cat'), h.connect('dan'), h.connect('ann')]
    for (const peer of [cat, cat, dan]) peer.join('m')
    h.settle()
    h.advance(4_000)
    another.join('m')
    h.settle()
    expect(another.take()).toMatchObject([{ type: 'failed', error: 'FULL' }])
    expect(members(h)).toEqual(['0 ann', '1 bob'])
    expect(h.seat(dan, 'm').slot).toBe(2)
  })

  it('keeps it on where the business refuses who came for it', () => {
    const { h, ann, log } = full(
      { capacity: 3, frameRate: 1, inputsPerFrame: 1 },
      {
        join: (_slot, user) => (user === 'cat' ? { code: 'FORBIDDEN', message: '', retryAfterMs: 0 } : null),
      },
    )
    const tab = h.connect('ann')
    h.seat(tab, 'm')
    for (const peer of [ann, tab]) for (const seq of [1, 2]) peer.input(log, seq)
    h.settle()
    const [cat, another] = [h.connect('cat'), h.connect('ann')]
    cat.join('m')
    h.settle()
    h.advance(4_000)
    for (const [peer, error] of [
      [cat, 'FORBIDDEN'],
      [another, 'FULL'],
    ] as const) {
      peer.take()
      peer.join('m')
      h.settle()
      expect(peer.take()).toMatchObject([{ type: 'failed', error }])
    }
    expect(h.seat(h.connect('dan'), 'm').slot).toBe(2)
  })

  it('keeps it for ten seconds', () => {
    const { h, ann, log } = full({ capacity: 3, frameRate: 1, inputsPerFrame: 1 })
    const tab = h.connect('ann')
    h.seat(tab, 'm')
    for (const peer of [ann, tab]) for (const seq of [1, 2]) peer.input(log, seq)
    h.settle()
    h.connect('cat').join('m')
    h.settle()
    h.advance(10_000)
    expect(h.seat(h.connect('ann'), 'm').slot).toBe(2)
  })

  it('ends one seat for a newcomer, however often that one asks before the slot is free', () => {
    const { h, ann, log } = full({ capacity: 4, frameRate: 1, inputsPerFrame: 1 })
    const tabs = [h.connect('ann'), h.connect('ann')]
    for (const tab of tabs) h.seat(tab, 'm')
    for (const peer of [ann, ...tabs]) for (const seq of [1, 2]) peer.input(log, seq)
    h.settle()
    const cat = h.connect('cat')
    for (let time = 0; time < 5; time++) {
      cat.join('m')
      h.settle()
    }
    h.advance(4_000)
    expect(members(h)).toEqual(['0 ann', '1 bob', '2 ann'])
  })

  it('takes no bot for a seat that somebody has too many of', () => {
    const { h } = full({ capacity: 4 })
    h.node.addBot('m', 'cat')
    h.node.addBot('m', 'cat')
    const peer = h.connect('dan')
    peer.join('m')
    h.settle()
    expect(peer.take()).toMatchObject([{ type: 'failed', error: 'FULL' }])
  })
})
