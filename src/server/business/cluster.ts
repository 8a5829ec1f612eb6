import {
  type AnswerOf,
  type BusKind,
  isEdge,
  loadOf,
  meetingParts,
  type NodeDrain,
  type NodeLoad,
  type QuestionOf,
  type Succession,
} from '../../core/index.ts'
import { RtmsError } from '../../protocol/index.ts'
import { checkName } from '../ground/check.ts'
import { serverLimits } from '../ground/limits.ts'
import { checkNames } from '../../spelling/meant.ts'
import type { NodeRole, Place } from '../ground/place.ts'
import type { Host } from '../host.ts'
import type { Listed, Peers } from './peers.ts'

/** A node of the cluster as this one sees it. */
export interface ClusterNode {
  /** Its name, which `?route=` of tickets contains; '' for one of which only another node has told. */
  readonly node: string
  /** The number of its run: random, another one after each start. */
  readonly incarnation: number
  /** Where a ticket that leads to it has its client connect; '' where that is not known (yet). */
  readonly address: string
  readonly role: NodeRole
  /**
   * `silent`: not heard for three seconds or more, which proves nothing. A node that is known to have ended is not
   * listed.
   */
  readonly status: 'self' | 'alive' | 'silent'
  /** How long ago it was last heard, in milliseconds; 0 for this node. */
  readonly heardMs: number
  /** How much there is on it, as it told with its last heartbeat, two a second; null where that is not known. */
  readonly load: NodeLoad | null
  /** It hands over what it has, and takes nothing new. */
  readonly draining: boolean
}

/** What a node has received from the bus, or given to it, since it started. */
export interface BusTraffic {
  readonly direction: 'in' | 'out'
  /** What it was about; see `rtms_bus_messages_total`. */
  readonly kind: BusKind
  readonly messages: number
  readonly bytes: number
}

/** Where a meeting is. */
export interface Whereabouts {
  /** The name of the node that has it open; null for none of those that answered. */
  readonly owner: string | null
  /** The names of the nodes that have a copy. */
  readonly replicas: readonly string[]
  /** Names of the nodes that did not answer, whose part is unknown. */
  readonly missing: readonly string[]
}

/** A meeting that has gone on at another node than before. */
export interface ToldSuccession {
  readonly meeting: string
  /** The node that goes on with it. */
  readonly node: string
  /** The one that had it before: its name, or the number of its run where that name is not known any more. */
  readonly from: string
  /**
   * `handover`: that node drains, or had no reason to keep it. `revival`: it had ended, and the same epoch goes on.
   * `fork`: it had ended, and a new epoch has begun.
   */
  readonly how: Succession['how']
  /** The first frame of the node that goes on. */
  readonly frame: number
  /** How long ago, in milliseconds. */
  readonly agoMs: number
}

/** How long a node may take to drain, and is cut off, unless something else is said; in milliseconds. */
export const DRAIN_MS = 25_000
const CUT_MS = 15_000
const LONGEST_CUT_MS = 600_000
/** Successions of so many milliseconds are told unless something else is asked for. */
const TOLD_MS = 60_000

/** The nodes of the cluster. */
export class Cluster {
  readonly #host: Host
  readonly #peers: Peers
  readonly #addressOf: (host: string | undefined, place: Place | undefined) => string
  readonly #drain: (timeoutMs: number) => void
  readonly #fail: ((cutMs: number) => void) | null

  /**
   * @internal `addressOf`: where a ticket that leads to a node, this one by default, has its client connect. `drain`:
   * drains this node. `fail`: has a fault befall it; null where it was started without `faults`.
   */
  constructor(
    host: Host,
    peers: Peers,
    addressOf: (host: string | undefined, place: Place | undefined) => string,
    drain: (timeoutMs: number) => void,
    fail: ((cutMs: number) => void) | null,
  ) {
    this.#host = host
    this.#peers = peers
    this.#addressOf = addressOf
    this.#drain = drain
    this.#fail = fail
  }

  /** Whether this node may be cut off and killed: see the option `faults`. */
  get hasFaults(): boolean {
    return this.#fail !== null
  }

