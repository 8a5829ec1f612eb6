import { describe, expect, it, vi } from 'vitest'
import { RtmsError } from '../../../src/client/index.ts'
import {
  type Divergence,
  hashOf,
  isCheck,
  lockstep,
  type LockstepOptions,
  type Snapshot,
} from '../../../src/lockstep/index.ts'
import { FakeMeeting, frameOf, type Move, rules, settle, type State, stateAfter } from './fake-meeting.ts'

type Options = Partial<LockstepOptions<State, Move>>

function begin(options: Options = {}, parts: Partial<FakeMeeting> = {}) {
  const meeting = Object.assign(new FakeMeeting(), parts)
  return { meeting, game: lockstep(meeting, { ...rules, ...options }) }
}

const frames = (count: number) => Array.from({ length: count }, (_, at) => frameOf(at + 1))
const serverAt = (frame: number) => vi.fn(async () => ({ frame, state: stateAfter(frames(frame)) }))

describe('Catching up', () => {
  it('takes a bounded number of steps for each picture, tells how far it is, and which frames are news', () => {
    const news: number[] = []
    const { meeting, game } = begin(
      { mostSteps: 40, onStep: (_, { number }, isLive) => isLive && news.push(number) },
      { headAtJoin: 100 },
    )
    expect([game.phase, game.behind]).toEqual(['catching-up', 100])
    meeting.frames(1, 101)
    const seen = [0, 16, 32].map((now) => {
      const { frame, behind, phase } = game.advance(now)
      return [frame, behind, phase]
    })
    expect(seen).toEqual([
      [40, 61, 'catching-up'],
      [80, 21, 'catching-up'],
      [101, 0, 'live'],
    ])
    expect(news).toEqual([100, 101])
    expect(game.state).toEqual(stateAfter(frames(101)))
  })

  it('goes on with the frames that a reconnect brings, none of which are news but the last ones', () => {
    const news: number[] = []
    const { meeting, game } = begin({ onStep: (_, { number }, isLive) => isLive && news.push(number) })
    meeting.frames(1, 10)
    game.advance(500)
    news.length = 0
    meeting.headAtJoin = 60
    meeting.rejoin({ next: 11 })
    expect([game.phase, game.behind]).toEqual(['catching-up', 50])
    meeting.frames(11, 61)
    expect(game.advance(3_000).phase).toBe('live')
    expect(news).toEqual([60, 61])
  })

  it('never keeps more than 10,000 frames for later: a hidden page applies the oldest as they come', () => {
    const { meeting, game } = begin()
    meeting.frames(1, 10_000)
    expect(game.frame).toBe(0)
    meeting.frames(10_001, 12_000)
    expect(game.frame).toBe(2_000)
    for (let now = 0; game.phase !== 'live'; now += 16) game.advance(now)
    expect(game.state).toEqual(stateAfter(frames(12_000)))
  })

  it('takes a state that `step` returns for the next one', () => {
    const meeting = new FakeMeeting()
    const game = lockstep(meeting, {
      start: () => [] as readonly number[],
      step: (state, { number }) => [...state, number],
    })
    meeting.frames(1, 3)
    expect(game.advance(0).state).toEqual([1, 2, 3])
  })

  it('goes on behind a frame at which a step throws, which it does on all pages', () => {
    const { meeting, game } = begin({
      step: (state, frame) => {
        if (frame.number === 2) throw new Error('two')
        rules.step(state, frame)
      },
    })
    meeting.frames(1, 3)
    expect(() => game.advance(0)).toThrow('two')
    expect([game.advance(16).frame, game.state.frames]).toEqual([3, 2])
  })

  it('hears of nothing any more once it is closed, and an answer that comes later changes nothing', async () => {
    const { meeting, game } = begin({ load: serverAt(7) })
    meeting.gap(1, 5)
    game.advance(0)
    game.close()
    await settle()
    expect([meeting.listeners, game.frame]).toEqual([0, 0])
  })
})

