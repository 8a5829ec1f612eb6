import { describe, expect, it } from 'vitest'
import { bytes, framesOf, type FrameView, Harness, text, textOf } from './harness.ts'

const DELAY = 1_000

const words = (frames: readonly FrameView[]): string[] =>
  frames.flatMap(({ inputs }) => inputs.map(({ data }) => textOf(data)))

describe.each([20, 0])('A spectator of a delayed meeting at %i frames a second', (frameRate) => {
  it('sees each frame as it was, so much later, and never sooner', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate, spectatorDelayMs: DELAY }, h.now)
    const ann = h.connect('ann')
    const eve = h.connect('eve')
    const sealedAt = new Map<number, { at: number; content: string }>()
    const shown: number[] = []
    ann.join('m')
    h.settle()
    const first = ann.take()
    const log = first.find((message) => message.type === 'joined')?.log ?? 0
    for (const frame of framesOf(first))
      sealedAt.set(frame.number, { at: h.now, content: JSON.stringify(frame) })
    h.seat(eve, 'm', { spectator: true })
    for (let step = 0; step < 300; step++) {
      if (step % 20 === 5 && step < 200) ann.input(log, step + 1, text(`${step}`))
      if (step % 50 === 0) for (const peer of [ann, eve]) peer.send({ type: 'ping', time: 0 })
      h.advance(10)
      for (const frame of ann.takeFrames())
        sealedAt.set(frame.number, { at: h.now, content: JSON.stringify(frame) })
      for (const frame of eve.takeFrames()) {
        const sealed = sealedAt.get(frame.number)
        expect(JSON.stringify(frame)).toBe(sealed?.content)
        expect(h.now - (sealed?.at ?? 0)).toBeGreaterThanOrEqual(DELAY - 10)
        expect(h.now - (sealed?.at ?? 0)).toBeLessThanOrEqual(DELAY + 300)
        shown.push(frame.number)
      }
    }
    expect(shown).toEqual(shown.map((_, n) => n + 1))
    expect(shown.length).toBeGreaterThan(frameRate === 0 ? 9 : 35)
  })

  it('who comes late, or asks for what is to come, gets nothing younger, and not who is in it now', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate, spectatorDelayMs: DELAY }, h.now)
    const ann = h.connect('ann')
    const { log, world } = h.seat(ann, 'm')
    ann.input(log, 1, text('old'))
    h.advance(800)
    h.seat(h.connect('bob'), 'm')
    ann.input(log, 2, text('new'))
    h.advance(400)
    const head = h.node.meeting('m')?.frame ?? 0
    const eve = h.connect('eve')
    eve.join('m', { spectator: true })
    h.settle()
    const heard = eve.take()
    const joined = heard.find(({ type }) => type === 'joined')
    expect(joined).toMatchObject({ next: 1, members: [{ slot: 0, user: 'ann', away: false }] })
    const frames = framesOf(heard)
    expect(joined?.type === 'joined' && joined.head).toBe(frames.at(-1)?.number)
    expect(frames.at(-1)?.number).toBeLessThan(head)
    expect(words(frames)).toEqual(['old'])
    h.seat(eve, 'm', { spectator: true, world, next: head + 1 })
    h.advance(700)
    expect(eve.takeFrames().every(({ number }) => number > head)).toBe(true)
    const late = h.connect('kim')
    late.join('m', { spectator: true })
    h.settle()
    const again = late.take()
    expect(words(framesOf(again))).toEqual(['old', 'new'])
    expect(again.find(({ type }) => type === 'joined')).toMatchObject({
      members: [{ user: 'ann' }, { user: 'bob' }],
    })
  })
})

describe('The gallery of a meeting', () => {
  it('loses what the ring does not keep long enough, and says so', () => {
    const h = new Harness({ meetingLogBytes: 500 })
    h.node.openMeeting('m', { frameRate: 0, spectatorDelayMs: DELAY }, h.now)
    const ann = h.connect('ann')
    const { log } = h.seat(ann, 'm')
    const eve = h.connect('eve')
    h.seat(eve, 'm', { spectator: true })
    for (let seq = 1; seq <= 20; seq++) {
      ann.input(log, seq, bytes(50))
      h.settle()
    }
    const early = eve.take()
    expect(framesOf(early)).toEqual([])
    h.advance(DELAY)
    const heard = eve.take()
    const gaps = [...early, ...heard].filter((message) => message.type === 'gap')
    const frames = framesOf(heard)
    expect(gaps[0]).toMatchObject({ from: 1, reason: 'NO_SNAPSHOT' })
    gaps.forEach(({ to }, n) => expect(to).toBe(gaps[n + 1]?.from ?? frames[0]?.number))
    expect(frames.at(-1)?.number).toBe(h.node.meeting('m')?.frame)
  })

  it('without a clock shows the last frames in their time, whatever follows', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0, spectatorDelayMs: 3_000 }, h.now)
    const ann = h.connect('ann')
    const { log } = h.seat(ann, 'm')
    const eve = h.connect('eve')
    h.seat(eve, 'm', { spectator: true })
    h.advance(4_000)
    eve.take()
    ann.input(log, 1)
    h.advance(100)
    ann.input(log, 2)
    h.advance(2_950)
    expect(eve.takeFrames().map(({ number }) => number)).toEqual([2])
    h.advance(100)
    expect(eve.takeFrames().map(({ number }) => number)).toEqual([3])
  })

  it('knows who is away at the frame it shows', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0, spectatorDelayMs: DELAY }, h.now)
    const ann = h.connect('ann')
    const bob = h.connect('bob')
    h.seat(ann, 'm')
    const { log } = h.seat(bob, 'm')
    h.advance(500)
    ann.hangUp()
    bob.send({ type: 'leave', call: bob.call(), log })
    const members = (user: string): unknown =>
      h.seat(h.connect(user), 'm', { spectator: true }).members.map(({ user: name, away }) => [name, away])
    h.advance(500)
    expect(members('e1')).toEqual([
      ['ann', false],
      ['bob', false],
    ])
    h.advance(600)
    expect(members('e2')).toEqual([['ann', true]])
  })
})

describe('A delayed meeting without a clock that nobody reads any more', () => {
  it('waits for nothing, also where a frame is sealed later, and shows its next spectator what has come of age', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0, spectatorDelayMs: DELAY }, h.now)
    const ann = h.connect('ann')
    const { log } = h.seat(ann, 'm')
    ann.input(log, 1, text('last'))
    h.settle()
    const revealing = (): number => h.node.timersByName.get('reveal') ?? 0
    expect(revealing()).toBe(1)
    ann.hangUp()
    h.settle()
    expect(revealing()).toBe(0)
    h.advance(DELAY)
    const eve = h.connect('eve')
    eve.join('m', { spectator: true })
    h.settle()
    expect(words(framesOf(eve.take()))).toEqual(['last'])
  })
})
