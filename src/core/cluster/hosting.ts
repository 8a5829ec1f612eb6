import { limits as wire } from '../../protocol/limits.ts'
import type { Limits } from '../ground/config.ts'
import { isEdge } from '../ground/incarnation.ts'
import type { Timers } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import { costs, type Work } from '../ground/work.ts'
import type { Attendee } from '../meeting/attendance.ts'
import type { Owner } from '../meeting/owner.ts'
import { isAway, type Member, type Occupant } from '../meeting/seat.ts'
import { type Seating, visitorOf, whyOutrun } from '../meeting/visitor.ts'
import { plainly, toldOf } from '../session/told.ts'
import { Bundles } from './bundles.ts'
import { GuestTurns } from './guest-turns.ts'
import { clockOf, Guest, type GuestHost, GuestSeat, headOf } from './guest.ts'
import { keyOf, legacyOf, type Retired } from './legacy.ts'
import { encodeFrames, encodeHeads, type Heads } from './datagrams.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'
import { Parked } from './parked.ts'

/** What this node needs to host the replicas of other nodes. */
export interface HostingHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly work: Work
  /** The meeting of this name, where it is open on this node. */
  meeting(name: string): Owner | undefined
  /** Sends over the link to a node. */
  link(node: number, message: MeshMessage): void
  /** Puts a datagram on the bus. */
  put(node: number, bytes: Uint8Array): void
  /**
   * A meeting that was open here and was handed over, for the node that is to go on with it, as long as that has not
   * begun.
   */
  retired(name: string, node: number): Retired | undefined
  /** Somebody follows a meeting that is not open here. False: it was not handed over either. */
  astray(node: number, message: MeshMessageOf<'follow'>, now: number): boolean
}

/** The replicas that other nodes have of this node's meetings. */
export class Hosting implements GuestHost {
  readonly #host: HostingHost
  /** By node, and by the replica's number there. */
  readonly #guests: Map<number, Map<number, Guest>> = new Map()
  /** Those that have frames to send. */
  readonly #dirty: Set<Guest> = new Set()
  readonly #bundles: Bundles
  readonly parked: Parked = new Parked()
  readonly turns: GuestTurns

  constructor(host: HostingHost) {
    this.#host = host
    const { linkWindow, linkBytes, linkPacket } = host.limits
    this.turns = new GuestTurns(host.work, { perUser: linkWindow / 4, most: linkBytes })
    this.#bundles = new Bundles((node, packet) => host.put(node, packet), linkPacket)
  }

  /** Number of replicas, and of members who are there. */
  get size(): { readonly replicas: number; readonly members: number } {
    let [replicas, members] = [0, 0]
    for (const guest of this.#all()) {
      replicas++
      members += guest.seats.size
    }
    return { replicas, members }
  }

  get hasWork(): boolean {
    return this.#dirty.size > 0 || this.turns.hasWork
  }

  get isIdle(): boolean {
    return this.#guests.size === 0
  }

  *#all(): Generator<Guest> {
    for (const guests of this.#guests.values()) yield* guests.values()
  }

  say(node: number, message: MeshMessage): void {
    this.#host.link(node, message)
  }

  mark(guest: Guest): void {
    this.#dirty.add(guest)
  }

  /** A message of a replica on another node. */
  handle(node: number, message: MeshMessage, now: number): void {
    if (message.type === 'follow') return this.#follow(node, message, now)
    const guest = this.#guests.get(node)?.get(message.replica)
    // It was said before the replica knew that the link broke, or that the meeting was handed over.
    if (guest === undefined && message.type === 'unfollow') this.parked.remove(node, message.replica)
    if (guest === undefined || !guest.isConnected || guest.isRetired) return
    switch (message.type) {
      case 'unfollow':
        if (!guest.isDoubtful) guest.owner.backing.release(node)
        this.#leave(guest, now)
        break
      case 'readers':
        this.#count(guest, message, now)
        // The clock may have begun to run for the first of them, who waits to be told when a frame is due.
        if (guest.position === guest.owner.log.next) this.#host.put(node, encodeHeads([headOf(guest, now)]))
        break
      case 'watchers':
        guest.watchers = message.users.map(({ user }) => user)
        break
      case 'enter':
        this.#enter(guest, message, now)
        break
      case 'entered':
        guest.departLost(false)
        if (guest.lost(true).length === 0) this.#host.timers.clear(guest.grace)
        break
      case 'acks':
        guest.acknowledge(message.seats)
        break
      case 'input':
      case 'away':
      case 'back':
      case 'leave':
        guest.seats.get(message.seat)?.hear(message, now)
    }
  }

