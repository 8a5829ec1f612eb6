import type { MessageOf } from '../../protocol/schema.ts'
import { Asks } from '../ground/asks.ts'
import type { Limits } from '../ground/config.ts'
import type { Timers } from '../ground/timers.ts'
import type { Application, MissingMeeting } from '../ports.ts'
import type { Account } from '../session/account.ts'
import type { Session } from '../session/session.ts'

/**
 * A question about a meeting. Of each user who wants it one waits for its turn, so nobody waits in another's line; the
 * first whose turn comes asks for all, and for whoever wants the meeting meanwhile.
 */
interface Opening extends MissingMeeting {
  /** Of the user who asks. */
  readonly account: Account
  readonly joins: Map<Session, MessageOf<'join'>>
}

/** Asks the business, if it wants to be asked, to open a meeting when a session asks to join one that is not open. */
export class Openings {
  /** Whether the business wants to be asked. */
  on = false
  readonly #limits: Limits
  readonly #asks: Asks<Opening, null>
  /** The questions that are asked, by meeting; and those that wait, by meeting and user. */
  readonly #asked: Map<string, Opening> = new Map()
  readonly #waiting: Map<string, Map<string, Opening>> = new Map()
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
      put: (opening) => {
        this.#takeOver(opening)
        application.openMissing(opening)
      },
      ended: (opening, ending, now, wasPut) => {
        if (wasPut) this.#asked.delete(opening.name)
        else this.#forget(opening)
        if (ending.by === 'deadline' && wasPut) application.openMissingEnded(opening)
        this.#conclude(opening, now)
      },
    })
  }

  /** Holds the session's JOIN until the meeting is open, or will not be opened. */
  ask(session: Session, join: MessageOf<'join'>, now: number): void {
    session.wait(join)
    const name = join.meeting
    const { user, account } = session
    const waiting = this.#waiting.get(name)
    const known = this.#asked.get(name) ?? waiting?.get(user)
    const opening = known ?? { name, user, account, joins: new Map() }
    opening.joins.set(session, join)
    this.#bySession.set(session, opening)
    if (known !== undefined) return
    if (waiting === undefined) this.#waiting.set(name, new Map([[user, opening]]))
    else waiting.set(user, opening)
    this.#asks.ask(opening, now + this.#limits.authorizeMs)
  }

  /** The turn of a question has come: it asks for all who wait for the same meeting. */
  #takeOver(opening: Opening): void {
    const { name } = opening
    this.#forget(opening)
    this.#asked.set(name, opening)
    for (const other of this.#waiting.get(name)?.values() ?? []) {
      for (const [session, join] of other.joins) {
        opening.joins.set(session, join)
        this.#bySession.set(session, opening)
      }
      other.joins.clear()
      this.#asks.end(other, 'close')
    }
  }

  /** The question no longer waits. */
  #forget({ name, user }: Opening): void {
    const waiting = this.#waiting.get(name)
    if (waiting?.delete(user) === true && waiting.size === 0) this.#waiting.delete(name)
  }

  /** The user for whom the business is asked to open a meeting; null for none. */
  askedBy(name: string): Account | null {
    return this.#asked.get(name)?.account ?? null
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
