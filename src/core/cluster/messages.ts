import { malformed, Reader, Writer } from '../../protocol/bytes.ts'
import { limits } from '../../protocol/limits.ts'
import type { NodeFacts, NodeLoad } from '../ground/config.ts'

/*
 * What nodes say to each other about who is there and who owns which meeting. Not part of the protocol: all nodes of a
 * cluster run one version. `view` is the sender's (`View.id`). A node counts its views: `round` is the sender's, `echo`
 * the last one heard from the receiver. The same nodes may be a view again, so a receiver trusts only what was said in
 * its own present round. A claim's `id` rises with each claim of a node.
 */

/** A meeting that its sender owns, or (`owns` false) does not own, nor waits for. */
export interface Holding {
  readonly name: string
  readonly owns: boolean
}

/**
 * To all, twice a second. `id`: the node's name. `address`: where its clients connect. `health`: a URL at which the other
 * nodes reach it directly; '' for none. `isSettled`: it knows the others, or that it is alone. `leaves`: it says goodbye.
 * `load`: for people who look at the cluster; nothing is decided by it.
 */
export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly view: number
  readonly id: string
  readonly address: string
  readonly health: string
  readonly isSettled: boolean
  readonly leaves: boolean
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
 * To one whose view differs: the nodes that the sender knows. Whoever hears of one that has ended meanwhile can look for
 * proof of it only where it was reached.
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
/** The answer: another node owns it, or is about to; 0: nobody, and it was not to be opened. */
export interface Taken {
  readonly type: 'taken'
  readonly id: number
  readonly owner: number
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

const types = ['heartbeat', 'introduction', 'claim', 'grant', 'taken', 'holds', 'held'] as const

const MAX_INCARNATION = 2 ** 48
const MAX_ADDRESS = 1_024

export function encodeCluster(message: ClusterMessage): Uint8Array {
  const w = new Writer()
  w.byte(CLUSTER)
  w.byte(types.indexOf(message.type))
  write(w, message)
  return w.finish()
}

/** Decodes a message of another node; null when it is malformed. */
export function decodeCluster(bytes: Uint8Array): ClusterMessage | null {
  try {
    const r = new Reader(bytes)
    if (r.byte() !== CLUSTER) return null
    const type = types[r.byte()]
    if (type === undefined) return null
    const message = read(r, type)
    r.finish()
    return message
  } catch {
    return null
  }
}

function write(w: Writer, message: ClusterMessage): void {
  switch (message.type) {
    case 'heartbeat':
      w.uint(message.view)
      writeFacts(w, message)
      w.byte(Number(message.isSettled))
      w.byte(Number(message.leaves))
      for (const part of loads) w.uint(message.load[part])
      break
    case 'introduction':
      w.byte(Number(message.isSettled))
      w.uint(message.living.length)
      for (const introduced of message.living) {
        w.uint(introduced.node)
        writeFacts(w, introduced)
      }
      writeNodes(w, message.ended)
      break
    case 'claim':
      w.uint(message.view)
      w.uint(message.echo)
      w.uint(message.id)
      w.byte(Number(message.opens))
      w.text(message.name)
      break
    case 'grant':
      w.uint(message.id)
      w.uint(message.term)
      break
    case 'taken':
      w.uint(message.id)
      w.uint(message.owner)
      break
    case 'holds':
      w.uint(message.view)
      w.uint(message.round)
      w.uint(message.echo)
      w.uint(message.seq)
      w.byte(Number(message.isFirst))
      w.byte(Number(message.isLast))
      w.uint(message.claimed)
      w.uint(message.term)
      w.uint(message.holdings.length)
      for (const { name, owns } of message.holdings) {
        w.byte(Number(owns))
        w.text(name)
      }
      break
    case 'held':
      w.uint(message.echo)
      w.uint(message.seq)
  }
}

function read(r: Reader, type: ClusterMessage['type']): ClusterMessage {
  switch (type) {
    case 'heartbeat':
      return {
        type,
        view: r.uint(),
        ...facts(r),
        isSettled: flag(r),
        leaves: flag(r),
        load: load(r),
      }
    case 'introduction':
      return { type, isSettled: flag(r), living: list(r, introduced), ended: nodes(r) }
    case 'claim':
      return { type, view: r.uint(), echo: r.uint(), id: r.uint(), opens: flag(r), name: r.text(limits.name) }
    case 'grant':
      return { type, id: r.uint(), term: r.uint() }
    case 'taken':
      return { type, id: r.uint(), owner: r.uint() }
    case 'holds':
      return {
        type,
        view: r.uint(),
        round: r.uint(),
        echo: r.uint(),
        seq: r.uint(),
        isFirst: flag(r),
        isLast: flag(r),
        claimed: r.uint(),
        term: r.uint(),
        holdings: list(r, (each) => ({ owns: flag(each), name: each.text(limits.name) })),
      }
  }
  return { type, echo: r.uint(), seq: r.uint() }
}

function writeFacts(w: Writer, { id, address, health }: NodeFacts): void {
  w.text(id)
  w.text(address)
  w.text(health)
}

function facts(r: Reader): NodeFacts {
  return { id: r.text(limits.name), address: r.text(MAX_ADDRESS), health: r.text(MAX_ADDRESS) }
}

function introduced(r: Reader): Introduced {
  return { node: node(r), ...facts(r) }
}

/** The parts of a load, in their order on the wire. */
const loads = [
  'connections',
  'sessions',
  'meetings',
  'replicas',
  'topics',
  'busBytesIn',
  'busBytesOut',
] as const satisfies readonly (keyof NodeLoad)[]

function load(r: Reader): NodeLoad {
  return Object.fromEntries(loads.map((part) => [part, r.uint()])) as unknown as NodeLoad
}

function writeNodes(w: Writer, all: readonly number[]): void {
  w.uint(all.length)
  for (const each of all) w.uint(each)
}

function nodes(r: Reader): number[] {
  return list(r, node)
}

function node(r: Reader): number {
  const number = r.uint()
  if (number === 0 || number >= MAX_INCARNATION) throw malformed('an incarnation')
  return number
}

function flag(r: Reader): boolean {
  const byte = r.byte()
  if (byte > 1) throw malformed('a flag')
  return byte === 1
}

/** A list. Each item has a byte at least, so nothing is allocated by a length that is only claimed. */
function list<T>(r: Reader, item: (r: Reader) => T): T[] {
  const count = r.uint()
  if (count > r.left) throw malformed('a list')
  return Array.from({ length: count }, () => item(r))
}
