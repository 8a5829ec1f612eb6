import { describe, expect, it } from 'vitest'
import type { MeetingLogic, MeetingOptions } from '../../../src/core/index.ts'
import type { ServerMessage } from '../../../src/protocol/index.ts'
import { expectNothing, settled, type World } from './cluster/world.ts'
import { framesOf, Harness, type Peer, text, textOf } from './harness.ts'

/** What a client has heard of a meeting: words of the business, inputs, messages for it alone, the end. */
function storyOf(heard: readonly ServerMessage[]): string[] {
  return heard.flatMap((message) => {
    if (message.type === 'ended') return [`ended: ${message.message}`]
    if (message.type === 'direct') return [`told ${textOf(message.data)}`]
    if (message.type === 'gap') return ['gap']
    return framesOf([message]).flatMap(({ events, inputs }) => [
      ...events.flatMap((event) => (event.type === 'say' ? [`said ${textOf(event.data)}`] : [])),
      ...inputs.map(({ slot, data }) => `input of ${slot}: ${textOf(data)}`),
    ])
  })
}

const END = 'ended: the meeting was closed'

function opened(options: Partial<MeetingOptions> = {}, logic: MeetingLogic | null = null): Harness {
  const h = new Harness()
  h.node.openMeeting('m', options, h.now, { kind: 'k', metadata: {}, logic })
  return h
}

describe('A quiet meeting, whose empty frames go out together', () => {
  it('is over for its readers as soon as it is closed', () => {
    for (const ms of [10_000, 10_100, 10_200, 10_300, 10_400]) {
      const h = opened({ frameRate: 10 })
      const ann = h.connect('ann')
      h.seat(ann, 'm')
      h.advance(ms)
      h.node.closeMeeting('m', h.now)
      h.settle()
      expect(storyOf(ann.take()).at(-1), `after ${ms} ms`).toBe(END)
    }
  })
})

/** A meeting with frames, one without, and one whose clock makes the next frame wait for long. */
describe.each([
  ['at 20 frames a second', { frameRate: 20 }],
  ['without a clock', { frameRate: 0 }],
  ['at one frame a second', { frameRate: 1 }],
])('A meeting that is closed %s', (_, options) => {
  it('tells its readers first what was said and sent before', () => {
    const h = opened({ ...options, inputBurst: 40, inputsPerSecond: 40 })
    const [ann, bob, eve] = ['ann', 'bob', 'eve'].map((user) => h.connect(user)) as [Peer, Peer, Peer]
    const { log } = h.seat(ann, 'm')
    h.seat(bob, 'm')
    h.seat(eve, 'm', { spectator: true })
    const inputs = Array.from({ length: 20 }, (__, n) => `input of 0: ${n + 1}`)
    // More than one frame takes of a member.
    for (let seq = 1; seq <= 20; seq++) ann.input(log, seq, text(String(seq)))
    h.sweep()
    expect(h.node.say('m', text('goodbye'))).toBeNull()
    expect(h.node.sendTo('m', 0, text('well done'))).toBe(true)
    h.node.closeMeeting('m', h.now, 'until tomorrow')
    expect(h.node.meeting('m')).toBeUndefined()
    h.settle()
    for (const peer of [ann, bob, eve]) {
      const story = storyOf(peer.take()).filter((each) => each !== 'told well done')
      expect(story.filter((each) => each.startsWith('input'))).toEqual(inputs)
      expect(story.filter((each) => !each.startsWith('input'))).toEqual([
        'said goodbye',
        'ended: until tomorrow',
      ])
      expect(story.at(-1)).toBe('ended: until tomorrow')
    }
    expect(h.node.logs.of.meeting).toBe(0)
  })

  it('tells them what onClose and the last frame make the business say', () => {
    const seen: string[] = []
    let h: Harness
    const logic: MeetingLogic = {
      frame: ({ inputs }) => {
        if (inputs.length === 0) return
        seen.push(`frame ${inputs.length}`)
        h.node.say('m', text('from onFrame'))
      },
      close: () => {
        seen.push('close')
        h.node.say('m', text('from onClose'))
      },
    }
    h = opened(options, logic)
    const ann = h.connect('ann')
    const { log } = h.seat(ann, 'm')
    ann.input(log, 1, text('x'))
    ann.input(log, 2, text('y'))
    h.sweep()
    h.node.closeMeeting('m', h.now)
    h.settle()
    const story = storyOf(ann.take())
    expect(story.slice(-3)).toEqual(['said from onFrame', 'said from onClose', END])
    expect(story.slice(0, -3)).toEqual(['input of 0: x', 'input of 0: y'])
    expect(seen).toEqual(['frame 2', 'close'])
  })

  it('tells a member that is kicked what was said before, and nothing said afterwards', () => {
    const h = opened(options)
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    h.seat(ann, 'm')
    h.seat(bob, 'm')
    h.node.say('m', text('ann leaves us'))
    h.node.kick('m', 0, 'out')
    h.advance(2_000)
    h.node.say('m', text('at last'))
    h.advance(2_000)
    expect(storyOf(ann.take())).toEqual(['said ann leaves us', 'ended: out'])
    expect(storyOf(bob.take())).toEqual(['said ann leaves us', 'said at last'])
    // The seat is free, and may be taken again at once.
    h.node.say('m', text('again'))
    h.node.kick('m', 1, 'out')
    expect(h.seat(bob, 'm').slot).toBe(0)
  })
})