describe('The time between two frames', () => {
  /** The places, in frames, that are drawn 60 times a second while frames come up to so many milliseconds late. */
  function draw(jitterMs: number, delayMs: number): number[] {
    const { meeting, game } = begin({ delayMs })
    const places: number[] = []
    let x = 1
    const arrivals = Array.from({ length: 200 }, (_, at) => {
      x = (x * 48_271) % 2_147_483_647
      return (at + 1) * 50 + (x % (jitterMs + 1))
    })
    let next = 0
    for (let now = 0; now < 10_000; now += 1_000 / 60) {
      while (next < 200 && Math.max(...arrivals.slice(0, next + 1)) <= now) meeting.frame(frameOf(++next))
      const { frame, alpha } = game.advance(now)
      places.push(frame + alpha)
    }
    // The first second settles when frames are due.
    return places.slice(60)
  }
  const stepsOf = (places: number[]): number[] =>
    places.slice(1).map((place, at) => place - (places[at] ?? 0))

  it('is passed evenly where frames are held back for as long as they are late', () => {
    const steps = stepsOf(draw(80, 100))
    // A third of a frame for each picture.
    expect(Math.min(...steps)).toBeGreaterThan(0.28)
    expect(Math.max(...steps)).toBeLessThan(0.38)
  })

  it('never runs back, however late frames are', () => {
    for (const delayMs of [0, 40]) {
      const steps = stepsOf(draw(120, delayMs))
      expect(Math.min(...steps)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...steps)).toBeGreaterThan(1)
    }
  })

  it('is measured anew where the clock of the meeting stood still or slipped, and after a reconnect', () => {
    for (const pause of ['resume', 'slip', 'rejoin']) {
      const { meeting, game } = begin({ delayMs: 100 })
      for (let number = 1; number <= 20; number++) {
        meeting.frame(frameOf(number))
        game.advance(number * 50)
      }
      expect(game.frame).toBe(18)
      game.advance(30_000)
      if (pause === 'rejoin') meeting.rejoin({ next: 21 })
      const events = pause === 'rejoin' ? [] : [{ type: pause, gap: 29_000 } as never]
      meeting.frame({ ...frameOf(21), events })
      expect(game.advance(30_050).frame).toBe(20)
      game.advance(30_125)
      expect(game.frame).toBe(20)
      game.advance(30_175)
      expect([game.frame, game.alpha]).toEqual([21, 0.5])
    }
  })

  it('does not count in a meeting without a rhythm: each frame is applied when it comes', () => {
    const { meeting, game } = begin({ delayMs: 100 }, { frameRate: 0 })
    for (const [number, now] of [
      [1, 5],
      [2, 90_000],
      [3, 90_001],
    ] as const) {
      meeting.frame(frameOf(number))
      const { frame, alpha, phase } = game.advance(now)
      expect([frame, alpha, phase]).toEqual([number, 1, 'live'])
    }
  })
})

