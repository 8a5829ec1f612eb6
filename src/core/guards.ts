import { errorOf } from '../protocol/error-texts.ts'
import type { RtmsError } from '../protocol/errors.ts'
import type { Payload } from '../protocol/payload.ts'
import type { Connection } from './door/connection.ts'
import type {
  Allowance,
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
  Watch,
} from './ports.ts'

/** The ports that a node writes to. */
export interface Ports {
  readonly application: Application
  readonly bus: Bus
  /** For a node of a cluster, unless its bus alone has proof of the end of others. */
  readonly watch?: Watch | undefined
  /** Receives every error that a port throws. The fault costs at most the call or the connection it was about. */
  fault(error: unknown): void
}

/** Where a guard delivers the answers that a port owes after it threw. */
export interface Answered {
  handleAuthenticated(check: object, outcome: Outcome<Grant>, now: number): void
  handleReply(call: RequestCall, outcome: Outcome<Payload>, now: number): void
  handleAuthorized(question: Question, allowed: Allowance, now: number): void
  handleMissing(missing: MissingMeeting, now: number): void
}

/** For each method of a port, the fallback that is called with the same arguments when the method throws. */
type Failures<P> = {
  readonly [M in keyof Required<P>]: Required<P>[M] extends (...args: infer A) => infer R
    ? (...args: A) => R
    : never
}

type Method = (...args: unknown[]) => unknown

const FAILED: RtmsError = errorOf('HANDLER_FAILED')
const failed: Outcome<never> = { ok: false, error: FAILED }
/** A check that throws refuses. */
const refuse = (): Refusal => FAILED
const nothing = (): void => {}

/** Fallbacks for a meeting's logic. */
const logicFailures: Failures<MeetingLogic> = {
  join: refuse,
  input: refuse,
  frame: nothing,
  leave: nothing,
  isBehind: () => false,
  close: nothing,
  snapshot: () => null,
  moved: nothing,
  restore: nothing,
  revive: nothing,
}

/** Fallbacks for the bus: other nodes notice lost messages by themselves. */
const busFailures: Failures<Bus> = {
  hears: () => true,
  isCrowded: () => false,
  publish: nothing,
  send: nothing,
  subscribe: nothing,
  unsubscribe: nothing,
}

const watchFailures: Failures<Watch> = { met: nothing, probe: nothing, expelled: nothing }

/** Wraps every port of a node so that it never throws, and keeps the answers still owed for calls that threw. */
export class Guards {
  readonly application: Application
  readonly bus: Bus
  readonly watch: Watch
  readonly #ports: Ports
  readonly #node: Answered
  readonly #broke: (connection: Connection) => void
  /** Answers for the next sweep, because a port must not call back in the middle of a call. */
  #undone: ((now: number) => void)[] = []

  /** `broke`: the transport of this connection threw, so the connection is lost. */
  constructor(ports: Ports, node: Answered, broke: (connection: Connection) => void) {
    this.#ports = ports
    this.#node = node
    this.#broke = broke
    this.application = this.#guard(ports.application, this.#applicationFailures())
    this.bus = this.#guard(ports.bus, busFailures)
    this.watch = this.#guard(ports.watch ?? watchFailures, watchFailures)
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

  /**
   * A question whose port threw is answered in the next sweep: authentication failed, handler failed, not allowed, not
   * opened.
   */
  #applicationFailures(): Failures<Application> {
    const node = this.#node
    const later = (action: (now: number) => void): void => void this.#undone.push(action)
    return {
      authenticate: (check) => later((now) => node.handleAuthenticated(check, failed, now)),
      request: (call) => later((now) => node.handleReply(call, failed, now)),
      requestEnded: nothing,
      authorize: (question) => later((now) => node.handleAuthorized(question, false, now)),
      authorizeEnded: nothing,
      publishing: refuse,
      published: nothing,
      openMissing: (missing) => later((now) => node.handleMissing(missing, now)),
      mismatched: nothing,
      openMissingEnded: nothing,
      located: nothing,
      adopt: () => null,
      callMeeting: refuse,
      drain: nothing,
      fail: () => false,
      connected: nothing,
      disconnected: nothing,
    }
  }

  /** Wraps every method that the port has; optional ones that it leaves out stay absent. */
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
      // The fault handler itself failed, and there is nobody else to tell.
    }
  }
}

/** A transport that never throws. After its port has thrown, nothing more is written to it. */
class GuardedTransport implements Transport {
  readonly #port: Transport
  readonly #broke: (transport: GuardedTransport, error: unknown) => void
  /** Null until `handleOpen` has made the connection. */
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

  /** Closes once: a connection whose socket broke may be closed for another reason before the sweep drops it. */
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
