import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../../../src/bus/memory.ts'
import { busContract } from '../../../src/testing/index.ts'

describe('The memory bus', () => {
  for (const contract of busContract(() => {
    const bus = new MemoryBus(() => {})
    return { connect: (listener) => bus.connect(listener), settle: () => bus.deliver() }
  }))
    it(contract.name, () => contract.run())

  it('wakes once for all that waits, and again for what comes during a delivery', () => {
    let wakes = 0
    const bus = new MemoryBus(() => wakes++)
    const heard: number[] = []
    const a = bus.connect(() => {})
    const b = bus.connect((_, [value = 0]) => {
      heard.push(value)
      if (value < 3) a.publish('t', Uint8Array.of(value + 10))
    })
    b.subscribe('t')
    a.publish('t', Uint8Array.of(1))
    a.publish('t', Uint8Array.of(2))
    expect(wakes).toBe(1)
    bus.deliver()
    expect([heard, wakes]).toEqual([[1, 2], 2])
    bus.deliver()
    expect(heard).toEqual([1, 2, 11, 12])
    bus.deliver()
    expect([heard.length, wakes]).toEqual([4, 2])
  })

  it('keeps nothing of what nobody else subscribes to', () => {
    let wakes = 0
    const bus = new MemoryBus(() => wakes++)
    const a = bus.connect(() => {})
    a.publish('t', Uint8Array.of(1))
    a.subscribe('t')
    a.publish('t', Uint8Array.of(2))
    expect(wakes).toBe(0)
  })

  it('delivers to those who subscribe when it delivers', () => {
    const bus = new MemoryBus(() => {})
    const heard: string[] = []
    const a = bus.connect(() => {})
    const [b, c] = ['b', 'c'].map((name) => bus.connect(() => heard.push(name)))
    b?.subscribe('t')
    a.publish('t', Uint8Array.of(1))
    b?.unsubscribe('t')
    c?.subscribe('t')
    bus.deliver()
    expect(heard).toEqual(['c'])
  })
})
