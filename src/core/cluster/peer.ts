import { isEdge } from '../ground/incarnation.ts'
import type { NodeFacts, NodeLoad } from '../ground/node-facts.ts'

/** Another node of the cluster, as this one knows it. */
export interface Peer extends NodeFacts {
  readonly incarnation: number
  /** When it was last heard, in monotonic milliseconds. */
  readonly heard: number
  /** As it told with its last heartbeat; null while it has told nothing. */
  readonly load: NodeLoad | null
  /** It is about to leave, and takes nothing over. */
  readonly isDraining: boolean
}

/** Whether a node takes over what others have: it was heard itself, and lately, does not drain, and is no edge. */
export function takesOver(
  { incarnation, isDraining, load }: Peer,
  cluster: { isSilent(node: number, now?: number): boolean },
  now?: number,
): boolean {
  return load !== null && !isDraining && !isEdge(incarnation) && !cluster.isSilent(incarnation, now)
}

/** A peer, and whether it knows the nodes that this one knows. */
export class KnownPeer implements Peer {
  readonly incarnation: number
  /** Its number among the nodes that this one has met, and that of the last one which it has met as well, as it said. */
  readonly turn: number
  knows = 0
  heard: number
  id = ''
  address = ''
  health = ''
  load: NodeLoad | null = null
  isDraining = false
  /** Its view and this node's, where they differ; '' where they do not. */
  #differs = ''
  /** How many beats of this node they have differed like that, and whether it was introduced since the last one. */
  #beats = 0
  #isIntroduced = false

  constructor(incarnation: number, now: number, turn: number) {
    this.incarnation = incarnation
    this.turn = turn
    this.heard = now
  }

  learn({ id, address, health, load }: NodeFacts & Pick<Peer, 'load'>): void {
    Object.assign(this, { id, address, health, load })
  }

  /** A beat of this node has passed. */
  beat(): void {
    this.#beats++
    this.#isIntroduced = false
  }

  /** It has said which view it has. Returns for how many beats the two views have differed; −1: they do not. */
  compare(own: number, view: number): number {
    const differs = view === own ? '' : `${own} ${view}`
    if (this.#differs !== differs) {
      this.#differs = differs
      this.#beats = 0
      this.#isIntroduced = false
    }
    return differs === '' ? -1 : this.#beats
  }

  /** It is to be told of the nodes that this one knows. False: it was, since the last beat. */
  introduce(): boolean {
    const isFirst = !this.#isIntroduced
    this.#isIntroduced = true
    return isFirst
  }
}
