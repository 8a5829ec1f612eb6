import type { MessageOf } from '../../protocol/schema.ts'
import { isEdge } from '../ground/incarnation.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer } from '../ground/timers.ts'
import type { MeetingBusiness } from '../ports.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Owner } from '../meeting/owner.ts'
import { whyNoSeat } from '../meeting/seat.ts'
import { isOutrun } from '../meeting/visitor.ts'
import type { OfferedMeeting } from '../ports.ts'
import type { Elsewhere, Joined } from '../session/elsewhere.ts'
import type { Session } from '../session/session.ts'
import { Backers } from './backers.ts'
import { Charters } from './charters.ts'
import type { Cluster } from './cluster.ts'
import { Consents } from './consents.ts'
import { Deposing } from './deposing.ts'
import { Handover } from './handover.ts'
import { Hosting } from './hosting.ts'
import { linked, type LinkPart, type LinkParts } from './link-messages.ts'
import { type Bundle, decodeDatagram, encodeAnswer, encodeCall, type Keep } from './datagrams.ts'
import { decodeMesh, encodeMesh, isFromOwner, type MeshMessageOf } from './mesh-messages.ts'
import type { Found } from './names.ts'
import { isPossible } from './possible.ts'
import { mayHaveKept } from './recall.ts'
import type { LocalSeat, ReplicaHost } from './replica-host.ts'
import { Replica } from './replica.ts'
import { Standbys } from './standbys.ts'
import type { RevivalHost } from './orphan.ts'
import { Revival } from './revival.ts'
import { Successions } from './successions.ts'
import { Support } from './support.ts'
import { NO_ANSWER } from './waiting-joins.ts'

/** In the place of a node: the owner has ended, and the replica here waits for another one. */
const ORPHANED = -1

/** What the mesh needs of the rest of its node. */
export interface MeshHost
  extends
    Omit<
      ReplicaHost<Replica>,
      | 'link'
      | 'isOpen'
      | 'isThere'
      | 'mark'
      | 'ended'
      | 'advanced'
      | 'orphaned'
      | 'promised'
      | 'recalled'
      | 'outrun'
      | 'maySucceed'
    >,
    Pick<RevivalHost, 'questions' | 'newWorld'> {
  readonly self: number
  readonly stats: Stats
  readonly links: LinkParts
  readonly cluster: Cluster
  readonly meetings: () => Meetings
  readonly isDraining: () => boolean
  /** See `Application.adopt`. */
  adopt(offered: OfferedMeeting): MeetingBusiness | null
  /** Whether this node is about to open a meeting: `found` is called once it is known where that is. See `Names`. */
  opening(name: string, found: Found): boolean
  /** The number of a new log. */
  nextLog(): number
}

/**
 * Meetings across nodes: the replicas that this node has of other nodes' meetings, for its own clients, and those that
 * others have of its meetings.
 */
export class Mesh implements Elsewhere, LinkPart {
  readonly #host: MeshHost
  readonly #replicaHost: ReplicaHost<Replica>
  readonly hosting: Hosting
  readonly deposing: Deposing
  readonly consents: Consents
  readonly handover: Handover
  readonly revival: Revival
  readonly support: Support
  /** What supports the owners of this node. */
  readonly backing: Backers
  /** The meetings of others that this node has gone on with. */
  readonly successions: Successions = new Successions()
  readonly charters: Charters
  readonly #replicas: Map<string, Replica> = new Map()
  /** By the number of their logs. */
  readonly #byNumber: Map<number, Replica> = new Map()
  /** Those that have something to tell their owners. */
  readonly #marked: Set<Replica> = new Set()
  /** Where the JOINs of a session wait. */
  readonly #waiting: Map<Session, Set<Replica>> = new Map()
  readonly #standbys: Standbys
  /** Replicas that this node has begun to keep for others since the last beat. */
  #kept = 0
  readonly #beat: Timer