describe('Frames that are missing', () => {
  it('are made up for by a state of the server, with the frames that follow it', async () => {
    const load = serverAt(12)
    const { meeting, game } = begin({ load })
    meeting.frames(1, 3)
    meeting.gap(4, 11)
    meeting.frames(11, 14)
    expect(game.advance(0).phase).toBe('loading')
    expect(game.frame).toBe(3)
    meeting.frame(frameOf(15))
    await settle()
    expect(game.advance(16).phase).toBe('live')
    expect(game.state).toEqual(stateAfter(frames(15)))
    expect(load).toHaveBeenCalledTimes(1)
  })

  it('are seen where nothing says so: the page has joined from now on', async () => {
    const { meeting, game } = begin({ load: serverAt(40) }, { headAtJoin: 40 })
    meeting.frame(frameOf(41))
    game.advance(0)
    await settle()
    expect(game.advance(16).state).toEqual(stateAfter(frames(41)))
  })

  it('are asked about after a second where no frame comes that shows it', async () => {
    const load = serverAt(40)
    const { game } = begin({ load }, { headAtJoin: 40, frameRate: 0 })
    game.advance(5_000)
    expect(game.advance(5_999).phase).toBe('catching-up')
    expect(game.advance(6_000).phase).toBe('loading')
    await settle()
    expect([game.advance(6_016).phase, game.frame, load.mock.calls.length]).toEqual(['live', 40, 1])
  })

  it('are asked about again every two seconds where the server cannot say, or is behind', async () => {
    const answers = [
      () => Promise.reject(new RtmsError('TIMEOUT', 'no answer')),
      async () => ({ frame: 8, state: stateAfter(frames(8)) }),
      async () => ({ frame: 10, state: stateAfter(frames(10)), epoch: 7 }),
      async () => ({ frame: 10, state: stateAfter(frames(10)) }),
    ]
    let asked = 0
    const { meeting, game } = begin({ load: () => (answers[asked++] as () => Promise<Snapshot<State>>)() })
    meeting.gap(1, 10)
    meeting.frame(frameOf(10))
    const errors: string[] = []
    for (let now = 0; now < 6_500; now += 500) {
      game.advance(now)
      await settle()
      errors.push(String(game.error))
    }
    expect(asked).toBe(4)
    expect([...new Set(errors)]).toEqual([
      'RtmsError: no answer',
      'Error: load gave a state after frame 8, which does not fit',
      'Error: load gave a state after frame 10, which does not fit',
      'null',
    ])
    expect([game.phase, game.frame]).toEqual(['live', 10])
  })

  it('leave the game lost where nobody is to be asked, or the answer is no, until there is a state after all', async () => {
    const no = new RtmsError('FORBIDDEN', 'not you')
    for (const load of [undefined, () => Promise.reject(no)]) {
      const lost: unknown[] = []
      const { meeting, game } = begin({ ...(load && { load }), onLost: (error) => lost.push(error) })
      meeting.gap(1, 10)
      for (let now = 0; now < 9_000; now += 1_000) {
        game.advance(now)
        await settle()
      }
      expect(lost).toEqual([load ? no : new Error('frame 1 is missing, and there is no load')])
      expect([game.phase, game.error]).toEqual(['lost', lost[0]])
      meeting.frame(frameOf(10))
      expect(game.restore({ frame: 9, state: stateAfter(frames(9)) })).toBe(true)
      expect([game.advance(9_000).phase, game.frame, game.error]).toEqual(['live', 10, null])
    }
  })

  it('that nobody hears of are an unhandled rejection', async () => {
    const heard = vi.fn()
    process.once('unhandledRejection', heard)
    const { meeting, game } = begin()
    meeting.gap(1, 3)
    game.advance(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard.mock.calls[0]?.[0]).toEqual(new Error('frame 1 is missing, and there is no load'))
  })
})

