import type { Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { Place } from '../ground/place.ts'
import { isTls, tlsFault } from '../options/checks.ts'
import type { Settings } from '../options/options.ts'
import { fill, hasField, withNode } from '../options/public-url.ts'
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

function checkHost(host: string): void {
  if (HOST.test(host)) return
  throw new TypeError(
    'host is not a host name with an optional port; give the Host header of the request, or set publicUrl',
  )
}

/** The HTTP server in front of a node, its own or another's. */
export class Front {
  readonly #id: string
  readonly #settings: Settings
  readonly #gateway: Gateway
  /** Null where upgrades come by {@link Gateway.handleUpgrade} alone. */
  readonly #server: HttpServer | HttpsServer | null
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
        : { server: settings.server || null, sockets: null }
    this.#server = server
    this.#sockets = sockets
    this.#secure = this.#server instanceof HttpsServer
  }

  get address(): Address {
    return addressOf(this.#server?.address() ?? null, this.#secure, this.#settings.path)
  }

  /** Where other nodes look whether this one is there; '' while it does not listen. */
  get healthUrl(): string {
    return healthUrlOf(this.#server?.address() ?? null, this.#secure)
  }

  /** Rejects where another node has the path or the address is not available. */
  async open(): Promise<void> {
    if (this.#server === null) return
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
    const fault = isTls(tls)
      ? tlsFault(tls)
      : 'tls: expected an object with key and cert, or pfx, none of them empty'
    if (fault !== null) throw new Error(fault)
    this.#server.setSecureContext(tls)
  }

  /**
   * What tickets name for this node: its public URL, in which `{host}` may still stand; '' where the operator has given
   * none, and the address of whoever issues the ticket is used. Throws where it has a `{port}` and nothing listens yet.
   */
  get publicUrl(): string {
    const { publicUrl } = this.#settings
    if (publicUrl === undefined) return ''
    const port = hasField(publicUrl, 'port') ? { port: String(this.address.port) } : {}
    return fill(withNode(publicUrl), { node: this.#id, ...port })
  }

  /** The address for a ticket that leads to a node, this one by default. `host`: of the request for the ticket. */
  ticketUrl(host: string | undefined, node: Place = { id: this.#id, url: this.publicUrl }): string {
    if (host !== undefined && (node.url === '' || hasField(node.url, 'host'))) checkHost(host)
    if (node.url === '') return new URL(`${this.#ownUrl(host)}?route=${node.id}`).href
    const name = (): string => host?.replace(/:\d+$/, '') ?? this.address.host
    return new URL(fill(node.url, hasField(node.url, 'host') ? { host: name() } : {})).href
  }

  #ownUrl(host: string | undefined): string {
    if (host === undefined) return this.address.url
    return `${this.#secure ? 'wss' : 'ws'}://${host}${this.#settings.path}`
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#server === null) return
    if (this.#sockets !== null) await closeHttpServer(this.#server, timeoutMs)
    Upgrades.of(this.#server).remove(this.#settings.path)
  }
}

/**
 * Where a ticket has its client connect; '' where that is not known (yet), or where another node tells what is no URL.
 */
export function ticketUrlOf(
  front: Pick<Front, 'ticketUrl'>,
  host: string | undefined,
  place: Place | undefined,
): string {
  try {
    return front.ticketUrl(host, place)
  } catch (error) {
    // The host that was given is none.
    if (error instanceof TypeError && !('code' in error)) throw error
    return ''
  }
}
