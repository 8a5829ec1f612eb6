import { describe, expect, it } from 'vitest'
import type { Bot, MeetingLogic, MeetingOptions, Refusal, SealedFrame } from '../../../src/core/index.ts'
import { bytes, framesOf, type FrameView, Harness, text, textOf } from './harness.ts'

/** A node with an open meeting `m` in which the business has its say. */
function opened(
  logic: MeetingLogic,
  options: Partial<MeetingOptions> = {},
  limits: ConstructorParameters<typeof Harness>[0] = {},
): Harness {
  const h = new Harness(limits)
  h.node.openMeeting('m', options, h.now, { kind: 'k', metadata: { level: 3 }, logic })
  return h
}

const refusal = (code: Refusal['code'], parts: Partial<Refusal> = {}): Refusal => ({
  code,
  message: 'not now',
  retryAfterMs: 0,
  ...parts,
})

const said = (frames: readonly FrameView[]): string[] =>
  frames.flatMap(({ inputs }) => inputs.map(({ slot, seq, data }) => `${slot}:${seq} ${textOf(data)}`))
const happened = (frames: readonly FrameView[]): string[] =>
  frames.flatMap(({ events }) =>
    events.map((event) =>
      event.type === 'leave'
        ? `leave ${event.slot} ${event.reason}`
        : 'slot' in event
          ? `${event.type} ${event.slot}`
          : event.type,
    ),
  )

function botOf(h: Harness, name: string): Bot {
  const bot = h.node.addBot('m', name)
  if (typeof bot === 'string') throw new Error(bot)
  return bot
}

describe('Who wants to join', () => {
  it('is asked about with user and slot, and seated where the business agrees', () => {
    const asked: string[] = []
    const h = opened({
      join: (slot, user) => {
        asked.push(`${slot} ${user}`)
        return null
      },
    })
    expect(h.seat(h.connect('ann'), 'm').slot).toBe(0)
    expect(h.seat(h.connect('bob'), 'm').slot).toBe(1)
    expect(asked).toEqual(['0 ann', '1 bob'])
  })

  it('is told code, reason and wait where it does not, and leaves no trace', () => {
    const h = opened({ join: () => refusal('BUSY', { retryAfterMs: 1_500.4 }) }, { ttlMs: 5_000 })
    const a = h.connect('ann')
    a.join('m', { config: 'cafe' })
    h.settle()
    expect(a.takeOf('failed')).toMatchObject([{ error: 'BUSY', message: 'not now', retryAfter: 1_500 }])
    expect(h.node.meeting('m')).toMatchObject({ members: [], frame: 0 })
    h.advance(5_001)
    expect(h.node.meeting('m')).toBeUndefined()
  })

  it('does not set the configuration of a meeting that refuses it', () => {
    let open = false
    const h = opened({ join: () => (open ? null : refusal('FORBIDDEN')) })
    const a = h.connect('ann')
    a.join('m', { config: 'first' })
    h.settle()
    open = true
    h.seat(a, 'm', { config: 'second' })
    a.join('m', { config: 'first' })
    h.settle()
    expect(a.takeOf('failed')).toMatchObject([{ error: 'CONFIG_MISMATCH' }])
  })

  it('is not asked about as a spectator, nor on coming back', () => {
    let asked = 0
    const h = opened({
      join: () => {
        asked++
        return null
      },
    })
    h.seat(h.connect('eve'), 'm', { spectator: true })
    const a = h.connect('ann')
    h.seat(a, 'm')
    a.hangUp()
    h.seat(h.connect('ann', { session: a.session }), 'm')
    expect(asked).toBe(1)
  })

  it('keeps the slot it was asked about while the business seats a bot, within the capacity', () => {
    const bots: (Bot | string)[] = []
    const h: Harness = opened(
      {
        join: () => {
          bots.push(h.node.addBot('m', 'x'), h.node.addBot('m', 'y'))
          return null
        },
      },
      { capacity: 2 },
    )
    expect(h.seat(h.connect('ann'), 'm').slot).toBe(0)
    expect(bots).toMatchObject([{ slot: 1 }, 'FULL'])
  })

  it('is not seated where its session ended meanwhile', () => {
    const h: Harness = opened({
      join: (_, user) => {
        h.node.disconnect(user, 'out', true, h.now)
        return null
      },
    })
    h.connect('ann').join('m')
    h.settle()
    expect(h.node.meeting('m')?.members).toEqual([])
  })
})

