import type { Limits } from '../ground/config.ts'
import type { Stats } from '../ground/stats.ts'
import type { Work } from '../ground/work.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Owner } from '../meeting/owner.ts'
import { type Member, Seat } from '../meeting/seat.ts'
import type { Cluster } from './cluster.ts'
import { type Declined, encodeHandover, type Ready } from './handover-messages.ts'
import { branchesOf, localSeatsOf, placesOf } from './branches.ts'
import { type Guest, GuestSeat } from './guest.ts'
import type { Hosting } from './hosting.ts'
import { legacyOf, type Retired } from './legacy.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { LocalSeat, ReplicaHost } from './replica-host.ts'
import { takesOver } from './peer.ts'
import type { Replica } from './replica.ts'
import type { Support } from './support.ts'

/** What both sides of a hand-over need of their node. */
export interface HandoverNode {
  readonly self: number
  readonly limits: Limits
  readonly stats: Stats
  readonly work: Work
  readonly meetings: () => Meetings
  readonly cluster: Cluster
  readonly hosting: Hosting
  readonly support: () => Support
  send(node: number, packet: Uint8Array): void
}

/** What a node needs to hand meetings over. */
export interface GivingHost extends HandoverNode, Pick<ReplicaHost<Replica>, 'refuse'> {
  /** Another node goes on with a meeting of this one, which follows it for the sessions here. */
  demote(owner: Owner, to: number, seats: readonly LocalSeat[], now: number): Replica
  /** Meetings with which this node is about to go on, since their node has ended. */
  readonly standing: () => number
}

/** A meeting that is offered to another node. */
interface Offered {
  readonly owner: Owner
  readonly to: number
  readonly since: number
  /** Once that node is ready: the next frame at that time. It is handed over behind the next one. */
  readyAt: number
}

/** A meeting that was handed over. */
interface Passed extends Retired {
  readonly to: number
  /** The YIELD, which is sent again where it may be lost. */
  readonly packet: Uint8Array
  readonly replica: Replica
  /** Those that are to follow the new owner, and those that have asked since: one replica of each node. */
  readonly guests: readonly Guest[]
  readonly astray: Map<number, number>
  /** The new owner has begun. */
  isTaken: boolean
  /** This node holds the name until the registrar knows the new owner. */
  isHeld: boolean
}

/** How far a node is in handing over its meetings. */
export interface GivingProgress {
  /** Meetings that are here, or about to be, and can be handed over; and those whose new owner has not begun yet. */
  readonly waiting: number
  readonly moving: number
  /** Meetings that end with this node. */
  readonly staying: number
}

const NEVER = -1
/** Meetings that are looked at for the next offer when one has been answered. */
const AFTER_ONE = 8

/**
 * Hands the meetings of a node over to others. After its YIELD the node never seals at that fence again, whether or not
 * an answer comes: it follows the new owner like any other replica. So what can be lost on the way leaves the meeting
 * without an owner for a while, as when a node dies, and never with two.
 */
export class Giving {
  readonly #host: GivingHost
  #isOn = false
  readonly #offers: Map<string, Offered> = new Map()
  readonly #passed: Map<string, Passed> = new Map()
  /** Nodes that have declined a meeting, or were silent about it; all are asked again once there are no others. */
  readonly #tried: Map<Owner, Set<number>> = new Map()
  /** Those that cannot be handed over. */
  readonly #staying: Set<Owner> = new Set()
  /** How many were handed to each node: its heartbeats may not count them yet. */
  readonly #given: Map<number, number> = new Map()
  /** When those that nobody has taken are offered again. */
  #again = -Infinity
  /** Looks at the meetings one after the other, a few with each beat. */
  #turn: Iterator<Owner> | null = null

  constructor(host: GivingHost) {
    this.#host = host
  }

