import type { MeshMessageOf } from './mesh-messages.ts'

/**
 * Replicas that want to follow a meeting of which it is not known yet who has it next: of each node, and each meeting,
 * the last word.
 */
export class Parked {
  /** By node, and by the name of the meeting. */
  readonly #all: Map<number, Map<string, MeshMessageOf<'follow'>>> = new Map()

  add(node: number, message: MeshMessageOf<'follow'>): void {
    const parked = this.#all.get(node) ?? new Map<string, MeshMessageOf<'follow'>>()
    this.#all.set(node, parked.set(message.meeting, message))
  }

  /** The replica waits no more. */
  remove(node: number, replica: number): void {
    const parked = this.#all.get(node)
    for (const [meeting, message] of parked ?? []) if (message.replica === replica) parked?.delete(meeting)
    if (parked?.size === 0) this.#all.delete(node)
  }

  /** Takes it out. False: it has given up meanwhile, or said something else. */
  take(node: number, message: MeshMessageOf<'follow'>): boolean {
    if (this.#all.get(node)?.get(message.meeting) !== message) return false
    this.remove(node, message.replica)
    return true
  }

  /** The link to the node broke, or it has ended: what it wants it says anew. */
  forget(node: number): void {
    this.#all.delete(node)
  }
}
