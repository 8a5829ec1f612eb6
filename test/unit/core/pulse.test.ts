import { FrameShares } from '../../../src/core/meeting/frame-shares.ts'
import { describe, expect, it } from 'vitest'
import { defaultMeeting } from '../../../src/core/meeting/options.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import { Pulse } from '../../../src/core/meeting/pulse.ts'

/** The pulse of a meeting alone, empty since the time 1,000; what it calls is noted. */
class Desk {
  readonly timers: Timers = new Timers()
  readonly called: string[] = []
  readonly pulse: Pulse

  constructor(frameRate: number) {
    this.pulse = new Pulse({ ...defaultMeeting, frameRate, ttlMs: 5_000 }, 1, 1_000, {
      timers: this.timers,
      work: { ofHooks: 0, areTimersBusy: false },
      share: { aheadMs: () => 0, pay() {} },
      tick: (now) => this.called.push(`tick ${now}`),
      expired: () => this.called.push('expired'),
    })
  }

  get waits(): string {
    return [...this.timers.counts.keys()].join()
  }
}

describe('The pulse of a meeting', () => {
  it('expires when nobody has come in time', () => {
    const { pulse, timers, called, waits } = new Desk(10)
    expect([waits, pulse.isRunning, pulse.due(1)]).toEqual(['ttl', false, Infinity])
    timers.run(5_999)
    expect(called).toEqual([])
    timers.run(6_000)
    expect(called).toEqual(['expired'])
  })

  it('runs for the first who comes, once, and says how long it has stood still', () => {
    const desk = new Desk(10)
    const { pulse, timers, called } = desk
    expect([pulse.run(1, 1_300), pulse.run(1, 1_400)]).toEqual([300, null])
    const due = pulse.due(1)
    expect([desk.waits, timers.next, due > 1_300 && due <= 1_400]).toEqual(['frame', due, true])
    timers.run(due)
    expect(called).toEqual([`tick ${due}`])
    pulse.wait(2)
    expect(timers.next).toBe(due + 100)
  })

  it('is kept for its time after the last has left', () => {
    const desk = new Desk(10)
    desk.pulse.run(1, 1_300)
    desk.pulse.stop(2_000)
    expect([desk.waits, desk.timers.next, desk.pulse.due(1)]).toEqual(['ttl', 7_000, Infinity])
  })

  it('waits for nothing once it has ended', () => {
    for (const isRunning of [false, true]) {
      const desk = new Desk(10)
      if (isRunning) desk.pulse.run(1, 1_300)
      desk.pulse.end()
      expect(desk.timers.size).toBe(0)
    }
  })

  it('has no beat without a frame rate', () => {
    const desk = new Desk(0)
    desk.pulse.run(1, 1_300)
    expect([desk.pulse.isRunning, desk.timers.size, desk.pulse.due(1)]).toEqual([true, 0, Infinity])
    expect(desk.pulse.state(1, 2_000)).toEqual({ is: 'running', dueInMs: 0 })
  })
})

describe('A pulse that goes on on another node', () => {
  it('has the next frame due when it was due before, or now if that has passed', () => {
    const desk = new Desk(10)
    desk.pulse.run(1, 1_300)
    const due = desk.pulse.due(1)
    expect([desk.pulse.state(1, due - 30), desk.pulse.state(1, due + 30)]).toEqual([
      { is: 'running', dueInMs: 30 },
      { is: 'running', dueInMs: 0 },
    ])
    const other = new Desk(10)
    other.pulse.restore({ is: 'running', dueInMs: 30 }, 8, 2_000)
    expect([other.waits, other.timers.next, other.pulse.due(8), other.pulse.due(9)]).toEqual([
      'frame',
      2_030,
      2_030,
      2_130,
    ])
  })

  it('has stood still as long as before, and is kept for its time from then on', () => {
    const desk = new Desk(10)
    expect(desk.pulse.state(1, 1_250)).toEqual({ is: 'stopped', stoodMs: 250 })
    const other = new Desk(10)
    other.pulse.restore({ is: 'stopped', stoodMs: 250 }, 8, 2_000)
    expect([other.waits, other.timers.next]).toEqual(['ttl', 7_000])
    expect([other.pulse.state(8, 2_100), other.pulse.run(8, 2_100)]).toEqual([
      { is: 'stopped', stoodMs: 350 },
      350,
    ])
  })
})

