import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/protocol/index.ts'
import type { MeetingOptions } from '../../../src/core/index.ts'
import { bytes, framesOf, type FrameView, Harness, type Peer, text, textOf } from './harness.ts'

interface Room {
  readonly h: Harness
  readonly a: Peer
  readonly b: Peer
  readonly log: number
}

/** A meeting `m` with two members, whose first frames are taken. */
function room(
  options: Partial<MeetingOptions> = {},
  limits: ConstructorParameters<typeof Harness>[0] = {},
): Room {
  const h = new Harness(limits)
  h.node.openMeeting('m', options, h.now)
  const a = h.connect('ann')
  const b = h.connect('bob')
  const { log } = h.seat(a, 'm')
  h.seat(b, 'm')
  h.advance(options.frameRate === 0 ? 0 : 100)
  a.take()
  b.take()
  return { h, a, b, log }
}

const eventsOf = (frames: readonly FrameView[]): string[] =>
  frames.flatMap(({ events }) =>
    events.map((event) => ('slot' in event ? `${event.type} ${event.slot}` : event.type)),
  )
const inputsOf = (frames: readonly FrameView[]): string[] =>
  frames.flatMap(({ inputs }) => inputs.map(({ slot, seq }) => `${slot}:${seq}`))

/** Frames with something in them. */
const full = (frames: readonly FrameView[]): FrameView[] =>
  frames.filter(({ events, inputs }) => events.length + inputs.length > 0)

/** How a JOIN ends: 'joined', or with a code. */
const joinAs = (h: Harness, user: string, config: string, spectator = false): string => {
  const peer = h.connect(user)
  peer.join('m', { config, spectator })
  h.settle()
  const answer = peer.take().find(({ type }) => type === 'joined' || type === 'failed')
  return answer?.type === 'failed' ? answer.error : (answer?.type ?? 'nothing')
}

