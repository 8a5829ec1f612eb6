import { KnownPeer, type Peer } from './peer.ts'

/**
 * Which nodes all others know. A registrar waits for the word of those that it knows, so an owner of whom it has never
 * heard does not keep it from giving the name to another node, once those that know that owner have left. Whoever claims
 * a name is known to all by then, since its registrar has waited for them; a meeting is handed over only to such a node.
 */
export class Acquaintance {
  readonly #peers: Map<number, KnownPeer>
  readonly #isSilent: (node: number) => boolean
  /** Nodes met so far; and the last one that all others are known to have met. */
  #met = 0
  #last = 0
  /** Whether somebody has been found to know more since that was looked at. */
  #isNews = false

  /** `isSilent`: nobody waits for that node's word. */
  constructor(peers: Map<number, KnownPeer>, isSilent: (node: number) => boolean) {
    this.#peers = peers
    this.#isSilent = isSilent
  }

  /** Whoever comes later is told by others of all whom these know, so it does not count against those. */
  meet(node: number, now: number): void {
    if (this.#isNews) this.#look()
    this.#peers.set(node, new KnownPeer(node, now, ++this.#met))
  }

  /** A node has said that it has the same view. */
  agrees(peer: KnownPeer): void {
    if (peer.knows === this.#met) return
    peer.knows = this.#met
    this.#isNews = true
  }

  /** The nodes that all others know which are heard. */
  get common(): readonly Peer[] {
    this.#look()
    return [...this.#peers.values()].filter(({ turn }) => turn <= this.#last)
  }

  #look(): void {
    this.#isNews = false
    if (this.#last === this.#met) return
    let least = this.#met
    for (const { incarnation, knows } of this.#peers.values())
      if (knows < least && !this.#isSilent(incarnation)) least = knows
    this.#last = Math.max(this.#last, least)
  }
}
