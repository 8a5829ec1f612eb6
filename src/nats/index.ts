import type { BusConnector } from '../bus/connector.ts'
import { NatsBus } from './bus.ts'
import { checkOptions, type NatsOptions } from './options.ts'

export type { BusConnector, BusPort, BusReports, BusStats } from '../bus/connector.ts'
export type { NatsOptions } from './options.ts'

/**
 * The bus of a cluster, on core NATS: `Rtms.start({ bus: nats({ servers, secret }) })`. Needs the package
 * `@nats-io/transport-node`. A node starts, and serves its own clients, whether NATS can be reached or not; it connects
 * for as long as it runs. Throws an Error that lists every invalid option.
 */
export function nats(options: NatsOptions): BusConnector {
  checkOptions(options)
  return {
    connect: (incarnation, listener, reports) => new NatsBus(options, incarnation, listener, reports),
  }
}