describe('The clock of a meeting', () => {
  it('seals frame k at its time, to every member alike', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 20 }, h.now)
    const a = h.connect('ann')
    const joined = h.seat(a, 'm')
    expect(joined).toMatchObject({ rate: 20, startFrame: 1, head: 0, next: 1, slot: 0, seq: 0 })
    const t0 = joined.start / 1000
    expect(t0 - h.now).toBeGreaterThan(0)
    expect(t0 - h.now).toBeLessThanOrEqual(50.001)
    a.transport.writes.length = 0
    h.advance(1_900)
    a.transport.writes.forEach(({ at }, n) => expect(at).toBeCloseTo(t0 + n * 50, 2))
    expect(a.takeFrames().map(({ number }) => number)).toEqual(
      Array.from({ length: a.transport.writes.length }, (_, n) => n + 1),
    )
  })

  it.each([1, 3, 7, 20, 30, 60])('neither drifts nor skips at %i frames a second', (frameRate) => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate }, h.now)
    const a = h.connect('ann')
    h.seat(a, 'm')
    for (let second = 0; second < 60; second++) {
      a.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
      h.advance(1_000)
    }
    const frames = a.takeFrames()
    expect(Math.abs(frames.length - 60 * frameRate)).toBeLessThanOrEqual(Math.ceil(frameRate / 4) + 1)
    frames.forEach(({ number }, n) => expect(number).toBe(n + 1))
    expect(h.node.stats.framesSlipped).toBe(0)
  })

  it('spreads meetings of equal rate over the interval', () => {
    const h = new Harness()
    const phases: number[] = []
    for (let n = 0; n < 50; n++) {
      h.node.openMeeting(`m${n}`, { frameRate: 20 }, h.now)
      const { start } = h.seat(h.connect(`u${n}`), `m${n}`)
      phases.push((start / 1000) % 50)
    }
    phases.sort((x, y) => x - y)
    const distances = phases.map((phase, n) =>
      n === 0 ? phase + 50 - (phases.at(-1) ?? 0) : phase - (phases[n - 1] ?? 0),
    )
    expect(Math.max(...distances)).toBeLessThan(3)
    expect(Math.min(...distances)).toBeGreaterThan(0.2)
  })

  it('seals at most five late frames at once; the time of the rest is lost, and a SLIP says so', () => {
    const { h, a } = room()
    h.stall(1_000)
    h.sweep()
    const late = a.takeFrames()
    expect(late).toHaveLength(5)
    h.advance(50)
    const [next] = a.takeFrames()
    expect(next).toMatchObject({ number: (late.at(-1)?.number ?? 0) + 1, events: [{ type: 'slip' }] })
    const [slip] = next?.events ?? []
    expect(slip?.type === 'slip' && slip.lost).toBe(h.node.stats.framesSlipped * 50)
    expect(h.node.stats.framesSlipped).toBeGreaterThanOrEqual(14)
    expect(h.node.stats.framesSlipped).toBeLessThanOrEqual(16)
  })

  it('loses nothing in a stall it can make up for', () => {
    const { h, a } = room()
    h.stall(240)
    h.sweep()
    h.advance(1_000)
    expect(eventsOf(a.takeFrames())).toEqual([])
    expect(h.node.stats.framesSlipped).toBe(0)
  })

  it('is told to the client in PONG: the worst lateness of the last second', () => {
    const { h, a } = room()
    h.stall(90)
    h.sweep()
    a.send({ type: 'ping', time: 7 })
    h.settle()
    const lateness = a.takeOf('pong')[0]?.lateness ?? 0
    expect(lateness).toBeGreaterThan(39_000)
    expect(lateness).toBeLessThanOrEqual(90_000)
    h.advance(3_000)
    a.send({ type: 'ping', time: 8 })
    h.settle()
    expect(a.takeOf('pong')).toMatchObject([{ echo: 8, lateness: 0 }])
  })

  it('sends quiet runs together, at most 250 ms of them, and flushes at once on input', () => {
    const { h, a, b, log } = room()
    h.advance(2_500)
    a.take()
    a.transport.writes.length = 0
    h.advance(2_000)
    const counts = a.takePackets().map((packet) => framesOf(packet).length)
    expect(Math.max(...counts)).toBeLessThanOrEqual(5)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4)
    const times = a.transport.writes.map(({ at }) => at)
    times.slice(1).forEach((at, n) => expect(at - (times[n] ?? 0)).toBeLessThanOrEqual(250.001))
    b.input(log, 1)
    const sent = h.now
    h.advance(51)
    expect(inputsOf(a.takeFrames())).toEqual(['1:1'])
    expect((a.transport.writes.at(-1)?.at ?? Infinity) - sent).toBeLessThanOrEqual(50.001)
    h.advance(1_000)
    expect(a.takePackets().every((packet) => framesOf(packet).length === 1)).toBe(true)
  })

  it('stands still when nobody is there, and says for how long when somebody comes', () => {
    const { h, a, b } = room()
    a.hangUp()
    b.hangUp(true)
    h.advance(200)
    const stopped = h.node.meeting('m')?.frame ?? 0
    h.advance(10_000)
    expect(h.node.meeting('m')?.frame).toBe(stopped)
    const again = h.connect('ann', { session: a.session })
    const joined = h.seat(again, 'm', { world: 0 })
    expect(joined).toMatchObject({ head: stopped, startFrame: stopped + 1, slot: 0 })
    h.advance(60)
    const frames = full(again.takeFrames())
    const resume = frames.flatMap(({ events }) => events).find(({ type }) => type === 'resume')
    expect(resume?.type === 'resume' && resume.gap).toBeGreaterThan(10_000)
    expect(resume?.type === 'resume' && resume.gap).toBeLessThanOrEqual(10_200)
  })

  it('of rate 0 is every sweep that has something, and no other', () => {
    const { h, a, b, log } = room({ frameRate: 0 })
    a.input(log, 1)
    b.input(log, 1)
    a.input(log, 2)
    h.sweep()
    h.advance(10_000)
    const frames = b.takeFrames()
    expect(frames).toHaveLength(1)
    // In the order in which the sweep serves their senders.
    expect(inputsOf(frames)).toEqual(['0:1', '0:2', '1:1'])
    b.input(log, 2)
    h.sweep()
    expect(inputsOf(b.takeFrames())).toEqual(['1:2'])
  })
})