describe('A pulse whose owner may not seal', () => {
  it('stands still, looks ten times a second whether it may go on, and then says how long it was', () => {
    const desk = new Desk(10)
    const { pulse, timers, called } = desk
    pulse.run(1, 1_300)
    expect([pulse.isPaused, pulse.resume(1, 1_350), pulse.isRunning]).toEqual([false, 0, true])
    expect([pulse.pause(false, 2_000), pulse.isPaused, pulse.isRunning]).toEqual([true, true, false])
    expect([desk.waits, timers.next, pulse.due(1)]).toEqual(['frame', 2_100, Infinity])
    // On the node that goes on with it, the frame is due at once.
    expect(pulse.state(1, 2_050)).toEqual({ is: 'running', dueInMs: 0 })
    timers.run(2_100)
    expect([called, pulse.pause(false, 2_100), timers.next]).toEqual([['tick 2100'], false, 2_200])
    expect([pulse.resume(1, 2_250), pulse.isPaused, pulse.isRunning]).toEqual([250, false, true])
    expect([desk.waits, timers.next]).toEqual(['frame', pulse.due(1)])
    expect(pulse.due(1)).toBeGreaterThan(2_250)
  })

  it('is kept for its time from when it was deserted, and looks at once when somebody comes', () => {
    const desk = new Desk(10)
    const { pulse, timers } = desk
    pulse.run(1, 1_300)
    timers.run(1_400)
    expect([pulse.pause(true, 2_000), desk.waits, timers.next]).toEqual([true, 'ttl', 7_000])
    expect([pulse.pause(true, 2_500), desk.waits, timers.next]).toEqual([false, 'ttl', 7_000])
    expect([pulse.run(1, 3_000), desk.waits, timers.next]).toEqual([null, 'frame', 3_000])
    timers.run(3_000)
    expect([pulse.pause(true, 3_000), desk.waits, timers.next]).toEqual([false, 'ttl', 8_000])
    timers.run(8_000)
    expect(desk.called.at(-1)).toBe('expired')
  })

  it.each<[string, (pulse: Pulse) => void, string]>([
    ['is left by all', (pulse) => pulse.stop(2_500), 'ttl'],
    ['ends', (pulse) => pulse.end(), ''],
  ])('is not paused any more once the meeting %s', (_, ends, waits) => {
    const desk = new Desk(10)
    desk.pulse.run(1, 1_300)
    desk.pulse.pause(false, 2_000)
    ends(desk.pulse)
    expect([desk.pulse.isPaused, desk.waits]).toEqual([false, waits])
  })
})

it('A meeting without a frame rate looks when it is woken, unless it is paused; one with a frame rate keeps its time', () => {
  const desk = new Desk(0)
  const { pulse, timers } = desk
  pulse.run(1, 1_300)
  pulse.wake(1_500)
  expect([desk.waits, timers.next]).toEqual(['frame', 1_500])
  timers.run(1_500)
  expect(desk.called).toEqual(['tick 1500'])
  pulse.pause(true, 1_600)
  pulse.wake(1_700)
  expect(desk.waits).toBe('ttl')
  const beating = new Desk(10)
  beating.pulse.run(1, 1_300)
  const due = beating.pulse.due(1)
  beating.pulse.wake(1_310)
  expect(beating.timers.next).toBe(due)
})

