import { expect, vi } from 'vitest'
import type { BusConnector } from '../../src/bus/connector.ts'
import { nats } from '../../src/nats/index.ts'
import { stopAll } from '../integration/server/peer.ts'
import { NatsServer } from './nats-server.ts'

export const eventually = (is: () => boolean | Promise<boolean>): Promise<void> =>
  vi.waitFor(async () => expect(await is()).toBe(true), { interval: 20, timeout: 20_000 })

let server: NatsServer | null = null

/** For `afterEach` of each file: a hook set here would be the first file's alone, since files share their modules. */
export async function endAll(): Promise<void> {
  await stopAll()
  await server?.stop()
  server = null
}

/** The NATS server of the test, which ends with it; null for none. */
export const natsServer = (): NatsServer | null => server

/** Starts a NATS server for the test. What it returns makes the bus of one more node. */
export async function onNats(): Promise<() => BusConnector> {
  server = await NatsServer.start()
  const { url } = server
  return () => nats({ servers: url, secret: 'c'.repeat(32) })
}
