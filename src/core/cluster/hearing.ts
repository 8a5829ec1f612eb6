import type { ClusterLimits } from './cluster-limits.ts'
import type { Peer } from './peer.ts'

/**
 * How a node hears the others: what a silence means, and how often it has to be heard itself. Among very many all speak
 * more rarely, and silences mean something later by as much: all hear all, so a node hears no more heartbeats a second
 * however many nodes there are.
 */
export class Hearing {
  readonly #limits: ClusterLimits
  readonly #peers: ReadonlyMap<number, Peer>
  /** Since when it would have heard the others: the bus was down before, or the process stood still. */
  #since = 0
  /** When somebody has spoken last whom this node does not know. */
  #strangeAt = -Infinity
  /** When it has spoken last. */
  #spokeAt = -Infinity
  /** The time of the last event. */
  now = 0

  constructor(limits: ClusterLimits, peers: ReadonlyMap<number, Peer>) {
    this.#limits = limits
    this.#peers = peers
  }

  /** How many times longer everything takes among so many. */
  get pace(): number {
    return Math.max(1, this.#peers.size / this.#limits.crowd)
  }

  /** Something happens. A node that beats is not still for so long, unless its process was. */
  at(now: number): void {
    if (now - this.now >= this.#limits.suspectMs * this.pace) this.#since = now
    this.now = now
  }

  /** It hears the others from now on. */
  begin(now: number): void {
    this.#since = now
  }

  /** Somebody speaks whom this node does not know. */
  strange(): void {
    this.#strangeAt = this.now
  }

  /** Until when a node that has just started waits for others to introduce themselves. */
  get aloneAt(): number {
    return Math.max(this.#since, this.#strangeAt) + this.#limits.settleMs
  }

  #isQuiet({ heard }: Peer, now: number, ms: number): boolean {
    return now - Math.max(heard, this.#since) >= ms * this.pace
  }

  /** Whether a node was not heard for so long that it is to be looked for. */
  isSuspect(peer: Peer, now: number): boolean {
    return this.#isQuiet(peer, now, this.#limits.suspectMs)
  }

  /** Whether a node is unknown, or was not heard for a lease. */
  isSilent(node: number, now: number): boolean {
    const peer = this.#peers.get(node)
    return peer === undefined || this.#isQuiet(peer, now, this.#limits.leaseMs)
  }

  /** How many nodes were heard lately, and how many are silent. */
  census(now: number): { readonly alive: number; readonly silent: number } {
    let silent = 0
    for (const node of this.#peers.keys()) if (this.isSilent(node, now)) silent++
    return { alive: this.#peers.size - silent, silent }
  }

  /**
   * Whether a silent node was started anew, perhaps on another machine: as this node, named `self`, or as one of its name
   * that is heard. One of which others only told may be an earlier run, which they do not know to have ended.
   */
  isReplaced({ incarnation, id }: Peer, self: string, now: number): boolean {
    if (id === '' || !this.isSilent(incarnation, now)) return false
    const isHeard = (other: Peer): boolean => other.load !== null && !this.isSuspect(other, now)
    return id === self || Array.from(this.#peers.values()).some((other) => other.id === id && isHeard(other))
  }

  /** Whether it is time to speak again: nearly, since a beat may be early. */
  isDue(now: number): boolean {
    return now - this.#spokeAt >= this.#limits.heartbeatMs * (this.pace - 0.5)
  }

  /** It speaks. */
  speak(): void {
    this.#spokeAt = this.now
  }
}
