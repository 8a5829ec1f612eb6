import { describe, expect, it } from 'vitest'
import type { MeetingOptions } from '../../../src/core/index.ts'
import { jsonCodec, type MessageOf } from '../../../src/protocol/index.ts'
import { framesOf, Harness, type Peer, text } from './harness.ts'

interface Room {
  readonly h: Harness
  readonly ann: Peer
  readonly bob: Peer
  readonly log: number
}

/** A meeting `m` at 20 frames a second with two members, 200 ms old. */
function room(
  options: Partial<MeetingOptions> = {},
  limits: ConstructorParameters<typeof Harness>[0] = {},
): Room {
  const h = new Harness(limits)
  h.node.openMeeting('m', options, h.now)
  const ann = h.connect('ann')
  const bob = h.connect('bob')
  const { log } = h.seat(ann, 'm')
  h.seat(bob, 'm')
  h.advance(options.frameRate === 0 ? 0 : 200)
  for (const peer of [ann, bob]) peer.take()
  return { h, ann, bob, log }
}

const stableOf = (h: Harness): number | undefined => h.node.meeting('m')?.stable
const seen = (peer: Peer, log: number, frame: number): void =>
  peer.send({ type: 'ack', bytes: 0, received: 0, seen: [{ log, frame }] })
const marks = (peer: Peer): number[] =>
  peer.takeOf('frames').flatMap(({ stable }) => (stable === 0 ? [] : [stable]))

const send = (peer: Peer, log: number, seq: number, after: number): void =>
  peer.send({ type: 'input', log, seq, after, seen: 0, data: text(`${seq}`) })
const seqs = (peer: Peer): number[] =>
  framesOf(peer.take()).flatMap(({ inputs }) => inputs.map(({ seq }) => seq))

describe('Frames that members have acknowledged', () => {
  it('are stable, which the next frame tells all of them, the business, and whoever joins', () => {
    const { h, ann, bob, log } = room()
    expect(stableOf(h)).toBe(0)
    seen(ann, log, 3)
    expect(stableOf(h)).toBe(3)
    h.advance(60)
    for (const peer of [ann, bob]) expect(marks(peer)).toEqual([3])
    h.advance(60)
    expect(marks(ann)).toEqual([])
    expect(h.seat(h.connect('cat'), 'm')).toMatchObject({ stable: 3 })
  })

  it('are acknowledged by an input in passing, in JSON as well', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const ann = h.connect('ann', {}, jsonCodec)
    const { log } = h.seat(ann, 'm')
    h.advance(200)
    ann.send({ type: 'input', log, seq: 1, after: 0, seen: 2, data: text('x') })
    h.advance(60)
    expect(stableOf(h)).toBe(2)
    expect(marks(ann)).toEqual([2])
  })

  it('do not become stable where their only member comes back in another session, unless its page was reloaded', () => {
    for (const isReload of [false, true]) {
      const h = new Harness()
      h.node.openMeeting('m', {}, h.now)
      const ann = h.connect('ann')
      h.seat(ann, 'm')
      h.advance(200)
      const head = h.node.meeting('m')?.frame ?? 0
      const bob = h.connect('bob')
      const { log } = h.seat(bob, 'm')
      h.advance(60)
      seen(bob, log, head)
      expect(stableOf(h)).toBe(0)
      // The same client goes on in another session, or its page has nothing of what it had.
      if (isReload) ann.hangUp()
      h.settle()
      h.seat(h.connect('ann'), 'm', { former: isReload ? '' : ann.session })
      h.advance(60)
      expect(stableOf(h)).toBe(isReload ? head : 0)
    }
  })

  it('do not become stable by what spectators, bots and sessions without a seat say', () => {
    const { h, log } = room()
    const eve = h.connect('eve')
    h.seat(eve, 'm', { spectator: true })
    h.node.addBot('m', 'robot')
    h.node.addBot('m', 'second')
    for (const peer of [eve, h.connect('kim')]) seen(peer, log, 3)
    h.advance(100)
    expect(stableOf(h)).toBe(0)
  })

  it('are at most those there are, whatever a client claims', () => {
    const { h, ann, log } = room()
    const head = h.node.meeting('m')?.frame ?? 0
    seen(ann, log, Number.MAX_SAFE_INTEGER)
    expect(stableOf(h)).toBe(head)
    h.advance(500)
    expect(stableOf(h)).toBe(head)
    seen(ann, log, 1)
    expect(stableOf(h)).toBe(head)
  })

  it('go on becoming stable after a reload, by what the new page acknowledges', () => {
    const { h, ann, bob, log } = room()
    seen(ann, log, 2)
    h.advance(60)
    bob.hangUp(true)
    ann.hangUp()
    h.advance(60)
    const again = h.connect('ann')
    h.seat(again, 'm')
    h.advance(100)
    expect(stableOf(h)).toBe(2)
    const head = h.node.meeting('m')?.frame ?? 0
    seen(again, log, head)
    expect(stableOf(h)).toBe(head)
  })

  it('carry the same mark to whoever reads them, live or later', () => {
    const { h, ann, log } = room()
    const told = new Map<number, number>()
    for (let step = 0; step < 20; step++) {
      h.advance(50)
      const frames = ann.takeOf('frames')
      for (const { first, count, stable } of frames) if (stable > 0) told.set(first + count - 1, stable)
      if (step % 3 === 0) seen(ann, log, (frames.at(-1)?.first ?? 1) - 1)
    }
    const late = h.connect('cat')
    late.join('m')
    h.settle()
    const heard = late.take()
    const joined = heard.find((message): message is MessageOf<'joined'> => message.type === 'joined')
    const last = Math.max(...told.values())
    expect(joined?.stable).toBe(last)
    expect(heard.flatMap((message) => (message.type === 'frames' ? [message.stable] : []))).toEqual([last])
  })

  it('of a meeting without a clock are told of by one empty frame, and no more', () => {
    const { h, ann, bob, log } = room({ frameRate: 0 })
    bob.send({ type: 'input', log, seq: 1, after: 0, seen: 0, data: text('last word') })
    h.settle()
    const { frame } = h.node.meeting('m') ?? { frame: 0 }
    for (const peer of [ann, bob]) peer.take()
    for (let round = 0; round < 5; round++) {
      for (const peer of [ann, bob]) seen(peer, log, frame + round)
      h.advance(1_000)
    }
    const heard = bob.take()
    expect(framesOf(heard)).toEqual([{ number: frame + 1, events: [], inputs: [] }])
    expect(heard).toMatchObject([{ type: 'frames', stable: frame }])
    expect(stableOf(h)).toBe(frame + 1)
  })
})

