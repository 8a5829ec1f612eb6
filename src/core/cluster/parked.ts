import type { MeshMessageOf } from './mesh-messages.ts'

/** Replicas of one node that may wait: many more than there are meetings that go from node to node at a time. */
const MOST = 1_000

/** Replicas that want to follow a meeting of which it is not known yet who has it next: each with its last word. */
export class Parked {
  /** By node, and by the replica's number there. */
  readonly #all: Map<number, Map<number, MeshMessageOf<'follow'>>> = new Map()

  /** Whether no more of a node may wait. */
  isFull(node: number): boolean {
    return (this.#all.get(node)?.size ?? 0) >= MOST
  }

  add(node: number, message: MeshMessageOf<'follow'>): void {
    const parked = this.#all.get(node) ?? new Map<number, MeshMessageOf<'follow'>>()
    this.#all.set(node, parked.set(message.replica, message))
  }

  /** The replica waits no more. */
  remove(node: number, replica: number): void {
    const parked = this.#all.get(node)
    parked?.delete(replica)
    if (parked?.size === 0) this.#all.delete(node)
  }

  /** Takes it out. False: it has given up meanwhile, or said something else. */
  take(node: number, message: MeshMessageOf<'follow'>): boolean {
    if (this.#all.get(node)?.get(message.replica) !== message) return false
    this.remove(node, message.replica)
    return true
  }

  /** The link to the node broke, or it has ended: what it wants it says anew. */
  forget(node: number): void {
    this.#all.delete(node)
  }
}
