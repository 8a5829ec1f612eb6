import {
  type Application,
  type Bus,
  type Connection,
  defaultLimits,
  type FixedLimits,
  type MoveOptions,
  type NodeLimits,
  RtmsNode,
  type Transport,
  type Watch,
} from '../core/index.ts'
import type { Codec } from '../protocol/index.ts'
import type { VirtualClock } from './clock.ts'
import { faulty, type Moment, PortFault } from './faulty.ts'
import type { Link } from './link.ts'
import { type DesertedNode, violate, Violation } from './observer.ts'
import type { Random } from './random.ts'
import { simLineage } from './lineage.ts'

/** Close codes of the protocol, each sent behind a GOODBYE, begin here. */
const LEAST_OWN = 4_400

/** The index of the node that an address leads to; undefined for one that leads to any. */
export function indexOf(url: string): number | undefined {
  const [, index] = /^sim:\/\/n(\d+)\/rtms$/.exec(url) ?? []
  return index === undefined ? undefined : Number(index)
}

/** Where the node of this index is reached. */
function factsOf(index: number): { readonly address: string; readonly health: string } {
  return { address: `sim://n${index}/rtms`, health: healthOf(index) }
}

/** The address that tells which run of a node is alive there. */
export function healthOf(index: number): string {
  return `sim://n${index}/healthz`
}

/** The real core in virtual time, swept when it asks to be, or late, as in a busy process. */
export class SimNode {
  readonly core: RtmsNode
  /** Its index; its replacement after a death has the same. */
  readonly index: number
  readonly incarnation: number
  alive = true
  /** The most that sweeps are late, in milliseconds. */
  lateness = 0
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #woken: () => void
  readonly #clockSet: (off: number) => void
  readonly #strikes: (call: string, about: readonly unknown[]) => Moment | null
  readonly #swept: (beyond: number) => void
  /** Bytes and writes of the sweep under way, and the writes of it that came when the budget was spent. */
  #sweepBytes = 0
  #beyond = 0
  readonly #sweepLimit: number
  readonly #wallOffset: number
  readonly #interest: Set<string> = new Set()
  /** Events held back while the process is paused; null while it runs. */
  #waiting: (() => void)[] | null = null
  #armedAt = Infinity
  #disarm: () => void = () => {}
  /** The error that the core threw, or a checker inside one of its ports. */
  #fault: { readonly error: unknown } | null = null

