import type { Socket } from 'rtms/client'

/** Frames that lateness is told of and compared over. */
const KEPT = 400
/** Inputs that the delay is told of. */
const INPUTS = 20

/** What the network did, seen from this page. Times in milliseconds. */
export class Meter {
  bytesDown = 0
  bytesUp = 0
  /** Rejoined after a reconnect; and of these without missing anything. */
  rejoins = 0
  recovered = 0
  readonly #frameMs: number
  readonly #arrivals: number[] = []
  readonly #delays: number[] = []
  readonly #rates: { at: number; down: number; up: number }[] = []

  constructor(rate: number) {
    this.#frameMs = 1000 / rate
  }

  /** A socket whose traffic is counted. */
  socket(url: string, protocols: string[]): Socket {
    const socket = new WebSocket(url, protocols)
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.bytesDown += typeof data === 'string' ? data.length : data.byteLength
    })
    const send = socket.send.bind(socket)
    socket.send = (data: Uint8Array<ArrayBuffer>) => {
      this.bytesUp += data.byteLength
      send(data)
    }
    return socket as unknown as Socket
  }

  /** A frame came that was not history: when, less when it was due by the number it has. */
  frame(number: number, now: number): void {
    this.#arrivals.push(now - number * this.#frameMs)
    if (this.#arrivals.length > KEPT) this.#arrivals.shift()
  }

  /** The meeting's clock has stood still or slipped: what came before is no measure. */
  forgetClock(): void {
    this.#arrivals.length = 0
  }

  input(delay: number): void {
    this.#delays.push(delay)
    if (this.#delays.length > INPUTS) this.#delays.shift()
  }

  /** Of the latest frames, oldest first. */
  get lateness(): number[] {
    const earliest = Math.min(...this.#arrivals)
    return this.#arrivals.slice(-120).map((at) => at - earliest)
  }

  /** The middle one of the latest; 0 before there is one. */
  get inputMs(): number {
    return this.#delays.toSorted((a, b) => a - b)[this.#delays.length >> 1] ?? 0
  }

  /** Bytes a second over the last seconds. */
  rates(now: number): { down: number; up: number } {
    const last = this.#rates.at(-1)
    if (last === undefined || now - last.at >= 500)
      this.#rates.push({ at: now, down: this.bytesDown, up: this.bytesUp })
    if (this.#rates.length > 6) this.#rates.shift()
    const [first] = this.#rates
    if (first === undefined || now - first.at < 500) return { down: 0, up: 0 }
    const seconds = (now - first.at) / 1000
    return { down: (this.bytesDown - first.down) / seconds, up: (this.bytesUp - first.up) / seconds }
  }
}