describe('An input that names the one before it', () => {
  it('is taken behind it, framed or refused, and not where it is missing', () => {
    const { h, ann, bob, log } = room({ inputBytes: 4, frameRate: 0 })
    send(ann, log, 1, 0)
    ann.send({ type: 'input', log, seq: 2, after: 1, seen: 0, data: text('too large') })
    send(ann, log, 3, 2)
    send(ann, log, 5, 4)
    h.settle()
    expect(ann.takeOf('nack')).toMatchObject([
      { seq: 2, error: 'TOO_LARGE', last: 0 },
      { seq: 5, error: 'OUT_OF_ORDER', last: 3 },
    ])
    // The one that was missing, and the other again under its number.
    send(ann, log, 4, 3)
    send(ann, log, 5, 4)
    h.settle()
    expect(ann.takeOf('nack')).toEqual([])
    expect(seqs(bob)).toEqual([1, 3, 4, 5])
  })

  it('is taken behind ones that were refused before their turn', () => {
    const { h, ann, bob, log } = room({ frameRate: 0 }, { upstreamMessages: 3 })
    for (let seq = 1; seq <= 6; seq++) send(ann, log, seq, seq - 1)
    h.settle()
    expect(ann.takeOf('nack').map(({ seq, error }) => [seq, error])).toEqual(
      [4, 5, 6].map((seq) => [seq, 'BUSY']),
    )
    send(ann, log, 7, 6)
    h.settle()
    expect(ann.takeOf('nack')).toEqual([])
    expect(seqs(bob)).toEqual([1, 2, 3, 7])
  })

  it('is told where the slot stands when its own number is wrong', () => {
    const { h, bob, log } = room({ frameRate: 0 })
    send(bob, log, 7, 0)
    bob.send({ type: 'leave', call: bob.call(), log })
    h.settle()
    const cat = h.connect('cat')
    expect(h.seat(cat, 'm')).toMatchObject({ slot: 1, seq: 7 })
    send(cat, log, 1, 0)
    send(cat, log, 2_000_000, 0)
    h.settle()
    expect(cat.takeOf('nack')).toMatchObject([
      { seq: 1, error: 'STALE', last: 7 },
      { seq: 2_000_000, error: 'LIMIT', last: 7 },
    ])
    send(cat, log, 8, 0)
    h.settle()
    expect(seqs(cat)).toContain(8)
  })
})
