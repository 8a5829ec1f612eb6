import { isEdge } from '../ground/incarnation.ts'
import { Timer } from '../ground/timers.ts'
import { Elector } from '../meeting/electorate.ts'
import type { Owner } from '../meeting/owner.ts'
import type { OwnerState } from '../meeting/owner-state.ts'
import { withReign } from '../meeting/reigns.ts'
import type { Room } from '../meeting/room.ts'
import type { Member, Occupant } from '../meeting/seat.ts'
import type { MeetingBusiness } from '../ports.ts'
import type { Heritage } from './heritage.ts'
import type { Candidacy } from './candidacy.ts'
import type { Orphan, RevivalHost } from './orphan.ts'
import type { Replica } from './replica.ts'
import type { Superseding } from './superseding.ts'
import { answerHere } from './waiting-joins.ts'

/** A member who has not come back yet since the meeting was revived. */
class Absent implements Occupant {
  readonly id = ''
  readonly isVacant: boolean
  elector: Elector = new Elector()

  constructor(isVacant: boolean) {
    this.isVacant = isVacant
  }

  direct(): void {}
  evict(): void {}
}

/** How a node begins with a meeting whose owner has ended, or is silent: what it has becomes an owner's. */
export class Accession {
  readonly #host: RevivalHost
  readonly #superseding: Superseding

  constructor(host: RevivalHost, superseding: Superseding) {
    this.#host = host
    this.#superseding = superseding
  }

  /** The business's side of a meeting; null where it cannot go on without the state that has ended with the owner. */
  businessFor({ name, copy }: Replica): MeetingBusiness | null {
    const { kind, metadata } = copy.heritage as Heritage
    const business = this.#host.adopt({ name, kind, metadata })
    const isPlain = business === null || business.logic === null
    return isPlain || business.logic.revive !== undefined ? business : null
  }

  /** `goesOn`: in the same world. */
  begin(orphan: Orphan, candidacy: Candidacy, business: MeetingBusiness, goesOn: boolean, now: number): void {
    const { limits, work, meetings, cluster, hosting, stats, successions } = this.#host
    const { replica, follows, mayBeOwned } = orphan
    const { term, incarnation, denied, since, askedAt } = candidacy
    const { name } = replica
    const heritage = replica.copy.heritage as Heritage
    const { options } = heritage
    const { config } = replica.copy
    // Spectators of the old world are told that this is another one.
    replica.disperse(!goesOn)
    const { room, joins } = replica.surrender()
    const promises = candidacy.promisesOf(room.attendance.list)
    const next = room.log.next
    const { facts } = room
    const reign = { term, incarnation, from: next }
    room.facts = goesOn
      ? { ...facts, term, incarnation, reigns: withReign(facts.reigns, reign) }
      : { ...facts, term, incarnation, world: this.#host.newWorld(), reigns: [{ ...reign, from: 1 }] }
    if (!goesOn) room.log.unsettle()
    const owner = meetings().succeed(room, options, business, now)
    const state = stateOf(room, heritage, config, goesOn, now - orphan.since)
    owner.succeed(
      {
        state,
        // A promise names the run of a client by its place in a world: in another one, its user alone is known.
        seatOf: ({ slot }) => new Absent(!goesOn || !promises.has(slot)),
        event: { type: 'epoch', term, incarnation },
      },
      now,
    )
    cluster.took(name, term)
    // Of an owner that was silent when another node went on, that one may have ended before it could say so.
    const mayOwn = goesOn && mayBeOwned
    const pending: number[] = []
    for (const { incarnation: node } of cluster.peers) {
      const has = denied.get(node)
      // It goes on with nothing; or has had nothing of the new world, and can say nothing.
      if (isEdge(node) || (!goesOn && cluster.isSilent(node))) continue
      if (has !== false) owner.backing.hold(node, has === true ? since : -Infinity)
      if (has === undefined && mayOwn) pending.push(node)
    }
    if (pending.length > 0)
      this.#superseding.add({ name, world: facts.world, term, incarnation }, pending, now)
    // What it has promised, a member has promised since it was asked.
    for (const slot of promises.keys()) {
      const seat = owner.roster.get(slot)?.seat
      if (seat instanceof Absent) seat.elector.answered = askedAt
    }
    if (goesOn) stats.meetingsRevived++
    else stats.meetingsForked++
    const how = goesOn ? 'revival' : 'fork'
    successions.note({ meeting: name, from: replica.lastOwner, how, frame: next }, now)
    business.logic?.revive?.()
    for (const seat of room.seats()) seat.move(owner, null)
    owner.recount(now)
    answerHere(joins, meetings(), work.until(limits.sweepWork / 2), now)
    this.#seeTo(owner, now)
    for (const [node, follow] of follows) hosting.goOn(node, follow, now)
  }

  /** Bots have ended with their node. Members who do not come are away after a moment, and leave in the end. */
  #seeTo(owner: Owner, now: number): void {
    const { timers, limits, meetings } = this.#host
    for (const { slot } of owner.bots.list) {
      const member = owner.roster.get(slot)
      if (member !== undefined) owner.depart(member, 'expired')
    }
    const absent = owner.members.flatMap(({ slot }) => {
      const member = owner.roster.get(slot)
      return member?.seat instanceof Absent ? [{ member, seat: member.seat }] : []
    })
    const after = (ms: number, act: (member: Member) => void): void => {
      const grace = new Timer('grace', () => {
        if (meetings().get(owner.name) !== owner) return
        for (const { member, seat } of absent) if (member.seat === seat) act(member)
      })
      timers.set(grace, now + ms)
    }
    if (absent.length === 0) return
    after(limits.revivalWaitMs, (member) => owner.away(member))
    after(limits.sessionKeepMs, (member) => owner.depart(member, 'expired'))
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
  const bots = heritage.botsAt(head)
  const members = attendance.list.map(({ slot, user, away }, turn) => ({
    slot,
    user,
    standing: away ? { is: 'away' as const, turn } : { is: 'present' as const },
    seq: seqs.get(slot) ?? 0,
    isBot: bots.has(slot),
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