describe('What a member sends', () => {
  it('is framed as it is, replaced, or refused with the reason that the business gives', () => {
    const h = opened({
      input: (slot, user, data) => {
        if (textOf(data) === 'drop') return refusal('FORBIDDEN')
        if (textOf(data) === 'wait') return refusal('RATE', { retryAfterMs: 200 })
        return textOf(data) === 'stamp' ? text(`${user}@${slot}`) : data
      },
    })
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    for (const [n, word] of ['pass', 'drop', 'stamp', 'wait'].entries()) a.input(log, n + 1, text(word))
    h.advance(100)
    const heard = a.take()
    expect(said(framesOf(heard))).toEqual(['0:1 pass', '0:3 ann@0'])
    expect(heard.filter(({ type }) => type === 'nack')).toMatchObject([
      { log, seq: 2, error: 'FORBIDDEN', retryAfter: 0 },
      { log, seq: 4, error: 'RATE', retryAfter: 200 },
    ])
    const { stats } = h.node
    expect([stats.inputsReceived, stats.inputsFramed, h.node.inputsWaiting]).toEqual([4, 2, 0])
    expect([stats.inputsRefused.get('FORBIDDEN'), stats.inputsRefused.get('RATE')]).toEqual([1, 1])
  })

  it('reaches the business only within the limits, which a dropped input counts towards', () => {
    let asked = 0
    const h = opened(
      {
        input: () => {
          asked++
          return refusal('FORBIDDEN')
        },
      },
      { inputBurst: 3, inputBytes: 8 },
    )
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    a.input(log, 1, bytes(9))
    for (let seq = 2; seq <= 6; seq++) a.input(log, seq)
    a.input(log, 6)
    h.settle()
    expect(asked).toBe(3)
    const reasons = a.takeOf('nack').map(({ error }) => error)
    expect(reasons).toEqual(['TOO_LARGE', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'RATE', 'RATE', 'STALE'])
  })

  it('is in no frame where its sender was thrown out meanwhile', () => {
    const h: Harness = opened({
      input: (_, user, data) => {
        if (user === 'ann') h.node.disconnect(user, 'out', true, h.now)
        return data
      },
    })
    const a = h.connect('ann')
    const b = h.connect('bob')
    const { log } = h.seat(a, 'm')
    h.seat(b, 'm')
    a.input(log, 1)
    h.advance(200)
    const frames = b.takeFrames()
    expect([said(frames), happened(frames)]).toEqual([[], ['join 0', 'join 1', 'leave 0 kicked']])
    expect(h.node.stats.inputsRefused.get('CLOSED')).toBe(1)
  })
})

