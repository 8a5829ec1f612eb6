import { randomBytes } from 'node:crypto'
import { MemoryBus } from '../bus/memory.ts'
import { type Application, type NodeLimits, RtmsNode } from '../core/index.ts'
import { RtmsError } from '../protocol/index.ts'

/** The longest wait a Node timer keeps; a longer one would fire at once. */
const MAX_WAIT_MS = 2 ** 31 - 1

/**
 * The one real clock. It holds the node, gives every call the time, and afterwards sees to it that `sweep` is called
 * when the node wants it: by one `setImmediate` where work waits, so that all that came in one turn of the event
 * loop is swept together, else by one `setTimeout`.
 */
export class Host {
  readonly node: RtmsNode
  readonly #bus: MemoryBus
  #busWaits = false
  #immediate: NodeJS.Immediate | null = null
  #timer: NodeJS.Timeout | null = null
  /** When the timer fires: never later than the node's deadline, possibly earlier. */
  #timerAt = Infinity
  #stopped = false

  constructor(id: string, limits: NodeLimits, application: Application) {
    this.#bus = new MemoryBus(() => (this.#busWaits = true))
    const bus = this.#bus.connect((topic, bytes) => this.node.handleBus(topic, bytes, performance.now()))
    const config = {
      id,
      // Never 0, and exact in a double.
      incarnation: randomBytes(6).readUIntBE(0, 6) || 1,
      wallOffset: Date.now() - performance.now(),
      entropy: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
      limits,
    }
    this.node = new RtmsNode(config, { application, bus })
  }

  /** Calls into the node with the time, in monotonic milliseconds. */
  run<T>(call: (node: RtmsNode, now: number) => T): T {
    const now = performance.now()
    const result = call(this.node, now)
    this.#arm(now)
    return result
  }

  /** As {@link run}, for the business. Throws CLOSED after {@link stop}, when nothing is delivered any more. */
  command<T>(call: (node: RtmsNode, now: number) => T): T {
    if (this.#stopped) throw new RtmsError('CLOSED', 'this node was closed')
    return this.run(call)
  }

  /** No more sweeps. */
  stop(): void {
    this.#stopped = true
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #arm(now: number): void {
    if (this.#immediate !== null || this.#stopped) return
    const deadline = this.#busWaits ? now : this.node.deadline(now)
    if (deadline <= now) {
      this.#immediate = setImmediate(() => {
        this.#immediate = null
        this.#sweep()
      })
    } else if (deadline < this.#timerAt) {
      if (this.#timer !== null) clearTimeout(this.#timer)
      // Whole milliseconds: Node rounds down, and would wake before there is anything to do.
      this.#timer = setTimeout(
        () => {
          this.#timer = null
          this.#timerAt = Infinity
          if (this.#immediate === null) this.#sweep()
        },
        Math.min(Math.ceil(deadline - now), MAX_WAIT_MS),
      )
      this.#timerAt = deadline
    }
  }

  #sweep(): void {
    this.run((node, now) => {
      if (this.#busWaits) {
        this.#busWaits = false
        this.#bus.deliver()
      }
      node.sweep(now)
    })
  }
}
