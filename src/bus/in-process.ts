import type { BusConnector } from './connector.ts'
import { MemoryBus } from './memory.ts'

/**
 * A memory bus between nodes of one thread, or for a node alone. It delivers as soon as whoever has said something is
 * done, so that the other nodes sweep what has come in the next turn of the event loop; if it took a turn itself, they
 * would in the one after that.
 */
export function inProcess(): BusConnector {
  const bus = new MemoryBus(() => queueMicrotask(() => bus.deliver()))
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