describe('What the business is told', () => {
  it('is every frame once it is sealed, empty ones too, as the members get it', () => {
    const told: SealedFrame[] = []
    const h = opened({ frame: (frame) => void told.push(frame) })
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    a.input(log, 1, text('x'))
    h.advance(200)
    const got = framesOf(a.take())
    expect(told.slice(0, got.length).map(({ number }) => number)).toEqual(got.map(({ number }) => number))
    expect(told[0]?.events).toEqual([{ type: 'join', slot: 0, user: 'ann' }])
    expect(told.flatMap(({ inputs }) => inputs).map(({ data }) => textOf(data))).toEqual(['x'])
    expect(told.length).toBeGreaterThan(2)
  })

  it('is that a member left, behind the frame with its last input', () => {
    const told: string[] = []
    const h = opened({
      frame: ({ inputs }) => void told.push(...inputs.map(({ seq }) => `input ${seq}`)),
      leave: (slot, user, reason) => void told.push(`${user} left ${slot}: ${reason}`),
    })
    const a = h.connect('ann')
    h.seat(h.connect('bob'), 'm')
    const { log } = h.seat(a, 'm')
    a.input(log, 1)
    a.send({ type: 'leave', call: a.call(), log })
    h.settle()
    expect(told).toEqual([])
    h.advance(100)
    expect(told).toEqual(['input 1', 'ann left 1: left'])
  })

  it('is the end while the meeting still stands, and no leaves', () => {
    const told: unknown[] = []
    const h: Harness = opened({
      close: () => void told.push(h.node.meeting('m')?.members.map(({ user }) => user)),
      leave: () => void told.push('leave'),
    })
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    h.node.sendTo('m', 0, text('score'))
    h.node.closeMeeting('m', h.now)
    h.settle()
    expect(told).toEqual([['ann']])
    const heard = a.take().filter(({ type }) => type === 'direct' || type === 'ended')
    expect(heard).toMatchObject([
      { type: 'direct', log },
      { type: 'ended', log },
    ])
  })
})

describe('A bot', () => {
  it('is in the frames like any other member', () => {
    const h = opened({})
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    const bot = botOf(h, 'robot')
    expect(bot.slot).toBe(1)
    bot.send(text('hello'))
    a.input(log, 1, text('hi'))
    h.advance(100)
    bot.leave()
    h.advance(100)
    const frames = a.takeFrames()
    expect(said(frames)).toEqual(['1:1 hello', '0:1 hi'])
    expect(happened(frames)).toEqual(['join 0', 'join 1', 'leave 1 left'])
    expect(bot.send(text('late'))).toBe('CLOSED')
    expect(h.node.stats.inputsReceived).toBe(2)
  })

  it('is listed, and told to who joins', () => {
    const h = opened({})
    botOf(h, 'robot')
    expect(h.seat(h.connect('ann'), 'm').members).toMatchObject([
      { slot: 0, user: 'robot', away: false },
      { slot: 1, user: 'ann' },
    ])
    expect(h.node.meeting('m')).toMatchObject({
      kind: 'k',
      metadata: { level: 3 },
      members: [
        { slot: 0, user: 'robot', bot: true },
        { slot: 1, user: 'ann', bot: false },
      ],
    })
  })

  it('waits for the clock while nobody is there, so many inputs long, and keeps no meeting open', () => {
    const h = opened({}, { ttlMs: 5_000, inputBurst: 2 })
    const bot = botOf(h, 'robot')
    expect([1, 2, 3].map((n) => bot.send(text(`${n}`)))).toEqual([null, null, 'BUSY'])
    expect(bot.send(bytes(257))).toBe('TOO_LARGE')
    h.advance(4_000)
    expect(h.node.meeting('m')?.frame).toBe(0)
    h.advance(1_001)
    expect(h.node.meeting('m')).toBeUndefined()
    expect(bot.send(text('x'))).toBe('CLOSED')
    expect(h.node.stats.inputsRefused.get('CLOSED')).toBe(2)
    expect(h.node.inputsWaiting).toBe(0)
  })

  it('came to an empty meeting and is in the first frame of who comes', () => {
    const h = opened({})
    botOf(h, 'robot').send(text('first'))
    const a = h.connect('ann')
    h.seat(a, 'm')
    h.advance(100)
    const [frame] = a.takeFrames()
    expect([frame?.number, happened([frame as FrameView]), said([frame as FrameView])]).toEqual([
      1,
      ['join 0', 'join 1'],
      ['0:1 first'],
    ])
  })

  it('goes on counting where its slot was used before', () => {
    const h = opened({})
    const a = h.connect('ann')
    const b = h.connect('bob')
    const { log } = h.seat(a, 'm')
    h.seat(b, 'm')
    a.input(log, 7)
    a.send({ type: 'leave', call: a.call(), log })
    h.advance(100)
    botOf(h, 'robot').send(text('x'))
    h.advance(100)
    expect(said(b.takeFrames())).toEqual(['0:7 i7', '0:8 x'])
  })

  it('cannot come and go without end while no frame takes it up', () => {
    const h = opened({})
    let came = 0
    for (let bot = h.node.addBot('m', 'x'); typeof bot !== 'string'; came++) {
      bot.leave()
      bot = h.node.addBot('m', 'x')
    }
    expect(came).toBeLessThan(1_000)
    expect(h.node.addBot('m', 'x')).toBe('BUSY')
    expect(h.node.addBot('none', 'x')).toBe('NOT_FOUND')
  })
})

