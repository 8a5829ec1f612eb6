import { isEdge } from '../ground/incarnation.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { Elector } from '../meeting/electorate.ts'
import type { Owner } from '../meeting/owner.ts'
import type { OwnerState } from '../meeting/owner-state.ts'
import { isAbove, isSame, reignOf, withReign } from '../meeting/reigns.ts'
import type { Room } from '../meeting/room.ts'
import { isAway, type Occupant } from '../meeting/seat.ts'
import type { MeetingBusiness, OfferedMeeting } from '../ports.ts'
import { Candidacy } from './candidacy.ts'
import type { HandoverNode } from './giving.ts'
import type { Heritage } from './heritage.ts'
import { decodeDatagram, encodeFrames, type MeshMessage, type MeshMessageOf } from './mesh-messages.ts'
import type { Questions } from './questions.ts'
import type { AnswerOf, QuestionOf } from './question-kinds.ts'
import type { Replica } from './replica.ts'
import type { Successions } from './successions.ts'
import { answerHere } from './waiting-joins.ts'

/** What a node needs to go on with meetings whose owners have ended. */
export interface RevivalHost extends Omit<HandoverNode, 'send'> {
  readonly timers: Timers
  readonly questions: () => Pick<Questions, 'ask'>
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

/** A meeting whose owner has ended, and of which this node has a replica. */
interface Orphan {
  readonly replica: Replica
  readonly since: number
  /** It holds the name, so that nobody opens it and everybody comes here. */
  isHeir: boolean
  isLooking: boolean
  /** Not looked for again before then. */
  notBefore: number
  candidacy: Candidacy | null
  /** Nodes that want to follow it here. */
  readonly follows: Map<number, MeshMessageOf<'follow'>>
}

/** A member who has not come back yet since the meeting was revived. */
class Absent implements Occupant {
  readonly id = ''
  elector: Elector = new Elector()

  direct(): void {}
  evict(): void {}
}

/**
 * Goes on with meetings whose owner has ended, from the replicas of the nodes that are left:
 *
 *   proven end of the owner → the nodes with a replica hold the name; its registrar says which of them stands
 *   that one asks the others for frames that it has not, and the members, who join wherever they come, for a promise
 *   more than half have promised, and nothing that may be stable is missing → it goes on at a higher fence, once the
 *   others have come as well, or a moment later
 *   not so within the window → it opens a new world with the frames that it has
 *
 * A promise counts for one fence, and keeps its giver from any node of a lower one.
 */
export class Revival {
  readonly #host: RevivalHost
  readonly #orphans: Map<string, Orphan> = new Map()
  readonly #beat: Timer

  constructor(host: RevivalHost) {
    this.#host = host
    this.#beat = new Timer('revival', (now) => this.#onBeat(now))
  }

  /** Whether this node is about to go on with a meeting, and holds its name. */
  holds(name: string): boolean {
    return this.#orphans.get(name)?.isHeir === true
  }

  // ---- orphans