  constructor(host: MeshHost) {
    this.#host = host
    const { limits, timers, downstream, budget, work, links, lineage = null } = host
    this.charters = new Charters({ ...host, lineage })
    const link: ReplicaHost<Replica>['link'] = (node, message) => links.send(node, encodeMesh(message))
    const put: ReplicaHost<Replica>['put'] = (node, bytes) => host.put(node, bytes)
    this.#replicaHost = {
      limits,
      timers,
      downstream,
      budget,
      work,
      lineage,
      link,
      put,
      isOpen: (node, isLast) => links.isOpen(node, isLast),
      maySucceed: () => this.#maySucceed,
      isThere: (node) => node !== host.self && host.cluster.nodes.has(node),
      mark: (replica) => this.#marked.add(replica),
      refuse: (...refused) => host.refuse(...refused),
      rejoin: (session) => host.rejoin(session),
      ended: (replica) => {
        this.#forget(replica)
        this.handover.ended(replica)
        this.revival.ended(replica)
      },
      advanced: (replica, now) => {
        if (replica.isHandedOver) this.handover.advanced(replica, now)
        this.revival.ended(replica)
      },
      orphaned: (replica, now) => {
        this.handover.ended(replica)
        this.revival.orphaned(replica, now)
      },
      recalled: (replica, isOther, now) => {
        if (!this.deposing.recalled(replica, now)) this.revival.recalled(replica, isOther, now)
      },
      outrun: (...outrun) => this.revival.superseding.outrun(...outrun),
      promised: (...promised) => this.revival.promised(...promised),
    }
    const hosting = (this.hosting = new Hosting({
      limits,
      timers,
      work,
      link,
      put,
      meeting: (name) => host.meetings().get(name),
      retired: (...asked) => this.handover.retired(...asked),
      astray: (node, follow, now) =>
        this.revival.await(node, follow, now) ||
        this.handover.astray(node, follow) ||
        this.#isOpening(node, follow),
    }))
    this.deposing = new Deposing({
      ...host,
      hosting,
      demote: (...demoted) => this.#demote(...demoted),
      forget: (replica) => this.#forget(replica),
    })
    const { successions } = this
    const replica = (name: string): Replica | undefined => this.replica(name)
    const consents = (this.consents = new Consents({ ...host, replica, revival: () => this.revival }))
    this.handover = new Handover({
      ...host,
      hosting,
      support: () => this.support,
      successions,
      consents,
      send: (node, packet) => links.send(node, packet),
      replica,
      follow: (name, owner, now) => this.#follow(name, owner, now),
      demote: (...demoted) => this.#demote(...demoted),
      standing: () => this.revival.standing,
      inherited: (...inherited) => this.revival.superseding.inherit(...inherited),
    })
    this.support = new Support({
      call: (node, sent) => put(node, encodeCall(sent)),
      answer: (node, sent) => put(node, encodeAnswer(sent)),
      isAgainst: (node) => this.revival.isAgainst(node),
    })
    const { cluster, meetings, questions } = host
    this.backing = new Backers(this.support, cluster, meetings, questions, consents, (...deposed) =>
      this.deposing.depose(...deposed),
    )
    this.revival = new Revival({
      ...host,
      hosting,
      successions,
      link,
      support: this.support,
      replica,
      denied: (...denied) => this.handover.denied(...denied),
    })
    this.#standbys = new Standbys({ meetings: host.meetings, cluster: host.cluster, hosting, put })
    // Before the mesh: what broke with a link is handed over again before it is followed again.
    links.add(linked.handover, this.handover)
    this.#beat = new Timer('mesh', (now) => this.#onBeat(now))
    links.add(linked.mesh, this)
  }

  /**
   * Numbers of replicas and of members with a session on another node: of other nodes' meetings, and of this node's.
   */
  get size(): {
    readonly replicas: number
    readonly members: number
    readonly hosted: { readonly replicas: number; readonly members: number }
  } {
    let members = 0
    for (const replica of this.#replicas.values()) members += replica.members
    return { replicas: this.#replicas.size, members, hosted: this.hosting.size }
  }

  /** What this node has of a meeting of another one. */
  replica(name: string): Replica | undefined {
    return this.#replicas.get(name)
  }

  // ---- joins

  ownerOf(name: string): number {
    const replica = this.#replicas.get(name)
    return replica?.isOrphan === true ? ORPHANED : (replica?.owner ?? this.handover.passedTo(name))
  }

  /** The node that owns the meeting whose replica has this log number; 0 where it is no replica's. */
  ownerOfLog(log: number): number {
    return this.#byNumber.get(log)?.owner ?? 0
  }

  recalls(message: MessageOf<'join'>): boolean {
    return this.#maySucceed && mayHaveKept(message)
  }

  get #maySucceed(): boolean {
    const { lineage, self, isDraining } = this.#host
    return !!lineage && !isEdge(self) && !isDraining()
  }

  outruns(message: MessageOf<'join'>): boolean {
    const facts = this.#host.meetings().get(message.meeting)?.room.facts
    return facts !== undefined && this.recalls(message) && isOutrun(message, facts)
  }

  join(
    owner: number,
    session: Session,
    message: MessageOf<'join'>,
    now: number,
    joined: (answer: Joined, now: number) => void,
  ): void {
    const { limits, budget } = this.#host
    const { meeting, spectator } = message
    const known = this.#replicas.get(meeting)
    const refusal = whyNoSeat(session, known?.number ?? 0, spectator, limits, budget)
    const place = (replica: Replica): void => {
      const waiting = this.#waiting.get(session) ?? new Set()
      this.#waiting.set(session, waiting.add(replica))
      replica.join(session, message, now, (answer, at) => {
        if (waiting.delete(replica) && waiting.size === 0) this.#waiting.delete(session)
        joined(answer, at)
      })
    }
    if (refusal !== null) joined(refusal, now)
    else if (known !== undefined) place(known)
    else if (this.#replicas.size >= limits.replicas) joined('LIMIT', now)
    // It has ended since it was named, and would never answer.
    else if (owner !== 0 && !this.#host.cluster.nodes.has(owner)) joined(NO_ANSWER, now)
    else {
      const replica = this.#open(meeting, owner, now, this.#host.nextLog())
      replica.isOrphan = owner === 0
      place(replica)
      if (owner !== 0) replica.follow()
    }
  }

  #open(name: string, owner: number, now: number, number: number): Replica {
    const replica = new Replica(this.#replicaHost, name, owner, number, now)
    this.#replicas.set(name, replica)
    this.#byNumber.set(replica.number, replica)
    return replica
  }

  /** Follows a meeting that another node offers; null where there are too many replicas. */
  #follow(name: string, owner: number, now: number): Replica | null {
    if (this.#replicas.size >= this.#host.limits.replicas) return null
    const replica = this.#open(name, owner, now, this.#host.nextLog())
    replica.follow()
    return replica
  }

  /** Another node goes on with a meeting of this one: its room becomes a replica, and nobody here notices. */
  #demote({ name, log, room, config }: Owner, to: number, seats: readonly LocalSeat[], now: number): Replica {
    const twin = this.#replicas.get(name)
    const replica = this.#open(name, to, now, log.number)
    replica.keep(room, config, seats)
    // Whoever is here with another owner of the name joins again: a node has one replica of a meeting.
    twin?.giveUp(now)
    return replica
  }

  drop(session: Session): void {
    for (const replica of this.#waiting.get(session) ?? []) replica.drop(session)
    this.#waiting.delete(session)
  }

  #forget(replica: Replica): void {
    this.#marked.delete(replica)
    this.#byNumber.delete(replica.number)
    if (this.#replicas.get(replica.name) === replica) this.#replicas.delete(replica.name)
  }

  // ---- other nodes

  message(from: number, bytes: Uint8Array, now: number): void {
    const message = decodeMesh(bytes)
    if (message === null || !isPossible(message)) this.#host.stats.strangers++
    else if (message.type === 'promised') this.revival.promised(message, now)
    else if (isFromOwner(message)) {
      // What the owner has sent with this counts as answered.
      if (message.type === 'followed') this.support.gave(from, now)
      const replica = this.#replicaOf(from, message.replica)
      if (replica === undefined) return
      const { superseding } = this.revival
      if (message.type === 'followed' && superseding.tellsPassedOver(replica, message, now)) return
      replica.handle(message, now)
    } else this.hosting.handle(from, message, now)
  }

  /** A message to this node that is not of a link. Whoever is heard before its heartbeat says so again. */
  datagram(from: number, bytes: Uint8Array, now: number): void {
    if (!this.#host.cluster.nodes.has(from)) return
    const datagram = decodeDatagram(bytes)
    if (datagram === null) this.#host.stats.strangers++
    else if (datagram.type === 'bundle') for (const part of datagram.parts) this.#take(from, part, now)
    else this.#take(from, datagram, now)
  }

  #take(from: number, datagram: Bundle['parts'][number], now: number): void {
    if (datagram.type === 'frames') this.#replicaOf(from, datagram.replica)?.frames(datagram, now)
    else if (datagram.type === 'call') this.support.called(from, datagram.sent, now)
    else if (datagram.type === 'answer') this.backing.answered(from, datagram.sent, now)
    else if (datagram.type === 'keep') this.#keep(from, datagram, now)
    else if (datagram.type === 'pull') this.hosting.pull(from, datagram.replica, datagram.from)
    else for (const head of datagram.heads) this.#replicaOf(from, head.replica)?.head(head, now)
  }

  /** The owner of some meetings wants this node to have replicas of them. */
  #keep(owner: number, { meetings }: Keep, now: number): void {
    for (const { name } of meetings) {
      if (this.#host.meetings().get(name) !== undefined || this.#host.isDraining()) continue
      const replica = this.#replicas.get(name) ?? this.#keepOne(name, owner, now)
      if (replica?.owner === owner) replica.keptUntil = now + this.#host.limits.standbyKeepMs
    }
  }

  /** Null where it was asked to begin with very many: it is told again. */
  #keepOne(name: string, owner: number, now: number): Replica | null {
    return this.#kept++ < this.#host.limits.standbysPerBeat ? this.#follow(name, owner, now) : null
  }

  /** A client that waits for a meeting has promised a fence, or shows what it has kept. */
  told(session: Session, message: MessageOf<'promise'> | MessageOf<'kept'>, now: number): void {
    for (const replica of this.#waiting.get(session) ?? [])
      if (message.type === 'promise') replica.promise(session, message, now)
      else replica.recall.kept(session, message, now)
  }

  #replicaOf(owner: number, number: number): Replica | undefined {
    const replica = this.#byNumber.get(number)
    return replica?.owner === owner ? replica : undefined
  }

  /** A node follows a meeting that this one is about to open: it is answered when that is known. */
  #isOpening(node: number, message: MeshMessageOf<'follow'>): boolean {
    const { self, cluster } = this.#host
    const { meeting, replica } = message
    return this.#host.opening(meeting, (owner, now) => {
      if (!cluster.nodes.has(node)) return
      if (owner === self || owner === 0) this.hosting.goOn(node, message, now)
      else this.hosting.send(node, replica, owner ?? 0)
    })
  }

  broken(node: number, now: number): void {
    this.hosting.lost(node, now)
    for (const replica of this.#replicas.values()) if (replica.owner === node) replica.follow()
  }

  /** A node has ended. */
  gone(node: number, now: number): void {
    this.hosting.lost(node, now)
    // A name that was held for it is given up before another holds it.
    this.handover.gone(node)
    this.backing.gone(node, now)
    this.support.gone(node)
    this.revival.gone(node, now)
    for (const replica of this.#replicas.values()) if (replica.owner === node) replica.lost(now)
  }

  // ---- time

  get hasWork(): boolean {
    if (this.hosting.hasWork) return true
    for (const replica of this.#marked)
      if (replica.isTrying || !replica.isOwing || this.#host.links.isOpen(replica.owner)) return true
    return false
  }

  /** Part of the sweep. */
  sweep(now: number): void {
    const { work, limits, links } = this.#host
    const end = work.done + limits.sweepWork / 2
    for (const replica of this.#marked) {
      replica.sweep(now, end)
      // What the link does not take yet waits for a later sweep.
      if (!replica.isOwing && !replica.isTrying) this.#marked.delete(replica)
    }
    // A replica must know where it begins before the first frame arrives.
    links.sweep(now)
    this.hosting.sweep(now)
    this.handover.sweep(now)
    if (this.#beat.index < 0 && !this.#isIdle) this.#watch(now)
  }

  get #isIdle(): boolean {
    const isServing = this.backing.needed > 0 || this.#host.meetings().standbys > 0
    return this.#replicas.size === 0 && this.hosting.isIdle && !isServing
  }

  #watch(now: number): void {
    this.#host.timers.set(this.#beat, now + this.#host.limits.meshBeatMs)
  }

  #onBeat(now: number): void {
    this.#kept = 0
    this.hosting.beat(now)
    this.#standbys.beat()
    this.backing.ask(this.handover.holders(), now)
    for (const replica of this.#replicas.values()) {
      replica.beat(now)
      const { owner } = replica
      if (this.#host.cluster.peer(owner) !== undefined && this.#host.cluster.isSilent(owner))
        this.revival.suspect(replica, now)
    }
    if (!this.#isIdle) this.#watch(now)
  }
}
