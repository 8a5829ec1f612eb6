import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerOptions, WebSocket } from 'ws'
import type { Connection, Packet, Transport } from '../../core/index.ts'
import { MAX_WAIT_MS } from '../ground/deadline.ts'
import { serverLimits } from '../ground/limits.ts'
import { binaryCodec, type Codec, jsonCodec, limits, RtmsError } from '../../protocol/index.ts'
import type { Host } from '../host.ts'
import { isAllowed } from '../options/checks.ts'
import type { Settings } from '../options/options.ts'
import { hasField } from '../options/public-url.ts'
import { hasTooManyHeaders, refuseUpgrade } from './http.ts'
import { InTurn } from '../ground/in-turn.ts'
import { runtime } from '../ground/outside.ts'
import { Pace } from '../ground/pace.ts'
import { Proxies } from './proxies.ts'
import { type Inflow, Reading } from './reading.ts'
import { SignsOfLife } from './signs-of-life.ts'
import { TurnedAway } from './turned-away.ts'
import { WebSocketServer } from './web-socket-server.ts'

const OPEN = 1
const TEXT = 0x81
const BINARY = 0x82

/** Upgrades in one turn of the event loop at least: each takes a third of a millisecond of the processor. */
const UPGRADES = 8

/** Refuses binary messages: `jsonCodec` would read them as text, which PROTOCOL.md forbids, like the reverse. */
const textCodec: Codec = {
  ...jsonCodec,
  decode(packet, from) {
    if (typeof packet === 'string') return jsonCodec.decode(packet, from)
    throw new RtmsError('PROTOCOL', 'a binary message on a connection of rtms.v1.json, which is text')
  },
}

const codecs: ReadonlyMap<string, Codec> = new Map([
  [binaryCodec.subprotocol, binaryCodec],
  [textCodec.subprotocol, textCodec],
])

/** The first of the client's subprotocols that is spoken here. */
function choose(protocols: Iterable<string>): string | undefined {
  for (const protocol of protocols) if (codecs.has(protocol)) return protocol
  return undefined
}

/**
 * The bytes of the WebSocket message that carries a packet: unmasked, in one frame. Made once for a packet that goes
 * to many connections. Memory of Node's pool may be shared with other small buffers but is never handed out twice.
 */
export function webSocketBytes(packet: Packet): Uint8Array {
  if (packet.rendered !== null) return packet.rendered
  const { bytes, text } = packet
  const { length } = bytes
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const framed = Buffer.allocUnsafe(head + length)
  framed[0] = text ? TEXT : BINARY
  if (head === 2) framed[1] = length
  else if (head === 4) {
    framed[1] = 126
    framed.writeUInt16BE(length, 2)
  } else {
    framed[1] = 127
    framed.writeBigUInt64BE(BigInt(length), 2)
  }
  framed.set(bytes, head)
  packet.rendered = framed
  return framed
}

/** The host that the client has named, as long as one can be. */
function hostOf({ headers: { host = '' } }: IncomingMessage): string {
  return host.length > limits.name ? '' : host
}

/** One WebSocket. `ws` reads and does the control frames; packets are written to the socket under it. */
class WebSocketTransport implements Transport {
  readonly #ws: WebSocket
  readonly #socket: Duplex
  readonly #inflow: Inflow

  constructor(ws: WebSocket, socket: Duplex, inflow: Inflow) {
    this.#ws = ws
    this.#socket = socket
    this.#inflow = inflow
  }

  write(packet: Packet): boolean {
    // Nothing may follow a close frame. The socket's end releases the connection.
    if (this.#ws.readyState !== OPEN) return false
    return this.#socket.write(webSocketBytes(packet))
  }

  pause(): void {
    this.#inflow.pause()
  }

  resume(): void {
    this.#inflow.resume()
  }

  close(code: number, reason: string): void {
    if (reason === 'SILENT') {
      this.#ws.terminate()
      return
    }
    // On a paused socket the peer's close frame would never arrive.
    try {
      this.#inflow.resume()
      this.#ws.close(code, reason)
    } catch (error) {
      // The node is done with this connection; its socket must not stay.
      this.#ws.terminate()
      throw error
    }
  }
}

const TAKEN =
  "an upgrade for RTMS was taken by another listener of the server's 'upgrade' event: give each upgrade to one of them"

/** An upgrade that waits for its turn. */
interface Upgrade {
  readonly socket: Duplex
  readonly run: () => void
}

/** The gateway for sockets: checks upgrades and connects each accepted socket to the node. */
export class Gateway {
  readonly #host: Host
  readonly #settings: Settings
  readonly #proxies: Proxies
  readonly #turnedAway: TurnedAway
  readonly #server: InstanceType<typeof WebSocketServer>
  /** Paces what is left to do for closed sockets: thousands with a hundred seats each may be cut off at once. */
  readonly #closings: InTurn = new InTurn(runtime)
  /** Paces upgrades, so a storm of clients does not delay running meetings. */
  readonly #upgrades: Pace<Upgrade> = new Pace(
    ({ run }) => run(),
    ({ socket }, error) => this.#failed(socket, error),
    undefined,
    UPGRADES,
  )
  /** Paces what sockets read, so a client that sends much does not delay them either. */
  readonly #reading: Reading
  /** Sockets that are open or closing. */
  readonly #sockets: Set<WebSocket> = new Set()
  /** Those of refused clients, the first refused first: they stay until they have read why. */
  readonly #refused: Set<WebSocket> = new Set()
  #whenEmpty: (() => void) | null = null