  constructor(
    clock: VirtualClock,
    settings: {
      index: number
      incarnation: number
      limits: Partial<NodeLimits & FixedLimits>
      wallOffset: number
      /** Decides which calls of its ports throw. `about`: the arguments, or the link of a transport. */
      strikes: (call: string, about: readonly unknown[]) => Moment | null
      /** It was swept: how many writes but GOODBYEs it made with its budget spent. */
      swept: (beyond: number) => void
      random: Random
      application: (node: SimNode) => Application
      bus: (node: SimNode) => Bus
      /** For a node of a cluster: how it looks for proof that others have ended. */
      watch?: (node: SimNode) => Watch
      /** Which clients it moves to the nodes of their meetings. */
      moves?: MoveOptions['moves']
      woken: () => void
      /** Its wall clock is off by this many milliseconds from now on. */
      clockSet: (off: number) => void
    },
  ) {
    this.#clock = clock
    this.#random = settings.random
    this.#woken = () => settings.woken()
    this.#strikes = settings.strikes
    this.#clockSet = settings.clockSet
    this.#swept = settings.swept
    this.#sweepLimit = { ...defaultLimits, ...settings.limits }.sweepBytes
    this.#wallOffset = settings.wallOffset
    this.index = settings.index
    this.incarnation = settings.incarnation
    this.core = new RtmsNode(
      {
        id: `n${settings.index}`,
        incarnation: settings.incarnation,
        wallOffset: settings.wallOffset,
        entropy: (count) => settings.random.bytes(count),
        limits: { ...defaultLimits, ...settings.limits },
        ...(settings.watch && {
          cluster: { ...factsOf(settings.index), moves: settings.moves, lineage: simLineage },
        }),
      },
      {
        application: this.port('application', settings.application(this)),
        bus: this.port('bus', this.#noting(settings.bus(this))),
        ...(settings.watch && { watch: this.port('watch', settings.watch(this)) }),
        fault: (error) => {
          if (!(error instanceof PortFault)) this.#fault ??= { error }
          if (settings.strikes('fault.tell', []) !== null) throw new PortFault('fault.tell')
        },
      },
    )
  }

  /** Calls into the core, as soon as the process runs, and arms its next sweep. A dead node does nothing. */
  do(action: (core: RtmsNode, now: number) => void): void {
    if (!this.alive) return
    if (this.#waiting !== null) {
      this.#waiting.push(() => this.#now(action))
      return
    }
    this.#now(action)
    this.#arm()
  }

  /** Runs a call and records what it throws: no input from outside or from the business may make the core throw. */
  #now(action: (core: RtmsNode, now: number) => void): void {
    try {
      action(this.core, this.#clock.now)
    } catch (error) {
      this.#fault ??= { error }
    }
    if (this.#fault === null) return
    const { error } = this.#fault
    if (error instanceof Violation) throw error
    violate('I20', `the core threw: ${error instanceof Error ? error.stack : String(error)}`)
  }

  later(delay: number, action: (core: RtmsNode, now: number) => void): void {
    this.#clock.after(delay, () => this.do(action))
  }

  /** A socket opens; `address`: the one that it counts for, '' for none. */
  open(link: Link, codec: Codec, opened: (connection: Connection) => void, address = ''): void {
    const socket = this.port('transport', link, [link])
    let last = { bytes: 0, beyond: 0 }
    const transport: Transport = {
      write: (packet) => {
        last = { bytes: packet.bytes.length, beyond: Number(this.#sweepBytes >= this.#sweepLimit) }
        this.#count(last, 1)
        return socket.write(packet)
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      close: (code, reason) => {
        link.closing(code)
        // The last write was a GOODBYE, which needs no budget.
        if (code >= LEAST_OWN) this.#count(last, -1)
        socket.close(code, reason)
      },
    }
    this.do((core, now) => opened(core.handleOpen(transport, codec, now, address)))
  }

  /** Wraps a port of this node so that it throws now and then. */
  port<P extends object>(name: string, port: P, about?: readonly unknown[]): P {
    return faulty(name, port, (call, args) => this.#strikes(call, about ?? args))
  }

  /** Sets its wall clock off by this many milliseconds from now on. */
  setClock(off: number): void {
    this.do((core) => {
      core.handleWallClock(this.#wallOffset + off)
      this.#clockSet(off)
    })
  }

  /** Pauses the process for this long; events of that time are handled at once afterwards. */
  pause(duration: number): void {
    if (this.#waiting !== null || !this.alive) return
    this.#waiting = []
    this.#disarm()
    this.#armedAt = Infinity
    this.#clock.after(duration, () => this.wake())
  }

  wake(): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null || !this.alive) return
    this.#woken()
    for (const action of waiting) action()
    this.#arm()
  }

  /** Ends the process; resetting its sockets is left to the caller. */
  kill(): void {
    this.alive = false
    this.#disarm()
  }

  get deserted(): DesertedNode {
    return { core: this.core, interest: [...this.#interest] }
  }

  #noting(bus: Bus): Bus {
    return {
      hears: (subject) => bus.hears(subject),
      publish: (subject, bytes) => bus.publish(subject, bytes),
      send: (node, bytes) => bus.send(node, bytes),
      subscribe: (subject) => {
        this.#interest.add(subject)
        bus.subscribe(subject)
      },
      unsubscribe: (subject) => {
        this.#interest.delete(subject)
        bus.unsubscribe(subject)
      },
    }
  }

  #count({ bytes, beyond }: { readonly bytes: number; readonly beyond: number }, times: 1 | -1): void {
    this.#sweepBytes += bytes * times
    this.#beyond += beyond * times
  }

  #sweep(core: RtmsNode, now: number): void {
    const { publications } = core.stats
    this.#sweepBytes = 0
    this.#beyond = 0
    core.sweep(now)
    // What is about to be overwritten goes out before the sweep's turn to write, and has no budget.
    this.#swept(core.stats.publications === publications ? this.#beyond : 0)
  }

  #arm(): void {
    const { now } = this.#clock
    const at = Math.max(now, this.core.deadline(now))
    if (at >= this.#armedAt) return
    this.#disarm()
    this.#armedAt = at
    if (at === Infinity) return
    const late = this.lateness === 0 ? 0 : this.#random.int(0, this.lateness)
    this.#disarm = this.#clock.at(at + late, () => {
      this.#armedAt = Infinity
      this.do((core, time) => this.#sweep(core, time))
    })
  }
}