describe('What becomes of a meeting whose node has ended', () => {
  it('undoes the frames that are undone, from the copies since the last stable frame', () => {
    const { meeting, game } = begin()
    const before = [frameOf(1, { list: [1] }), frameOf(2, { add: 2 }), frameOf(3, { add: 3 }), frameOf(4)]
    for (const frame of before) meeting.frame(frame)
    game.advance(0)
    meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 3 })
    const others = [frameOf(3, { add: 30 }), frameOf(4, { add: 40 })]
    for (const frame of others) meeting.frame(frame)
    expect(game.advance(16).state).toEqual(stateAfter([...before.slice(0, 2), ...others]))
    // And once more, which shows that what was kept has not changed.
    meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 2 })
    expect(game.advance(32).state).toEqual(stateAfter(before.slice(0, 1)))
  })

  it('applies nothing that was undone, where all that is kept is behind the first of these frames', async () => {
    const server = [frameOf(1), frameOf(2)]
    const load = async () => ({ frame: server.length, state: stateAfter(server) })
    const { meeting, game } = begin({ load })
    meeting.gap(1, 3)
    game.advance(0)
    await settle()
    meeting.frame(frameOf(3, { add: 3 }))
    expect(game.advance(16).frame).toBe(3)
    server.pop()
    meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 2 })
    game.advance(32)
    await settle()
    expect([game.advance(48).phase, game.frame, game.behind]).toEqual(['live', 1, 0])
    const other = frameOf(2, { add: 20 })
    meeting.frame(other)
    expect(game.advance(64).state).toEqual(stateAfter([...server, other]))
  })

  it('keeps no copies of what is stable, and few of what is not', () => {
    const copies: unknown[] = []
    const copy = <T>(value: T): T => {
      copies.push(value)
      return structuredClone(value)
    }
    const { meeting, game } = begin({ copy })
    meeting.stable = 1_000
    meeting.frames(1, 1_000)
    for (let now = 0; game.behind > 0; now += 16) game.advance(now)
    expect(copies).toEqual([])
    // Twenty frames behind, as the mark is.
    for (let number = 1_001; number <= 2_000; number++) {
      meeting.frame(frameOf(number, { add: 1 }))
      meeting.stable = number - 20
      game.advance(number * 50)
    }
    const states = copies.filter((value) => 'sum' in (value as object)).length
    expect(states).toBeGreaterThan(5)
    expect(states).toBeLessThanOrEqual(1_000 / 50 + 1)
  })

  it('keeps 10,000 frames at most where none becomes stable: what was undone before is asked for', async () => {
    for (const [count, phase] of [
      [10_000, 'live'],
      [10_001, 'loading'],
    ] as const) {
      const { meeting, game } = begin({ load: serverAt(4) })
      meeting.frames(1, count)
      while (game.behind > 0) game.advance(0)
      meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 5 })
      expect([count, game.advance(0).phase]).toEqual([count, phase])
      await settle()
      game.advance(16)
      expect([game.frame, game.state]).toEqual([4, stateAfter(frames(4))])
    }
  })

  it('undoes frames however long it has run, where others become stable', () => {
    const { meeting, game } = begin()
    for (let number = 1; number <= 10_001; number++) {
      meeting.stable = number - 20
      meeting.frame(frameOf(number))
      game.advance(0)
    }
    meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 9_995 })
    expect([game.advance(16).phase, game.frame]).toEqual(['live', 9_994])
    expect(game.state).toEqual(stateAfter(frames(9_994)))
  })

  it('asks the server instead where it keeps no copies', async () => {
    const load = serverAt(4)
    const { meeting, game } = begin({ copy: null, load })
    meeting.frames(1, 5)
    game.advance(0)
    meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 4 })
    expect(game.advance(16).phase).toBe('loading')
    await settle()
    expect([game.advance(32).frame, game.state]).toEqual([4, stateAfter(frames(4))])
  })

  it('asks for a state anew where the one that it got was ahead of the frames, and a reconnect lies between', async () => {
    const load = vi
      .fn<() => Promise<Snapshot<State>>>()
      // Frames 6 to 9 of the server ended with it.
      .mockResolvedValueOnce({ frame: 9, state: { sum: 9, frames: 9, lists: [] } })
      .mockResolvedValue({ frame: 7, state: stateAfter(frames(7)) })
    const { meeting, game } = begin({ load })
    meeting.gap(1, 5)
    meeting.frame(frameOf(5))
    game.advance(0)
    await settle()
    expect(game.advance(16).frame).toBe(9)
    meeting.rejoin({ next: 6 })
    game.advance(5_000)
    await settle()
    meeting.frames(6, 10)
    expect(game.advance(5_016).state).toEqual(stateAfter(frames(10)))
  })

  it('begins anew with another epoch, of which the old state is told', () => {
    const ends: Snapshot<State>[] = []
    const { meeting, game } = begin({ onRestart: (before) => ends.push(before) })
    meeting.frames(1, 3)
    game.advance(0)
    meeting.frames(4, 6)
    meeting.epoch = 2
    meeting.rejoin({ recovered: false, reason: 'NEW_EPOCH' })
    expect(ends).toEqual([{ frame: 3, state: stateAfter(frames(3)), epoch: 1 }])
    expect(game.state).toEqual(stateAfter([], 2))
    meeting.frames(1, 2)
    expect(game.advance(16).state).toEqual(stateAfter(frames(2), 2))
  })

  it('begins anew where the node does not know the position of this client', () => {
    const { meeting, game } = begin()
    meeting.frames(1, 3)
    game.advance(0)
    meeting.rejoin({ recovered: false, reason: 'PROTOCOL' })
    meeting.frames(1, 1)
    expect(game.advance(16).state).toEqual(stateAfter(frames(1)))
  })
})

