import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Crowd } from '../../core/index.ts'
import { serverLimits } from '../ground/limits.ts'

const CHECK_MS = 1_000

/** The parts of a `net.Socket` that tell how it stands. */
export type Watched = Pick<
  Socket,
  'localAddress' | 'remoteAddress' | 'remotePort' | 'bytesWritten' | 'writableLength' | 'destroy'
>

interface Entry {
  socket: Watched
  readonly address: string
  readonly peer: string
  /** Requests that are not answered in full yet. */
  requests: number
  /** What the client has yet to take, counted like `bytesWritten`, and until when; null where nothing waits for it. */
  owed: { readonly bytes: number; readonly until: number } | null
}

/**
 * The sockets of a server of its own that are no WebSockets (yet). They are bounded for each address and in total: one
 * too many takes the place of the one that has been silent for longest, of the address that has the most. A client that
 * sends too many requests at a time, or does not take its answers, is cut off. Time is an argument, in monotonic
 * milliseconds.
 */
export class HttpSockets {
  readonly #perAddress: number
  readonly #addressOf: (socket: Watched) => string
  /** By address; in the line of each, the one that has been silent for longest is the first. */
  readonly #crowd: Crowd<Entry> = new Crowd()
  readonly #peers: Map<string, Entry> = new Map()
  readonly #entries: WeakMap<Watched, Entry> = new WeakMap()

  /**
   * `perAddress`: sockets of one address. `addressOf`: the address that a socket is counted by; '' for a trusted proxy,
   * which stands for many and is bounded by the total alone.
   */
  constructor(perAddress: number, addressOf: (socket: Watched) => string) {
    this.#perAddress = perAddress
    this.#addressOf = addressOf
  }

  get size(): number {
    return this.#crowd.size
  }

  /** Watches a server's sockets from now on. */
  watch(server: Server): void {
    const follow = (socket: Socket): void => {
      this.add(socket)
      socket.once('close', () => this.remove(socket))
    }
    server.on('connection', follow)
    // The same peer again: behind its handshake, bytes pass through another object.
    server.on('secureConnection', follow)
    // A server that cannot listen is never closed.
    server.once('listening', () => {
      const timer = setInterval(() => this.check(performance.now()), CHECK_MS)
      timer.unref()
      server.once('close', () => clearInterval(timer))
    })
  }

  /** Counts a socket that was accepted. */
  add(socket: Watched): void {
    // A client may use one port of its own for each address of this machine.
    const peer = `${socket.localAddress} ${socket.remoteAddress} ${socket.remotePort}`
    const known = this.#peers.get(peer)
    if (known !== undefined) {
      known.socket = socket
      this.#entries.set(socket, known)
      return
    }
    const address = this.#addressOf(socket)
    if (address !== '' && this.#crowd.of(address) >= this.#perAddress)
      this.#evict(this.#crowd.firstOf(address))
    else if (this.size >= serverLimits.httpSockets) this.#evict(this.#crowd.first)
    const entry = { socket, address, peer, requests: 0, owed: null }
    this.#entries.set(socket, entry)
    this.#peers.set(peer, entry)
    this.#crowd.add(address, entry)
  }

  #evict(entry: Entry | undefined): void {
    if (entry !== undefined) this.cut(entry.socket)
  }

  /** Forgets a socket that has closed, or has become a WebSocket, which the node counts. */
  remove(socket: Watched): void {
    const entry = this.#entries.get(socket)
    if (entry?.socket !== socket) return
    this.#entries.delete(socket)
    this.#peers.delete(entry.peer)
    this.#crowd.delete(entry.address, entry)
  }

  /** Cuts a client off. */
  cut(socket: Watched): void {
    this.remove(socket)
    socket.destroy()
  }

  /** A request has arrived. Returns false, and cuts the client off, where too many of it are not answered yet. */
  begin(socket: Watched, response: Pick<ServerResponse, 'once'>): boolean {
    const entry = this.#entries.get(socket)
    // It was cut off: these are requests that had arrived by then.
    if (entry === undefined) return false
    if (entry.requests >= serverLimits.pipelined) {
      this.cut(socket)
      return false
    }
    entry.requests++
    response.once('close', () => entry.requests--)
    this.#crowd.delete(entry.address, entry)
    this.#crowd.add(entry.address, entry)
    return true
  }

  /** Cuts off clients that did not take in time what has waited for them. */
  check(now: number): void {
    for (const entry of this.#peers.values()) {
      const { bytesWritten, writableLength } = entry.socket
      const taken = bytesWritten - writableLength
      if (entry.owed === null || taken >= entry.owed.bytes)
        entry.owed = writableLength > 0 ? { bytes: bytesWritten, until: now + serverLimits.takenMs } : null
      else if (now >= entry.owed.until) this.cut(entry.socket)
    }
  }
}