  /**
   * A replica is no more. Members who were there have not said that they leave: its node may have gone on with their
   * promises meanwhile, or has them join again. So they are away, and counted among those who could promise.
   */
  #leave(guest: Guest, now: number): void {
    if (guest.seats.size === 0) {
      this.forget(guest)
      guest.owner.recount(now)
    } else if (guest.isConnected) this.#part(guest, now)
  }

  #follow(node: number, message: MeshMessageOf<'follow'>, now: number): void {
    const { replica, meeting, world, next } = message
    const retired = this.#host.retired(meeting, node)
    const owner = this.#host.meeting(meeting) ?? retired?.owner
    if (owner === undefined) {
      if (!this.parked.isFull(node) && this.#host.astray(node, message, now)) this.parked.add(node, message)
      else this.say(node, { type: 'absent', replica })
      return
    }
    // A node has one replica of a meeting.
    for (const other of this.of(owner))
      if (other.node === node && other.replica !== replica) this.#leave(other, now)
    const known = this.#guests.get(node)?.get(replica)
    const guest = known?.owner === owner ? known : this.#open(node, replica, owner)
    // Its node may have gone on with the frames that it had, and have yet to say so: only its support denies that.
    if (guest !== known) guest.isDoubtful = owner.backing.holders.has(node)
    // The replica has given up its seats: their clients join again, or are away for good.
    if (guest.isConnected) for (const seat of this.#lose(guest, now)) seat.isGivenUp = true
    guest.isConnected = true
    guest.legacy = owner === retired?.owner ? retired.legacy : null
    // One that has frames already may be about to go on with them.
    if (!guest.isRetired && !isEdge(node))
      owner.backing.hold(node, world === 0 && !guest.isDoubtful ? now : -Infinity)
    if (guest.isRetired) owner.room.followers.delete(guest)
    else this.#count(guest, message, now)
    const { log, facts } = owner.room
    const goesOn = world === facts.world && next >= log.first && next <= log.next
    this.#begin(guest, goesOn ? next : log.first, now)
  }

  /** It is known who has the meeting: the replica may follow it. */
  goOn(node: number, message: MeshMessageOf<'follow'>, now: number): void {
    if (this.parked.take(node, message)) this.#follow(node, message, now)
  }

  #open(node: number, replica: number, owner: Owner): Guest {
    const guest = new Guest(this, node, replica, owner)
    const guests = this.#guests.get(node)
    if (guests === undefined) this.#guests.set(node, new Map([[replica, guest]]))
    else guests.set(replica, guest)
    owner.room.followers.add(guest)
    return guest
  }

  /** Tells the replica where the meeting stands, and sends the frames from a position on. */
  #begin(guest: Guest, position: number, now: number): void {
    const { owner, replica } = guest
    const { facts, beginning } = owner.room
    guest.position = position
    const bots = owner.bots.runs
    guest.config = owner.config
    guest.bots = keyOf(bots)
    guest.say({
      type: 'followed',
      replica,
      ...facts,
      config: owner.config,
      ...beginning,
      ...clockOf(owner, now),
      legacy: guest.legacy ?? legacyOf(owner, now),
      bots,
    })
    guest.tell()
  }

  #count(guest: Guest, { readers, spectators }: { readers: number; spectators: number }, now: number): void {
    guest.readers = readers
    guest.spectators = spectators
    guest.owner.recount(now)
  }

  // ---- members

  #enter(guest: Guest, message: MeshMessageOf<'enter'>, now: number): void {
    const { replica, seat: number, again, user } = message
    const { owner, life } = guest
    if (again) guest.seats.get(number)?.hurry()
    const known = guest.seats.get(number)
    if (known !== undefined) {
      known.isLost = known.isGivenUp = false
      if (!known.isAway) owner.back(known.member, now)
      known.isAway = false
      this.#seated(guest, known, again ? [] : owner.members, now)
      return
    }
    const place = { replica, seat: number }
    if (again) {
      const text = 'its place was given up while the nodes could not talk to each other'
      return guest.say({ type: 'refused', ...place, ...plainly('CLOSED', text) })
    }
    const isHeard = this.turns.hear(user, weighEnter(message), now, (at) => {
      const isHere = this.#guests.get(guest.node)?.get(replica) === guest
      if (isHere && guest.life === life && !guest.isRetired) this.#seat(guest, message, at)
    })
    if (!isHeard) guest.say({ type: 'refused', ...place, ...plainly('BUSY') })
  }

  #seat(guest: Guest, message: MeshMessageOf<'enter'>, now: number): void {
    const { owner } = guest
    const { replica, seat: number, user, session } = message
    // It was said twice.
    if (guest.seats.has(number)) return this.#enter(guest, message, now)
    const place = { replica, seat: number }
    const visitor = visitorOf({ user, id: session }, message, owner.room.facts)
    const sit: Seating = (member, continued) => {
      const seat = new GuestSeat(guest, number, message.session, member, continued)
      guest.add(seat)
      return seat
    }
    const found = whyOutrun(owner, message) ?? owner.seat(visitor, now, sit)
    const seat = guest.seats.get(number)
    if (seat !== undefined) this.#seated(guest, seat, owner.members, now)
    else if (typeof found === 'string') guest.say({ type: 'refused', ...place, ...plainly(found) })
    else if ('code' in found) guest.say({ type: 'refused', ...place, ...toldOf(found) })
  }

  #seated(guest: Guest, seat: GuestSeat, members: readonly Attendee[], now: number): void {
    const { owner, replica } = guest
    const { number, continued, member } = seat
    const { slot, seq } = member
    // Its session has far fewer that it may have to send again.
    const seqs = owner.waitingOf(member).slice(-wire.batch)
    const waiting = seqs.map((each) => ({ seq: each }))
    const { elected } = seat.elector
    const facts = { replica, seat: number, slot, seq, continued, waiting, elected, members }
    guest.say({ type: 'seated', ...facts, ...clockOf(owner, now) })
    // Empty frames that were to go out later, together: its JOIN may wait for them.
    guest.tell()
  }

  /** Those who were lost with the link have not come back in time. */
  expire(guest: Guest): void {
    guest.departLost(true)
    if (!guest.isConnected) this.forget(guest)
  }

  // ---- hand-over

  /** The replicas of a meeting. */
  of(owner: Owner): Guest[] {
    return [...owner.room.followers] as Guest[]
  }

  /** Another node goes on with the meeting of these: they can have its frames up to there, and nothing else. */
  retire(guests: readonly Guest[], legacy: string, now: number): void {
    for (const guest of guests) {
      guest.legacy = legacy
      this.#host.timers.clear(guest.grace)
      guest.owner.room.followers.delete(guest)
      for (const seat of guest.seats.values()) guest.remove(seat)
      if (guest.isConnected) this.#send(guest, now)
    }
    this.#bundles.post()
  }

  /** The other node has begun, so they may follow it. `to` 0: it has ended, and nobody goes on. */
  release(guests: readonly Guest[], to: number): void {
    for (const guest of guests) {
      const { node, replica } = guest
      if (node !== to && guest.isConnected) this.send(node, replica, to)
      this.forget(guest)
    }
  }

  /** Sends a replica to another node. */
  send(node: number, replica: number, to: number): void {
    this.parked.remove(node, replica)
    this.say(node, { type: 'moved', replica, owner: to })
  }

  /**
   * A replica of a meeting that this node goes on with. It is to follow this node within the grace of a link that
   * broke.
   */
  expect(
    owner: Owner,
    node: number,
    replica: number,
    readers: number,
    spectators: number,
    now: number,
  ): Guest {
    const guest = this.#open(node, replica, owner)
    guest.readers = readers
    guest.spectators = spectators
    owner.backing.hold(node)
    this.#host.timers.set(guest.grace, now + this.#host.limits.sessionKeepMs)
    return guest
  }

  /** A member who is at that replica, and is entered again when it follows. */
  guest(guest: Guest, number: number, session: string, member: Member): Occupant {
    const seat = new GuestSeat(guest, number, session, member, true)
    seat.isLost = true
    seat.isAway = isAway(member)
    guest.add(seat)
    return seat
  }

  // ---- nodes

  /** The link to a node broke, or the node has ended: its members are away until it says that they are there. */
  lost(node: number, now: number): void {
    this.parked.forget(node)
    for (const guest of this.#guests.get(node)?.values() ?? []) this.#part(guest, now)
  }

  /** Nobody is at a replica any more who reads, or hears what is said. */
  #part(guest: Guest, now: number): void {
    guest.isConnected = false
    this.#dirty.delete(guest)
    if (guest.isRetired) return
    this.#lose(guest, now)
    this.#count(guest, { readers: 0, spectators: 0 }, now)
  }

  /** Its members are away until its node says that they are there. */
  #lose(guest: Guest, now: number): Iterable<GuestSeat> {
    this.#host.timers.set(guest.grace, now + this.#host.limits.sessionKeepMs)
    return guest.lose()
  }

  /** The replica is gone. */
  forget(guest: Guest): void {
    this.#host.timers.clear(guest.grace)
    this.#dirty.delete(guest)
    guest.owner.room.followers.delete(guest)
    const guests = this.#guests.get(guest.node)
    if (guests?.get(guest.replica) === guest) guests.delete(guest.replica)
    if (guests?.size === 0) this.#guests.delete(guest.node)
  }

  // ---- frames

  /** A replica misses the frames from here on. */
  pull(node: number, replica: number, from: number): void {
    const guest = this.#guests.get(node)?.get(replica)
    if (guest === undefined || from > guest.owner.log.next) return
    guest.position = from
    guest.tell()
  }

  /**
   * Part of the sweep: what waits for its turn, and a page for each replica that is behind, as far as the work of a
   * sweep goes.
   */
  sweep(now: number): void {
    const { work, limits } = this.#host
    this.turns.sweep(now)
    const end = work.done + limits.sweepWork
    for (const guest of Array.from(this.#dirty)) {
      if (work.done >= end) break
      this.#dirty.delete(guest)
      this.#send(guest, now)
    }
    this.#bundles.post()
  }

  #send(guest: Guest, now: number): void {
    const { log } = guest.owner
    if (guest.position < log.first) return this.#begin(guest, log.first, now)
    if (guest.position >= log.next) return
    const { bytes, to } = encodeFrames(guest.replica, log, guest.position, this.#host.limits.pageBytes)
    this.#host.work.done += costs.write + (to - guest.position) * costs.walked + bytes.length * costs.byte
    guest.position = to
    this.#bundles.add(guest.node, bytes)
    if (to < log.next) this.mark(guest)
  }

  /** See {@link GuestHost}. */
  complete(guest: Guest, now: number): void {
    while (guest.position < guest.owner.log.next) this.#send(guest, now)
    this.#bundles.post()
  }

  /** Tells each node how far its replicas should be, and when the next frames are due. */
  beat(now: number): void {
    for (const [node, guests] of this.#guests) {
      let heads: Heads['heads'][number][] = []
      for (const guest of guests.values()) {
        if (!guest.isConnected || guest.isRetired) continue
        const { owner, replica } = guest
        const bots = owner.bots.runs
        if (guest.config !== owner.config || guest.bots !== keyOf(bots)) {
          guest.config = owner.config
          guest.bots = keyOf(bots)
          guest.say({ type: 'config', replica, config: owner.config, bots })
        }
        // Empty frames that were to go out later, together.
        this.#send(guest, now)
        if (guest.position !== owner.log.next) continue
        heads.push(headOf(guest, now))
        if (heads.length < wire.batch) continue
        this.#bundles.add(node, encodeHeads(heads))
        heads = []
      }
      if (heads.length > 0) this.#bundles.add(node, encodeHeads(heads))
    }
    this.#bundles.post()
  }
}

/** What waits for its turn with somebody who wants to be a member. */
function weighEnter({ held }: MeshMessageOf<'enter'>): number {
  return weights.question + held.length * weights.item
}
