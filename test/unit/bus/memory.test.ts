import { describe, expect, it } from 'vitest'
import { type Fate, MemoryBus, type MemoryPort } from '../../../src/bus/memory.ts'
import type { BusListener } from '../../../src/core/index.ts'
import { busContract } from '../../../src/testing/index.ts'

const deaf: BusListener = { message() {}, sent() {}, down() {}, back() {}, gone() {} }

/** Connects a node and notes what it hears: values of one byte, and events. */
function join(bus: MemoryBus, node: number, subject = 't'): MemoryPort & { heard: (number | string)[] } {
  const heard: (number | string)[] = []
  const port = bus.connect(node, {
    message: (_, [value = 0]) => heard.push(value),
    sent: ([value = 0]) => heard.push(value),
    down: () => heard.push('down'),
    back: () => heard.push('back'),
    gone: (other) => heard.push(`gone ${other}`),
  })
  port.subscribe(subject)
  return { ...port, heard }
}

const byte = (value: number): Uint8Array => Uint8Array.of(value)

describe('The memory bus', () => {
  for (const contract of busContract(
    () => {
      const bus = new MemoryBus(() => {})
      const nodes: number[] = []
      return {
        connect: (node, listener, fault) => {
          nodes.push(node)
          return bus.connect(node, listener, fault)
        },
        wait: async () => bus.deliver(),
        outage: {
          begin: async () => nodes.forEach((node) => bus.cut(node)),
          end: async () => nodes.forEach((node) => bus.restore(node)),
        },
        end: async (node) => bus.end(node),
        stop: async () => {},
      }
    },
    { outage: true, proof: true },
  ))
    it(contract.name, () => contract.run())

  it('wakes once for all that waits, and again for what comes during a delivery', () => {
    let wakes = 0
    const bus = new MemoryBus(() => wakes++)
    const heard: number[] = []
    const a = bus.connect(1, deaf)
    const b = bus.connect(2, {
      ...deaf,
      message: (_, [value = 0]) => {
        heard.push(value)
        if (value < 3) a.publish('t', byte(value + 10))
      },
    })
    b.subscribe('t')
    a.publish('t', byte(1))
    a.publish('t', byte(2))
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
    const a = bus.connect(1, deaf)
    bus.deliver()
    a.publish('t', byte(1))
    a.subscribe('t')
    a.publish('t', byte(2))
    a.send(1, byte(3))
    a.send(9, byte(4))
    expect(wakes).toBe(1)
  })

  it('delivers to those who subscribe when it delivers', () => {
    const bus = new MemoryBus(() => {})
    const a = bus.connect(1, deaf)
    const [b, c] = [join(bus, 2), join(bus, 3, 'u')]
    a.publish('t', byte(1))
    b.unsubscribe('t')
    c.subscribe('t')
    bus.deliver()
    expect([b.heard, c.heard]).toEqual([['back'], ['back', 1]])
  })

  it('loses, partitions and holds back as its caller chooses, each pair in order', () => {
    const fates = new Map<number, Fate>()
    const bus = new MemoryBus(
      () => {},
      (_, to) => fates.get(to) ?? 'arrives',
    )
    const a = bus.connect(1, deaf)
    const [b, c] = [join(bus, 2), join(bus, 3)]
    fates.set(2, 'waits')
    a.publish('t', byte(1))
    a.send(2, byte(2))
    bus.deliver()
    a.publish('t', byte(3))
    bus.deliver()
    expect([b.heard, c.heard]).toEqual([['back'], ['back', 1, 3]])
    fates.clear()
    fates.set(3, 'lost')
    a.publish('t', byte(4))
    bus.deliver()
    expect([b.heard, c.heard]).toEqual([
      ['back', 1, 2, 3, 4],
      ['back', 1, 3],
    ])
  })

  it('lets nothing overtake a message that waits', () => {
    let waits = 1
    const bus = new MemoryBus(
      () => {},
      () => (waits-- > 0 ? 'waits' : 'arrives'),
    )
    const a = bus.connect(1, deaf)
    const b = join(bus, 2)
    for (const value of [1, 2, 3]) a.publish('t', byte(value))
    bus.deliver()
    expect(b.heard).toEqual(['back'])
    bus.deliver()
    expect(b.heard).toEqual(['back', 1, 2, 3])
  })

  it('cuts off one node: what is sent meanwhile, to it and by it, is lost', () => {
    const bus = new MemoryBus(() => {})
    const [a, b, c] = [join(bus, 1), join(bus, 2), join(bus, 3)]
    bus.deliver()
    bus.cut(2)
    bus.cut(2)
    a.publish('t', byte(1))
    b.publish('t', byte(2))
    bus.deliver()
    bus.restore(2)
    bus.restore(2)
    a.publish('t', byte(3))
    bus.deliver()
    expect([a.heard, b.heard, c.heard]).toEqual([['back'], ['back', 'down', 'back', 3], ['back', 1, 3]])
  })

  it('loses what would weigh more than 32 MiB, and counts it', () => {
    const bus = new MemoryBus(() => {})
    const a = bus.connect(1, deaf)
    const b = join(bus, 2)
    const large = new Uint8Array(1024 * 1024)
    for (let n = 0; n < 40; n++) a.publish('t', large)
    bus.deliver()
    expect([b.heard.length - 1, bus.dropped]).toEqual([31, 9])
    a.publish('t', large)
    bus.deliver()
    expect(b.heard.length - 1).toBe(32)
  })
})