describe('Whoever reads a meeting that was closed', () => {
  it('gets the end, and what comes before it, as soon as its connection takes it', () => {
    const h = opened()
    const slow = h.connect('ann')
    h.seat(slow, 'm')
    slow.transport.accepts = false
    h.advance(50)
    h.node.say('m', text('goodbye'))
    h.node.closeMeeting('m', h.now)
    h.advance(3_000)
    expect(storyOf(slow.take())).toEqual([])
    expect(h.node.logs.of.meeting).toBeGreaterThan(0)
    slow.transport.accepts = true
    slow.drain()
    h.settle()
    expect(storyOf(slow.take())).toEqual(['said goodbye', END])
    expect(h.node.logs.of.meeting).toBe(0)
  })

  it('is waited for no longer than five seconds, and not where its connection is gone', () => {
    for (const isGone of [false, true]) {
      const h = opened()
      const ann = h.connect('ann')
      h.seat(ann, 'm')
      ann.transport.accepts = false
      h.advance(50)
      h.node.say('m', text('goodbye'))
      h.node.closeMeeting('m', h.now)
      h.settle()
      if (isGone) ann.hangUp()
      h.advance(isGone ? 0 : 4_999)
      if (!isGone) expect(h.node.logs.of.meeting).toBeGreaterThan(0)
      h.advance(isGone ? 5_000 : 1)
      expect(h.node.logs.of.meeting).toBe(0)
      if (!isGone) continue
      const again = h.open()
      again.hello('ann', { session: ann.session, received: 1 })
      h.settle()
      expect(storyOf(again.take())).toEqual([END])
    }
  })

  it('with a delay gets everything at its time, then the end', () => {
    for (const frameRate of [0, 20]) {
      const h = opened({ frameRate, spectatorDelayMs: 10_000 })
      const [ann, eve] = [h.connect('ann'), h.connect('eve')]
      h.seat(ann, 'm')
      h.seat(eve, 'm', { spectator: true })
      h.node.say('m', text('goodbye'))
      h.node.closeMeeting('m', h.now)
      h.advance(9_900)
      expect(storyOf(ann.take())).toEqual(['said goodbye', END])
      expect(storyOf(eve.take())).toEqual([])
      // It makes room for another one of this name.
      expect(h.node.openMeeting('m', {}, h.now)).toMatchObject({ frame: 0 })
      h.advance(200)
      expect(storyOf(eve.take())).toEqual(['said goodbye', END])
    }
  })

  it('hears what was said before its node closes', () => {
    for (const frameRate of [0, 1, 20]) {
      const h = opened({ frameRate })
      const ann = h.connect('ann')
      h.seat(ann, 'm')
      h.node.say('m', text('until tomorrow'))
      h.node.drain(h.now)
      h.settle()
      expect(storyOf(ann.take())).toEqual(['said until tomorrow'])
      expect(ann.closed).not.toBeNull()
    }
  })

  it('has nothing made for it where nobody reads', () => {
    const frames: number[] = []
    const h = opened({}, { frame: ({ number }) => frames.push(number) })
    h.node.say('m', text('nobody there'))
    h.node.closeMeeting('m', h.now)
    expect(frames).toEqual([])
    expect(h.node.logs.of.meeting).toBe(0)
  })
})

describe('A meeting of another node', () => {
  function meeting(options: Parameters<World['open']>[2] = {}): { world: World; a: Harness; b: Harness } {
    const world = settled(2)
    const [a, b] = world.nodes as [Harness, Harness]
    world.open(a, 'm', { frameRate: 20, ...options })
    world.settle()
    return { world, a, b }
  }
  const join = (world: World, h: Harness, user: string, spectator = false): Peer => {
    const peer = h.connect(user, { window: 0 })
    peer.join('m', { spectator })
    world.settle()
    peer.take()
    return peer
  }

  it.each([0, 1, 20])('is closed with its last words, at a frame rate of %i', (frameRate) => {
    const { world, a, b } = meeting({ frameRate, spectatorDelayMs: 3_000 })
    const bob = join(world, b, 'bob')
    const eve = join(world, b, 'eve', true)
    world.advance(500)
    a.node.say('m', text('goodbye'))
    a.node.sendTo('m', 0, text('well done'))
    a.node.closeMeeting('m', a.now, 'over')
    world.advance(50)
    expect(storyOf(bob.take())).toEqual(['told well done', 'said goodbye', 'ended: over'])
    expect(storyOf(eve.take())).toEqual([])
    world.advance(3_500)
    expect(storyOf(eve.take())).toEqual(['said goodbye', 'ended: over'])
    for (const peer of [bob, eve]) peer.hangUp(true)
    world.advance(1_000)
    for (const h of [a, b]) expectNothing(h)
  })

  it.each([0, 1, 20])('tells a member there that is kicked what was said before, at %i', (frameRate) => {
    const { world, a, b } = meeting({ frameRate })
    const [bob, eve] = [join(world, b, 'bob'), join(world, b, 'eve')]
    a.node.say('m', text('bob leaves us'))
    a.node.kick('m', 0, 'out')
    world.advance(2_000)
    a.node.say('m', text('at last'))
    world.advance(2_000)
    expect(storyOf(bob.take())).toEqual(['said bob leaves us', 'ended: out'])
    expect(storyOf(eve.take())).toEqual(['said bob leaves us', 'said at last'])
  })
})