describe('The business', () => {
  it('speaks to one member alone, through its session log', () => {
    const h = opened({})
    const a = h.connect('ann')
    const b = h.connect('bob')
    const { log, slot } = h.seat(a, 'm')
    h.seat(b, 'm')
    a.hangUp()
    expect(h.node.sendTo('m', slot, text('psst'))).toBe(true)
    expect(h.node.sendTo('m', 9, text('psst'))).toBe(false)
    expect(h.node.sendTo('none', 0, text('psst'))).toBe(false)
    expect(h.node.sendTo('m', botOf(h, 'robot').slot, text('psst'))).toBe(false)
    const again = h.open()
    again.hello('ann', { session: a.session, received: 1 })
    h.settle()
    expect(again.takeOf('direct').map(({ data, log: of }) => [of, textOf(data)])).toEqual([[log, 'psst']])
    expect(b.takeOf('direct')).toEqual([])
  })

  it('kicks a member behind its inputs: the others see it leave, it is told that it is out', () => {
    const left: string[] = []
    const h = opened({ leave: (_, user, reason) => void left.push(`${user} ${reason}`) })
    const a = h.connect('ann')
    const b = h.connect('bob')
    const { log, slot } = h.seat(a, 'm')
    h.seat(b, 'm')
    a.input(log, 1, text('last'))
    h.settle()
    expect(h.node.kick('m', slot, 'no cheating '.repeat(20))).toBe(true)
    expect(h.node.kick('m', slot, 'again')).toBe(false)
    a.input(log, 2, text('too late'))
    h.advance(200)
    const heard = a.take().filter(({ type }) => type === 'ended' || type === 'nack')
    expect(heard).toMatchObject([
      { type: 'nack', seq: 2, error: 'NOT_JOINED', message: '', reason: '' },
      { type: 'ended', log, error: 'CLOSED', message: `${'no cheating '.repeat(10).trim()}…` },
    ])
    const frames = b.takeFrames()
    expect([said(frames), happened(frames)]).toEqual([['0:1 last'], ['join 0', 'join 1', 'leave 0 kicked']])
    expect(left).toEqual(['ann kicked'])
    expect(h.seat(a, 'm').slot).toBe(0)
  })

  it('kicks a bot, too', () => {
    const h = opened({})
    const a = h.connect('ann')
    h.seat(a, 'm')
    const bot = botOf(h, 'robot')
    expect(h.node.kick('m', bot.slot, '')).toBe(true)
    h.advance(100)
    expect(happened(a.takeFrames())).toEqual(['join 0', 'join 1', 'leave 1 kicked'])
    expect(h.node.kick('none', 0, '')).toBe(false)
  })
})

describe('A meeting without a clock', () => {
  it('takes what its business says about a frame into the next one', () => {
    const frames: number[] = []
    let bot: Bot | undefined
    const h: Harness = opened(
      {
        frame: ({ number, inputs }) => {
          frames.push(number)
          if (inputs.some(({ slot }) => slot === 0)) bot?.send(text('echo'))
        },
      },
      { frameRate: 0 },
    )
    const a = h.connect('ann')
    const { log } = h.seat(a, 'm')
    bot = botOf(h, 'robot')
    h.settle()
    a.take()
    a.input(log, 1)
    h.settle()
    expect(a.takeFrames().map((frame) => said([frame]))).toEqual([['0:1 i1'], ['1:1 echo']])
    expect(frames).toEqual([1, 2, 3, 4])
  })
})
