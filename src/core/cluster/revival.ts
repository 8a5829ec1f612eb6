import { isEdge } from '../ground/incarnation.ts'
import { Timer } from '../ground/timers.ts'
import { type Fence, isAbove, isSame } from '../meeting/reigns.ts'
import { Accession } from './accession.ts'
import { Candidacy, comesFirst } from './candidacy.ts'
import { SILENT_PER_MS, SOON_MS } from './cluster-limits.ts'
import type { Heritage } from './heritage.ts'
import { decodeDatagram, encodeFrames } from './datagrams.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import { Orphan, type RevivalHost } from './orphan.ts'
import type { AnswerOf, QuestionOf } from './question-kinds.ts'
import type { Replica } from './replica.ts'
import { Superseding } from './superseding.ts'

/**
 * Goes on with meetings whose owner has ended, from the replicas of the nodes that are left:
 *
 *   proven end of the owner → the nodes with a replica hold the name; its registrar says which of them stands
 *   that one asks the others for frames that it has not, and the members, who join wherever they come, for a promise
 *   more than half have promised, and nothing that may be stable is missing → it goes on at a higher fence; those who
 *   come a moment later are not told as away
 *   not so within the window → it opens a new world with the frames that it has
 *
 * A promise counts for one fence, and keeps its giver from any node of a lower one.
 *
 * Of an owner that is only silent for a lease, the same, and nobody goes on before that owner must have stopped: no
 * member counts that may have acknowledged anything to it within a lease, and no node that may own the meeting has been
 * answered within one (`Support`). Nor is there a new world, unless the silence lasts (rules 12 and 14).
 */
export class Revival {
  readonly #host: RevivalHost
  readonly #orphans: Map<string, Orphan> = new Map()
  readonly superseding: Superseding
  readonly #accession: Accession
  /** The silent owner of the replica that is about to be without one. */
  #suspected = 0
  readonly #beat: Timer
  /** Meetings of which members have promised something since they were last looked at. */
  readonly #promised: Set<Orphan> = new Set()
  readonly #hear: Timer

