import type { Timers } from '../ground/timers.ts'
import type { MeetingBusiness, OfferedMeeting } from '../ports.ts'
import type { Candidacy } from './candidacy.ts'
import type { HandoverNode } from './giving.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'
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
  /** Sends over the link to a node. */
  link(node: number, message: MeshMessage): void
  /** The number of a new world. */
  newWorld(): number
}

/** A meeting whose owner has ended, or is silent, and of which this node has a replica. */
export interface Orphan {
  readonly replica: Replica
  readonly since: number
  /** The owner, where it may live; 0: it has ended. */
  silent: number
  /** The node that was last asked for the meeting; 0 for none. */
  goneTo: number
  /** It holds the name, so that nobody opens it and everybody comes here. */
  isHeir: boolean
  isLooking: boolean
  /** The view in which the registrar of the name has said that this node is to go on; 0: none. */
  namedIn: number
  /** Not looked for again before then. */
  notBefore: number
  candidacy: Candidacy | null
  /** Nodes that want to follow it here. */
  readonly follows: Map<number, MeshMessageOf<'follow'>>
}

export function newOrphan(replica: Replica, now: number): Orphan {
  return {
    replica,
    since: now,
    silent: 0,
    goneTo: 0,
    isHeir: false,
    isLooking: false,
    namedIn: 0,
    notBefore: now,
    candidacy: null,
    follows: new Map(),
  }
}
