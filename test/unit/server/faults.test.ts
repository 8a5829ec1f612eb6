import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BusConnector } from '../../../src/bus/connector.ts'
import { Faults } from '../../../src/server/faults.ts'

describe('A fault that was asked for', () => {
  const cuts: number[] = []
  const ends: string[] = []
  const said: unknown[] = []
  let faults: Faults

  beforeEach(() => {
    vi.useFakeTimers()
    for (const list of [cuts, ends, said]) list.length = 0
    const logger = { debug() {}, info() {}, warn: (details: unknown) => void said.push(details), error() {} }
    faults = new Faults({} as BusConnector, logger)
    vi.spyOn(faults.bus, 'cut').mockImplementation((ms) => void cuts.push(ms))
    vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      ends.push(`${pid === process.pid} ${String(signal)}`)
      return true
    })
    vi.spyOn(process, 'exit').mockImplementation(((code: number) => void ends.push(`exit ${code}`)) as never)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  it('cuts the node off a moment later, so that whoever asked is answered first', () => {
    faults.strike(3_000)
    vi.advanceTimersByTime(99)
    expect(cuts).toEqual([])
    vi.advanceTimersByTime(1)
    expect([cuts, said, ends]).toEqual([[3_000], [{ ms: 3_000 }], []])
  })

  it('of no length ends the process, or the thread that the node runs in', () => {
    faults.strike(0)
    vi.advanceTimersByTime(100)
    expect([cuts, said, ends.length]).toEqual([[], [], 1])
    expect(['true SIGKILL', 'exit 1']).toContain(ends[0])
  })

  it('is the last one that was asked for, and none once the node is closed', () => {
    faults.strike(0)
    faults.strike(2_000)
    vi.advanceTimersByTime(1_000)
    expect([cuts, ends]).toEqual([[2_000], []])
    faults.strike(1_000)
    faults.close()
    vi.advanceTimersByTime(1_000)
    expect(cuts).toEqual([2_000])
  })
})
