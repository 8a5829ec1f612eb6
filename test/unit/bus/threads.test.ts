import { describe, expect, it, vi } from 'vitest'
import { busLimits } from '../../../src/bus/limits.ts'
import { ThreadsHub, threads } from '../../../src/bus/threads.ts'
import { busContract } from '../../../src/testing/index.ts'

// The seats are in one thread here, so none can die. `test/bus/threads.test.ts` has threads that do.
describe('The bus of the threads of a process', () => {
  for (const contract of busContract(
    () => {
      const hub = new ThreadsHub()
      const ports: { close(): Promise<void> }[] = []
      return {
        connect: (node, listener, fault) => {
          const port = threads(hub.seat()).connect(node, listener, { fault, warn: () => {} })
          ports.push(port)
          return port
        },
        wait: () => new Promise((resolve) => setTimeout(resolve, 1)),
        stop: async () => {
          await Promise.all(ports.map((port) => port.close()))
        },
      }
    },
    { outage: false, proof: false },
  ))
    it(contract.name, () => contract.run())

  it('is crowded while another thread has yet to take much', async () => {
    const hub = new ThreadsHub()
    const listener = { message: () => {}, sent: () => {}, down: () => {}, back: () => {}, gone: () => {} }
    const reports = { fault: () => {}, warn: () => {} }
    const [a, b] = [1, 2].map((node) => threads(hub.seat()).connect(node, listener, reports))
    b?.subscribe('t')
    await vi.waitFor(() => expect(a?.hears('t')).toBe(true))
    const publish = (bytes: number): void => a?.publish('t', new Uint8Array(bytes))
    publish(busLimits.crowdBytes - busLimits.messageWeight)
    expect(a?.isCrowded?.()).toBe(false)
    publish(1)
    expect(a?.isCrowded?.()).toBe(true)
    await vi.waitFor(() => expect(a?.isCrowded?.()).toBe(false))
    await Promise.all([a?.close(), b?.close()])
  })
})
