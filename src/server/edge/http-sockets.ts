import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { serverLimits } from '../ground/limits.ts'

const CHECK_MS = 1_000

/** The parts of a `net.Socket` that tell how it stands. */
export type Watched = Pick<
  Socket,
  'remoteAddress' | 'remotePort' | 'bytesWritten' | 'writableLength' | 'destroy'
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
  /** By address and then by peer; of each address, the one that has been silent for longest is the first. */
  readonly #addresses: Map<string, Map<string, Entry>> = new Map()
  readonly #entries: WeakMap<Watched, Entry> = new WeakMap()
  #size = 0

  /**
   * `perAddress`: sockets of one address. `addressOf`: the address that a socket is counted by; '' for a trusted proxy,
   * which stands for many and is bounded by the total alone.
   */
  constructor(perAddress: number, addressOf: (socket: Watched) => string) {
    this.#perAddress = perAddress
    this.#addressOf = addressOf
  }

  get size(): number {
    return this.#size
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
    const timer = setInterval(() => this.check(performance.now()), CHECK_MS)
    timer.unref()
    server.on('close', () => clearInterval(timer))
  }

  /** Counts a socket that was accepted. */
  add(socket: Watched): void {
    const address = this.#addressOf(socket)
    const peer = `${socket.remoteAddress} ${socket.remotePort}`
    const before = this.#addresses.get(address)?.get(peer)
    if (before !== undefined) before.socket = socket
    else if (address !== '' && this.#of(address).size >= this.#perAddress) evict(this.#of(address), this)
    else if (this.#size >= serverLimits.httpSockets) evict(this.#largest(), this)
    const entry = before ?? { socket, address, peer, requests: 0, owed: null }
    this.#entries.set(socket, entry)
    if (before !== undefined) return
    this.#addresses.set(address, this.#of(address).set(peer, entry))
    this.#size++
  }

  /** Forgets a socket that has closed, or has become a WebSocket, which the node counts. */
  remove(socket: Watched): void {
    const entry = this.#entries.get(socket)
    if (entry?.socket !== socket) return
    this.#entries.delete(socket)
    const sockets = this.#of(entry.address)
    if (sockets.get(entry.peer) !== entry) return
    sockets.delete(entry.peer)
    if (sockets.size === 0) this.#addresses.delete(entry.address)
    this.#size--
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
    const sockets = this.#of(entry.address)
    sockets.delete(entry.peer)
    sockets.set(entry.peer, entry)
    return true
  }

  /** Cuts off clients that did not take in time what has waited for them. */
  check(now: number): void {
    for (const sockets of this.#addresses.values()) {
      for (const entry of sockets.values()) {
        const { bytesWritten, writableLength } = entry.socket
        const taken = bytesWritten - writableLength
        if (entry.owed === null || taken >= entry.owed.bytes)
          entry.owed = writableLength > 0 ? { bytes: bytesWritten, until: now + serverLimits.takenMs } : null
        else if (now >= entry.owed.until) this.cut(entry.socket)
      }
    }
  }

  #of(address: string): Map<string, Entry> {
    return this.#addresses.get(address) ?? new Map()
  }

  #largest(): Map<string, Entry> {
    let largest = new Map<string, Entry>()
    for (const sockets of this.#addresses.values()) if (sockets.size > largest.size) largest = sockets
    return largest
  }
}

function evict(sockets: ReadonlyMap<string, Entry>, from: HttpSockets): void {
  const [longest] = sockets.values()
  if (longest !== undefined) from.cut(longest.socket)
}
