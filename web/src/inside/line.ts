import type { ConnectOptions } from 'rtms/client'

type Socket = ReturnType<NonNullable<ConnectOptions['socket']>>
type Arrival = () => void

/** How long the line stays cut. */
export const OFFLINE_MS = 5_000

/** A packet that went over the line. */
export interface Passing {
  readonly up: boolean
  readonly bytes: number
}

/**
 * The line under the client, with two hands on it: one that takes nothing from it any more, so that the client
 * acknowledges nothing, and one that cuts it. Everything else is the browser's own WebSocket.
 */
export class Line {
  /** Arrived and not taken, in order. The server's window bounds it. */
  #held: Arrival[] = []
  heldBytes = 0
  heldPackets = 0
  stopped = false
  /** Until when it is cut, by performance.now(). */
  offlineUntil = 0
  onPacket: (packet: Passing) => void = () => {}
  #cut: (() => void) | null = null

  get offline(): boolean {
    return performance.now() < this.offlineUntil
  }

  stop(): void {
    this.stopped = true
  }

  /** Takes what has arrived, and goes on reading. */
  read(): void {
    this.stopped = false
    const held = this.#held
    this.#forget()
    for (const arrival of held) arrival()
  }

  cut(): void {
    this.offlineUntil = performance.now() + OFFLINE_MS
    this.#cut?.()
  }

  #forget(): void {
    this.#held = []
    this.heldBytes = 0
    this.heldPackets = 0
  }

  #arrive(bytes: number, arrival: Arrival): void {
    if (bytes > 0) this.onPacket({ up: false, bytes })
    if (!this.stopped) {
      arrival()
      return
    }
    this.#held.push(arrival)
    this.heldBytes += bytes
    if (bytes > 0) this.heldPackets++
  }

  /** What the client is given for `new WebSocket`. */
  readonly socket = (url: string, protocols: string[]): Socket => {
    if (this.offline) throw new Error('the line is cut')
    this.#forget()
    const real = new WebSocket(url, protocols)
    real.binaryType = 'arraybuffer'
    let closed = false
    const socket: Socket = {
      binaryType: 'arraybuffer',
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (data) => {
        if (closed) return
        this.onPacket({ up: true, bytes: data.byteLength })
        real.send(data as Uint8Array<ArrayBuffer>)
      },
      close: (code, reason) => {
        // The client gave the line up: the next one is read again.
        closed = true
        this.stopped = false
        this.#forget()
        real.close(code, reason)
      },
    }
    real.addEventListener('open', () => socket.onopen?.())
    real.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      if (!closed) this.#arrive(data.byteLength, () => socket.onmessage?.({ data }))
    })
    real.addEventListener('close', ({ code, reason }) => {
      if (!closed) this.#arrive(0, () => socket.onclose?.({ code, reason }))
    })
    this.#cut = () => {
      if (closed) return
      closed = true
      this.stopped = false
      this.#forget()
      real.close()
      socket.onclose?.({ code: 1006, reason: '' })
    }
    return socket
  }
}
