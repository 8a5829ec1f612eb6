import type { BusConnector } from './connector.ts'
import { MemoryBus } from './memory.ts'

/** A memory bus that delivers in the next turn of the event loop: between nodes of one thread, or for a node alone. */
export function inProcess(): BusConnector {
  const bus = new MemoryBus(() => void setImmediate(() => bus.deliver()))
  const stats = {
    get dropped(): number {
      return bus.dropped
    },
    strangers: 0,
  }
  return {
    connect(incarnation, listener, reports) {
      const port = bus.connect(incarnation, listener, (error) => reports.fault(error))
      return {
        ...port,
        stats,
        close: async () => port.close(),
      }
    },
  }
}
