import { hashOf } from '../ground/hash.ts'
import { isEdge } from '../ground/incarnation.ts'

/** Incarnations of nodes are below: 48 bits. */
const HALF = 2 ** 24

/** Nodes that have ended and are remembered, so that a late message of one does not bring it back. */
const ENDED = 4_096

/**
 * The nodes of the cluster as one of them sees them: those it has met, by incarnation, less those that are proven dead
 * or said goodbye. A node that merely falls silent stays in it. Two nodes with the same view choose the same registrar
 * for each name.
 */
export class View {
  readonly #living: Set<number> = new Set()
  /** The living and the share of each in the weight of any name, in parallel. */
  readonly #nodes: number[] = []
  readonly #seeds: number[] = []
  readonly #ended: Set<number> = new Set()
  #low = 0
  #high = 0

  constructor(self: number) {
    this.meet(self)
  }

  get living(): ReadonlySet<number> {
    return this.#living
  }

  get ended(): ReadonlySet<number> {
    return this.#ended
  }

  /**
   * Stands for the set of the living in messages: their incarnations, combined by XOR. They are random, so no two sets
   * that occur have the same number.
   */
  get id(): number {
    return this.#high * HALF + this.#low
  }

  has(node: number): boolean {
    return this.#living.has(node)
  }

  /** Adds a node that is alive. False: it is known, or has ended. */
  meet(node: number): boolean {
    if (this.#living.has(node) || this.#ended.has(node)) return false
    this.#living.add(node)
    this.#nodes.push(node)
    this.#seeds.push(seedOf(node))
    this.#turn(node)
    return true
  }

  /** A node has ended, met or not. False: that is known. */
  end(node: number): boolean {
    if (this.#ended.has(node)) return false
    this.#ended.add(node)
    if (this.#ended.size > ENDED)
      for (const oldest of [...this.#ended].slice(0, ENDED / 2)) this.#ended.delete(oldest)
    if (!this.#living.delete(node)) return true
    const at = this.#nodes.indexOf(node)
    this.#nodes.splice(at, 1)
    this.#seeds.splice(at, 1)
    this.#turn(node)
    return true
  }

  #turn(node: number): void {
    this.#low ^= node % HALF
    this.#high ^= Math.floor(node / HALF)
  }

  /** Whether `self` is one of the `count` nodes of highest weight for another node, less that node. */
  isNear(self: number, other: number, count: number): boolean {
    const hash = mix(other % HALF) ^ Math.floor(other / HALF)
    const own = mix(hash ^ seedOf(self))
    let higher = 0
    for (const [at, seed] of this.#seeds.entries())
      if (this.#nodes[at] !== other && mix(hash ^ seed) > own) higher++
    return higher < count
  }

  /** The `count` living nodes with the highest weight for a name, of those that may be chosen. */
  nearest(name: string, count: number, may: (node: number) => boolean): number[] {
    const hash = hashOf(name)
    const best: { readonly node: number; readonly weight: number }[] = []
    for (const [at, seed] of this.#seeds.entries()) {
      const node = this.#nodes[at] as number
      const weight = mix(hash ^ seed)
      if ((best.length === count && weight <= (best.at(-1)?.weight ?? 0)) || !may(node)) continue
      best.push({ node, weight })
      best.sort((one, other) => other.weight - one.weight || one.node - other.node)
      best.length = Math.min(best.length, count)
    }
    return best.map(({ node }) => node)
  }

  /**
   * The node that remembers who has opened the meeting of this name: the living one with the highest weight (rendezvous
   * hashing), so a node that comes or goes moves no names but its own. An edge is none; 0 where there are only edges.
   */
  registrarOf(name: string): number {
    const hash = hashOf(name)
    let registrar = 0
    let highest = -1
    // By index: this runs for each name and user, over all nodes.
    for (let at = 0; at < this.#seeds.length; at++) {
      const weight = mix(hash ^ (this.#seeds[at] as number))
      if (weight < highest) continue
      const node = this.#nodes[at] as number
      if (isEdge(node) || (weight === highest && node < registrar)) continue
      highest = weight
      registrar = node
    }
    return registrar
  }
}

/** A node's share in the weight of any name. */
function seedOf(node: number): number {
  return mix(node % HALF) ^ mix(Math.floor(node / HALF) + HALF)
}

/** Spreads each bit of a 32-bit number over all of them: the finaliser of MurmurHash3. */
function mix(number: number): number {
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b)
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35)
  return (number ^ (number >>> 16)) >>> 0
}
