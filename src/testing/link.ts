import type { Packet, Transport } from '../core/index.ts'
import type { VirtualClock } from './clock.ts'

/** The properties of a link. Times in milliseconds, sizes in bytes. */
export interface LinkProfile {
  readonly delay: number
  /** Bytes per millisecond. */
  readonly rate: number
  /** Bytes in flight at which the sender is told to stop. */
  readonly buffer: number
}

export type Direction = 'up' | 'down' | 'both'

interface Item {
  readonly size: number
  readonly at: number
  readonly arrive: () => void
}

/** One direction of a link: in order, at a rate, after a delay. It can stall, and swallow data. */
class Pipe {
  readonly #clock: VirtualClock
  readonly #drained: () => void
  profile: LinkProfile
  #queue: Item[] = []
  #bytes = 0
  #free = 0
  #stopped = false
  #armed: (() => void) | null = null
  stalled = false
  swallowing = false

  constructor(clock: VirtualClock, profile: LinkProfile, drained: () => void) {
    this.#clock = clock
    this.profile = profile
    this.#drained = drained
  }

  /** False where the sender should stop until drained. */
  push(size: number, arrive: () => void): boolean {
    if (this.swallowing) return true
    this.#free = Math.max(this.#free, this.#clock.now) + size / this.profile.rate
    this.#queue.push({ size, at: this.#free + this.profile.delay, arrive })
    this.#bytes += size
    this.#arm()
    this.#stopped = this.#bytes > this.profile.buffer
    return !this.#stopped
  }

  setStalled(stalled: boolean): void {
    this.stalled = stalled
    this.#arm()
  }

  clear(): void {
    this.#queue = []
    this.#bytes = 0
    this.#armed?.()
    this.#armed = null
  }

  #arm(): void {
    const [head] = this.#queue
    if (head === undefined || this.stalled || this.#armed !== null) return
    this.#armed = this.#clock.at(head.at, () => {
      this.#armed = null
      if (this.stalled) return
      this.#queue.shift()
      this.#bytes -= head.size
      head.arrive()
      this.#arm()
      if (!this.#stopped || this.#bytes > this.profile.buffer / 2) return
      this.#stopped = false
      this.#drained()
    })
  }
}

/** The handlers of the two ends of a link. */
export interface LinkEnds {
  /** `at`: when the node wrote it. */
  clientPacket(packet: Uint8Array, at: number): void
  clientClose(code: number, reason: string): void
  nodePacket(packet: Uint8Array): void
  nodeDrain(): void
  nodeClose(final: boolean): void
  /** The node writes `size` bytes, `written` in all; or closes. */
  written(size: number, written: number): void
  closing(code: number): void
}

/** A virtual socket between a client and a node. The node's end is a `Transport` for the core. */
export class Link implements Transport {
  readonly #clock: VirtualClock
  readonly #ends: LinkEnds
  readonly #up: Pipe
  readonly #down: Pipe
  open = true
  /** Bytes handed over by the node. */
  written = 0

  constructor(clock: VirtualClock, profile: LinkProfile, ends: LinkEnds) {
    this.#clock = clock
    this.#ends = ends
    this.#up = new Pipe(clock, profile, () => {})
    this.#down = new Pipe(clock, profile, () => {
      if (this.open) ends.nodeDrain()
    })
  }

  set profile(profile: LinkProfile) {
    this.#up.profile = profile
    this.#down.profile = profile
  }

  // ---- the node's end

  write({ bytes }: Packet): boolean {
    this.written += bytes.length
    this.#ends.written(bytes.length, this.written)
    const at = this.#clock.now
    // Not copied: a buffer that is overwritten before it arrives arrives corrupted, as on a real socket.
    return this.#down.push(bytes.length, () => {
      // A client that has hung up hears nothing, not even what the node writes before it notices.
      if (this.open) this.#ends.clientPacket(bytes, at)
    })
  }

  pause(): void {
    this.#up.setStalled(true)
  }

  resume(): void {
    this.#up.setStalled(false)
  }

  /** The node wants to close, whether or not its socket throws then. */
  closing(code: number): void {
    this.#ends.closing(code)
  }

  close(code: number, reason: string): void {
    this.#down.push(1, () => {
      if (!this.open) return
      this.open = false
      this.#ends.clientClose(code, reason)
      // The node also hears of the end of a connection that it closed itself.
      this.#up.push(1, () => this.#ends.nodeClose(false))
    })
  }

  // ---- the client's end

  send(packet: Uint8Array): void {
    this.#up.push(packet.length, () => this.#ends.nodePacket(packet))
  }

  /** The client closes, for good or not; data sent before still arrives. */
  hangUp(final: boolean): void {
    this.open = false
    this.#down.clear()
    this.#up.push(1, () => this.#ends.nodeClose(final))
  }

  // ---- faults

  /** Stalls both directions, or one; nothing is lost. */
  stall(direction: Direction, stalled: boolean): void {
    for (const pipe of this.#pipes(direction)) pipe.setStalled(stalled)
  }

  /** Loses all data in flight and tells both ends. */
  reset(): void {
    if (!this.open) return
    this.open = false
    this.#up.clear()
    this.#down.clear()
    this.#clock.after(0, () => {
      this.#ends.clientClose(1006, 'reset')
      this.#ends.nodeClose(false)
    })
  }

  get swallows(): boolean {
    return this.#up.swallowing || this.#down.swallowing
  }

  /** Loses everything from now on, in one direction or both, and tells nobody. */
  swallow(direction: Direction = 'both'): void {
    for (const pipe of this.#pipes(direction)) {
      pipe.clear()
      pipe.swallowing = true
    }
  }

  /** Tells only the client that the connection is gone. */
  cut(): void {
    if (!this.open) return
    this.swallow()
    this.open = false
    this.#clock.after(0, () => this.#ends.clientClose(1006, 'cut'))
  }

  #pipes(direction: Direction): Pipe[] {
    if (direction === 'both') return [this.#up, this.#down]
    return direction === 'up' ? [this.#up] : [this.#down]
  }
}
