import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { refuseUpgrade } from './http.ts'
import type { Gateway } from './transport.ts'

const all: WeakMap<Server, Upgrades> = new WeakMap()

/** Dispatches the upgrades of one server, which may be meant for any of the attached nodes or for another listener. */
export class Upgrades {
  readonly #server: Server
  readonly #gateways: Map<string, Gateway> = new Map()

  private constructor(server: Server) {
    this.#server = server
  }

  static of(server: Server): Upgrades {
    const known = all.get(server)
    if (known !== undefined) return known
    const upgrades = new Upgrades(server)
    all.set(server, upgrades)
    return upgrades
  }

  /** Throws an Error where another node has the path. */
  add(path: string, gateway: Gateway): void {
    if (this.#gateways.has(path)) {
      throw new Error(
        `RTMS cannot start:\n  path: another node has ${path} of this server; give each a path of its own`,
      )
    }
    if (this.#gateways.size === 0) this.#server.on('upgrade', this.#upgrade)
    this.#gateways.set(path, gateway)
  }

  remove(path: string): void {
    this.#gateways.delete(path)
    if (this.#gateways.size === 0) this.#server.off('upgrade', this.#upgrade)
  }

  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const [path = ''] = (request.url ?? '').split('?')
    const gateway = this.#gateways.get(path)
    if (gateway !== undefined) gateway.handleUpgrade(request, socket, head)
    // Another listener may take it; without one, the upgrade would never be answered.
    else if (this.#server.listenerCount('upgrade') === 1)
      refuseUpgrade(socket, 404, 'There is nothing at this path.')
  }
}
