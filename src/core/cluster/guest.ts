import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import { Timer } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import { Elector } from '../meeting/electorate.ts'
import { weighInput } from '../meeting/intake.ts'
import type { Owner } from '../meeting/owner.ts'
import type { Follower } from '../meeting/room.ts'
import type { Member, Occupant } from '../meeting/seat.ts'
import { isByBusiness, plainly, shorten, toldOf } from '../session/told.ts'
import type { Heads } from './datagrams.ts'
import type { GuestTurns } from './guest-turns.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'

/** What a guest needs of its node. */
export interface GuestHost {
  readonly turns: GuestTurns
  say(node: number, message: MeshMessage): void
  /** It has frames to send. */
  mark(guest: Guest): void
  /** Members who were lost with the link have not come back in time. */
  expire(guest: Guest): void
  forget(guest: Guest): void
  /** Sends it all frames that it has not been sent yet. */
  complete(guest: Guest, now: number): void
}

/** A member whose session is on another node. The meeting pays for it here, and its user there. */
export class GuestSeat implements Occupant {
  readonly id: string
  readonly number: number
  elector: Elector = new Elector()
  readonly member: Member
  /** See `Placing`. */
  readonly continued: boolean
  readonly #guest: Guest
  /** The link broke, and its node has not said since that the member is still there. */
  isLost = false
  /** Its replica has given it up though no link broke: its client joins again, or is away. */
  isGivenUp = false
  /** It was away when the meeting was handed over, which its node knows. */
  isAway = false
  /** Rises where what it has said, and waits for its turn, counts no more: its node says that again. */
  #life = 0
  /** Why it leaves, once what it has said before has had its turn. */
  #leaves: string | null = null

  constructor(guest: Guest, number: number, id: string, member: Member, continued: boolean) {
    this.#guest = guest
    this.continued = continued
    this.number = number
    this.id = id
    this.member = member
  }

  direct(data: Payload): void {
    this.#guest.say({ type: 'direct', ...this.#place, data })
  }

  /** An input that waited for a frame will be in none. */
  refuse(seq: number, error: ErrorCode): void {
    this.#guest.say({ type: 'nack', ...this.#place, seq, byBusiness: true, ...plainly(error) })
  }

