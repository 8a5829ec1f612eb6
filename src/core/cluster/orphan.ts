import type { Timers } from '../ground/timers.ts'
import type { Fence } from '../meeting/reigns.ts'
import type { Room } from '../meeting/room.ts'
import type { MeetingBusiness, OfferedMeeting } from '../ports.ts'
import type { Candidacy } from './candidacy.ts'
import type { HandoverNode } from './giving.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'
import type { QuestionOf } from './question-kinds.ts'
import type { Questions } from './questions.ts'
import type { Replica } from './replica.ts'
import type { Successions } from './successions.ts'
import type { Support } from './support.ts'

/** What a node needs to go on with meetings whose owners have ended. */
export interface RevivalHost extends Omit<HandoverNode, 'send' | 'support'> {
  readonly timers: Timers
  readonly questions: () => Pick<Questions, 'ask'>
  readonly support: Support
  readonly successions: Successions
  readonly isDraining: () => boolean
  /** The business's side of a meeting, without its state; null where it cannot be had on this node. */
  adopt(offered: OfferedMeeting): MeetingBusiness | null
  replica(name: string): Replica | undefined
  /** This node has told one that stands for a meeting that it does not own it. */
  denied(name: string, node: number): void
  /** Sends over the link to a node. */
  link(node: number, message: MeshMessage): void
  /** The number of a new world. */
  newWorld(): number
}

/** A meeting whose owner has ended, or is silent, and of which this node has a replica. */
export class Orphan {
  readonly replica: Replica
  readonly since: number
  /** The owner, where it may live; 0: it has ended. */
  silent = 0
  /** The node that was last asked for the meeting; 0 for none. */
  goneTo = 0
  /** It holds the name, so that nobody opens it and everybody comes here. */
  isHeir = false
  isLooking = false
  /** The view in which the registrar of the name has said that this node is to go on; 0: none. */
  namedIn = 0
  /** Not looked for again before then. */
  notBefore: number
  candidacy: Candidacy | null = null
  /** Nodes that want to follow it here. */
  readonly follows: Map<number, MeshMessageOf<'follow'>> = new Map()

  constructor(replica: Replica, now: number) {
    this.replica = replica
    this.since = now
    this.notBefore = now
  }

  get room(): Room {
    return this.replica.copy.room as Room
  }

  /**
   * Whether another node may own this world: its silent owner, an earlier one that was passed over, or one to which it
   * was about to be handed over.
   */
  get mayBeOwned(): boolean {
    const { reigns, hop } = this.room.facts
    return this.silent !== 0 || reigns.length > 1 || this.replica.copy.consentedHop === hop
  }

  /** Whether that may be this node, which has not denied it to one that stands. */
  mayBeOwnedBy(node: number): boolean {
    return this.candidacy?.denied.has(node) === false && this.mayBeOwned
  }

  /** A node is heard that may own it, or has gone on with it meanwhile: the registrar of the name has to say again. */
  heard(node: number): void {
    this.namedIn = 0
    if (this.candidacy !== null && this.mayBeOwnedBy(node)) this.candidacy.isNews = true
  }

  /** A node has ended: whoever stands for a meeting of it need not wait until it must have stopped. */
  gone(node: number, now: number): void {
    if (this.silent !== node) return
    this.silent = 0
    this.candidacy?.begin(now)
  }

  /** What is asked of other nodes with frames of the meeting. */
  get question(): QuestionOf<'frames'> {
    const { facts, log, lastFence } = this.room
    const { term, incarnation } = lastFence
    return { name: this.replica.name, world: facts.world, from: log.next, term, incarnation }
  }

  /** What nodes are told where members wait, while this one stands at the fence. */
  standing({ term, incarnation }: Fence): Omit<MeshMessageOf<'standing'>, 'type' | 'replica'> {
    const { facts, log, lastFence } = this.room
    const { term: lastTerm, incarnation: lastIncarnation } = lastFence
    return { world: facts.world, term, incarnation, next: log.next, lastTerm, lastIncarnation }
  }
}