describe('Snapshots', () => {
  it('spare a page that is loaded anew the frames before them', () => {
    const { meeting, game } = begin()
    meeting.frames(1, 30)
    const snapshot = JSON.parse(JSON.stringify(game.advance(0).snapshot())) as Snapshot<State>
    const steps: number[] = []
    const page = begin({ onStep: (_, { number }) => steps.push(number) }, { headAtJoin: 32 })
    expect(page.game.restore(snapshot)).toBe(true)
    page.meeting.frames(1, 32)
    expect(page.game.advance(0).state).toEqual(stateAfter(frames(32)))
    expect(steps).toEqual([31, 32])
  })

  it('are the same however the game goes on, and may be restored twice', () => {
    const { meeting, game } = begin()
    meeting.frame(frameOf(1, { list: [1] }))
    const snapshot = game.advance(0).snapshot()
    for (let turn = 0; turn < 2; turn++) {
      expect(game.restore(snapshot)).toBe(true)
      meeting.frame(frameOf(2, { add: 7 }))
      expect(game.advance(16).frame).toBe(2)
      expect(game.state.lists).toEqual([[1, 7]])
    }
    expect(snapshot.state.lists).toEqual([[1]])
  })

  it('are refused where they are of another epoch, or what follows them is not here', () => {
    const { meeting, game } = begin()
    meeting.stable = 30
    meeting.frames(1, 30)
    game.advance(0)
    const state = stateAfter([])
    expect(game.restore({ frame: 30, state, epoch: 2 })).toBe(false)
    expect(game.restore({ frame: 12, state })).toBe(false)
    expect([game.frame, game.state]).toEqual([30, stateAfter(frames(30))])
    meeting.gap(31, 40)
    expect(game.restore({ frame: 35, state })).toBe(false)
    expect(game.restore({ frame: 39, state })).toBe(true)
  })
})

it('Frames that are undone, with the state that the game has gone on from, are not applied to the one that is loaded', async () => {
  const load = serverAt(0)
  const { meeting, game } = begin({ load })
  meeting.frames(1, 1)
  const taken = game.advance(0).snapshot()
  meeting.frames(2, 2)
  game.restore(taken)
  expect(game.advance(0).frame).toBe(2)
  meeting.headAtJoin = 0
  meeting.rejoin({ recovered: false, reason: 'REWOUND', next: 1 })
  expect(game.advance(16).phase).toBe('loading')
  await settle()
  expect([game.frame, game.advance(32).phase]).toEqual([0, 'live'])
  meeting.frame({ ...frameOf(1), inputs: [] })
  expect(game.advance(48).frame).toBe(1)
})

