import type { NodeFacts, NodeLoad } from '../ground/node-facts.ts'
import { bool, type Form, list, messages, name, struct, text, uint, within } from './forms.ts'
import { MAX_TERM } from '../meeting/reigns.ts'

/*
 * What nodes say to each other about who is there and who owns which meeting. Not part of the protocol: all nodes of a
 * cluster run one version. `view` is the sender's (`View.id`). A node counts its views: `round` is the sender's, `echo`
 * the last one heard from the receiver. The same nodes may be a view again, so a receiver trusts only what was said in
 * its own present round. A claim's `id` rises with each claim of a node.
 */

/**
 * A meeting that its sender owns, or (`owns` false) does not own, nor waits for. `stands`: it would go on with it,
 * since the owner has ended; whoever owns it comes first.
 */
export interface Holding {
  readonly name: string
  readonly owns: boolean
  readonly stands: boolean
}

/**
 * To all, twice a second. `id`: the node's name. `address`: where its clients connect. `health`: a URL at which the
 * other nodes reach it directly; '' for none. `isSettled`: it knows the others, or that it is alone. `leaves`: it says
 * goodbye. `isDraining`: it is about to, and takes no meeting over. `load`: for people who look at the cluster, and for
 * whoever looks for the node that has least.
 */
export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly view: number
  readonly id: string
  readonly address: string
  readonly health: string
  readonly isSettled: boolean
  readonly leaves: boolean
  readonly isDraining: boolean
  readonly load: NodeLoad
}
/** A node as another one introduces it; its facts are '' where nobody has heard them of itself. */
export interface Introduced extends NodeFacts {
  readonly node: number
}
/** A node as it is introduced to others. */
export function introduce({
  incarnation,
  id,
  address,
  health,
}: NodeFacts & { readonly incarnation: number }): Introduced {
  return { node: incarnation, id, address, health }
}
/**
 * To one whose view differs: the nodes that the sender knows. Whoever hears of one that has ended meanwhile can look
 * for proof of it only where it was reached.
 */
export interface Introduction {
  readonly type: 'introduction'
  readonly isSettled: boolean
  readonly living: readonly Introduced[]
  readonly ended: readonly number[]
}
/** To the registrar of a name: may the sender open it (`opens`), or who has it? */
export interface Claim {
  readonly type: 'claim'
  readonly view: number
  readonly echo: number
  readonly id: number
  readonly opens: boolean
  readonly name: string
}
/** The answer: the claimer may, and seals at a fence of this term. */
export interface Grant {
  readonly type: 'grant'
  readonly id: number
  readonly term: number
}
/**
 * The answer: another node owns it, or is about to; 0: nobody, and it was not to be opened. `term`: the highest one
 * that the registrar knows, which may have been granted for this name to one that has closed the meeting since.
 */
export interface Taken {
  readonly type: 'taken'
  readonly id: number
  readonly owner: number
  readonly term: number
}
/**
 * To the registrar of these names: what the sender owns of them. `seq` rises by one. `isFirst`: the list of all of them
 * begins; others go on where the last one ended. `isLast`: nothing further follows for now. `claimed`: the id of the
 * sender's last claim. `term`: the highest term it has seen.
 */
export interface Holds {
  readonly type: 'holds'
  readonly view: number
  readonly round: number
  readonly echo: number
  readonly seq: number
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly claimed: number
  readonly term: number
  readonly holdings: readonly Holding[]
}
/** The answer to the last HOLDS of some: the registrar has it, and all before. */
export interface Held {
  readonly type: 'held'
  readonly echo: number
  readonly seq: number
}

export type ClusterMessage = Heartbeat | Introduction | Claim | Grant | Taken | Holds | Held

/** The subject on which the nodes of a cluster are heard by all others. Those of topics begin with `t/`. */
export const NODES = 'n/'

/** Begins each message, and tells it from others that nodes send to one another. */
export const CLUSTER = 0x63

const MAX_INCARNATION = 2 ** 48 - 1
const MAX_ADDRESS = 1_024

const node: Form<number> = within(1, MAX_INCARNATION, 'an incarnation')
const term: Form<number> = within(0, MAX_TERM, 'a term')
const address: Form<string> = text(MAX_ADDRESS)
const facts = { id: name, address, health: address }

const form = messages<ClusterMessage>(CLUSTER, {
  heartbeat: struct({
    view: uint,
    ...facts,
    isSettled: bool,
    leaves: bool,
    isDraining: bool,
    load: struct<NodeLoad>({
      connections: uint,
      sessions: uint,
      meetings: uint,
      replicas: uint,
      topics: uint,
      busBytesIn: uint,
      busBytesOut: uint,
    }),
  }),
  introduction: struct({
    isSettled: bool,
    living: list(struct<Introduced>({ node, ...facts })),
    ended: list(node),
  }),
  claim: struct({ view: uint, echo: uint, id: uint, opens: bool, name }),
  grant: struct({ id: uint, term }),
  taken: struct({ id: uint, owner: uint, term }),
  holds: struct({
    view: uint,
    round: uint,
    echo: uint,
    seq: uint,
    isFirst: bool,
    isLast: bool,
    claimed: uint,
    term,
    holdings: list(struct<Holding>({ owns: bool, stands: bool, name })),
  }),
  held: struct({ echo: uint, seq: uint }),
})

export const encodeCluster: (message: ClusterMessage) => Uint8Array = form.encode

/** Decodes a message of another node; null when it is malformed. */
export const decodeCluster: (bytes: Uint8Array) => ClusterMessage | null = form.decode
