import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inProcess } from '../../../src/bus/in-process.ts'
import { defaultLimits, idlePorts } from '../../../src/core/index.ts'
import { toPayload } from '../../../src/protocol/index.ts'
import { Host } from '../../../src/server/host.ts'

const { application } = idlePorts

describe('The host', () => {
  let host: Host
  const faults: unknown[] = []

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
    })
    faults.length = 0
    host = new Host({ id: 'n1', limits: defaultLimits, bus: inProcess() }, application, {
      fault: (error) => faults.push(error),
      warn: () => {},
    })
    // The bus says that it is there.
    vi.advanceTimersToNextTimer()
  })

  afterEach(() => {
    host.stop()
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  const open = (name: string, ttlMs: number): void =>
    void host.act((node, now) => node.openMeeting(name, { ttlMs }, now))

  it('hears its bus, and is another run than any other, by its number', () => {
    expect(host.node.inlet.isUp).toBe(true)
    const other = new Host({ id: 'n1', limits: defaultLimits, bus: inProcess() }, application, {
      fault: (error) => faults.push(error),
      warn: () => {},
    })
    expect([other.node.incarnation > 1, host.node.incarnation > 1]).toEqual([true, true])
    expect(other.node.incarnation).not.toBe(host.node.incarnation)
    other.stop()
  })

  it('sweeps once for all that comes in one turn', () => {
    for (let n = 0; n < 100; n++) host.act((node, now) => node.publish('a', toPayload(n), '', false, now))
    expect(host.node.stats.sweeps).toBe(0)
    vi.advanceTimersToNextTimer()
    expect(host.node.stats.sweeps).toBe(1)
  })

  it('never has more than one timer, for the earliest deadline', () => {
    for (const [name, ttlMs] of Object.entries({ late: 5_000, early: 1_000, later: 9_000 })) open(name, ttlMs)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1_000)
    expect([...host.node.meetings()].map(({ name }) => name)).toEqual(['late', 'later'])
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(8_000)
    expect([...host.node.meetings()]).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits for a deadline that is further than a timer can wait', () => {
    open('m', 2 ** 32)
    vi.advanceTimersByTime(2 ** 31 - 1)
    expect(host.node.stats.sweeps).toBe(1)
    vi.advanceTimersByTime(2 ** 31 - 1)
    expect(host.node.meeting('m')).toBeDefined()
    vi.advanceTimersByTime(3)
    expect(host.node.meeting('m')).toBeUndefined()
  })

  it('knows how late its sweeps were, for five seconds', () => {
    const clock = vi.spyOn(performance, 'now')
    const publishAt = (at: number): void => {
      clock.mockReturnValue(at)
      host.act((node, now) => node.publish('a', toPayload(1), '', false, now))
    }
    const sweepAt = (at: number): void => {
      clock.mockReturnValue(at)
      vi.advanceTimersToNextTimer()
    }
    publishAt(1_000)
    sweepAt(1_700)
    publishAt(2_000)
    sweepAt(2_010)
    const seen = [2_010, 5_900, 6_000, 6_999, 7_000, 60_000].map((at) => {
      clock.mockReturnValue(at)
      return host.lateness
    })
    expect(seen).toEqual([700, 700, 10, 10, 0, 0])
    expect(host.sweepTimes.counts[0]).toBe(2)
  })

  it('goes on where the node throws in the middle of a sweep, and tells of it', () => {
    vi.spyOn(host.node, 'sweep').mockImplementationOnce(() => {
      throw new Error('a fault')
    })
    open('m', 1_000)
    vi.advanceTimersByTime(1_000)
    expect(faults).toMatchObject([{ message: 'a fault' }])
    vi.advanceTimersByTime(1_000)
    expect(host.node.meeting('m')).toBeUndefined()
    expect(faults).toHaveLength(1)
  })

  it('tells of a fault in what waited for the end of a hook, and goes on', async () => {
    host.hook(() => {
      host.afterHook(() => {
        throw new Error('a fault')
      })
      expect(faults).toEqual([])
    })
    await Promise.resolve()
    expect(faults).toMatchObject([{ message: 'a fault' }])
    expect(() =>
      host.afterHook(() => {
        throw new Error('another')
      }),
    ).toThrow('another')
  })

  it('notices that the wall clock was set', () => {
    const told = vi.spyOn(host.node, 'handleWallClock')
    vi.advanceTimersByTime(1_000)
    const offset = Date.now() - performance.now()
    const clock = vi.spyOn(Date, 'now').mockReturnValue(performance.now() + offset - 600_000)
    open('m', 60_000)
    expect(told).toHaveBeenCalledTimes(1)
    expect(told.mock.calls[0]?.[0]).toBeCloseTo(offset - 600_000, 0)
    open('n', 60_000)
    expect(told).toHaveBeenCalledTimes(1)
    clock.mockRestore()
  })

  it('looks at the wall clock once a second, and takes half a second for a step, in either direction', () => {
    const told = vi.spyOn(host.node, 'handleWallClock').mockReturnValue(undefined)
    const clock = vi.spyOn(performance, 'now')
    const wall = vi.spyOn(Date, 'now')
    const look = (at: number, offset: number): number => {
      clock.mockReturnValue(at)
      wall.mockReturnValue(at + offset)
      host.handle(() => {})
      return told.mock.calls.length
    }
    const start = performance.now() + 10_000
    look(start, 50_000)
    told.mockClear()
    expect([
      look(start + 999, 60_000),
      look(start + 1_000, 50_499),
      look(start + 2_000, 50_500),
      look(start + 3_000, 50_001),
      look(start + 4_000, 50_000),
    ]).toEqual([0, 0, 1, 1, 2])
    expect(told.mock.calls).toEqual([[50_500], [50_000]])
  })

  it('counts the lateness of a timer from the deadline that it was for', () => {
    open('m', 5_000)
    const clock = vi.spyOn(performance, 'now')
    const begun = performance.now()
    open('n', 500)
    clock.mockReturnValue(begun + 500 + 70)
    vi.advanceTimersToNextTimer()
    expect(host.lateness).toBeCloseTo(70)
    expect([...host.node.meetings()].map(({ name }) => name)).toEqual(['m'])
  })

  it('puts off until after a hook what may not run in the middle of it, hooks in hooks too', async () => {
    const done: string[] = []
    host.afterHook(() => done.push('at once'))
    host.hook(() => {
      host.hook(() => host.afterHook(() => done.push('inner')))
      expect(host.inHook).toBe(true)
      host.afterHook(() => done.push('outer'))
      done.push('the hook')
    })
    expect([host.inHook, done]).toEqual([false, ['at once', 'the hook']])
    await Promise.resolve()
    expect(done).toEqual(['at once', 'the hook', 'inner', 'outer'])
    expect(() =>
      host.hook(() => {
        throw new Error('of the business')
      }),
    ).toThrow('of the business')
    expect([host.inHook, faults]).toEqual([false, []])
  })

  it('gives back what the node answers, and nothing where it throws', () => {
    expect(host.handle(({ topics }) => topics + 7)).toBe(7)
    expect(
      host.handle(() => {
        throw new Error('a fault')
      }),
    ).toBeUndefined()
    expect(faults).toMatchObject([{ message: 'a fault' }])
  })

  it('tells of a lack of randomness, and goes on', () => {
    vi.spyOn(crypto, 'getRandomValues').mockImplementationOnce(() => {
      throw new Error('no entropy')
    })
    expect(() => open('m', 1_000)).toThrow('no entropy')
    expect(faults).toMatchObject([{ message: 'no entropy' }])
    open('m', 1_000)
    expect(host.node.meetingCount).toBe(1)
  })

  it('does nothing more when it was stopped, and tells the business so', () => {
    open('m', 1_000)
    // A sweep is due as well.
    host.act((node, now) => node.publish('a', toPayload(0), '', false, now))
    expect(vi.getTimerCount()).toBe(2)
    host.stop()
    expect(vi.getTimerCount()).toBe(0)
    host.handle((node, now) => node.publish('a', toPayload(1), '', false, now))
    expect(vi.getTimerCount()).toBe(0)
    expect(() => host.act(() => 1)).toThrow('this node was closed')
  })
})
