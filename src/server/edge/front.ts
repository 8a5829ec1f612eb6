import { Server as HttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { tlsFault } from '../options/checks.ts'
import type { Settings } from '../options/options.ts'
import type { HttpSockets } from './http-sockets.ts'
import {
  type Address,
  addressOf,
  closeHttpServer,
  createHttpServer,
  healthUrlOf,
  listen,
  type Pages,
} from './http.ts'
import type { Gateway } from './transport.ts'
import { Upgrades } from './upgrades.ts'

/** The form of a Host header: a name or an address, and a port. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** The HTTP server in front of a node, its own or another's. */
export class Front {
  readonly #id: string
  readonly #settings: Settings
  readonly #gateway: Gateway
  readonly #server: NonNullable<Settings['server']>
  /** Of a server of its own; null where it is another's. */
  readonly #sockets: HttpSockets | null
  readonly #secure: boolean

  constructor(id: string, settings: Settings, gateway: Gateway, pages: Pages) {
    this.#id = id
    this.#settings = settings
    this.#gateway = gateway
    const { server, sockets } =
      settings.server === undefined
        ? createHttpServer(pages, settings)
        : { server: settings.server, sockets: null }
    this.#server = server
    this.#sockets = sockets
    this.#secure = this.#server instanceof HttpsServer
  }

  get address(): Address {
    return addressOf(this.#server, this.#secure, this.#settings.path)
  }

  /** Where other nodes look whether this one is there; '' while it does not listen. */
  get healthUrl(): string {
    return healthUrlOf(this.#server, this.#secure)
  }

  /** Rejects where another node has the path or the address is not available. */
  async open(): Promise<void> {
    Upgrades.of(this.#server).add(this.#settings.path, (request, socket, head) => {
      this.#sockets?.remove(request.socket)
      this.#gateway.handleUpgrade(request, socket, head)
    })
    if (this.#sockets !== null) await listen(this.#server, this.#settings)
  }

  /**
   * Replaces the certificate for connections from now on. Throws an Error where the server is not the node's own or
   * speaks no TLS, or for a bad certificate.
   */
  setTls(tls: SecureContextOptions): void {
    if (this.#sockets === null || !(this.#server instanceof HttpsServer)) {
      throw new Error(
        'this node has no TLS of its own: start it with the option tls, or ask the owner of its server',
      )
    }
    const fault = tlsFault(tls)
    if (fault !== null) throw new Error(fault)
    this.#server.setSecureContext(tls)
  }

  /** The address for tickets: the public one, else that of the request's host, else the server's own. */
  ticketUrl(host: string | undefined): string {
    const { publicUrl, path } = this.#settings
    if (publicUrl === undefined && host !== undefined && !HOST.test(host)) {
      throw new TypeError(
        'host is not a host name with an optional port; give the Host header of the request, or set publicUrl',
      )
    }
    const own =
      host === undefined ? () => this.address.url : () => `${this.#secure ? 'wss' : 'ws'}://${host}${path}`
    const url = new URL(publicUrl ?? own())
    url.searchParams.set('route', this.#id)
    return url.href
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#sockets !== null) await closeHttpServer(this.#server, timeoutMs)
    Upgrades.of(this.#server).remove(this.#settings.path)
  }
}