  constructor(host: RevivalHost) {
    this.#host = host
    this.superseding = new Superseding(host, (now) => this.#watch(now))
    this.#accession = new Accession(host, this.superseding)
    this.#beat = new Timer('revival', (now) => this.#onBeat(now))
    this.#hear = new Timer('revival', (now) => this.#onPromised(now))
  }

  /** Whether this node is about to go on with a meeting, and holds its name. */
  holds(name: string): boolean {
    return this.#orphans.get(name)?.isHeir === true
  }

  /** Whether it asks members to promise it that meeting. */
  stands(name: string): boolean {
    return (this.#orphans.get(name)?.candidacy ?? null) !== null
  }

  /** Meetings whose owner has ended, and for which this node stands. */
  get standing(): number {
    return [...this.#orphans.values()].filter((each) => each.candidacy !== null && each.silent === 0).length
  }

  // ---- orphans

  /** The owner of a replica is silent, though it may live. */
  suspect(replica: Replica, now: number): void {
    if (!replica.isOrphan && !replica.copy.canGoOn) return
    this.#suspected = replica.owner
    replica.lost(now)
    this.#suspected = 0
  }

  /** Whether a node may own a meeting that this one goes on with, or wants to. */
  isAgainst(node: number): boolean {
    for (const orphan of this.#orphans.values()) if (orphan.mayBeOwnedBy(node)) return true
    return this.superseding.isPending(node)
  }

  /** A node is met, or heard again. */
  heard(node: number): void {
    for (const orphan of this.#orphans.values()) orphan.heard(node)
  }

  gone(node: number, now: number): void {
    this.superseding.gone(node)
    for (const orphan of this.#orphans.values()) orphan.gone(node, now)
  }

  /** The owner of a meeting has ended, or the node that was to have it next does not. */
  orphaned(replica: Replica, now: number): void {
    const { name } = replica
    const known = this.#orphans.get(name)
    const isNew = known?.replica !== replica
    const orphan = isNew ? new Orphan(replica, now) : known
    this.#orphans.set(name, orphan)
    // It is heard again, and has no such meeting: it was closed, or another node has it.
    const isHeard = !isNew && this.#suspected === 0 && orphan.silent !== 0
    if (isHeard && orphan.goneTo === orphan.silent) return replica.giveUp(now)
    orphan.silent = this.#suspected || orphan.silent
    orphan.candidacy = null
    replica.pledges.stand(null)
    this.#hold(orphan)
    if (!isNew) orphan.notBefore = now + this.#host.limits.revivalBeatMs
    this.#watch(isNew ? now + SOON_MS : orphan.notBefore)
  }

  /** Members have shown more than the replica had. */
  recalled(replica: Replica, isOther: boolean, now: number): void {
    const orphan = this.#orphans.get(replica.name)
    if (orphan?.replica !== replica) return this.orphaned(replica, now)
    if (isOther) orphan.candidacy = null
    if (orphan.candidacy !== null) orphan.candidacy.isNews = true
    else replica.pledges.stand(null)
    this.#watch(now + SOON_MS)
  }

  #hold(orphan: Orphan): void {
    const { meetings, limits, cluster, isDraining, self } = this.#host
    const { name, copy } = orphan.replica
    const { heritage, room } = copy
    if (isEdge(self) || isDraining() || heritage === null || room === null) return
    if (meetings().size >= limits.meetings) return
    // It may be about to open the meeting anew.
    if (cluster.isClaiming(name) || cluster.holdings.has(name)) return
    orphan.isHeir = true
    cluster.holdings.add(name, true)
  }

  #release(orphan: Orphan): void {
    if (orphan.isHeir) this.#host.cluster.closed(orphan.replica.name)
    orphan.isHeir = false
  }

  /** Asks the registrar of the name which of the nodes that hold it is to go on. */
  #look(orphan: Orphan, now: number): void {
    const { cluster, self, limits } = this.#host
    const { replica } = orphan
    orphan.isLooking = true
    cluster.find(replica.name, now, (ending, at) => {
      orphan.isLooking = false
      orphan.notBefore = at + (orphan.silent === 0 ? limits.revivalBeatMs : limits.meshBeatMs)
      if (this.#orphans.get(replica.name) !== orphan) return
      const isLost = ending.by !== 'taken' && this.#isUnheard(replica.name)
      const { owner, term } = ending.by === 'taken' ? ending : { owner: 0, term: 0 }
      // The registrar hears an owner that this node does not, so it stands for those who wait for it here alone.
      const isUnreached = owner !== 0 && owner === orphan.silent && replica.pledges.isAwaited
      // 0: the registrar has yet to hear that somebody holds it.
      if (orphan.isHeir && (owner === self || isLost || isUnreached)) {
        if (owner === self || orphan.candidacy !== null) orphan.namedIn = cluster.view
        // Where the name was opened since this node stands, and closed, that was at a higher fence.
        if (orphan.candidacy === null || orphan.candidacy.term <= term) this.#stand(orphan, 0, at)
        else this.#conclude(orphan, at)
      } else if (owner !== 0 && owner !== self && owner !== orphan.silent && cluster.nodes.has(owner))
        this.#giveWay(orphan, owner)
    })
  }

  /** Whether the registrar of the name is not heard, so that nobody can say who is to go on. */
  #isUnheard(name: string): boolean {
    const { cluster, self } = this.#host
    const registrar = cluster.nodes.registrarOf(name)
    return registrar !== self && cluster.isSilent(registrar)
  }

  /**
   * Whether nobody has opened the meeting anew since this node stands for it: in a view in which its registrar did not
   * know of that, it is asked again.
   */
  #isStillHeir(orphan: Orphan, now: number): boolean {
    if (orphan.namedIn === this.#host.cluster.view || this.#isUnheard(orphan.replica.name)) return true
    if (!orphan.isLooking) this.#look(orphan, now)
    return false
  }

  /** Another node has the meeting, or goes on with it. */
  #giveWay(orphan: Orphan, to: number): void {
    const { replica, follows } = orphan
    orphan.candidacy = null
    orphan.goneTo = to
    replica.pledges.stand(null)
    this.#release(orphan)
    for (const node of follows.keys()) this.#sendOn(orphan, node, to)
    follows.clear()
    replica.goTo(to)
  }

  #sendOn(orphan: Orphan, node: number, owner: number): void {
    const follow = orphan.follows.get(node)
    if (follow === undefined) return
    const { replica } = follow
    this.#host.hosting.parked.remove(node, replica)
    if (node === owner) this.#host.link(node, { type: 'absent', replica })
    else this.#host.hosting.send(node, replica, owner)
  }

  /** Somebody wants to follow a meeting that this node may go on with. False: it will not. */
  await(node: number, message: MeshMessageOf<'follow'>, now: number): boolean {
    const orphan = this.#orphans.get(message.meeting)
    if (orphan?.isHeir !== true) return false
    orphan.follows.set(node, message)
    if (orphan.candidacy === null) return true
    this.#tell(orphan, node)
    const { facts, log } = orphan.room
    // Its members may have shown it more than there was when it was asked.
    if (message.world === facts.world && message.next > log.next) this.#askFor(orphan, node, now)
    return true
  }

  /** Asks those who wait at another node for their promise. */
  #tell(orphan: Orphan, node: number): void {
    const follow = orphan.follows.get(node)
    if (follow === undefined || orphan.candidacy === null) return
    const standing = orphan.standing(orphan.candidacy)
    this.#host.link(node, { type: 'standing', replica: follow.replica, ...standing })
  }

