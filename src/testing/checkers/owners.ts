import type { RawFrame } from '../../client/machine/index.ts'
import type { MessageOf, ServerMessage } from '../../protocol/index.ts'
import type { SealedFrame } from '../../core/index.ts'
import { type Fence, isAbove } from '../../core/meeting/reigns.ts'
import type { Silences } from '../cluster/silences.ts'
import { type ClientFacts, type Observer, type Phase, violate } from '../observer.ts'
import type { SimNode } from '../sim-node.ts'

/** A history of a meeting: who opened it, and when. */
interface World {
  readonly meeting: string
  /** The node that has it now, and its incarnation. */
  node: number
  owner: number
  /** The nodes that have had it so far. */
  readonly owners: Set<number>
  /** Those that have sealed it at fences of their own, and the last of these fences; 0: no client was told its term. */
  readonly sealers: Set<number>
  incarnation: number
  /** When it was opened, or gone on with at a fence that is its own. */
  at: number
  term: number
  /** That was while another node had the name. */
  isTwin: boolean
}

/** No incarnation of a node. */
const NOBODY = 0

/**
 * I9 Single writer: no name comes to be open on two nodes, unless a node was silent for so long that a registrar went
 * on without its word, and none is once all is well; a world is sealed by the node that has its fence, and no other; no
 * client is given a lower fence after a higher one; fences rise with each opening of a name, and each time that
 * somebody goes on with its meeting. I10 Misroute: a node that does not own a meeting changes nothing of it, and names
 * the owner truthfully.
 */
export class OwnerChecker implements Observer {
  readonly #nodes: () => readonly SimNode[]
  readonly #silences: Silences
  readonly #now: () => number
  readonly #undone: (node: number, meeting: string, world: number, frame: number) => void
  readonly #worlds: Map<number, World> = new Map()
  /**
   * The nodes that have a name besides one, by that node and the name, since a silence has made them owners at the same
   * time: whoever is handed the meeting has it beside the same ones.
   */
  readonly #twins: Map<string, Set<number>> = new Map()
  /** The highest fence that a client was given, by client, meeting and world. */
  readonly #fences: Map<string, { readonly term: number; readonly incarnation: number }> = new Map()
  #lastDeath = -Infinity
  #isWell = false

  /** `undone`: tells the other checkers that a node goes on with a world behind a frame, and that the rest is lost. */
  constructor(
    nodes: () => readonly SimNode[],
    silences: Silences,
    now: () => number,
    undone: (node: number, meeting: string, world: number, frame: number) => void,
  ) {
    this.#nodes = nodes
    this.#silences = silences
    this.#now = now
    this.#undone = undone
  }

  /** What a node knew is gone with its goodbye, before its process ends. */
  leaving(): void {
    this.#lastDeath = this.#now()
  }

  died(): void {
    this.#lastDeath = this.#now()
  }

  opened(node: number, meeting: string, world: number): void {
    const now = this.#now()
    const others = this.#othersWith(node, meeting)
    if (this.#worlds.has(world)) violate('I9', `world ${world} of ${meeting} was opened a second time`)
    const { incarnation } = this.#nodes()[node] as SimNode
    const [sealers, owners] = [new Set([incarnation]), new Set([incarnation])]
    const isTwin = others.length > 0
    const owner = incarnation
    this.#worlds.set(world, { meeting, node, owner, owners, sealers, incarnation, at: now, term: 0, isTwin })
  }

  /**
   * The other nodes on which a meeting is open: none, unless a node was silent for long. `from`: the node that has
   * handed it over.
   */
  #othersWith(node: number, meeting: string, from: number = NOBODY): SimNode[] {
    const others = this.#othersThatHave(node, meeting)
    const known = this.#twins.get(`${from} ${meeting}`)
    const twin = others.find(({ incarnation }) => known?.has(incarnation) !== true)
    if (twin !== undefined && !this.#silences.excuse(this.#now()))
      violate('I9', `${meeting} is open on node ${node} and on node ${twin.index}`)
    const own = (this.#nodes()[node] as SimNode).incarnation
    this.#twins.set(`${own} ${meeting}`, new Set(others.map(({ incarnation }) => incarnation)))
    for (const { incarnation } of others) {
      const theirs = this.#twins.get(`${incarnation} ${meeting}`)
      this.#twins.set(`${incarnation} ${meeting}`, new Set([...(theirs ?? []), own]))
    }
    return others
  }

  #othersThatHave(node: number, meeting: string): SimNode[] {
    return this.#nodes().filter(
      ({ index, alive, core }) => index !== node && alive && core.meeting(meeting) !== undefined,
    )
  }

  phase(phase: Phase): void {
    this.#isWell = phase === 'well' || phase === 'quiet'
  }

  handed(node: number, meeting: string, world: number): void {
    const known = this.#worlds.get(world)
    if (known === undefined) violate('I9', `node ${node} goes on with world ${world} of ${meeting}`)
    this.#othersWith(node, meeting, known.owner)
    const { incarnation, core } = this.#nodes()[node] as SimNode
    known.owners.add(incarnation)
    // By one that was passed over: whoever is given its reign stops without a frame.
    const reign = core.peering?.mesh.deposing.claimant(meeting)?.incarnation ?? known.incarnation
    if (reign === known.incarnation) Object.assign(known, { node, owner: incarnation })
  }