  evict(message: string, next = 0): void {
    if (!this.#guest.remove(this)) return
    this.#guest.say({ type: 'ended', ...this.#place, message: shorten(message), next })
  }

  /** Its replica says what it has done. */
  hear(message: MeshMessageOf<'input' | 'away' | 'back' | 'leave'>, now: number): void {
    const { owner } = this.#guest
    if (message.type === 'away') owner.away(this.member)
    else if (message.type === 'back') owner.back(this.member, now)
    else if (message.type === 'leave') this.#leave(message.reason, now)
    else this.#input(message, now)
  }

  #leave(reason: string, now: number): void {
    const { turns } = this.#guest
    if (this.#leaves !== null) return
    this.#leaves = reason
    const leaves = (): void => this.hurry()
    // It leaves after its own inputs, unless there are too many.
    if (!turns.waits(this.member.user) || !this.#hear(0, now, leaves)) leaves()
  }

  #input({ seq, acked, data }: MeshMessageOf<'input'>, now: number): void {
    if (acked > 0) this.#guest.owner.acknowledge(this, acked)
    const isHeard = this.#hear(weighInput(data), now, (at) => this.#take(seq, data, at))
    if (!isHeard) this.refuse(seq, 'BUSY')
  }

  #hear(bytes: number, now: number, act: (now: number) => void): boolean {
    const guest = this.#guest
    const life = this.#life
    return guest.turns.hear(this.member.user, bytes, now, (at) => {
      if (this.#life === life && guest.seats.get(this.number) === this) act(at)
    })
  }

  /** What waits for its turn is not heard any more: its node is told how far it was, and says the rest again. */
  hurry(): void {
    this.#life++
    // It need not wait to leave.
    if (this.#leaves !== null) this.depart(this.#leaves)
  }

  #take(seq: number, data: Payload, now: number): void {
    const { owner } = this.#guest
    // Its replica has seen to it that none is missing.
    const input = { type: 'input', log: 0, seq, after: 0, seen: 0, data } as const
    const refusal = owner.take(this.member, input, 0, now)
    if (refusal === null) return
    const byBusiness = isByBusiness(refusal)
    const told = typeof refusal === 'object' ? toldOf(refusal) : plainly(refusal)
    this.#guest.say({ type: 'nack', ...this.#place, seq, byBusiness, ...told })
  }

  depart(reason: string): void {
    if (this.#guest.remove(this)) this.#guest.owner.depart(this.member, reason)
  }

  get #place(): { readonly replica: number; readonly seat: number } {
    return { replica: this.#guest.replica, seat: this.number }
  }
}

/** A replica on another node of a meeting that this node owns: a position in the log, and the members who are there. */
export class Guest implements Follower {
  readonly node: number
  /** The number of the replica's log on its node. */
  readonly replica: number
  readonly owner: Owner
  readonly seats: Map<number, GuestSeat> = new Map()
  /** Fires when members who were lost with the link have not come back in time. */
  readonly grace: Timer
  readers = 0
  spectators = 0
  watchers: readonly string[] = []
  /** The next frame to send. */
  position = 1
  /** Its node knows of no break of the link that this one does not know of. */
  isConnected = false
  /** Its node had frames of the meeting before, and has not said that it gave them up: it may go on with them. */
  isDoubtful = false
  /** Rises where JOINs that wait for their turn count no more: its node says them again. */
  life = 0
  /** The configuration and the bots that it was told. */
  config = ''
  bots = ''
  /**
   * What the owner told last, see `legacyOf`, where another node goes on with the meeting; until that has begun, the
   * frames up to there can be had here.
   */
  legacy: string | null = null
  readonly #hosting: GuestHost

  constructor(hosting: GuestHost, node: number, replica: number, owner: Owner) {
    this.#hosting = hosting
    this.node = node
    this.replica = replica
    this.owner = owner
    this.grace = new Timer('grace', () => hosting.expire(this))
  }

  get isRetired(): boolean {
    return this.legacy !== null
  }

  get turns(): GuestTurns {
    return this.#hosting.turns
  }

  /** While the link is broken there is nobody to hear it; what counts is told when the replica follows anew. */
  say(message: MeshMessage): void {
    if (this.isConnected) this.#hosting.say(this.node, message)
  }

  add(seat: GuestSeat): void {
    this.seats.set(seat.number, seat)
    this.owner.log.hold(weights.member)
  }

  /** False: it has ended. */
  remove(seat: GuestSeat): boolean {
    if (!this.seats.delete(seat.number)) return false
    this.owner.log.hold(-weights.member)
    return true
  }

  /** The members there are away until their node says that they are there. */
  lose(): Iterable<GuestSeat> {
    this.hurry()
    for (const seat of this.seats.values()) {
      seat.isLost = true
      this.owner.away(seat.member)
    }
    return this.seats.values()
  }

  /** What waits for its turn is not heard any more, but for the word that somebody leaves. */
  hurry(): void {
    this.life++
    for (const seat of this.seats.values()) seat.hurry()
  }

  /** Those that are lost; `all`: those as well that the replica has given up. */
  lost(all: boolean): GuestSeat[] {
    return [...this.seats.values()].filter(({ isLost, isGivenUp }) => isLost && (all || !isGivenUp))
  }

  /** The members who were lost with the link are not there any more, and have not said that they leave. */
  departLost(all: boolean): void {
    for (const seat of this.lost(all)) seat.depart('expired')
  }

  acknowledge(seats: MeshMessageOf<'acks'>['seats']): void {
    for (const { seat, frame } of seats) {
      const acked = this.seats.get(seat)
      if (acked !== undefined) this.owner.acknowledge(acked, frame)
    }
  }

  tell(): void {
    if (this.isConnected) this.#hosting.mark(this)
  }

  close(message: string, now: number): void {
    if (this.isConnected) this.#hosting.complete(this, now)
    this.say({ type: 'closed', replica: this.replica, message: shorten(message) })
    for (const seat of this.seats.values()) this.remove(seat)
    this.#hosting.forget(this)
  }
}

/** See `mesh-messages.ts`. */
export function headOf({ replica, owner }: Guest, now: number): Heads['heads'][number] {
  return { replica, ...clockOf(owner, now) }
}

/** The same. */
export function clockOf({ log, due }: Owner, now: number): { readonly next: number; readonly due: number } {
  return { next: log.next, due: due === Infinity ? 0 : 1 + Math.max(0, Math.round((due - now) * 1000)) }
}
