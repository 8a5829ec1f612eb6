import type { MessageOf, MessageType, ServerMessage } from '../protocol/index.ts'
import { Peer, type PeerOptions } from './peer.ts'

/** The part of a WebSocket (of a browser, Node or `ws`) that a peer uses. Make it with the codec's subprotocol. */
export interface PeerSocket {
  binaryType: string
  addEventListener(type: 'open', listener: () => void): void
  addEventListener(type: 'error', listener: (event: { readonly message?: unknown }) => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: Closed) => void): void
  send(packet: Uint8Array<ArrayBuffer> | string): void
}

/** The most message types that the error of a closed socket names. */
const LAST = 8

/** How a socket was closed. */
export interface Closed {
  readonly code: number
  readonly reason: string
}

/** A peer on a WebSocket, whose messages can be awaited. It has no time-outs of its own. */
export class SocketPeer extends Peer {
  readonly closed: Promise<Closed>
  readonly #opened: Promise<this>
  #end: Error | null = null
  readonly #waiting: Set<() => void> = new Set()

  constructor(socket: PeerSocket, options: PeerOptions = {}) {
    super(
      (packet) => socket.send(this.codec.text ? asText(packet) : (packet as Uint8Array<ArrayBuffer>)),
      options,
    )
    socket.binaryType = 'arraybuffer'
    this.#opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve(this))
      socket.addEventListener('error', ({ message = 'the socket could not be opened' }) =>
        reject(new Error(String(message))),
      )
    })
    // A caller that does not await this learns of it through `closed`.
    this.#opened.catch(() => {})
    socket.addEventListener('message', ({ data }) => {
      try {
        this.#hearData(data)
      } catch (error) {
        this.#end ??= error as Error
      }
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => {
        resolve({ code, reason })
        const last = this.heard.slice(-LAST).map(({ type }) => type)
        const why = reason === '' ? '' : `: ${reason}`
        this.#end ??= new Error(
          `the connection was closed with ${code}${why}; it had heard ${last.join(', ')}`,
        )
        this.#wake()
      })
    })
  }

  #hearData(data: unknown): void {
    if ((typeof data === 'string') !== this.codec.text) throw new Error('a message of the wrong kind')
    this.hear(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  /** Resolves with this peer when its socket is open. */
  opened(): Promise<this> {
    return this.#opened
  }

  /** Waits until the received messages satisfy `is`. Rejects where the socket closes first, or a message is invalid. */
  async until<T>(is: (heard: readonly ServerMessage[]) => T | undefined | false): Promise<T> {
    for (;;) {
      const found = is(this.heard)
      if (found !== undefined && found !== false) return found
      if (this.#end !== null) throw this.#end
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** Resolves with the first message ever received of this type, or the first that matches; waits for it. */
  next<T extends MessageType>(
    type: T,
    is: (message: MessageOf<T>) => boolean = () => true,
  ): Promise<MessageOf<T>> {
    return this.until(() => this.all(type).find(is))
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function asText(packet: Uint8Array): string {
  return decoder.decode(packet)
}