describe('A meeting', () => {
  it('is closed when nobody was in it for its TTL, from its opening or from the last leaving', () => {
    const h = new Harness()
    h.node.openMeeting('never', { ttlMs: 5_000 }, h.now)
    h.node.openMeeting('left', { ttlMs: 5_000 }, h.now)
    h.advance(4_000)
    const a = h.connect('ann')
    const { log } = h.seat(a, 'left')
    h.advance(2_000)
    expect([h.node.meeting('never'), h.node.meeting('left')?.name]).toEqual([undefined, 'left'])
    a.send({ type: 'leave', call: a.call(), log })
    h.advance(4_900)
    expect(h.node.meeting('left')).toBeDefined()
    h.advance(300)
    expect(h.node.meeting('left')).toBeUndefined()
  })

  it('of rate 0 is closed after its TTL too, spectators leaving included', () => {
    const h = new Harness()
    h.node.openMeeting('m', { ttlMs: 5_000, frameRate: 0 }, h.now)
    const a = h.connect('ann')
    h.seat(a, 'm', { spectator: true })
    h.advance(10_000)
    a.send({ type: 'ping', time: 1 })
    h.advance(10_000)
    expect(h.node.meeting('m')).toBeDefined()
    a.hangUp()
    h.advance(5_100)
    expect(h.node.meeting('m')).toBeUndefined()
  })

  it('tells those who are away when it closes, too', () => {
    const h = new Harness({ sessionKeepMs: 60_000 })
    h.node.openMeeting('m', { ttlMs: 1_000 }, h.now)
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    a.hangUp()
    h.advance(2_000)
    const again = h.connect('ann', { session: a.session, received: 1 })
    h.settle()
    expect(h.node.meeting('m')).toBeUndefined()
    expect(again.closed).toBe(null)
    // The ENDED came with the welcome.
    expect(
      again.transport.packets.flatMap(({ bytes: body }) => again.codec.decode(body, 'server')),
    ).toMatchObject([{ type: 'welcome' }, { type: 'ended', log, error: 'CLOSED' }])
  })

  it('gives the lowest free slot, and no more of them than its capacity', () => {
    const h = new Harness()
    h.node.openMeeting('m', { capacity: 3 }, h.now)
    const peers = ['p0', 'p1', 'p2', 'p3'].map((user) => h.connect(user))
    const [p0, p1, p2, p3] = peers as [Peer, Peer, Peer, Peer]
    expect([p0, p1, p2].map((peer) => h.seat(peer, 'm').slot)).toEqual([0, 1, 2])
    const call = p3.join('m')
    h.settle()
    expect(p3.takeOf('failed')).toMatchObject([{ call, error: 'FULL' }])
    expect(h.seat(p3, 'm', { spectator: true }).slot).toBe(255)
    p1.hangUp(true)
    h.advance(100)
    const p4 = h.connect('p4')
    const joined = h.seat(p4, 'm')
    expect(joined.slot).toBe(1)
    expect(joined.members).toEqual([
      { slot: 0, user: 'p0', away: false },
      { slot: 2, user: 'p2', away: false },
      { slot: 1, user: 'p4', away: false },
    ])
  })

  it('names an input once in an world: who takes a slot over counts on from its last seq', () => {
    const { h, a, b, log } = room({ frameRate: 0 })
    for (const seq of [1, 2, 7]) b.input(log, seq)
    b.send({ type: 'leave', call: b.call(), log })
    h.settle()
    const c = h.connect('cat')
    expect(h.seat(c, 'm')).toMatchObject({ slot: 1, seq: 7 })
    c.input(log, 7)
    c.input(log, 8)
    h.settle()
    expect(c.takeOf('nack')).toMatchObject([{ seq: 7, error: 'STALE' }])
    expect(inputsOf(a.takeFrames())).toEqual(['1:1', '1:2', '1:7', '1:8'])
  })

  it('frames what a member sent before its leave', () => {
    const { h, a, b, log } = room({ inputsPerFrame: 2 })
    for (let seq = 1; seq <= 5; seq++) b.input(log, seq)
    b.send({ type: 'leave', call: b.call(), log })
    h.advance(400)
    expect(b.takeOf('done')).toHaveLength(1)
    expect(full(a.takeFrames()).map((frame) => [...eventsOf([frame]), ...inputsOf([frame])])).toEqual([
      ['1:1', '1:2'],
      ['1:3', '1:4'],
      ['1:5'],
      ['leave 1'],
    ])
    expect(h.node.meeting('m')?.members).toHaveLength(1)
  })

  it('keeps the slot of a member whose connection is lost: away, then back', () => {
    const { h, a, b } = room()
    b.hangUp()
    h.advance(100)
    expect(h.node.meeting('m')?.members).toMatchObject([
      { away: false },
      { slot: 1, user: 'bob', away: true },
    ])
    const again = h.connect('bob', { session: b.session })
    expect(h.seat(again, 'm').slot).toBe(1)
    h.advance(100)
    expect(eventsOf(a.takeFrames())).toEqual(['away 1', 'back 1'])
  })

  it('takes the inputs and the leave of a member that is back and has not joined again', () => {
    const { h, a, b, log } = room()
    b.hangUp()
    h.settle()
    const again = h.connect('bob', { session: b.session })
    again.input(log, 1)
    h.advance(100)
    expect(inputsOf(a.takeFrames())).toEqual(['1:1'])
    expect(again.takeFrames()).toEqual([])
    again.send({ type: 'leave', call: again.call(), log })
    h.advance(100)
    expect(again.takeOf('done')).toHaveLength(1)
    expect(h.node.meeting('m')?.members).toHaveLength(1)
  })

  it('gives a slot that went to a new session and back the seq behind all that both have sent', () => {
    const { h, b, log } = room()
    b.input(log, 3)
    h.settle()
    b.hangUp()
    h.settle()
    const second = h.connect('bob')
    expect(h.seat(second, 'm')).toMatchObject({ slot: 1, seq: 3 })
    second.input(log, 9)
    h.settle()
    second.hangUp()
    h.settle()
    const first = h.open()
    first.hello('bob', { session: b.session, received: 1 })
    h.settle()
    first.continue(1)
    expect(first.takeOf('ended')).toMatchObject([{ log, error: 'CLOSED' }])
    expect(h.seat(first, 'm')).toMatchObject({ slot: 1, seq: 9 })
  })

  it('goes on after the frame that a member says it holds, and nothing twice', () => {
    const { h, a, b, log } = room({ frameRate: 0 })
    for (let seq = 1; seq <= 3; seq++) {
      a.input(log, seq)
      h.settle()
    }
    const { world, next } = { world: h.seat(a, 'm').world, next: 4 }
    b.hangUp()
    h.settle()
    const again = h.connect('bob', { session: b.session })
    again.join('m', { world, next })
    h.settle()
    const messages = again.take()
    expect(messages[0]).toMatchObject({ type: 'joined', next, recovered: true, reason: '' })
    expect(framesOf(messages).map(({ number }) => number)).toEqual([4, 5, 6, 7])
  })

  it('begins from frame 1 for one of another world or without one, and says so', () => {
    const { h, a } = room({ frameRate: 0 })
    const { world, head } = h.seat(a, 'm')
    expect(h.seat(a, 'm')).toMatchObject({ recovered: false, reason: '', next: 1 })
    expect(h.seat(a, 'm', { world: world + 1, next: 2 })).toMatchObject({
      recovered: false,
      reason: 'NEW_EPOCH',
      next: 1,
    })
    // In the same world a position may be no position, or one that nobody can have reached.
    expect(h.seat(a, 'm', { world, next: 0 })).toMatchObject({ world, recovered: false, reason: '', next: 1 })
    for (const next of [head + 2, Number.MAX_SAFE_INTEGER])
      expect(h.seat(a, 'm', { world, next })).toMatchObject({
        world,
        recovered: false,
        reason: 'PROTOCOL',
        next: 1,
      })
    expect(h.seat(a, 'm', { world, next: head + 1 })).toMatchObject({
      recovered: true,
      reason: '',
      next: head + 1,
    })
  })

  it('serves a late joiner from its ring, from frame 1 on, and then live', () => {
    const { h, a, log } = room()
    for (let seq = 1; seq <= 20; seq++) {
      a.input(log, seq, bytes(200, seq))
      h.advance(50)
    }
    const c = h.connect('cat')
    c.join('m')
    h.advance(500)
    const frames = c.takeFrames()
    frames.forEach(({ number }, n) => expect(number).toBe(n + 1))
    expect(inputsOf(frames)).toEqual(Array.from({ length: 20 }, (_, n) => `0:${n + 1}`))
    expect(frames.length).toBe(h.node.meeting('m')?.frame)
  })

  it('tells a late joiner with a GAP what its ring no longer holds', () => {
    const { h, a, b, log } = room({ frameRate: 0 }, { meetingLogBytes: 2_000 })
    for (let seq = 1; seq <= 30; seq++) {
      a.input(log, seq, bytes(200))
      h.settle()
    }
    const { world } = h.seat(a, 'm')
    const c = h.connect('cat')
    c.join('m')
    h.settle()
    const [joined, gap, ...rest] = c.take()
    const next = joined?.type === 'joined' ? joined.next : 0
    expect(next).toBeGreaterThan(20)
    // Its own join was sealed after it was told: the ring may have moved on by that frame.
    expect(gap).toMatchObject({ type: 'gap', from: 1, reason: 'NO_SNAPSHOT' })
    const to = gap?.type === 'gap' ? gap.to : 0
    expect(to - next).toBeGreaterThanOrEqual(0)
    expect(to - next).toBeLessThanOrEqual(1)
    expect(framesOf(rest)[0]?.number).toBe(to)
    expect(h.seat(b, 'm', { world, next: 2 })).toMatchObject({ recovered: false, reason: 'NO_SNAPSHOT' })
  })

  it('gives a live reader that is too slow a GAP, not silence', () => {
    const { h, a, b, log } = room({ frameRate: 0 }, { meetingLogBytes: 2_000 })
    b.transport.accepts = false
    for (let seq = 1; seq <= 30; seq++) {
      a.input(log, seq, bytes(200))
      h.settle()
    }
    b.take()
    b.drain()
    h.settle()
    const [gap, frames] = b.take()
    expect(gap).toMatchObject({ type: 'gap', reason: 'NO_SNAPSHOT' })
    expect(frames).toMatchObject({ type: 'frames', first: gap?.type === 'gap' && gap.to })
  })

  it('holds all members to the first configuration that was named', () => {
    const { h, a, b } = room()
    const refused = (peer: Peer, config: string): unknown => {
      peer.join('m', { config })
      h.settle()
      return peer.take().find(({ type }) => type === 'failed')
    }
    expect(refused(a, 'x1')).toBeUndefined()
    expect(refused(b, 'x2')).toMatchObject({ error: 'CONFIG_MISMATCH' })
    expect(refused(b, 'x1')).toBeUndefined()
    expect(refused(b, '')).toBeUndefined()
  })

  describe('whose configuration', () => {
    it('a spectator names is not held against anybody, while spectators are held to that of the members', () => {
      const h = new Harness()
      h.node.openMeeting('m', {}, h.now)
      expect(joinAs(h, 'eve', 'old', true)).toBe('joined')
      expect(joinAs(h, 'ann', 'new')).toBe('joined')
      expect(joinAs(h, 'bob', 'old')).toBe('CONFIG_MISMATCH')
      expect(joinAs(h, 'kim', 'old', true)).toBe('CONFIG_MISMATCH')
      expect([joinAs(h, 'kim', 'new', true), joinAs(h, 'leo', '', true)]).toEqual(['joined', 'joined'])
    })

    it('the business named when it opened the meeting holds from the first join on', () => {
      const h = new Harness()
      h.node.openMeeting('m', { config: 'v2' }, h.now)
      expect(['v1', 'v2', '', 'v1'].map((config, n) => joinAs(h, `u${n}`, config))).toEqual([
        'CONFIG_MISMATCH',
        'joined',
        'joined',
        'CONFIG_MISMATCH',
      ])
    })

    it('differs is told to the client and to the business, with both', () => {
      const h = new Harness()
      h.node.openMeeting('m', { config: 'v2' }, h.now)
      const peer = h.connect('ann')
      peer.join('m', { config: 'v1' })
      h.settle()
      const why = 'the client has the configuration "v1", the meeting has "v2"'
      expect(peer.takeOf('failed')).toMatchObject([{ error: 'CONFIG_MISMATCH', message: why }])
      expect(h.application.mismatches).toEqual([`m: ${why}`])
    })

    it('somebody named who was refused for want of room is not that of the meeting', () => {
      const h = new Harness()
      h.node.openMeeting('m', { capacity: 1 }, h.now)
      expect(joinAs(h, 'ann', '')).toBe('joined')
      expect(joinAs(h, 'bob', 'wrong')).toBe('FULL')
      expect(joinAs(h, 'eve', 'right', true)).toBe('joined')
    })

    it('the first member named stays until the meeting ends, though all members have gone', () => {
      const h = new Harness()
      h.node.openMeeting('m', {}, h.now)
      const ann = h.connect('ann')
      const { log } = h.seat(ann, 'm', { config: 'v1' })
      ann.send({ type: 'leave', call: ann.call(), log })
      h.advance(100)
      expect(joinAs(h, 'bob', 'v2')).toBe('CONFIG_MISMATCH')
      h.node.closeMeeting('m', h.now)
      h.node.openMeeting('m', {}, h.now)
      expect(joinAs(h, 'bob', 'v2')).toBe('joined')
    })
  })

  it('ends for all who are in it when it is closed', () => {
    const { h, a, b, log } = room()
    a.input(log, 1)
    h.sweep()
    h.node.closeMeeting('m', h.now)
    h.settle()
    for (const peer of [a, b]) expect(peer.takeOf('ended')).toMatchObject([{ log, error: 'CLOSED' }])
    a.input(log, 2)
    h.settle()
    expect(a.takeOf('nack')).toMatchObject([{ error: 'NOT_JOINED' }])
    expect(h.node.stats.inputsFramed).toBe(1)
    expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
  })

  it('is opened once under a name that is one, up to the limit', () => {
    const h = new Harness({ meetings: 2 })
    expect(h.node.openMeeting('a b', {}, h.now)).toBe('BAD_NAME')
    expect(h.node.openMeeting('a', { config: 'é'.repeat(128) }, h.now)).toBe('BAD_NAME')
    expect(h.node.openMeeting('a', { frameRate: 30 }, h.now)).toMatchObject({
      name: 'a',
      frameRate: 30,
      frame: 0,
    })
    expect(h.node.openMeeting('a', {}, h.now)).toBe(null)
    h.node.openMeeting('b', {}, h.now)
    expect(h.node.openMeeting('c', {}, h.now)).toBe('LIMIT')
    expect([...h.node.meetings()].map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it.each([
    ['1970', 0],
    ['2026', Date.UTC(2026, 10, 26)],
    ['2039', Date.UTC(2039, 8, 30)],
  ])(
    'opened again in %s is another world, at a higher fence, whatever the wall clock says',
    (_, wallOffset) => {
      const h = new Harness({}, { wallOffset })
      const joined = Array.from({ length: 5 }, (__, n) => {
        h.node.openMeeting('m', {}, h.now)
        if (n === 2) h.node.handleWallClock(wallOffset - 3_600_000)
        const answer = h.seat(h.connect(`u${n}`), 'm')
        h.node.closeMeeting('m', h.now)
        return answer
      })
      expect(new Set(joined.map(({ world }) => world)).size).toBe(5)
      for (const { world } of joined)
        expect(world > 0 && world < 2 ** 48 && Number.isInteger(world)).toBe(true)
      const fences = joined.map(({ term, incarnation }) => [term, incarnation])
      expect(fences).toEqual([1, 2, 3, 4, 5].map((term) => [term, 7]))
    },
  )

  it('lets a session be in so many meetings only', () => {
    const h = new Harness({ meetingsPerSession: 2 })
    for (const name of ['a', 'b', 'c']) h.node.openMeeting(name, {}, h.now)
    const peer = h.connect('ann')
    h.seat(peer, 'a')
    h.seat(peer, 'b')
    peer.join('c')
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([{ error: 'LIMIT' }])
    expect(h.seat(peer, 'b')).toMatchObject({ meeting: 'b' })
  })
})

describe('An input', () => {
  it('that was accepted is answered by its frame, and in no other way', () => {
    const { h, a, b, log } = room()
    a.input(log, 1, text('"x"'))
    h.advance(60)
    for (const peer of [a, b]) {
      const messages = peer.take()
      expect(inputsOf(framesOf(messages))).toEqual(['0:1'])
      expect(messages.every(({ type }) => type === 'frames')).toBe(true)
      expect(textOf(full(framesOf(messages))[0]?.inputs[0]?.data ?? text(''))).toBe('"x"')
    }
  })

  it('over the rate is refused, and the rate recovers', () => {
    const { h, a, log } = room({ inputsPerSecond: 10, inputBurst: 3 })
    for (let seq = 1; seq <= 5; seq++) a.input(log, seq)
    h.settle()
    expect(a.takeOf('nack')).toMatchObject([
      { seq: 4, error: 'RATE', retryAfter: 100, message: '' },
      { seq: 5, error: 'RATE', retryAfter: 100, message: '' },
    ])
    h.advance(100)
    for (let seq = 6; seq <= 7; seq++) a.input(log, seq)
    h.settle()
    expect(a.takeOf('nack')).toMatchObject([{ seq: 7, error: 'RATE' }])
    expect(h.node.stats.inputsRefused.get('RATE')).toBe(3)
  })

  it('is refused BUSY where too many wait for a frame', () => {
    const { h, a, log } = room({ frameRate: 1, inputsPerSecond: 10_000, inputBurst: 4, inputsPerFrame: 1 })
    for (let seq = 1; seq <= 4; seq++) a.input(log, seq)
    h.advance(10)
    a.input(log, 5)
    h.settle()
    expect(a.takeOf('nack')).toMatchObject([{ seq: 5, error: 'BUSY' }])
  })

  it('that is too large, stale, not of a member or of no meeting is refused, each for its reason', () => {
    const { h, a, b, log } = room({ inputBytes: 10 })
    a.input(log, 5, bytes(11))
    a.input(log, 5, bytes(1))
    a.input(log, 4, bytes(1))
    a.input(log + 99, 1)
    h.seat(b, 'm')
    const c = h.connect('cat')
    h.seat(c, 'm', { spectator: true })
    c.input(log, 1)
    h.settle()
    expect(a.takeOf('nack').map(({ seq, error }) => [seq, error])).toEqual([
      [5, 'TOO_LARGE'],
      [5, 'STALE'],
      [4, 'STALE'],
      [1, 'NOT_JOINED'],
    ])
    expect(c.takeOf('nack')).toMatchObject([{ seq: 1, error: 'READ_ONLY' }])
  })

  it('that jumps far ahead is refused, and leaves the slot to those who come after', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const eve = h.connect('eve')
    const { log } = h.seat(eve, 'm')
    const ann = h.connect('ann', {}, jsonCodec)
    h.seat(ann, 'm')
    eve.input(log, Number.MAX_SAFE_INTEGER)
    eve.send({ type: 'leave', call: eve.call(), log })
    h.advance(200)
    expect(eve.take()).toContainEqual({
      type: 'nack',
      log,
      seq: Number.MAX_SAFE_INTEGER,
      error: 'LIMIT',
      retryAfter: 0,
      last: 0,
      message: '',
      reason: '',
    })
    const bot = h.node.addBot('m', 'robot')
    if (typeof bot === 'string') throw new Error(bot)
    expect([bot.slot, bot.send(text('hi'))]).toEqual([0, null])
    h.advance(200)
    expect(ann.takeFrames().flatMap(({ inputs }) => inputs)).toMatchObject([{ slot: 0, seq: 1 }])
  })

  it('over eight of a member waits for the next frame, in order', () => {
    const { h, a, b, log } = room()
    for (let seq = 1; seq <= 20; seq++) a.input(log, seq)
    b.input(log, 1)
    h.advance(200)
    expect(full(b.takeFrames()).map((frame) => inputsOf([frame]))).toEqual([
      [...Array.from({ length: 8 }, (_, n) => `0:${n + 1}`), '1:1'],
      Array.from({ length: 8 }, (_, n) => `0:${n + 9}`),
      Array.from({ length: 4 }, (_, n) => `0:${n + 17}`),
    ])
  })

  it('over the bytes of a frame waits, fairly by slot: none crowds out another', () => {
    const { h, a, b, log } = room({ inputBytes: 4_096 })
    for (let seq = 1; seq <= 6; seq++) a.input(log, seq, bytes(4_000))
    for (let seq = 1; seq <= 6; seq++) b.input(log, seq, bytes(4_000))
    h.advance(300)
    const frames = full(b.takeFrames())
    expect(frames.map((frame) => inputsOf([frame]))).toEqual([
      ['0:1', '0:2', '1:1', '1:2'],
      ['0:3', '1:3', '0:4', '1:4'],
      ['0:5', '0:6', '1:5', '1:6'],
    ])
    for (const { inputs } of frames)
      expect(inputs.reduce((sum, { data }) => sum + data.bytes.length, 0)).toBeLessThanOrEqual(16_384)
  })

  it('does not wait for all that another member had sent before, however little a frame holds', () => {
    const { h, a, b, log } = room({ frameBytes: 10 })
    for (let seq = 1; seq <= 6; seq++) a.input(log, seq, bytes(10))
    h.advance(50)
    for (let seq = 1; seq <= 2; seq++) b.input(log, seq, bytes(10))
    h.advance(500)
    const all = full(b.takeFrames()).map((frame) => inputsOf([frame])[0])
    expect(all.slice(0, 6)).toEqual(['0:1', '1:1', '0:2', '1:2', '0:3', '0:4'])
  })

  it('of a member that is away still counts where it came before the loss', () => {
    const { h, a, b, log } = room()
    b.input(log, 1)
    b.hangUp()
    h.advance(100)
    const frames = full(a.takeFrames())
    expect([...eventsOf(frames), ...inputsOf(frames)].sort()).toEqual(['1:1', 'away 1'])
  })

  it('is counted: what came is framed, refused or waiting', () => {
    const { h, a, b, log } = room({ inputsPerSecond: 5, inputBurst: 10 })
    for (let seq = 1; seq <= 30; seq++) {
      a.input(log, seq)
      b.input(log, 31 - seq)
      if (seq % 7 === 0) h.advance(20)
    }
    const { stats } = h.node
    const refused = (): number => [...stats.inputsRefused.values()].reduce((sum, count) => sum + count, 0)
    expect(stats.inputsReceived).toBe(60)
    expect(stats.inputsFramed + refused() + h.node.inputsWaiting).toBe(60)
    h.advance(1_000)
    expect(h.node.inputsWaiting).toBe(0)
    expect(stats.inputsFramed + refused()).toBe(60)
  })
})
