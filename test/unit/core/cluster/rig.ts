import { Cluster } from '../../../../src/core/cluster/cluster.ts'
import type { ClaimEnding } from '../../../../src/core/cluster/claims.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'
import { Random, VirtualClock } from '../../../../src/testing/index.ts'

/** What a node tells of itself that does nothing. */
export const load = {
  connections: 0,
  sessions: 0,
  meetings: 0,
  replicas: 0,
  topics: 0,
  busBytesIn: 0,
  busBytesOut: 0,
}

/** How messages travel: each sender's arrive at a receiver in order, after a delay, or are lost. */
export interface Weather {
  readonly delay: readonly [number, number]
  readonly loss: number
}

const calm: Weather = { delay: [1, 1], loss: 0 }

/** Nodes on a bus in virtual time. */
export class Rig {
  readonly clock: VirtualClock = new VirtualClock()
  readonly random: Random
  readonly nodes: Node[] = []
  weather: Weather = calm
  /** Messages sent. */
  sent = 0
  /** Bytes sent, by `from to`. */
  readonly bytes: Map<string, number> = new Map()
  /** Milliseconds more that messages from one node to another take, by `from to`. */
  readonly slow: Map<string, number> = new Map()
  /** Pairs that do not hear each other, `from to`. */
  readonly cut: Set<string> = new Set()

  constructor(seed = 1) {
    this.random = new Random(seed)
  }

  /** `name`: of the machine, say, by which a run is known for a later one of the same node. */
  start(id?: number, name: string = `n${this.nodes.length}`): Node {
    const node = new Node(this, name, id)
    this.nodes.push(node)
    node.act(() => node.cluster.up(this.clock.now))
    return node
  }

  get living(): Node[] {
    return this.nodes.filter(({ isAlive }) => isAlive)
  }

  run(ms: number): void {
    this.clock.runTo(this.clock.now + ms)
  }

  carry(from: Node, to: Node, bytes: Uint8Array): void {
    this.sent++
    const between = `${from.id} ${to.id}`
    this.bytes.set(between, (this.bytes.get(between) ?? 0) + bytes.length)
    if (this.random.chance(this.weather.loss) || this.cut.has(between)) return
    const [least, most] = this.weather.delay
    const delay = this.random.int(least, most) + (this.slow.get(between) ?? 0)
    const at = Math.max(this.clock.now + delay, this.#last.get(between) ?? 0)
    this.#last.set(between, at)
    this.clock.at(at, () => to.act(() => to.cluster.handle(from.id, bytes, this.clock.now)))
  }

  /** When the last message of one node arrives at another. */
  readonly #last: Map<string, number> = new Map()

  /** Who asks learns after a while that a node has ended, where it has. */
  probe(asker: Node, id: number): void {
    this.clock.after(this.random.int(1, 300), () => {
      if (this.living.every((node) => node.id !== id)) asker.act(() => asker.cluster.gone(id, this.clock.now))
    })
  }

  /** Names that two living nodes have open. */
  twins(): string[] {
    const all = this.living.flatMap(({ open }) => [...open])
    return all.filter((name, at) => all.indexOf(name) !== at)
  }
}

export class Node {
  readonly id: number
  readonly cluster: Cluster
  readonly timers: Timers = new Timers()
  readonly stats: Stats = new Stats()
  readonly open: Set<string> = new Set()
  readonly endings: ClaimEnding[] = []
  isAlive = true
  readonly #rig: Rig
  #disarm: () => void = () => {}

  constructor(rig: Rig, name: string, id?: number) {
    this.#rig = rig
    this.id = id ?? rig.random.int(1, 2 ** 31) * 2 ** 16 + rig.nodes.length
    const to = (id: number): Node | undefined => rig.living.find((node) => node.id === id)
    this.cluster = new Cluster(
      {
        incarnation: this.id,
        id: name,
        address: '',
        health: `health ${this.id}`,
        load,
      },
      this.timers,
      {
        broadcast: (bytes) => rig.living.forEach((node) => node !== this && rig.carry(this, node, bytes)),
        send: (id, bytes) => {
          const node = to(id)
          if (node !== undefined) rig.carry(this, node, bytes)
        },
        met: () => {},
        viewed: () => {},
        heard: () => {},
        probe: ({ node, health }) => {
          if (health !== '') rig.probe(this, node)
        },
      },
      this.stats,
    )
  }

  /** Runs something in the node, unless it has ended, and then sees to its timers. */
  act(action: () => void): void {
    if (!this.isAlive) return
    action()
    this.#disarm()
    const { next } = this.timers
    if (next < Infinity)
      this.#disarm = this.#rig.clock.at(next, () => this.act(() => this.timers.run(this.#rig.clock.now)))
  }

  claim(name: string): void {
    this.act(() =>
      this.cluster.claim(name, this.#rig.clock.now, (ending) => {
        this.endings.push(ending)
        if (ending.by === 'grant') this.open.add(name)
      }),
    )
  }

  find(name: string): void {
    this.act(() => this.cluster.find(name, this.#rig.clock.now, (ending) => this.endings.push(ending)))
  }

  close(name: string): void {
    this.act(() => {
      this.open.delete(name)
      this.cluster.closed(name)
    })
  }

  isBusy(name: string): boolean {
    return this.open.has(name) || this.cluster.isClaiming(name)
  }
}
