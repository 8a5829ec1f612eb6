import type { BusConnector, BusPort, BusReports } from '../bus/connector.ts'
import {
  type Application,
  Buckets,
  busListener,
  incarnationFrom,
  type NodeConfig,
  type NodeLimits,
  RtmsNode,
  settleShapes,
  type Watch,
  Worst,
} from '../core/index.ts'
import { RtmsError } from '../protocol/index.ts'
import { HookTurns } from './ground/hook-turns.ts'
import { MAX_WAIT_MS } from './ground/deadline.ts'
import { type Outside, runtime } from './ground/outside.ts'

/** How often the wall clock is read, and the difference that means it was set, in milliseconds. */
const LOOK_MS = 1_000
const STEP_MS = 500

/** How long a late sweep is remembered, in seconds. */
const LATENESS_S = 5

settleShapes()

/**
 * The one real clock. It holds the node, gives every call the time (monotonic milliseconds), and then arranges for
 * `sweep` to be called when the node wants it: in one `setImmediate` where work waits, so everything that arrived in
 * one turn of the event loop is swept together, or else in one `setTimeout`. Tests give it virtual time.
 */
export class Host {
  readonly node: RtmsNode
  /** Durations of sweeps, in milliseconds. */
  readonly sweepTimes: Buckets = new Buckets([0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])
  readonly #lateness: Worst = new Worst(LATENESS_S)
  readonly bus: BusPort
  /** For hooks of meetings that nobody waits for. */
  readonly hookTurns: HookTurns
  readonly outside: Outside
  /** Cancel the sweep that is to come, at once or at the deadline. */
  #soon: (() => void) | null = null
  #timer: (() => void) | null = null
  /** When the timer fires: never later than the node's deadline, possibly earlier. */
  #timerAt = Infinity
  /** When the next sweep was wanted. */
  #wanted = 0
  #stopped = false
  #inHook = false
  /** Milliseconds that hooks of the business have taken. */
  #hookMs = 0
  #wallOffset: number
  #lookAt = 0
  /** Called with errors that the node should not have thrown. */
  readonly #fault: (error: unknown) => void

  constructor(
    {
      id,
      limits,
      bus,
      cluster,
      edge = false,
    }: {
      readonly id: string
      readonly limits: NodeLimits
      readonly bus: BusConnector
      readonly cluster?: NodeConfig['cluster']
      /** Whether it is an edge of its cluster. */
      readonly edge?: boolean
    },
    application: Application,
    reports: BusReports,
    watch?: Watch,
    outside: Outside = runtime,
  ) {
    this.outside = outside
    this.hookTurns = new HookTurns(outside)
    this.#wallOffset = outside.wallNow() - outside.now()
    const fault = (error: unknown): void => reports.fault(error)
    this.#fault = fault
    const incarnation = incarnationFrom(Buffer.from(outside.random(6)).readUIntBE(0, 6), edge)
    const listener = busListener((call) => this.handle(call))
    this.bus = bus.connect(incarnation, listener, reports)
    const config = {
      id,
      incarnation,
      wallOffset: this.#wallOffset,
      entropy: (bytes: number) => this.#random(bytes),
      ofHooks: () => this.#hookMs * 1e6,
      limits,
      cluster,
    }
    this.node = new RtmsNode(config, { application, bus: this.bus, watch, fault })
  }

  /** What needs it fails where there is none; the node goes on. */
  #random(bytes: number): Uint8Array {
    try {
      return this.outside.random(bytes)
    } catch (error) {
      this.#fault(error)
      throw error
    }
  }

  #run<T>(call: (node: RtmsNode, now: number) => T): T {
    const now = this.outside.now()
    if (now >= this.#lookAt) this.#lookAtClock(now)
    try {
      return call(this.node, now)
    } finally {
      this.#arm(now)
    }
  }

  /** The wall clock may be set at any time, and it continues while a machine sleeps. */
  #lookAtClock(now: number): void {
    this.#lookAt = now + LOOK_MS
    const offset = this.outside.wallNow() - now
    if (Math.abs(offset - this.#wallOffset) < STEP_MS) return
    this.#wallOffset = offset
    this.node.handleWallClock(offset)
  }

  /**
   * Calls into the node for events from outside: sockets, timers, answers. An error it throws is a fault of the node
   * itself: it is logged and ends only this call, which then returns undefined.
   */
  handle<T>(call: (node: RtmsNode, now: number) => T): T | undefined {
    try {
      return this.#run(call)
    } catch (error) {
      this.#fault(error)
      return undefined
    }
  }

  /** Calls into the node for the business. Throws what the node throws, and CLOSED after {@link stop}. */
  act<T>(call: (node: RtmsNode, now: number) => T): T {
    if (this.#stopped) throw new RtmsError('CLOSED', 'this node was closed')
    return this.#run(call)
  }

  /** The lateness of the latest sweep of the last five seconds, in milliseconds. */
  get lateness(): number {
    return this.#lateness.at(this.outside.now())
  }

  /** The slot that a running `onJoin` decides about, in the meeting of this name; null while none does. */
  joining: { readonly meeting: string; readonly slot: number } | null = null

  /** Whether a hook of the business is running, in the middle of a call into the node. */
  get inHook(): boolean {
    return this.#inHook
  }

  /** Runs a hook that the node waits for. Its errors go to the caller. */
  hook<T>(hook: () => T): T {
    const outer = this.#inHook
    const begun = this.outside.now()
    this.#inHook = true
    try {
      return hook()
    } finally {
      this.#inHook = outer
      // That of one inside another counts with that.
      if (!outer) this.#hookMs += this.outside.now() - begun
    }
  }

  /**
   * For calls of the business that must not run in the middle of a call into the node: runs at once or, from inside a
   * hook, after the call that the hook is part of, as {@link handle} does. It runs after {@link stop} too; what it
   * would end has already ended then.
   */
  afterHook(call: (node: RtmsNode, now: number) => void): void {
    if (this.#inHook) queueMicrotask(() => this.handle(call))
    else this.#run(call)
  }

  /** Stops sweeping. */
  stop(): void {
    this.#stopped = true
    this.#soon?.()
    this.#timer?.()
  }

  #arm(now: number): void {
    if (this.#soon !== null || this.#stopped) return
    const deadline = this.node.deadline(now)
    if (deadline <= now) {
      this.#wanted = now
      this.#soon = this.outside.soon(() => {
        this.#soon = null
        this.#sweep()
      })
    } else if (deadline < this.#timerAt) {
      this.#timer?.()
      // Rounded up to whole milliseconds: Node rounds down, and would wake too early.
      this.#timer = this.outside.after(Math.min(Math.ceil(deadline - now), MAX_WAIT_MS), () => {
        this.#timer = null
        if (this.#soon === null) {
          this.#wanted = this.#timerAt
          this.#timerAt = Infinity
          this.#sweep()
        } else this.#timerAt = Infinity
      })
      this.#timerAt = deadline
    }
  }

  #sweep(): void {
    this.handle((node, now) => {
      this.#lateness.note(now - this.#wanted, now)
      node.sweep(now)
      this.sweepTimes.add(this.outside.now() - now)
    })
  }
}
