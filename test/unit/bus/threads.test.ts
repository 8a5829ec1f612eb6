import { describe, it } from 'vitest'
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
})