  /** The replica has an owner again, or has ended. */
  ended(replica: Replica): void {
    const orphan = this.#orphans.get(replica.name)
    if (orphan?.replica !== replica || replica.isOrphan) return
    // They look for the meeting anew; nobody else would tell them.
    for (const node of orphan.follows.keys()) this.#sendOn(orphan, node, node)
    this.#release(orphan)
    this.#orphans.delete(replica.name)
  }

  /** This node is about to say goodbye: others go on with what it has stood for, and nothing is gone on with here. */
  close(): void {
    this.#orphans.clear()
    this.#promised.clear()
  }

  // ---- standing

  /** `least`: the term of a fence that somebody has promised. */
  #stand(orphan: Orphan, least: number, now: number): void {
    const { cluster, self } = this.#host
    const term = cluster.nextTerm(Math.max(orphan.room.facts.term, least) + 1)
    if (orphan.candidacy !== null) orphan.candidacy.raise(term, now)
    else {
      orphan.candidacy = new Candidacy({ term, incarnation: self }, now)
      this.#askAll(orphan, orphan.candidacy, now)
    }
    this.#ask(orphan, orphan.candidacy)
  }

  /** Asks the members, wherever they wait. */
  #ask(orphan: Orphan, { term, incarnation }: Fence): void {
    orphan.replica.pledges.stand({ world: orphan.room.facts.world, term, incarnation })
    for (const node of orphan.follows.keys()) this.#tell(orphan, node)
  }

  #askAll(orphan: Orphan, { asked, denied }: Candidacy, now: number): void {
    const { cluster } = this.#host
    for (const { incarnation } of cluster.peers)
      if (!asked.has(incarnation) && !denied.has(incarnation) && !cluster.isSilent(incarnation))
        this.#askFor(orphan, incarnation, now)
  }

  #askFor(orphan: Orphan, node: number, now: number): void {
    const { replica, candidacy } = orphan
    candidacy?.asked.add(node)
    const deadline = now + this.#host.limits.revivalAskMs
    this.#host.questions().ask([node], 'frames', orphan.question, deadline, (_, ending, at) => {
      orphan.candidacy?.answered(node)
      if (orphan.candidacy === null || this.#orphans.get(replica.name) !== orphan) return
      if (ending.by !== 'answer') return
      const { answer } = ending
      if (answer?.owns === true) return this.#giveWay(orphan, node)
      if (node === orphan.silent) return replica.giveUp(at)
      orphan.candidacy.denied.set(node, answer !== null)
      if (answer !== null) this.#has(orphan, node, answer, at)
    })
  }

  /** Another node has frames. */
  #has(
    orphan: Orphan,
    node: number,
    { packet, next, stands, ...last }: NonNullable<AnswerOf<'frames'>>,
    now: number,
  ): void {
    const { replica } = orphan
    const { log, lastFence: own } = orphan.room
    if (isAbove(last, own)) {
      // It has been followed further than this one: it is to go on.
      this.#release(orphan)
      orphan.candidacy = null
      orphan.notBefore = now + this.#host.limits.revivalAskMs
      replica.pledges.stand(null)
      return
    }
    // Both would ask the members, and neither might get enough of them.
    if (stands && comesFirst(last, node, own, this.#host.self)) return this.#giveWay(orphan, node)
    const from = log.next
    if (!isSame(last, own) || next <= from) return
    const frames = decodeDatagram(packet)
    if (frames?.type === 'frames') replica.frames(frames, now)
    if (log.next > from && log.next < next) this.#askFor(orphan, node, now)
  }

  /** What this node has of a meeting's world, for one that stands. */
  framesFor(asked: QuestionOf<'frames'>, asker: number, now: number): AnswerOf<'frames'> {
    const { self, meetings, support, limits } = this.#host
    const { name, world, from } = asked
    const owner = meetings().get(name)
    const room = owner?.room ?? this.#host.replica(name)?.copy.room ?? null
    support.gave(asker, now)
    if (owner === undefined) this.#host.denied(name, asker)
    if (room === null || (owner === undefined && room.facts.world !== world)) return null
    const { log, lastFence: own } = room
    const packet = encodeFrames(0, log, Math.max(from, log.first), limits.pageBytes).bytes
    const stands = owner === undefined && this.stands(name)
    if (stands && comesFirst(asked, asker, own, self)) this.#giveWay(this.#orphans.get(name) as Orphan, asker)
    const { term, incarnation } = own
    return { term, incarnation, next: log.next, packet, owns: owner !== undefined, stands }
  }

  /** A member has promised a fence. What follows from that is looked at once for all that come together. */
  promised(message: MeshMessageOf<'promised'>, now: number): void {
    const orphan = this.#orphans.get(message.meeting)
    const candidacy = orphan?.candidacy ?? null
    if (orphan === undefined || candidacy === null) return
    const taken = candidacy.take(message, orphan.room.attendance.list, now)
    if (taken === 'kept') {
      this.#promised.add(orphan)
      this.#host.timers.set(this.#hear, now)
    } else if (taken === 'raise') this.#stand(orphan, message.promisedTerm, now)
  }

  #onPromised(now: number): void {
    let left: number = this.#host.limits.revivalsAtOnce
    const isOver = this.#host.work.until(this.#host.limits.sweepWork / 2)
    for (const orphan of this.#promised) {
      if (left-- === 0 || isOver()) {
        this.#host.timers.set(this.#hear, now + SOON_MS)
        return
      }
      this.#promised.delete(orphan)
      if (this.#orphans.get(orphan.replica.name) === orphan) this.#conclude(orphan, now)
    }
  }

  // ---- going on

  /**
   * Goes on as soon as those have come that are enough. The window for these is long: clients of a full node take
   * seconds to come back. True: it goes on.
   */
  #conclude(orphan: Orphan, now: number): boolean {
    const { replica, candidacy } = orphan
    if (candidacy === null) return false
    candidacy.isNews = false
    const { limits, cluster, support } = this.#host
    const isOwned = orphan.mayBeOwned
    if (isOwned) this.#askAll(orphan, candidacy, now)
    const isLate = candidacy.isLate(now, limits)
    if (candidacy.asked.size > 0 && !isLate) return false
    const others = cluster.peers.filter(
      ({ incarnation }) => !candidacy.denied.has(incarnation) && !isEdge(incarnation),
    )
    const isSure = !isOwned || others.length === 0
    if (!isSure && !others.every(({ incarnation }) => support.isFree(incarnation, now))) {
      candidacy.isNews = orphan.silent === 0
      return false
    }
    const { room } = orphan
    const heritage = replica.copy.heritage as Heritage
    const [head, members] = [room.log.next - 1, room.attendance.list]
    const counts = (since: number): boolean => isSure || orphan.silent === 0 || support.isOver(since, now)
    const promises = candidacy.promisesOf(members, counts)
    const own = [...promises.values()]
    // One member may have shown only what is from when nobody else was there: others have time to show more.
    if (replica.copy.isShown && !isLate && new Set(own.map(({ user }) => user)).size < 2) return false
    // Nobody is left who could promise.
    const isOver = isLate || heritage.terms(head).every(({ until }) => until < Infinity)
    const goesOn = heritage.mayContinue(room.log.stableAt(head), head, room.lastFence, own)
    const isLost = orphan.silent === 0 || (now - orphan.since >= limits.abandonMs && promises.size > 0)
    if (!goesOn && !(isOver && isLost)) return false
    // Where the silent owner may have the frames, it is the members who support this one: by what they have just said.
    if (goesOn && orphan.silent !== 0 && now - candidacy.askedAt > limits.revivalFreshMs) {
      candidacy.askAgain(now)
      this.#ask(orphan, candidacy)
      return false
    }
    if (!this.#isStillHeir(orphan, now)) {
      // The registrar may not say so in time.
      candidacy.isNews = true
      return false
    }
    const business = this.#accession.businessFor(replica)
    if (business === null) replica.giveUp(now)
    else {
      // It holds the name throughout.
      this.#orphans.delete(replica.name)
      this.#accession.begin(orphan, candidacy, business, goesOn, now)
    }
    return true
  }

  // ---- time

  /** A node that has ended may have had very many meetings. */
  #onBeat(now: number): void {
    const { revivalsAtOnce, revivalBeatMs, sweepWork } = this.#host.limits
    let left = revivalsAtOnce
    const isOver = this.#host.work.until(sweepWork / 2)
    this.superseding.beat(now)
    for (const orphan of this.#orphans.values()) {
      if (this.#goOn(orphan, now)) left = isOver() ? 0 : left - 1
      if (left === 0) break
    }
    if (this.#orphans.size > 0 || this.superseding.isBusy)
      this.#watch(now + (left === 0 ? SOON_MS : revivalBeatMs))
  }

  /** Whether there was anything to do about it. */
  #goOn(orphan: Orphan, now: number): boolean {
    const { limits, meetings, cluster } = this.#host
    const { replica, candidacy, silent } = orphan
    if (silent !== 0 && replica.owner === 0 && !cluster.isSilent(silent)) {
      this.#giveWay(orphan, silent)
      return true
    }
    if (candidacy !== null) {
      const { isNews } = candidacy
      if (silent === 0) return (isNews || candidacy.isLate(now, limits)) && this.#conclude(orphan, now)
      // That the silent owner must have stopped follows from the time alone.
      if (!isNews && now < orphan.notBefore) return false
      orphan.notBefore = now + Math.max(limits.revivalBeatMs, this.#orphans.size / SILENT_PER_MS)
      this.#conclude(orphan, now)
      return true
    }
    const keptMs = silent === 0 ? limits.orphanMs : limits.abandonMs + limits.orphanMs
    if (now - orphan.since >= keptMs || meetings().get(replica.name) !== undefined) {
      replica.giveUp(now)
      return true
    }
    if (replica.owner !== 0 || orphan.isLooking || now < orphan.notBefore) return false
    if (!orphan.isHeir) this.#hold(orphan)
    this.#look(orphan, now)
    return true
  }

  #watch(at: number): void {
    if (this.#beat.index < 0 || at < this.#beat.at) this.#host.timers.set(this.#beat, at)
  }
}