  constructor(host: Host, settings: Settings) {
    this.#host = host
    this.#settings = settings
    this.#proxies = new Proxies(settings.trustedProxies)
    this.#turnedAway = new TurnedAway(settings.logger)
    this.#reading = new Reading((error) =>
      settings.logger.error({ err: error }, 'a socket could not be read'),
    )
    // The last two are not in the types of `ws` yet. TCP_NODELAY is set by `ws` itself.
    const options: ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number } = {
      noServer: true,
      clientTracking: false,
      // Without context takeover, a client's compression uses memory only while a message is unpacked, at most
      // `maxPayload`.
      perMessageDeflate: settings.compression && {
        clientNoContextTakeover: true,
        serverNoContextTakeover: true,
      },
      maxPayload: limits.packet,
      maxFragments: serverLimits.fragments,
      maxBufferedChunks: serverLimits.chunks,
      closeTimeout: serverLimits.closeMs,
      maxPendingAutoPongs: serverLimits.pongs,
      handleProtocols: (protocols) => choose(protocols) ?? false,
      verifyClient: ({ origin, req }, answer) => {
        const refusal = this.#refusal(origin, req)
        if (refusal === null) answer(true)
        else answer(false, refusal.status, refusal.text, { 'Content-Type': 'text/plain; charset=utf-8' })
      },
    }
    this.#server = new WebSocketServer(options)
  }

  /** Upgrades a request for this gateway's path, or answers why not. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (hasTooManyHeaders(request)) {
      refuseUpgrade(socket, 431, `more than ${serverLimits.headers} headers`)
      return
    }
    const address = this.#proxies.subscriberOf(request)
    if (!this.#hasRoom(address)) {
      refuseUpgrade(socket, 503, 'There is no room.')
      return
    }
    // Nothing else listens to this socket meanwhile, and an error without a listener would end the process.
    const fail = (): void => void socket.destroy()
    socket.on('error', fail)
    const run = (): void => {
      // Nothing reads from a socket before its upgrade. `ws` would throw, and the socket is not ours to close.
      if (socket.listenerCount('data') > 0) this.#settings.logger.error({ path: request.url }, TAKEN)
      else {
        const host = hostOf(request)
        this.#server.handleUpgrade(request, socket, head, (ws) => this.#open(ws, socket, address, host))
      }
      socket.off('error', fail)
    }
    this.#upgrades.add({ socket, run }, address)
  }

  /**
   * Whether one more from this address may come. Above the bound, the client that was refused first gives way, and then
   * the address with most upgrades that wait.
   */
  #hasRoom(address: string): boolean {
    const { connections, handshakes } = this.#settings.limits
    if (this.#sockets.size + this.#upgrades.size < connections + handshakes) return true
    const [refused] = this.#refused
    if (refused !== undefined) {
      refused.terminate()
      this.#forget(refused)
      return true
    }
    const evicted = this.#upgrades.makeRoom(address)
    if (evicted !== undefined) refuseUpgrade(evicted.socket, 503, 'There is no room.')
    return evicted !== undefined
  }

  #forget(ws: WebSocket): void {
    this.#refused.delete(ws)
    this.#sockets.delete(ws)
    if (this.#sockets.size === 0) this.#whenEmpty?.()
  }

  /** An upgrade that throws costs its own socket. */
  #failed(socket: Duplex, error: unknown): void {
    socket.destroy()
    this.#settings.logger.error({ err: error }, 'an upgrade failed')
  }

  /** Called by `ws` when the request is a valid WebSocket handshake. */
  #refusal(origin: string | undefined, request: IncomingMessage): { status: number; text: string } | null {
    if (origin !== undefined && !this.#allows(origin, request.headers.host)) {
      this.#host.node.stats.refuseConnection('origin')
      this.#turnedAway.noteOrigin(origin, hostOf(request), performance.now())
      return {
        status: 403,
        text: 'This Origin may not connect. The option `origins` of the server says which may.',
      }
    }
    const offered = request.headers['sec-websocket-protocol'] ?? ''
    if (choose(offered.split(',').map((protocol) => protocol.trim())) !== undefined) return null
    const known = [...codecs.keys()].join(' or ')
    return {
      status: 400,
      text: `No subprotocol that is spoken here. Offer ${known} in Sec-WebSocket-Protocol.`,
    }
  }

  #allows(origin: string, host: string | undefined): boolean {
    const { origins, publicUrl } = this.#settings
    if (origins === '*' || origins?.some((allowed) => isAllowed(origin, allowed)) === true) return true
    // With a dashboard, pages of the host itself may connect as well.
    if (origins !== undefined && this.#settings.admin === false) return false
    if (!URL.canParse(origin)) return false
    const page = new URL(origin)
    // Nodes that differ by their port have the pages of all of them, which are on one host.
    const part = hasField(publicUrl ?? '', 'port') ? 'hostname' : 'host'
    // Parsed with the origin's scheme, so the scheme's default port may be given.
    const own = `${page.protocol}//${host}`
    return page[part] !== '' && URL.canParse(own) && new URL(own)[part] === page[part]
  }

  #open(ws: WebSocket, socket: Duplex, address: string, name: string): void {
    const host = this.#host
    this.#sockets.add(ws)
    // The node may close the connection at once; events of `ws` come later in any case.
    const codec = codecs.get(ws.protocol) as Codec
    const payer = (): string => {
      const user = connection?.session?.user
      return user === undefined ? `address ${address}` : `user ${user}`
    }
    const signs = new SignsOfLife(performance.now())
    // Bytes alone never change the deadline, so the host is not called.
    const heard = (now: number): void => {
      if (signs.count(now) && connection !== undefined) host.node.handleBytes(connection, now)
    }
    const inflow = this.#reading.follow(ws, socket, payer, heard)
    const transport = new WebSocketTransport(ws, socket, inflow)
    const connection: Connection | undefined = host.handle((node, now) =>
      node.handleOpen(transport, codec, now, address, name),
    )
    if (connection === undefined) {
      this.#sockets.delete(ws)
      ws.terminate()
      return
    }
    if (connection.refusedBy !== null) {
      this.#refused.add(ws)
      this.#turnedAway.note(connection.refusedBy, address, performance.now())
    }
    const whole = (): void => signs.whole(inflow.at)
    ws.on('message', (data, isBinary) => {
      whole()
      this.#receive(ws, connection, data as Buffer, isBinary)
    })
    ws.on('ping', whole)
    ws.on('pong', whole)
    // A frame violates the protocol, or the socket failed. `ws` closes it; nothing more is written.
    ws.on('error', (error) => {
      this.#settings.logger.debug({ why: error.message }, 'a socket failed')
      this.#closings.add(() => host.handle((node, now) => node.handleClose(connection, false, now)), payer())
    })
    socket.on('drain', () => host.handle((node) => node.handleDrain(connection)))
    ws.on('close', (code) => {
      const close = (): void => {
        host.handle((node, now) => node.handleClose(connection, code === 1000, now))
        this.#forget(ws)
      }
      this.#closings.add(close, payer())
    })
  }

  /**
   * The core may keep views of `data`: `ws` hands out a view of what the socket read, or a copy where a message came in
   * parts. Node allocates a buffer for each read, cuts it to size, and neither is written to again.
   */
  #receive(ws: WebSocket, connection: Connection, data: Buffer, isBinary: boolean): void {
    // A binary connection's codec refuses a string, and a text connection's refuses bytes.
    const packet = isBinary ? data : data.toString()
    const taken = this.#host.handle((node, now) => {
      node.handlePacket(connection, packet, now)
      return true
    })
    if (taken === undefined) ws.terminate()
  }

  /** Resolves when no socket is left; sockets still open after `timeoutMs` are cut off. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#sockets.size > 0) {
      const cut = setTimeout(() => this.#cutOff(), Math.min(timeoutMs, MAX_WAIT_MS))
      await new Promise<void>((resolve) => (this.#whenEmpty = resolve))
      clearTimeout(cut)
    }
    // Upgrades from now on are answered 503.
    this.#server.close()
  }

  #cutOff(): void {
    this.#server.close()
    for (const ws of this.#sockets) ws.terminate()
  }
}
