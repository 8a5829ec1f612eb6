import type { MessageOf } from '../../protocol/schema.ts'
import { Asks } from '../ground/asks.ts'
import type { Limits } from '../ground/config.ts'
import type { Timers } from '../ground/timers.ts'
import type { Application, MissingMeeting } from '../ports.ts'
import type { Account } from '../session/account.ts'
import type { Session } from '../session/session.ts'

/** One question about a meeting, shared by all sessions that ask to join it meanwhile. */
interface Opening extends MissingMeeting {
  /** Of the user who asked first. */
  readonly account: Account
  readonly joins: Map<Session, MessageOf<'join'>>
}

/** Asks the business, if it wants to be asked, to open a meeting when a session asks to join one that is not open. */
export class Openings {
  /** Whether the business wants to be asked. */
  on = false
  readonly #limits: Limits
  readonly #asks: Asks<Opening, null>
  readonly #byName: Map<string, Opening> = new Map()
  readonly #bySession: Map<Session, Opening> = new Map()
  readonly #deliver: (session: Session, join: MessageOf<'join'>, now: number) => void

  constructor(
    limits: Limits,
    timers: Timers,
    application: Application,
    deliver: (session: Session, join: MessageOf<'join'>, now: number) => void,
  ) {
    this.#limits = limits
    this.#deliver = deliver
    this.#asks = new Asks(timers, {
      timer: 'opening',
      most: limits.openings,
      share: limits.openingsPerUser,
      payer: ({ user }) => user,
      put: (opening) => application.openMissing(opening),
      ended: (opening, ending, now, wasPut) => {
        this.#byName.delete(opening.name)
        if (ending.by === 'deadline' && wasPut) application.openMissingEnded(opening)
        this.#conclude(opening, now)
      },
    })
  }

  /** Holds the session's JOIN until the meeting is open, or will not be opened. */
  ask(session: Session, join: MessageOf<'join'>, now: number): void {
    session.wait(join)
    const name = join.meeting
    const known = this.#byName.get(name)
    const { user, account } = session
    const opening = known ?? { name, user, account, joins: new Map() }
    opening.joins.set(session, join)
    this.#bySession.set(session, opening)
    if (known !== undefined) return
    this.#byName.set(name, opening)
    this.#asks.ask(opening, now + this.#limits.authorizeMs)
  }

  /** The user who asked first for a meeting that the business is about to open; null for none. */
  askedBy(name: string): Account | null {
    return this.#byName.get(name)?.account ?? null
  }

  /** The business has opened the meeting or declined. A late or second answer is ignored. */
  answer(missing: MissingMeeting, now: number): void {
    this.#asks.answer(missing as Opening, null, now)
  }

  /** The session has ended. The question goes on, because other sessions may want the meeting. */
  drop(session: Session): void {
    this.#bySession.get(session)?.joins.delete(session)
    this.#release(session)
  }

  #release(session: Session): void {
    if (this.#bySession.delete(session)) session.goOn()
  }

  #conclude({ joins }: Opening, now: number): void {
    for (const [session, join] of joins) {
      this.#release(session)
      this.#deliver(session, join, now)
    }
  }
}
