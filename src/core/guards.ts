import { RtmsError } from '../protocol/errors.ts'
import type { Connection } from './door/connection.ts'
import type { Packet, Refusal, Transport } from './ports.ts'

/** Hears of what a port threw. */
export type Fault = (error: unknown) => void

/** For each method of a port, what stands in for it where it throws: called with the same arguments. */
export type Failures<P> = {
  readonly [M in keyof Required<P>]: Required<P>[M] extends (...args: infer A) => infer R
    ? (...args: A) => R
    : never
}

type Method = (...args: unknown[]) => unknown

/** The fault of a port, as whoever waits for its answer is told. */
export const FAILED: RtmsError = new RtmsError('HANDLER_FAILED')
/** What is asked of a check that fails is refused. */
export const refuse = (): Refusal => FAILED
export const nothing = (): void => {}

/**
 * A port that never throws: a fault is told, and costs only the call it happened in. A method that the port leaves out is
 * left out here too.
 */
export function guard<P extends object>(port: P, failures: Failures<P>, fault: Fault): P {
  const methods = port as Record<string, Method | undefined>
  const guarded: Record<string, Method> = {}
  for (const [name, failed] of Object.entries(failures as Record<string, Method>)) {
    if (methods[name] === undefined) continue
    guarded[name] = (...args) => {
      try {
        return methods[name]?.(...args)
      } catch (error) {
        fault(error)
        return failed(...args)
      }
    }
  }
  return guarded as P
}

/** A socket that never throws. One that threw is given up: nothing more is written to it. */
export class GuardedTransport implements Transport {
  readonly #port: Transport
  readonly #broke: (transport: GuardedTransport, error: unknown) => void
  /** Null until `handleOpen` has made it. */
  connection: Connection | null = null
  #broken = false
  #closed = false

  constructor(port: Transport, broke: (transport: GuardedTransport, error: unknown) => void) {
    this.#port = port
    this.#broke = broke
  }

  write(packet: Packet): boolean {
    if (this.#broken) return false
    try {
      return this.#port.write(packet)
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  pause(): void {
    try {
      if (!this.#broken) this.#port.pause()
    } catch (error) {
      this.#fail(error)
    }
  }

  resume(): void {
    try {
      if (!this.#broken) this.#port.resume()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Once: a connection whose socket broke may be closed before it is given up. */
  close(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    try {
      this.#port.close(code, reason)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#broken = true
    this.#broke(this, error)
  }
}
