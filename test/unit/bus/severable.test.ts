import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inProcess } from '../../../src/bus/in-process.ts'
import { MemoryBus, type MemoryPort } from '../../../src/bus/memory.ts'
import { Severable } from '../../../src/bus/severable.ts'
import { busContract } from '../../../src/testing/index.ts'

describe('A bus that its node can be cut off from', () => {
  for (const contract of busContract(
    () => {
      const bus = inProcess()
      const links: Severable[] = []
      const ports: { close(): Promise<void> }[] = []
      return {
        connect: (node, listener, fault) => {
          const link = new Severable(bus)
          const port = link.connect(node, listener, { fault, warn: () => {} })
          links.push(link)
          ports.push(port)
          return port
        },
        wait: () => sleep(1),
        outage: {
          begin: async () => links.forEach((link) => link.cut(60_000)),
          end: async () => {
            for (const link of links) link.cut(1)
            await sleep(1)
          },
        },
        stop: async () => {
          await Promise.all(ports.map((port) => port.close()))
        },
      }
    },
    { outage: true, proof: false },
  ))
    it(contract.name, () => contract.run())
})

/** Node 1, which can be cut off, and nodes 2 and 3. */
function three() {
  const bus = new MemoryBus(() => {})
  const heard: string[] = []
  const link = new Severable({
    connect: (node, listener, reports) => ({
      ...bus.connect(node, listener, (error) => reports.fault(error)),
      stats: { dropped: 2, strangers: 3 },
      listens: async (node) => node === 2,
      close: async () => {},
    }),
  })
  const port = link.connect(
    1,
    {
      message: (_, [value]) => heard.push(`message ${value}`),
      sent: ([value]) => heard.push(`sent ${value}`),
      down: () => heard.push('down'),
      back: () => heard.push('back'),
      gone: (node) => heard.push(`gone ${node}`),
    },
    { fault: () => {}, warn: () => {} },
  )
  const join = (node: number): MemoryPort =>
    bus.connect(
      node,
      { message: () => heard.push(`${node} heard`), sent() {}, down() {}, back() {}, gone() {} },
      () => {},
    )
  const [second, third] = [join(2), join(3)]
  port.subscribe('t')
  second.subscribe('u')
  bus.deliver()
  heard.length = 0
  return { bus, link, port, heard, second, third }
}

describe('A node that is cut off', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('hears nothing, is not heard, counts what it loses, and is back by itself', () => {
    const { bus, link, port, heard, second } = three()
    link.cut(1_000)
    const speak = (): void => {
      second.publish('t', Uint8Array.of(7))
      second.send(1, Uint8Array.of(8))
      port.publish('u', Uint8Array.of(9))
      port.send(3, Uint8Array.of(9))
      bus.deliver()
    }
    speak()
    vi.advanceTimersByTime(999)
    speak()
    expect([heard, port.stats]).toEqual([['down'], { dropped: 6, strangers: 3 }])
    vi.advanceTimersByTime(1)
    speak()
    expect(heard).toEqual(['down', 'back', 'message 7', 'sent 8', '2 heard'])
  })

  it('knows of nobody that does not listen, and is not told by its bus meanwhile', async () => {
    const { link, port } = three()
    expect(await Promise.all([port.listens?.(2), port.listens?.(4)])).toEqual([true, false])
    link.cut(1_000)
    expect(await port.listens?.(4)).toBe(true)
  })

  it('is told once, however often it is cut off meanwhile; the last one counts', () => {
    const { link, heard } = three()
    link.cut(1_000)
    vi.advanceTimersByTime(900)
    link.cut(1_000)
    vi.advanceTimersByTime(900)
    expect(heard).toEqual(['down'])
    vi.advanceTimersByTime(100)
    expect(heard).toEqual(['down', 'back'])
  })

  it('is back when the bus is, where that went down meanwhile', () => {
    const { bus, link, heard } = three()
    link.cut(1_000)
    bus.cut(1)
    bus.deliver()
    vi.advanceTimersByTime(1_000)
    expect(heard).toEqual(['down'])
    bus.restore(1)
    bus.deliver()
    expect(heard).toEqual(['down', 'back'])
  })

  it('learns of proof that another one has ended', () => {
    const { bus, link, heard } = three()
    link.cut(1_000)
    bus.end(3)
    bus.deliver()
    expect(heard).toEqual(['down', 'gone 3'])
  })

  it('stays away where it has left the bus', async () => {
    const { link, port, heard } = three()
    link.cut(1_000)
    await port.close()
    vi.advanceTimersByTime(1_000)
    link.cut(1_000)
    expect(heard).toEqual(['down'])
  })
})