describe('Comparing states', () => {
  /** Frame `check` + 50 with the votes that came before it. */
  function vote(meeting: FakeMeeting, check: number, hashes: readonly unknown[]): void {
    meeting.frames(check - 99, check)
    const inputs = hashes.map((hash, slot) => ({ slot, seq: 1, data: { check, hash } as never }))
    meeting.frame({ number: check + 1, events: [], inputs })
    meeting.frames(check + 2, check + 50)
  }
  const mine = hashOf(stateAfter(frames(100)))

  it('sends the hash of every hundredth frame, once it is live, and none as a spectator', () => {
    for (const [slot, sent] of [
      [3, [200, 300].map((check) => ({ check, hash: hashOf(stateAfter(frames(check))) }))],
      [255, []],
    ] as const) {
      const { meeting, game } = begin({ hash: hashOf }, { headAtJoin: 150, slot })
      meeting.frames(1, 150)
      game.advance(0)
      meeting.frames(151, 200)
      game.advance(2_500)
      for (let number = 201; number <= 350; number++) {
        meeting.frame(frameOf(number))
        game.advance(number * 50)
      }
      expect(meeting.sent).toEqual(sent)
      meeting.frames(351, 450)
      game.advance(30_000)
      expect(meeting.sent).toEqual(sent)
    }
  })

  it.each([
    ['with the majority', [mine, mine, 7], false],
    ['without votes', [], false],
    ['with hashes of something else', ['x', { hash: 7 }, null].map((hash) => ({ hash })), false],
    ['with one of two', [mine, 7], true],
    ['alone against others', [7, 7], true],
  ])('%s, it has diverged or not', async (_, hashes, isTold) => {
    const told: Divergence[] = []
    const load = serverAt(150)
    const { meeting, game } = begin({ hash: hashOf, load, onDiverged: (divergence) => told.push(divergence) })
    vote(meeting, 100, hashes)
    game.advance(0)
    expect(told).toEqual(isTold ? [{ check: 100, hash: mine, votes: hashes }] : [])
    expect(game.phase).toBe(isTold ? 'loading' : 'live')
    await settle()
    expect(load).toHaveBeenCalledTimes(isTold ? 1 : 0)
    meeting.frame(frameOf(151))
    expect([game.advance(16).frame, game.phase]).toEqual([151, 'live'])
  })

  it('counts the first vote of each member, however often one of them votes', () => {
    const told: Divergence[] = []
    const { meeting, game } = begin({ hash: hashOf, onDiverged: (divergence) => told.push(divergence) })
    meeting.frames(1, 100)
    const votes = [
      [9, mine],
      [2, 7],
      [2, 7],
      [2, 8],
      [4, mine],
      [9, 7],
    ] as const
    for (const [at, [slot, hash]] of votes.entries())
      meeting.frame({
        number: 101 + at,
        events: [],
        inputs: [{ slot, seq: 1, data: { check: 100, hash } as never }],
      })
    meeting.frames(107, 150)
    game.advance(0)
    expect(told).toEqual([])
    meeting.frames(151, 200)
    meeting.frame({
      number: 201,
      events: [],
      inputs: [9, 4, 2, 2].map((slot, at) => ({
        slot,
        seq: 2 + at,
        data: { check: 200, hash: slot } as never,
      })),
    })
    meeting.frames(202, 250)
    game.advance(5_000)
    expect(told.map(({ votes: all }) => all)).toEqual([[2, 4, 9]])
  })

  it('goes on with its own state where there is no server to ask', () => {
    const told: Divergence[] = []
    const { meeting, game } = begin({ hash: hashOf, onDiverged: (divergence) => told.push(divergence) })
    vote(meeting, 100, [7, 7])
    expect(game.advance(0).phase).toBe('live')
    expect(told.length).toBe(1)
  })

  it('knows a check from what players send, and states by their JSON', () => {
    const checks = [
      { check: 100, hash: 1 },
      { check: 1, hash: 'a' },
    ]
    const others = [
      null,
      undefined,
      7,
      'check',
      { check: 1 },
      { check: '1', hash: 1 },
      { check: 1, hash: {} },
    ]
    expect([...checks, ...others].filter(isCheck)).toEqual(checks)
    expect(hashOf({ a: [1, 'ü'] })).toBe(hashOf({ a: [1, 'ü'] }))
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: 2 }))
    // FNV-1a's own value for "a", in the quotes of JSON: as published for the bytes 22 61 22.
    expect(hashOf('a')).toBe(
      [0x22, 0x61, 0x22].reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5),
    )
  })
})

describe('Options', () => {
  it.each([{ checkEvery: 1 }, { mostSteps: 0 }, { delayMs: -1 }, { delayMs: Number.NaN }])(
    'that cannot work are refused: %o',
    (options) => {
      expect(() => begin(options)).toThrow(RangeError)
    },
  )

  it('must say how to copy where the runtime cannot', () => {
    const own = structuredClone
    Reflect.deleteProperty(globalThis, 'structuredClone')
    try {
      expect(() => begin()).toThrow('structuredClone')
      const copy = <T>(value: T): T => own(value)
      expect(begin({ copy }).game.snapshot().frame).toBe(0)
    } finally {
      globalThis.structuredClone = own
    }
  })
})
