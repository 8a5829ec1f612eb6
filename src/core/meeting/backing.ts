import type { Elector, Electorate } from './electorate.ts'
import type { OwnerHost } from './owner-host.ts'
import type { Pulse } from './pulse.ts'
import type { Room } from './room.ts'
import type { Roster } from './roster.ts'
import { Seat } from './seat.ts'
import { Sealings } from './sealings.ts'

/** Time between two pings to members that are to say whether they are there still. */
const PING_MS = 500
/** Time between two questions to nodes how far they have the log. */
const ASK_MS = 100

/**
 * Whether an owner may seal: nobody else can have gone on with its meeting, as long as every node that may have the
 * frames has answered it lately, or at least half of its members have (`ownership.md`, rule 11). A member that answers
 * goes with no other owner; of whoever goes on, more than half of the members have agreed to that.
 */
export class Backing<O> {
  /** Nodes that may have the frames, and when each was last sent something about this meeting that it has answered. */
  readonly #holders: Map<number, number> = new Map()
  /** Those of them to which another node may have given the frames, and since when. */
  readonly #doubts: Map<number, number> = new Map()
  /** Those of them that have yet to consent that it is handed over to this node: see `Consents`. */
  readonly unsure: Set<number> = new Set()
  /** Up to which frame each of them has the log, as it has said; `Infinity`: it has nothing, and gets all from here. */
  readonly #reached: Map<number, number> = new Map()
  /** Looked up where members have to support the owner, not with each acknowledgement: hardly ever do they have to. */
  readonly #sealings: Sealings = new Sealings()
  readonly #owner: O
  readonly #host: OwnerHost<O>
  readonly #roster: Roster
  readonly #electorate: Electorate
  readonly #pulse: Pulse
  #until = -Infinity
  #pinged = -Infinity
  /** When nodes were last asked how far they have the log. */
  #askedAt = -Infinity

  constructor(owner: O, host: OwnerHost<O>, roster: Roster, electorate: Electorate, pulse: Pulse) {
    this.#owner = owner
    this.#host = host
    this.#roster = roster
    this.#electorate = electorate
    this.#pulse = pulse
  }

  /** See the field. */
  get holders(): ReadonlyMap<number, number> {
    return this.#holders
  }

  /** A node gets frames, or may have had some. `since`: as above. */
  hold(node: number, since: number = -Infinity): void {
    this.#doubts.delete(node)
    this.#reached.delete(node)
    this.#holders.set(node, Math.max(since, this.#holders.get(node) ?? -Infinity))
    this.#until = -Infinity
  }

  /** Another node may have given the frames to this one, which counts until it has answered what is sent from now on. */
  doubt(node: number, now: number): void {
    if (this.#holders.has(node)) return
    this.hold(node)
    this.#doubts.set(node, now)
  }

  /** Since when that is so; `Infinity` where it is not. */
  doubtedSince(node: number): number {
    return this.#doubts.get(node) ?? Infinity
  }

  /** A node has no frames any more. */
  release(node: number): void {
    this.#holders.delete(node)
    this.unsure.delete(node)
    this.#doubts.delete(node)
    this.#reached.delete(node)
  }

  /** A node has said up to which frame it has the log. */
  reaches(node: number, frame: number, now: number): void {
    if (!this.#holders.has(node)) return
    this.#reached.set(node, frame)
    if (this.#forsake(now)) this.#pulse.wake(now)
  }

  /**
   * Members who have disappeared have no say any more, once every node that may have the frames knows that by them: one
   * that lacks those could go on with what it has and the promises of these members, though others have acknowledged
   * more here. True: nobody waits for them from now on.
   */
  #forsake(now: number): boolean {
    const { lostAt } = this.#electorate
    if (lostAt === 0) return false
    const behind = [...this.#holders.keys()].filter((node) => (this.#reached.get(node) ?? 0) < lostAt)
    if (behind.length === 0) this.#electorate.forsake()
    else if (now - this.#askedAt >= ASK_MS) {
      this.#askedAt = now
      this.#host.askReach(this.#owner, behind, now)
    }
    return behind.length === 0
  }

  /** A frame is about to be sealed. */
  sealed(frame: number, now: number): void {
    if (this.#holders.size > 0) this.#sealings.sealed(frame, now)
  }

  /** A member has acknowledged a frame. */
  acknowledge(elector: Elector, frame: number): void {
    this.#electorate.acknowledge(elector, frame)
  }

  /** The owner seals nothing for now. */
  get isPaused(): boolean {
    return this.#pulse.isPaused
  }

  /** Whether the owner may seal; if not, it is paused. Returns for how long it was until now; null: it is. */
  permit(room: Room, now: number): number | null {
    const isGiven = this.#isGiven(now)
    room.pause(!isGiven, now)
    if (isGiven) return this.#pulse.resume(room.log.next, now)
    if (this.#pulse.pause(room.isDeserted, now)) this.#host.stats.meetingsPaused++
    this.#ping(now)
    return null
  }

  /** Somebody may support it again. */
  look(now: number): void {
    if (this.isPaused) this.#pulse.look(now)
  }

  #isGiven(now: number): boolean {
    const isAlone = this.#holders.size === 0
    if (!isAlone && now >= this.#until) this.#until = this.#host.supportedUntil(this.#owner, now)
    if (isAlone || now < this.#until) {
      this.#forsake(now)
      return true
    }
    for (const { seat } of this.#roster.all())
      if (seat instanceof Seat) seat.elector.answered = Math.max(seat.elector.answered, seat.session.answered)
    const sentAt = (frame: number): number => this.#sealings.before(frame)
    return this.#electorate.hasAnswered(this.#host.answersSince(now), sentAt)
  }

  /** Asks the members who are on this node whether they are there still. */
  #ping(now: number): void {
    if (now - this.#pinged < PING_MS) return
    this.#pinged = now
    for (const { seat } of this.#roster.all()) {
      const outlet = seat instanceof Seat ? seat.session.outlet : null
      // One that reads nothing at the moment has enough with what waits for it.
      if (outlet === null || outlet.control.length > 0) continue
      this.#host.downstream.control(outlet, { type: 'ping', time: Math.round(now * 1000) })
    }
  }
}
