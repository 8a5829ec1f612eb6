import type { Outcome, Peer, RtmsNode, Whereabouts } from '../../core/index.ts'
import { type DesertedNode, type Observer, type Phase, violate } from '../observer.ts'
import type { SimNode } from '../sim-node.ts'

/** The longest that a call may take where all is well, in milliseconds, beside four messages from node to node. */
const PROMPT_MS = 20

/** How long a node may stand for a meeting for which nobody comes, before it begins with it, in milliseconds. */
const STANDING_MS = 3_500

/**
 * Names: where all is well, each call about a name is answered within a round trip, and truthfully; in the end, all
 * nodes know the same nodes and name the same owner of each meeting, and nobody remembers a name that has ended.
 */
export class NameChecker implements Observer {
  readonly #nodes: () => readonly SimNode[]
  readonly #promptMs: number
  readonly #now: () => number
  /** When each meeting was opened last, by name and incarnation. */
  readonly #opened: Map<string, number> = new Map()
  /** Meetings that a node was said to have and is only about to open: until when, by name and incarnation. */
  readonly #due: Map<string, number> = new Map()
  #isWell = false

  /** `delay`: of a message from node to node, in milliseconds. */
  constructor(nodes: () => readonly SimNode[], delay: number, now: () => number) {
    this.#now = now
    this.#nodes = nodes
    this.#promptMs = PROMPT_MS + 4 * delay
  }

  phase(phase: Phase): void {
    this.#isWell = phase === 'well' || phase === 'quiet'
    // Where `adopt` threw, a node has taken over a meeting without its business, which would have told of it.
    for (const { core, incarnation } of this.#nodes())
      for (const { name } of core.meetings()) {
        const meeting = `${name} ${incarnation}`
        if (!this.#opened.has(meeting)) this.#opened.set(meeting, this.#now())
      }
  }

  opened(node: number, meeting: string): void {
    const { incarnation } = this.#nodes()[node] as SimNode
    this.#opened.set(`${meeting} ${incarnation}`, this.#now())
    this.#due.delete(`${meeting} ${incarnation}`)
  }

  handed(node: number, meeting: string): void {
    this.opened(node, meeting)
  }

  revived(node: number, meeting: string): void {
    this.opened(node, meeting)
  }

  located(node: number, name: string, outcome: Outcome<Whereabouts>, tookMs: number): void {
    if (!this.#isWell) return
    if (!outcome.ok)
      return violate(
        'names',
        `${name} failed with ${outcome.error.code} at node ${node} although all is well`,
      )
    if (tookMs > this.#promptMs) violate('names', `it took ${tookMs} ms to say who has ${name}`)
    const { owner } = outcome.value
    this.#overdue()
    // It may have ended while the answer was under way. Where the name was granted, and that is still under way, it is
    // opened as soon as the owner knows. One that goes on with a meeting has its name before.
    if (owner !== 0 && !this.#opened.has(`${name} ${owner}`)) {
      const until = this.#now() + this.#promptMs + STANDING_MS
      this.#due.set(`${name} ${owner}`, this.#due.get(`${name} ${owner}`) ?? until)
    }
    if (owner !== 0) return
    const truly = this.#nodes().find(({ core }) => core.meeting(name) !== undefined)
    const opened = this.#opened.get(`${name} ${truly?.incarnation}`) ?? this.#now()
    if (truly !== undefined && this.#now() - opened > this.#promptMs)
      violate('names', `node ${node} says that nobody has ${name}, which node ${truly.index} has`)
  }

  #overdue(): void {
    for (const [meeting, until] of this.#due)
      if (until < this.#now())
        violate('names', `a node was said to have a meeting that it never had: ${meeting}`)
  }

  rest(nodes: readonly RtmsNode[]): void {
    this.#overdue()
    const views = new Set(nodes.map(({ cluster }) => cluster?.view))
    if (views.size > 1) violate('names', `the nodes see ${views.size} different clusters`)
    const living = new Set(nodes.map(({ incarnation }) => incarnation))
    for (const { incarnation, cluster } of nodes) {
      const peers = cluster?.peers ?? []
      const known = new Set(peers.map((peer) => peer.incarnation))
      const unknown = [...living].filter((node) => node !== incarnation && !known.has(node))
      const ended = peers.filter((peer) => !living.has(peer.incarnation))
      if (unknown.length > 0) violate('names', `node ${incarnation} does not know node ${unknown[0]}`)
      if (ended.length > 0)
        violate('names', `node ${incarnation} takes a node for alive that has ended: ${inWords(ended[0])}`)
    }
    const open = nodes.flatMap((node) => Array.from(node.meetings(), ({ name }) => name))
    const twin = open.find((name, at) => open.indexOf(name) !== at)
    if (twin !== undefined) violate('I9', `${twin} has two owners in the end`)
    this.#remember(nodes, open.length)
  }

  empty(nodes: readonly DesertedNode[]): void {
    this.#remember(
      nodes.map(({ core }) => core),
      0,
    )
  }

  #remember(nodes: readonly RtmsNode[], most: number): void {
    let remembered = 0
    for (const { cluster } of nodes) remembered += cluster?.remembered ?? 0
    if (remembered > most) violate('names', `${remembered} names are remembered of ${most} meetings`)
  }
}

function inWords(peer: Peer | undefined): string {
  return `${peer?.incarnation}, heard at ${peer?.heard.toFixed(0)} ms, health '${peer?.health}'`
}