  /**
   * This node first, then those that it knows of. A node alone knows of none. `host`: as for a ticket, for addresses
   * that depend on it. Throws a TypeError for a host that is none.
   */
  nodes(options: { readonly host?: string | undefined } = {}): ClusterNode[] {
    checkNames('cluster.nodes', options, { host: true })
    const { host } = options
    const { id, incarnation, cluster } = this.#host.node
    const load = loadOf(this.#host.node)
    const now = this.#host.outside.now()
    const address = this.#addressOf(host, undefined)
    const draining = this.#host.node.draining.state !== 'serving'
    const role = roleOf(incarnation)
    const self = { node: id, incarnation, address, role, status: 'self', heardMs: 0, load, draining } as const
    const others = (cluster?.peers ?? []).map((peer): ClusterNode => {
      const status = cluster?.isSilent(peer.incarnation, now) === true ? 'silent' : 'alive'
      const heardMs = Math.max(0, Math.round(now - peer.heard))
      const place = placeOf(peer)
      const address = place === undefined ? '' : this.#addressOf(host, place)
      const { id: node, incarnation: number, load: told, isDraining } = peer
      const role = roleOf(number)
      return { node, incarnation: number, address, role, status, heardMs, load: told, draining: isDraining }
    })
    return [self, ...others]
  }

  /**
   * @internal Where edges have their clients connect, for a ticket: those of these names in their order, or any, the
   * ones with the fewest connections first. Only those that are heard and do not drain, and so many.
   */
  edges(host: string | undefined, names: readonly string[] | undefined): string[] {
    const rank = new Map(names?.map((name, at) => [name, at]))
    return this.nodes({ host })
      .filter(({ role, status, draining }) => role === 'edge' && status === 'alive' && !draining)
      .filter(({ node, address }) => address !== '' && (names === undefined || rank.has(node)))
      .map(({ node, address, load }) => ({ address, at: rank.get(node) ?? load?.connections ?? 0 }))
      .toSorted((one, other) => one.at - other.at)
      .slice(0, serverLimits.ticketEdges)
      .map(({ address }) => address)
  }

  /** Whether the bus carries messages to and from this node, and what it has carried. */
  bus(): { readonly isUp: boolean; readonly traffic: readonly BusTraffic[] } {
    const { inlet, stats } = this.#host.node
    const traffic = [
      ...[...stats.busIn].map(([kind, tally]) => ({ direction: 'in' as const, kind, ...tally })),
      ...[...stats.busOut].map(([kind, tally]) => ({ direction: 'out' as const, kind, ...tally })),
    ]
    return { isUp: inlet.isUp, traffic }
  }

  /**
   * Drains a node of the cluster, this one or another: see `Rtms.drain`. Resolves at once with how far it is; ask
   * {@link drainOf} from then on. Throws NOT_FOUND where no node of this name is known, UNKNOWN where it does not
   * answer.
   */
  async drain(node: string, options: { readonly timeoutMs?: number | undefined } = {}): Promise<NodeDrain> {
    checkNames('cluster.drain', options, { timeoutMs: true })
    const { timeoutMs = DRAIN_MS } = options
    if (!(timeoutMs >= 1)) throw new RangeError(`timeoutMs is ${timeoutMs}; expected a number of at least 1`)
    return this.#askToDrain(node, whole(timeoutMs))
  }

  /** Whether a node drains, and how far it is. Throws as {@link drain} does. */
  drainOf(node: string): Promise<NodeDrain> {
    return this.#askToDrain(node, 0)
  }

  async #askToDrain(name: string, timeoutMs: number): Promise<NodeDrain> {
    const { id, draining } = this.#host.node
    if (name === id) {
      if (timeoutMs > 0) this.#drain(timeoutMs)
      return { state: draining.state, ...draining.progress }
    }
    return this.#ask(name, 'drain', { timeoutMs })
  }

