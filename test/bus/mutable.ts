import type { BusConnector } from '../../src/bus/connector.ts'
import type { BusListener } from '../../src/core/index.ts'

/** A bus on which a node can fall silent, as if its process had been killed. */
export function mutable(bus: BusConnector): { readonly connector: BusConnector; readonly mute: () => void } {
  let isMute = false
  const unless = <T extends unknown[]>(call: (...args: T) => void) => {
    return (...args: T): void => {
      if (!isMute) call(...args)
    }
  }
  const connector: BusConnector = {
    connect: (incarnation, listener, reports) => {
      const heard: BusListener = {
        message: unless((subject: string, bytes: Uint8Array, from: number) =>
          listener.message(subject, bytes, from),
        ),
        sent: unless((bytes: Uint8Array, from: number) => listener.sent(bytes, from)),
        down: unless(() => listener.down()),
        back: unless(() => listener.back()),
        gone: unless((node: number) => listener.gone(node)),
      }
      const port = bus.connect(incarnation, heard, reports)
      return {
        get stats() {
          return port.stats
        },
        hears: (subject) => port.hears(subject),
        publish: unless((subject: string, bytes: Uint8Array) => port.publish(subject, bytes)),
        send: unless((node: number, bytes: Uint8Array) => port.send(node, bytes)),
        subscribe: (subject) => port.subscribe(subject),
        unsubscribe: (subject) => port.unsubscribe(subject),
        close: () => port.close(),
      }
    },
  }
  return { connector, mute: () => void (isMute = true) }
}
