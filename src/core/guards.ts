import { RtmsError } from '../protocol/errors.ts'
import type { Payload } from '../protocol/payload.ts'
import type { Connection } from './door/connection.ts'
import type {
  Application,
  Bus,
  Grant,
  MeetingLogic,
  MissingMeeting,
  Outcome,
  Packet,
  Question,
  Refusal,
  RequestCall,
  Transport,
} from './ports.ts'

/** What a node writes to. */
export interface Ports {
  readonly application: Application
  readonly bus: Bus
  /** Hears of what a port threw. The fault has cost no more than the call or the connection it was about. */
  fault(error: unknown): void
}

/** How the answers come in that a port that threw will not give. */
export interface Answered {
  handleAuthenticated(connection: Connection, outcome: Outcome<Grant>, now: number): void
  handleReply(call: RequestCall, outcome: Outcome<Payload>, now: number): void
  handleAuthorized(question: Question, allowed: boolean, now: number): void
  handleMissing(missing: MissingMeeting, now: number): void
}

/** For each method of a port, what stands in for it where it throws: called with the same arguments. */
type Failures<P> = {
  readonly [M in keyof Required<P>]: Required<P>[M] extends (...args: infer A) => infer R
    ? (...args: A) => R
    : never
}

type Method = (...args: unknown[]) => unknown

const FAILED: RtmsError = new RtmsError('HANDLER_FAILED')
const failed: Outcome<never> = { ok: false, error: FAILED }
/** A check that fails refuses. */
const refuse = (): Refusal => FAILED
const nothing = (): void => {}

/** What stands in for a meeting's logic. */
const logicFailures: Failures<MeetingLogic> = {
  join: refuse,
  input: refuse,
  frame: nothing,
  leave: nothing,
  close: nothing,
}

/** What stands in for the bus: the other nodes notice what it lost. */
const busFailures: Failures<Bus> = {
  hears: () => true,
  publish: nothing,
  subscribe: nothing,
  unsubscribe: nothing,
}

/** Every port of a node in a form that never throws, and what is still to be done for those that did. */
export class Guards {
  readonly application: Application
  readonly bus: Bus
  readonly #ports: Ports
  readonly #node: Answered
  readonly #broke: (connection: Connection) => void
  /** For the next sweep: nothing may call back in the middle of a call. */
  #undone: ((now: number) => void)[] = []

  /** `broke`: the socket of this connection threw; it is as good as gone. */
  constructor(ports: Ports, node: Answered, broke: (connection: Connection) => void) {
    this.#ports = ports
    this.#node = node
    this.#broke = broke
    this.application = this.#guard(ports.application, this.#applicationFailures())
    this.bus = this.#guard(ports.bus, busFailures)
  }

  logic(port: MeetingLogic | null): MeetingLogic | null {
    return port && this.#guard(port, logicFailures)
  }

  transport(port: Transport): GuardedTransport {
    return new GuardedTransport(port, (transport, error) => {
      this.tell(error)
      if (transport.connection !== null) this.#broke(transport.connection)
    })
  }

  get hasWork(): boolean {
    return this.#undone.length > 0
  }

  sweep(now: number): void {
    if (this.#undone.length === 0) return
    const undone = this.#undone
    this.#undone = []
    for (const action of undone) action(now)
  }

  /** Whoever waits for an answer gets one: the check failed, the handler failed, nothing was opened. */
  #applicationFailures(): Failures<Application> {
    const node = this.#node
    const later = (action: (now: number) => void): void => void this.#undone.push(action)
    return {
      authenticate: (connection) =>
        later((now) => node.handleAuthenticated(connection as Connection, failed, now)),
      request: (call) => later((now) => node.handleReply(call, failed, now)),
      requestEnded: nothing,
      authorize: (question) => later((now) => node.handleAuthorized(question, false, now)),
      authorizeEnded: nothing,
      openMissing: (missing) => later((now) => node.handleMissing(missing, now)),
      openMissingEnded: nothing,
      connected: nothing,
      disconnected: nothing,
    }
  }

  /** A method that the port leaves out is left out here too. */
  #guard<P extends object>(port: P, failures: Failures<P>): P {
    const methods = port as Record<string, Method | undefined>
    const guarded: Record<string, Method> = {}
    for (const [name, failure] of Object.entries(failures as Record<string, Method>)) {
      if (methods[name] === undefined) continue
      guarded[name] = (...args) => {
        try {
          return methods[name]?.(...args)
        } catch (error) {
          this.tell(error)
          return failure(...args)
        }
      }
    }
    return guarded as P
  }

  tell(error: unknown): void {
    try {
      this.#ports.fault(error)
    } catch {
      // There is nobody else to tell.
    }
  }
}

/** A socket that never throws. Where its port threw, nothing more is written to it. */
class GuardedTransport implements Transport {
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