  async #ask<K extends 'drain' | 'fail'>(
    name: string,
    kind: K,
    question: QuestionOf<K>,
  ): Promise<AnswerOf<K>> {
    const peer = this.#host.node.cluster?.peers.find(({ id }) => id === name)
    if (peer === undefined) throw new RtmsError('NOT_FOUND', `no node ${JSON.stringify(name)} is known`)
    const nodes = [peer.incarnation]
    const { answers, refusal } = await this.#peers.ask(kind, question, { nodes })
    const answer = answers.get(peer.incarnation)
    if (answer === undefined) throw refusal ?? new RtmsError('UNKNOWN', `${name} has not answered`)
    return answer
  }

  /**
   * For trying out, see the option `faults`: cuts a node of the cluster off the bus for `ms` milliseconds (15,000 by
   * default, 600,000 at most), as a fault of its network would: its clients stay connected. Resolves a moment before.
   * Throws NOT_FOUND where no node of this name is known, UNKNOWN where it does not answer, FORBIDDEN where it was
   * started without `faults`.
   */
  async cut(node: string, options: { readonly ms?: number | undefined } = {}): Promise<void> {
    checkNames('cluster.cut', options, { ms: true })
    const { ms = CUT_MS } = options
    if (!(ms >= 1 && ms <= LONGEST_CUT_MS))
      throw new RangeError(`ms is ${ms}; expected a number from 1 to ${LONGEST_CUT_MS}`)
    return this.#strike(node, Math.floor(ms))
  }

  /**
   * For trying out, see the option `faults`: ends the process of a node as `kill -9` does; one that runs in a thread of
   * its own loses that. Otherwise as {@link cut}.
   */
  async kill(node: string): Promise<void> {
    return this.#strike(node, 0)
  }

  async #strike(name: string, cutMs: number): Promise<void> {
    if (name !== this.#host.node.id) await this.#ask(name, 'fail', { cutMs })
    else if (this.#fail === null)
      throw new RtmsError('FORBIDDEN', 'the node was not started with the option faults')
    else this.#fail(cutMs)
  }

  /**
   * The meetings that have gone on at another node in the last `withinMs` milliseconds (60,000 by default), the oldest
   * first, as all nodes tell within two seconds: the last 256 that each has gone on with.
   */
  async successions(
    options: { readonly withinMs?: number | undefined } = {},
  ): Promise<Listed<ToldSuccession>> {
    checkNames('cluster.successions', options, { withinMs: true })
    const { withinMs = TOLD_MS } = options
    if (!(withinMs >= 1)) throw new RangeError(`withinMs is ${withinMs}; expected a number of at least 1`)
    const { incarnation, peering } = this.#host.node
    const within = whole(withinMs)
    const here = peering?.mesh.successions.told(within, this.#host.outside.now()) ?? []
    const { answers, missing } = await this.#peers.ask('successions', { withinMs: within })
    const told = [[incarnation, here] as const, ...answers].flatMap(([node, successions]) =>
      successions.map(({ from, ...succession }) => ({
        ...succession,
        node: this.#peers.nameOf(node),
        from: this.#peers.nameOf(from),
      })),
    )
    return this.#peers.listed(
      told.toSorted((one, other) => other.agoMs - one.agoMs),
      missing,
    )
  }

  /**
   * Which node has a meeting open, and which ones have a copy of it for their own clients, as they answer within two
   * seconds.
   */
  async whereabouts(meeting: string): Promise<Whereabouts> {
    checkName('meeting', meeting, 'BAD_NAME')
    const { incarnation, peering } = this.#host.node
    const isHere = this.#host.node.meeting(meeting) !== undefined
    const { answers, missing } = await this.#peers.ask('part', { meeting })
    const parts = [[incarnation, peering?.partOf(meeting) ?? (isHere ? 'owner' : 'nothing')] as const]
    for (const [node, answer] of answers) parts.push([node, meetingParts[answer] ?? 'nothing'])
    const having = (wanted: string): string[] =>
      parts.filter(([, part]) => part === wanted).map(([node]) => this.#peers.nameOf(node))
    const [owner = null] = having('owner')
    return { owner, replicas: [...having('replica'), ...having('heir')], missing }
  }

  /**
   * @internal Another node, by incarnation, as a ticket leads to it; undefined for one that has told nothing of itself.
   */
  place(node: number): Place | undefined {
    const peer = this.#host.node.cluster?.peer(node)
    return peer === undefined ? undefined : placeOf(peer)
  }
}

/** Milliseconds as other nodes can be told them, of as many as anybody may name. */
function whole(ms: number): number {
  return Math.min(Math.floor(ms), Number.MAX_SAFE_INTEGER)
}

function roleOf(incarnation: number): NodeRole {
  return isEdge(incarnation) ? 'edge' : 'core'
}

function placeOf({ id, address }: { readonly id: string; readonly address: string }): Place | undefined {
  return id === '' ? undefined : { id, url: address }
}