  /** The owner of a meeting has ended, or the node that was to have it next does not. */
  orphaned(replica: Replica, now: number): void {
    const { name } = replica
    const known = this.#orphans.get(name)
    const isNew = known?.replica !== replica
    const orphan = isNew ? newOrphan(replica, now) : known
    this.#orphans.set(name, orphan)
    orphan.candidacy = null
    replica.pledges.stand(null)
    this.#hold(orphan)
    if (!isNew) orphan.notBefore = now + this.#host.limits.revivalBeatMs
    this.#watch(isNew ? now + SOON_MS : orphan.notBefore)
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
    const { cluster, self } = this.#host
    const { replica } = orphan
    orphan.isLooking = true
    cluster.find(replica.name, now, (ending, at) => {
      orphan.isLooking = false
      orphan.notBefore = at + this.#host.limits.revivalBeatMs
      if (this.#orphans.get(replica.name) !== orphan || orphan.candidacy !== null || ending.by !== 'taken')
        return
      // 0: the registrar has yet to hear that somebody holds it.
      if (ending.owner === self && orphan.isHeir) this.#stand(orphan, 0, at)
      else if (ending.owner !== 0 && ending.owner !== self && cluster.nodes.has(ending.owner)) {
        this.#release(orphan)
        for (const node of orphan.follows.keys()) this.#sendOn(orphan, node, ending.owner)
        orphan.follows.clear()
        replica.goTo(ending.owner)
      }
    })
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
  await(node: number, message: MeshMessageOf<'follow'>): boolean {
    const orphan = this.#orphans.get(message.meeting)
    if (orphan?.isHeir !== true) return false
    orphan.follows.set(node, message)
    if (orphan.candidacy !== null) this.#tell(orphan, node)
    return true
  }

  /** Asks those who wait at another node for their promise. */
  #tell({ follows, replica, candidacy }: Orphan, node: number): void {
    const follow = follows.get(node)
    if (follow === undefined || candidacy === null) return
    const { term, incarnation } = candidacy
    const world = replica.copy.room?.facts.world ?? 0
    this.#host.link(node, { type: 'standing', replica: follow.replica, world, term, incarnation })
  }

  /** The replica has an owner again, or has ended. */
  ended(replica: Replica): void {
    const orphan = this.#orphans.get(replica.name)
    if (orphan?.replica !== replica || replica.isOrphan) return
    this.#release(orphan)
    this.#orphans.delete(replica.name)
  }

  // ---- standing

  /** `least`: the term of a fence that somebody has promised. */
  #stand(orphan: Orphan, least: number, now: number): void {
    const { cluster, self } = this.#host
    const { replica, follows } = orphan
    const { facts } = replica.copy.room as Room
    const term = cluster.nextTerm(Math.max(facts.term, least) + 1)
    if (orphan.candidacy !== null) orphan.candidacy.raise(term)
    else {
      orphan.candidacy = new Candidacy({ term, incarnation: self }, now)
      for (const { incarnation } of cluster.peers)
        if (!cluster.isSilent(incarnation)) this.#askFor(orphan, incarnation, now)
    }
    replica.pledges.stand({ world: facts.world, term, incarnation: self })
    for (const node of follows.keys()) this.#tell(orphan, node)
  }

