import { MemoryBus } from '../../bus/memory.ts'
import { type Bus, busListener } from '../../core/index.ts'
import { CLUSTER, NODES } from '../../core/cluster/messages.ts'
import { LINK } from '../../core/cluster/links.ts'
import { Writer } from '../../protocol/bytes.ts'
import type { VirtualClock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { SimNode } from '../sim-node.ts'

/** The flag of a link's packet that wants an answer. */
const ANSWER = 2

/** A node's place on the bus. */
interface Place {
  readonly node: SimNode
  readonly port: { close(): void }
}

/** Ways between machines, `from to`, and how many faults concern each. */
type Ways = Map<string, number>

/**
 * The bus between the nodes of a run: who hears whom, what is lost and what is late. Machines have the nodes' indexes.
 */
export class Weather {
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #bus: MemoryBus
  readonly #heard: (by: number, from: number) => void
  readonly #places: Map<number, Place> = new Map()
  readonly #blocked: Ways = new Map()
  readonly #held: Ways = new Map()
  /** Number of outages of each node's connection to the bus. */
  readonly #outages: Map<number, number> = new Map()
  /** Of the last link that broke. Those that never did are in their first. */
  #epoch = 1
  /** Of each message, 0–1. */
  loss = 0

  /**
   * `delay`: from node to node, in milliseconds. `heard`: a node, by incarnation, has handled what another says of the
   * cluster.
   */
  constructor(clock: VirtualClock, random: Random, delay: number, heard: (by: number, from: number) => void) {
    this.#clock = clock
    this.#random = random
    this.#heard = heard
    this.#bus = new MemoryBus(
      () => clock.after(delay, () => this.#bus.deliver()),
      (from, to) => this.#fateOf(from, to),
    )
  }

  connect(node: SimNode): Bus {
    const { incarnation } = node
    const listener = busListener((call) => node.do(call))
    // Nodes tell by these messages alone who is there.
    const heard = (from: number, isOfCluster: boolean): void => {
      if (isOfCluster) node.do(() => this.#heard(incarnation, from))
    }
    const port = this.#bus.connect(
      incarnation,
      {
        down: () => listener.down(),
        back: () => listener.back(),
        gone: (other) => listener.gone(other),
        message: (subject, bytes, from) => {
          listener.message(subject, bytes, from)
          heard(from, subject === NODES)
        },
        sent: (bytes, from) => {
          listener.sent(bytes, from)
          heard(from, bytes[0] === CLUSTER)
        },
      },
      (error) => {
        throw error
      },
    )
    this.#places.set(incarnation, { node, port })
    return port
  }

  /** A node has ended. `isTold`: the bus tells the others. */
  end({ incarnation }: SimNode, isTold: boolean): void {
    if (isTold) this.#bus.end(incarnation)
    else this.#places.get(incarnation)?.port.close()
  }

  #fateOf(from: number, to: number): 'arrives' | 'lost' | 'waits' {
    const way = `${this.#machineOf(from)} ${this.#machineOf(to)}`
    if (this.#blocked.has(way)) return 'lost'
    if (this.#held.has(way)) return 'waits'
    return this.loss > 0 && this.#random.chance(this.loss) ? 'lost' : 'arrives'
  }

  #machineOf(incarnation: number): number {
    return this.#places.get(incarnation)?.node.index ?? -1
  }

  /** Whether one machine can reach another. */
  reaches(from: number, to: number): boolean {
    return !this.#blocked.has(`${from} ${to}`) && !this.#blocked.has(`${to} ${from}`)
  }

  /** What is sent on these ways is lost for so long. */
  block(ways: readonly string[], duration: number): void {
    for (const way of ways) this.#take(this.#blocked, way)
    this.#clock.after(duration, () => {
      for (const way of ways) this.#giveBack(this.#blocked, way)
    })
  }

  /** What is sent on these ways waits for so long. */
  hold(ways: readonly string[], duration: number): void {
    for (const way of ways) this.#take(this.#held, way)
    this.#clock.after(duration, () => {
      for (const way of ways) this.#giveBack(this.#held, way)
      this.#bus.deliver()
    })
  }

  #take(ways: Ways, way: string): void {
    ways.set(way, (ways.get(way) ?? 0) + 1)
  }

  #giveBack(ways: Ways, way: string): void {
    const count = (ways.get(way) ?? 0) - 1
    if (count > 0) ways.set(way, count)
    else ways.delete(way)
  }

  lose(loss: number, duration: number): void {
    this.loss = loss
    this.#clock.after(duration, () => (this.loss = 0))
  }

  /** The bus is down for a node, which is told, for so long. */
  cut({ incarnation }: SimNode, duration: number): void {
    this.#outages.set(incarnation, (this.#outages.get(incarnation) ?? 0) + 1)
    this.#bus.cut(incarnation)
    this.#clock.after(duration, () => {
      const left = (this.#outages.get(incarnation) ?? 0) - 1
      this.#outages.set(incarnation, left)
      if (left <= 0) this.#bus.restore(incarnation)
    })
  }

  /**
   * The link between two nodes breaks: each of them is told by a packet of a later epoch, as from the other. Links
   * carry so much that nothing else in a run makes one break.
   */
  breakLink(one: SimNode, other: SimNode): void {
    const w = new Writer()
    for (const part of [LINK, ++this.#epoch, 1, ANSWER, 1]) w.uint(part)
    one.do((core, now) => core.inlet.sent(w.finish(), other.incarnation, now))
  }

  /** Everything is well from now on. */
  heal(): void {
    this.#blocked.clear()
    this.#held.clear()
    this.loss = 0
    for (const incarnation of this.#outages.keys()) this.#bus.restore(incarnation)
    this.#outages.clear()
    this.#bus.deliver()
  }
}