  get progress(): GivingProgress {
    let moving = 0
    for (const { isTaken } of this.#passed.values()) if (!isTaken) moving++
    let staying = 0
    for (const owner of this.#staying) if (this.#isHere(owner)) staying++
    const { meetings, standing } = this.#host
    return { waiting: meetings().size - staying + standing(), moving, staying }
  }

  get isBusy(): boolean {
    if (this.#offers.size > 0) return true
    for (const { isTaken, isHeld } of this.#passed.values()) if (!isTaken || isHeld) return true
    return this.#isOn && this.progress.waiting > 0
  }

  #isHere(owner: Owner): boolean {
    return this.#host.meetings().get(owner.name) === owner
  }

  /** From now on all meetings are handed over, a few at a time. */
  begin(now: number): void {
    this.#isOn = true
    this.beat(now)
  }

  /** The node that this one has handed a meeting to, while the cluster may still ask this one about it; 0 for none. */
  passedTo(name: string): number {
    const passed = this.#passed.get(name)
    return passed?.isHeld === true ? passed.to : 0
  }

  /** See `HostingHost`. */
  retired(name: string, node: number): Retired | undefined {
    const passed = this.#passed.get(name)
    return passed?.to === node && !passed.isTaken ? passed : undefined
  }

  /** The node that somebody should ask who asks this one about a meeting; 0 for none. */
  heirOf(name: string, asker: number): number {
    const to = this.#passed.get(name)?.to ?? 0
    return to === asker ? 0 : to
  }

  /** Another node wants to follow a meeting that is not open here. False: this node has not handed it over. */
  astray(node: number, { meeting, replica }: MeshMessageOf<'follow'>): boolean {
    const passed = this.#passed.get(meeting)
    if (passed === undefined || passed.to === node) return false
    if (passed.isTaken) this.#host.hosting.send(node, replica, passed.to)
    else passed.astray.set(node, replica)
    return true
  }

  // ---- offers

  /** Time has passed: who has not become ready is given up on, and further meetings are offered. */
  beat(now: number): void {
    const { limits, stats } = this.#host
    for (const [name, { owner, to, since }] of this.#offers) {
      if (!this.#isHere(owner)) this.#offers.delete(name)
      else if (now - since >= limits.handoverMs) {
        stats.handoversRefused++
        this.#turnDown(name, owner, to)
      }
    }
    this.#offerSome(limits.handoverLooks, now)
  }

  /** Offers further meetings, after a look at so many: nobody may want them. */
  #offerSome(most: number, now: number): void {
    if (!this.#isOn) return
    const { size } = this.#host.meetings()
    for (let looks = Math.min(most, size); looks > 0; looks--) {
      if (this.#offers.size >= this.#host.limits.handovers) return
      const owner = this.#next()
      if (owner === undefined) return
      if (!this.#offers.has(owner.name) && !this.#staying.has(owner)) this.#offer(owner, now)
    }
    if (most >= size) this.#turn = null
  }

  /** The meeting whose turn it is; undefined for none. */
  #next(): Owner | undefined {
    const next = this.#turn?.next()
    if (next?.done === false) return next.value
    this.#turn = this.#host.meetings().all()[Symbol.iterator]()
    return this.#turn.next().value as Owner | undefined
  }

  #offer(owner: Owner, now: number): void {
    const { name, log, business } = owner
    const { kind } = business
    const metadata = jsonOf(business.metadata)
    const { world, hop } = owner.room.facts
    const holders = [...owner.backing.holders.keys()]
    const offer = { type: 'offer', name, world, hop, head: log.next - 1, holders, kind } as const
    const packet = metadata === null ? null : encodeHandover({ ...offer, metadata })
    const isTooLarge = packet === null || packet.length > this.#host.limits.handoverBytes
    if (isTooLarge || (business.logic !== null && business.logic.snapshot === undefined)) {
      this.#staying.add(owner)
      return
    }
    const to = this.#choose(owner)
    if (to === 0) {
      // Somebody may have room later, or come.
      if (now < this.#again) return
      this.#again = now + this.#host.limits.handoverAgainMs
      this.#tried.clear()
      return
    }
    this.#offers.set(name, { owner, to, since: now, readyAt: NEVER })
    this.#host.send(to, packet)
  }

  /**
   * Where most members are that are not here, or else the emptiest node: one that all others know, since they may give
   * the name of any other away.
   */
  #choose(owner: Owner): number {
    const { cluster, hosting } = this.#host
    const tried = this.#tried.get(owner)
    const peers = cluster.acquaintance.common.filter(
      (peer) => tried?.has(peer.incarnation) !== true && takesOver(peer, cluster),
    )
    let best = 0
    let most = -1
    for (const { node, isConnected, seats, readers } of hosting.of(owner)) {
      const weight = seats.size * 1_000 + readers
      if (!isConnected || weight <= most || peers.every(({ incarnation }) => incarnation !== node)) continue
      best = node
      most = weight
    }
    if (best !== 0) return best
    let least = Infinity
    for (const { incarnation, load } of peers) {
      let held = (load?.meetings ?? 0) + (this.#given.get(incarnation) ?? 0)
      for (const { to } of this.#offers.values()) if (to === incarnation) held++
      if (held >= least) continue
      best = incarnation
      least = held
    }
    return best
  }

  #turnDown(name: string, owner: Owner, by: number): void {
    this.#offers.delete(name)
    const tried = this.#tried.get(owner) ?? new Set()
    this.#tried.set(owner, tried.add(by))
  }

  declined(from: number, { name, hop }: Declined, now: number): void {
    const offered = this.#offers.get(name)
    if (offered === undefined || offered.to !== from || offered.owner.room.facts.hop !== hop) return
    this.#host.stats.handoversRefused++
    this.#turnDown(name, offered.owner, from)
    this.#offerSome(AFTER_ONE, now)
  }

  /** A node has the frames up to the head that it was told of. */
  ready(from: number, { name, world, hop }: Ready, now: number): void {
    const offered = this.#offers.get(name)
    if (offered === undefined || offered.to !== from || !this.#isHere(offered.owner)) return
    const { facts, log } = offered.owner.room
    if (facts.world !== world || facts.hop !== hop) return
    offered.readyAt = log.next
    this.#tryYield(offered, now)
  }

  /** Part of the sweep, when frames have been sealed: the new owner has all the time until the next one is due. */
  sweep(now: number): void {
    for (const offered of this.#offers.values()) this.#tryYield(offered, now)
  }

  #tryYield(offered: Offered, now: number): void {
    const { owner, readyAt } = offered
    if (readyAt === NEVER || !this.#isHere(owner)) return
    if (owner.due !== Infinity && owner.log.next === readyAt) return
    // In a later sweep: many may be ready together.
    if (this.#host.work.isTaken) return
    this.#offers.delete(owner.name)
    if (this.#yield(offered, now)) this.#offerSome(AFTER_ONE, now)
    else this.#staying.add(owner)
  }

  // ---- the hand-over

  /** False: the meeting cannot be handed over. */
  #yield({ owner, to }: Offered, now: number): boolean {
    const { self, hosting, meetings, limits, stats } = this.#host
    const { room, name, log } = owner
    const { kind, logic, metadata } = owner.business
    const { world, hop } = room.facts
    const business = logic?.snapshot?.() ?? null
    const described = jsonOf(metadata)
    if (described === null || (logic !== null && business === null)) return false
    const guests = hosting.of(owner)
    // What its members there have said, and waits, they say again elsewhere.
    for (const guest of guests) guest.hurry()
    const facts = { type: 'yield', name, world, hop, last: log.next - 1, kind, metadata: described } as const
    const branches = branchesOf(self, owner, guests)
    const holders = [...owner.backing.holders.keys()]
    const seats = localSeatsOf(owner)
    const written = (): Uint8Array => {
      const state = owner.state(now)
      const members = state.roster.members.map(({ slot }) => owner.roster.get(slot) as Member)
      const places = placesOf(members, guests, seats)
      return encodeHandover({ ...facts, business, state, holders, branches, places })
    }
    let packet = written()
    if (packet.length > limits.handoverBytes) {
      this.#shed(owner, packet.length - limits.handoverBytes, now)
      packet = written()
    }
    if (packet.length > limits.handoverBytes) return false
    const legacy = legacyOf(owner, now)
    hosting.retire(guests, legacy, now)
    meetings().resign(owner)
    logic?.moved?.()
    // It holds the name: nobody else may open it before the new owner's word has come to the registrar.
    this.#host.cluster.holdings.passOn(name)
    const replica = this.#host.demote(owner, to, seats, now)
    replica.isHandedOver = true
    this.#tried.delete(owner)
    this.#given.set(to, (this.#given.get(to) ?? 0) + 1)
    stats.handoversGiven++
    this.#passed.set(name, {
      owner,
      legacy,
      to,
      packet,
      replica,
      guests,
      astray: new Map(),
      isTaken: false,
      isHeld: true,
    })
    this.#host.send(to, packet)
    // With this, the node that is ready is answered.
    this.#host.support().gave(to, now)
    replica.follow()
    return true
  }

  /**
   * Refuses inputs that wait for a frame, of so many bytes at least: whoever keeps sending must not keep the meeting
   * from going on elsewhere.
   */
  #shed(owner: Owner, bytes: number, now: number): void {
    const { refuse, stats } = this.#host
    const refusal = { code: 'BUSY', message: '', retryAfterMs: 0 } as const
    for (const { member, seq } of owner.shed(bytes)) {
      const { seat } = member
      if (seat instanceof Seat) refuse(seat.session, { log: owner.log.number, seq }, refusal, true, now)
      else if (seat instanceof GuestSeat) seat.refuse(seq, refusal.code)
      else stats.refuseInput(refusal.code)
    }
  }

  /** The new owner has begun: it has answered this node, which follows it. */
  advanced(replica: Replica): void {
    const passed = this.#passed.get(replica.name)
    if (passed?.replica !== replica || passed.isTaken) return
    passed.isTaken = true
    replica.isHandedOver = false
    this.#release(passed, passed.to)
  }

  #release({ guests, astray }: Passed, to: number): void {
    this.#host.hosting.release(guests, to)
    for (const [node, replica] of astray) this.#host.hosting.send(node, replica, to)
  }

  /** The registrar knows the new owner. */
  settled(from: number, name: string): void {
    const passed = this.#passed.get(name)
    if (passed?.to !== from || !passed.isHeld) return
    passed.isHeld = false
    this.#host.cluster.closed(name)
  }

  /** The replica has ended. Where the new owner has not begun, it never will. */
  ended(replica: Replica): void {
    const passed = this.#passed.get(replica.name)
    if (passed?.replica === replica && !passed.isTaken) this.#giveUp(replica.name, passed)
  }

  #giveUp(name: string, passed: Passed): void {
    this.#passed.delete(name)
    if (!passed.isTaken) this.#release(passed, 0)
    if (passed.isHeld) this.#host.cluster.closed(name)
  }

  /** The meeting is open here again. */
  taken(name: string): void {
    this.#passed.delete(name)
  }

  // ---- nodes

  /** The link to a node broke, and with it what may have been under way. */
  broken(node: number): void {
    for (const { owner, to } of this.#offers.values())
      if (to === node) this.#turnDown(owner.name, owner, node)
    for (const { to, packet, isTaken } of this.#passed.values())
      if (to === node && !isTaken) this.#host.send(node, packet)
  }

  gone(node: number): void {
    for (const { owner, to } of this.#offers.values())
      if (to === node) this.#turnDown(owner.name, owner, node)
    for (const [name, passed] of this.#passed) if (passed.to === node) this.#giveUp(name, passed)
    this.#given.delete(node)
  }
}

/** Null where the business has put something into it that has no JSON form. */
function jsonOf(metadata: object): string | null {
  try {
    return JSON.stringify(metadata)
  } catch {
    return null
  }
}