  #askFor(orphan: Orphan, node: number, now: number): void {
    const { replica, candidacy } = orphan
    const room = replica.copy.room as Room
    candidacy?.asked.add(node)
    const question = { name: replica.name, world: room.facts.world, from: room.log.next }
    const deadline = now + this.#host.limits.revivalAskMs
    this.#host.questions().ask([node], 'frames', question, deadline, (_, ending, at) => {
      orphan.candidacy?.answered(node)
      if (orphan.candidacy === null || this.#orphans.get(replica.name) !== orphan) return
      if (ending.by === 'answer' && ending.answer !== null) this.#has(orphan, node, ending.answer, at)
    })
  }

  /** Another node has frames. */
  #has(
    orphan: Orphan,
    node: number,
    { packet, next, ...last }: NonNullable<AnswerOf<'frames'>>,
    now: number,
  ): void {
    const { replica } = orphan
    const { facts, log } = replica.copy.room as Room
    const own = reignOf(facts.reigns, log.next - 1)
    if (isAbove(last, own)) {
      // It has been followed further than this one: it is to go on.
      this.#release(orphan)
      orphan.candidacy = null
      orphan.notBefore = now + this.#host.limits.revivalAskMs
      replica.pledges.stand(null)
      return
    }
    const from = log.next
    if (!isSame(last, own) || next <= from) return
    const frames = decodeDatagram(packet)
    if (frames?.type === 'frames') replica.frames(frames, now)
    if (log.next > from && log.next < next) this.#askFor(orphan, node, now)
  }

  /** What this node has of a meeting's world, for one that stands. */
  framesFor({ name, world, from }: QuestionOf<'frames'>): AnswerOf<'frames'> {
    const room = this.#host.replica(name)?.copy.room ?? null
    if (room === null || room.facts.world !== world) return null
    const { facts, log } = room
    const { term, incarnation } = reignOf(facts.reigns, log.next - 1)
    const { pageBytes } = this.#host.limits
    const packet = encodeFrames(0, log, Math.max(from, log.first), pageBytes).bytes
    return { term, incarnation, next: log.next, packet }
  }

  /** A member has promised a fence. */
  promised(message: MeshMessageOf<'promised'>, now: number): void {
    const orphan = this.#orphans.get(message.meeting)
    const candidacy = orphan?.candidacy ?? null
    if (orphan === undefined || candidacy === null) return
    const { attendance } = orphan.replica.copy.room as Room
    const taken = candidacy.take(message, attendance.list)
    if (taken === 'kept') this.#conclude(orphan, now)
    else if (taken === 'raise') this.#stand(orphan, message.promisedTerm, now)
  }

  // ---- going on

  #isLate({ since }: Candidacy, now: number): boolean {
    return now - since >= this.#host.limits.revivalMs
  }

  /**
   * Goes on as soon as all are here who may come; or a moment after those have come that are enough, since members who
   * are late are told as away. The window for these is longer: clients of a full node take seconds to come back. True:
   * it goes on.
   */
  #conclude(orphan: Orphan, now: number): boolean {
    const { replica, candidacy } = orphan
    if (candidacy === null) return false
    candidacy.isNews = false
    const { revivalWaitMs } = this.#host.limits
    const isLate = this.#isLate(candidacy, now)
    if (candidacy.asked.size > 0 && !isLate) return false
    const room = replica.copy.room as Room
    const heritage = replica.copy.heritage as Heritage
    const head = room.log.next - 1
    const terms = heritage.terms(head)
    const members = room.attendance.list
    const promises = candidacy.promisesOf(members)
    // Nobody is left who could promise.
    const isOver = isLate || terms.every(({ until }) => until < Infinity)
    const away = new Set(members.filter((member) => member.away).map(({ slot }) => slot))
    const missing = terms.some(
      ({ slot, from, until }) =>
        until === Infinity && !away.has(slot) && promises.get(slot)?.elected !== from,
    )
    const last = reignOf(room.facts.reigns, head)
    const goesOn = heritage.mayContinue(room.log.stableAt(head), head, last, [...promises.values()])
    candidacy.enoughAt = goesOn ? Math.min(candidacy.enoughAt, now) : Infinity
    const begins = isOver || (goesOn && (!missing || now - candidacy.enoughAt >= revivalWaitMs))
    if (begins) this.#begin(orphan, candidacy, goesOn, now)
    return begins
  }

  #begin(orphan: Orphan, candidacy: Candidacy, goesOn: boolean, now: number): void {
    const { term, incarnation } = candidacy
    const { meetings, cluster, hosting, stats, successions } = this.#host
    const { replica, follows } = orphan
    const { name } = replica
    const heritage = replica.copy.heritage as Heritage
    const { kind, metadata, options } = heritage
    const business = this.#host.adopt({ name, kind, metadata })
    if (business === null || (business.logic !== null && business.logic.revive === undefined)) {
      replica.giveUp(now)
      return
    }
    const { config } = replica.copy
    // It holds the name throughout.
    this.#orphans.delete(name)
    const { room, joins } = replica.surrender()
    const promises = candidacy.promisesOf(room.attendance.list)
    for (const seat of room.seats()) room.end(seat, 'its node has ended')
    const next = room.log.next
    const { facts } = room
    const reign = { term, incarnation, from: next }
    room.facts = goesOn
      ? { ...facts, term, incarnation, reigns: withReign(facts.reigns, reign) }
      : { ...facts, term, incarnation, world: this.#host.newWorld(), reigns: [{ ...reign, from: 1 }] }
    if (!goesOn) room.log.unsettle()
    const owner = meetings().succeed(room, options, business, now)
    const state = stateOf(room, heritage, config, goesOn, now - orphan.since)
    owner.succeed({ state, seatOf: () => new Absent(), event: { type: 'epoch', term, incarnation } }, now)
    cluster.took(name, term)
    if (goesOn) stats.meetingsRevived++
    else stats.meetingsForked++
    const how = goesOn ? 'revival' : 'fork'
    successions.note({ meeting: name, from: replica.lastOwner, how, frame: next }, now)
    business.logic?.revive?.()
    // A user who has come back without the former place may take it.
    for (const { slot } of owner.members) {
      const member = owner.member(slot)
      if (member?.seat instanceof Absent && !promises.has(slot)) owner.away(member)
    }
    for (const join of joins) answerHere(join, meetings(), now)
    this.#seeTo(owner, now)
    for (const [node, follow] of follows) hosting.goOn(node, follow, now)
  }

  /** Bots have ended with their node. Members who have not come are away, and leave in the end. */
  #seeTo(owner: Owner, now: number): void {
    const { timers, limits, meetings } = this.#host
    for (const { slot } of owner.bots) {
      const member = owner.member(slot)
      if (member !== undefined) owner.depart(member, 'expired')
    }
    const absent = owner.members.flatMap(({ slot }) => {
      const member = owner.member(slot)
      return member?.seat instanceof Absent ? [{ member, seat: member.seat }] : []
    })
    for (const { member } of absent) if (!isAway(member)) owner.away(member)
    const grace = new Timer('grace', () => {
      if (meetings().get(owner.name) !== owner) return
      for (const { member, seat } of absent) if (member.seat === seat) owner.depart(member, 'expired')
    })
    if (absent.length > 0) timers.set(grace, now + limits.sessionKeepMs)
  }

  // ---- time

  /** A node that has ended may have had very many meetings. */
  #onBeat(now: number): void {
    const { revivalsAtOnce, revivalBeatMs } = this.#host.limits
    let left = revivalsAtOnce
    for (const orphan of this.#orphans.values()) if (this.#goOn(orphan, now) && --left === 0) break
    if (this.#orphans.size > 0) this.#watch(now + (left === 0 ? SOON_MS : revivalBeatMs))
  }

  /** Whether there was anything to do about it. */
  #goOn(orphan: Orphan, now: number): boolean {
    const { limits, meetings } = this.#host
    const { replica, candidacy } = orphan
    if (candidacy !== null) {
      const isDue = this.#isLate(candidacy, now) || now - candidacy.enoughAt >= limits.revivalWaitMs
      return (candidacy.isNews || isDue) && this.#conclude(orphan, now)
    }
    if (now - orphan.since >= limits.orphanMs || meetings().get(replica.name) !== undefined) {
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

/** The wait for the next few, in milliseconds. */
const SOON_MS = 1

function newOrphan(replica: Replica, now: number): Orphan {
  return {
    replica,
    since: now,
    isHeir: false,
    isLooking: false,
    notBefore: now,
    candidacy: null,
    follows: new Map(),
  }
}

/** What the new owner knows besides the frames, as these have it. */
function stateOf(
  { attendance, log }: Room,
  heritage: Heritage,
  config: string,
  goesOn: boolean,
  stoodMs: number,
): OwnerState {
  const head = log.next - 1
  const { seqs, options } = heritage
  const terms = heritage.terms(head)
  const members = attendance.list.map(({ slot, user, away }, turn) => ({
    slot,
    user,
    standing: away ? { is: 'away' as const, turn } : { is: 'present' as const },
    seq: seqs.get(slot) ?? 0,
    isBot: terms.every((term) => term.slot !== slot || term.until < Infinity),
  }))
  return {
    options,
    config,
    roster: {
      members,
      seqs: Array.from({ length: Math.max(0, ...seqs.keys()) + 1 }, (_, slot) => seqs.get(slot) ?? 0),
    },
    intake: { inputs: [], last: -1 },
    electorate: heritage.electorate(goesOn ? log.stableAt(head) : null, head),
    events: [],
    clock: { is: 'stopped', stoodMs },
  }
}