describe('Meetings of a user, on a node that is late', () => {
  /** A meeting of a user whose hooks are ahead of their share by `aheadMs`; it runs, and its beat is due. */
  function one(frameRate: number) {
    const [timers, ticks]: [Timers, number[]] = [new Timers(), []]
    const user = { aheadMs: 0 }
    const work = { ofHooks: 0, areTimersBusy: false }
    const pulse = new Pulse({ ...defaultMeeting, frameRate }, 1, 1_000, {
      timers,
      work,
      share: { aheadMs: () => user.aheadMs, pay: () => {} },
      tick: (now) => ticks.push(now),
      expired: () => {},
    })
    pulse.run(1, 1_000)
    pulse.wake(1_100)
    return { timers, user, work, ticks, due: timers.next }
  }

  it.each([
    [20, 10_000, false],
    [21, 105, false],
    [21, 106, true],
    [60, 115, false],
    [60, 116, true],
  ])(
    'have a frame that is %i ms late, with hooks %i ms ahead of their part, left out: %s',
    (lateMs, aheadMs, isLeftOut) => {
      const { timers, user, ticks, due } = one(10)
      const now = due + lateMs
      user.aheadMs = aheadMs
      timers.run(now)
      expect(ticks).toEqual(isLeftOut ? [] : [now])
      if (isLeftOut) expect(timers.next).toBe(now + 100)
    },
  )

  it.each([
    [20, 10_000, false],
    [21, 100, false],
    [21, 101, true],
    [5_000, 101, true],
  ])(
    'have a frame that is %i ms late, with hooks %i ms ahead, left out where others have had their time: %s',
    (lateMs, aheadMs, isLeftOut) => {
      const { timers, user, work, ticks, due } = one(10)
      user.aheadMs = aheadMs
      work.areTimersBusy = true
      timers.run(due + lateMs)
      expect(ticks).toEqual(isLeftOut ? [] : [due + lateMs])
    },
  )

  it('are looked at without a frame rate however late it is: there is no frame to leave out', () => {
    const { timers, user, ticks } = one(0)
    user.aheadMs = 10_000
    timers.run(1_200)
    expect(ticks).toEqual([1_200])
  })

  /** Meetings that were opened for one user, each frame of which takes hooks so long. */
  function desk(count: number, tookMs: number) {
    const timers = new Timers()
    const work = { ofHooks: 0, areTimersBusy: false }
    const shares = new FrameShares()
    const share = {
      aheadMs: (now: number) => shares.aheadMs(['eve'], now),
      pay: (ms: number, now: number) => shares.pay(['eve'], ms, now),
    }
    const sealed: number[] = Array.from({ length: count }, () => 0)
    const pulses = sealed.map((_, n) => {
      let next = 1
      const pulse: Pulse = new Pulse({ ...defaultMeeting, frameRate: 10 }, 1, 1_000, {
        timers,
        work,
        share,
        tick: () => {
          work.ofHooks += tookMs * 1e6
          sealed[n] = (sealed[n] ?? 0) + 1
          pulse.wait(++next)
        },
        expired: () => {},
      })
      pulse.run(1, 1_000)
      return pulse
    })
    return { timers, sealed, due: pulses[0]?.due(1) ?? 0 }
  }
  const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0)

  it('leave frames out where hooks take more than a fifth of the time for them, and all have their turns', () => {
    const { timers, sealed, due } = desk(50, 4)
    // Each frame comes 30 ms late.
    for (let n = 0; n < 200; n++) timers.run(due + 30 + n * 50)
    // A fifth of ten seconds is 500 of them; what they may be ahead comes on top.
    expect(sum(sealed)).toBeGreaterThan(250)
    expect(sum(sealed)).toBeLessThan(550)
    expect(Math.min(...sealed)).toBeGreaterThan(1)
  })

  it('leave none out where the node is not late, or hooks take less', () => {
    for (const [count, tookMs, lateMs] of [
      [50, 4, 0],
      [50, 0.3, 30],
      [50, 0, 30],
    ] as const) {
      const { timers, sealed, due } = desk(count, tookMs)
      for (let n = 0; n < 20; n++) timers.run(due + lateMs + n * 100)
      expect(new Set(sealed)).toEqual(new Set([20]))
    }
  })
})