  /** A world goes on at a higher fence, or a new one begins with its frames. */
  revived(node: number, meeting: string, world: number): void {
    const known = this.#worlds.get(world)
    if (known === undefined) return this.opened(node, meeting, world)
    const isTwin = this.#othersWith(node, meeting).length > 0 || known.isTwin
    // Of the one that had it, a silence excuses that it lives; that it seals is told by `sealed`.
    const { incarnation } = this.#nodes()[node] as SimNode
    known.owners.add(incarnation)
    known.sealers.add(incarnation)
    Object.assign(known, { node, owner: incarnation, incarnation, at: this.#now(), term: 0, isTwin })
  }

  sealed(node: number, meeting: string, world: number, { number }: SealedFrame): void {
    const known = this.#worlds.get(world)
    if (known?.node !== node) {
      const isLeft = known !== undefined && this.#takeBack(node, meeting, world, known)
      if (!isLeft)
        violate('I10', `node ${node} sealed frame ${number} of ${meeting}, which node ${known?.node} has`)
      this.#undone(node, meeting, world, number - 1)
    }
    const twin = this.#isWell ? this.#othersThatHave(node, meeting)[0] : undefined
    if (twin !== undefined)
      violate(
        'I9',
        `node ${node} seals ${meeting}, and node ${twin.index} has it as well, though all is well`,
      )
  }

  /**
   * A node seals a world that it has had all the time, though another one has gone on with it at a higher fence. True:
   * it may, since that one has ended, and no node that is left has a copy of what was sealed at a higher fence, or goes
   * on from it. So one node alone writes, and nobody is left who could tell it of the other: an owner that hung asks
   * each node before it seals (`Backers.gone`). That nothing was stable of what is lost is for `StabilityChecker` to say.
   */
  #takeBack(node: number, meeting: string, number: number, world: World): boolean {
    const { incarnation: owner, core } = this.#nodes()[node] as SimNode
    const own = core.peering?.mesh.deposing.claimant(meeting)
    if (!world.owners.has(owner) || own?.world !== number || own.incarnation === world.incarnation)
      return false
    const others = this.#nodes().filter((each) => each.alive && each.index !== node)
    if (others.some((each) => each.incarnation === world.owner || hasLater(each, meeting, own))) return false
    Object.assign(world, { node, owner, incarnation: own.incarnation, term: 0 })
    return true
  }

  frame({ id }: ClientFacts, meeting: string, world: number, { number }: RawFrame): void {
    if (this.#worlds.get(world)?.meeting !== meeting)
      violate('I8', `client ${id} got frame ${number} of world ${world} of ${meeting}, which nobody opened`)
  }

  down(client: ClientFacts, _connection: number, message: ServerMessage): void {
    if (message.type === 'joined') this.#joined(client, message)
  }

  #joined({ id }: ClientFacts, { meeting, world, term, incarnation }: MessageOf<'joined'>): void {
    const known = this.#worlds.get(world)
    if (known === undefined) return violate('I8', `client ${id} joined world ${world}, which nobody opened`)
    const key = `${id} ${meeting} ${world}`
    const last = this.#fences.get(key)
    if (last !== undefined && (term < last.term || (term === last.term && incarnation < last.incarnation)))
      violate('I9', `client ${id} was given fence ${term} of ${meeting} after fence ${last.term}`)
    this.#fences.set(key, { term, incarnation })
    // A replica that has not heard yet of the owner that goes on.
    if (incarnation !== known.incarnation && known.sealers.has(incarnation)) return
    if (incarnation !== known.incarnation)
      violate('I9', `${meeting} of node ${known.incarnation} has a fence of ${incarnation}`)
    if (known.term === 0) this.#fenced(known, term)
    else if (known.term !== term) violate('I9', `${meeting} has fence ${known.term}, and fence ${term}`)
  }

  /** The fence of a world is known: one that was opened later has a higher one, where all nodes remember the first. */
  #fenced(world: World, term: number): void {
    world.term = term
    for (const other of this.#worlds.values()) {
      if (other === world || other.meeting !== world.meeting || other.term === 0) continue
      if (other.term === term && other.incarnation === world.incarnation)
        violate('I9', `two openings of ${world.meeting} have fence ${term} of ${world.incarnation}`)
      const [first, second] = other.at < world.at ? [other, world] : [world, other]
      const isOrdinary = !first.isTwin && !second.isTwin && first.at > this.#lastDeath
      if (!isOrdinary || first.term < second.term || this.#silences.since(first.at, this.#now())) continue
      violate('I9', `${world.meeting} was opened at fence ${first.term}, and later at fence ${second.term}`)
    }
  }
}

/** Whether a node has frames of a world that were sealed at a higher fence, or has it open at one. */
function hasLater({ core }: SimNode, meeting: string, own: Fence & { readonly world: number }): boolean {
  const mesh = core.peering?.mesh
  const open = mesh?.deposing.claimant(meeting)
  const copy = mesh?.replica(meeting)?.copy
  return (open?.world === own.world && isAbove(open, own)) || copy?.outruns(own) === true
}
