import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { Bot } from './business.ts'
import type { FrameLog } from './frame-log.ts'
import type { Intake } from './intake.ts'
import type { Roster } from './roster.ts'
import type { Member } from './seat.ts'

/** What bots need of the owner of their meeting. */
export interface BotsHost {
  readonly roster: Roster
  readonly intake: Intake
  /** Bytes of the largest input. */
  readonly inputBytes: number
  /** Takes an input for the next frame. */
  push(member: Member, seq: number, data: Payload): void
  depart(member: Member, reason: string): void
}

/** The members that the business plays itself. They neither start the clock nor keep the meeting open. */
export class Bots {
  readonly #log: FrameLog
  readonly #host: BotsHost
  /** The frame in which each came; those that came with the meeting, from another node, by this one. */
  readonly #from: WeakMap<Member, number> = new WeakMap()
  readonly #first: number

  constructor(log: FrameLog, host: BotsHost) {
    this.#log = log
    this.#host = host
    this.#first = log.next
  }

  /** Seats a bot. */
  add(user: string): Bot | ErrorCode {
    const { roster } = this.#host
    const slot = roster.free
    if (slot === -1) return 'FULL'
    const member = roster.seat(user, slot)
    this.#from.set(member, this.#log.next)
    return this.#play(member)
  }

  get #members(): Member[] {
    return Array.from(this.#host.roster.all()).filter(({ seat }) => seat === null)
  }

  get size(): number {
    return this.#members.length
  }

  /** All of them, in order of joining. */
  get list(): (Bot & { readonly user: string })[] {
    return this.#members.map((member) => ({ ...this.#play(member), user: member.user }))
  }

  /** The slot of each, and the frame in which it came. */
  get runs(): { slot: number; from: number }[] {
    return this.#members.map((member) => ({
      slot: member.slot,
      from: this.#from.get(member) ?? this.#first,
    }))
  }

  #play(member: Member): Bot {
    return {
      slot: member.slot,
      maxInput: this.#host.inputBytes,
      send: (data) => this.#accept(member, data),
      leave: () => this.#host.depart(member, 'left'),
    }
  }

  #accept(member: Member, data: Payload): ErrorCode | null {
    const host = this.#host
    if (!host.roster.isSeated(member)) return 'CLOSED'
    const refusal = host.intake.checkBot(member, data)
    if (refusal === null) host.push(member, member.seq, data)
    return refusal
  }
}
