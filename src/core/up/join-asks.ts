import type { MessageOf } from '../../protocol/schema.ts'
import { Asks } from '../ground/asks.ts'
import type { TimerName, Timers } from '../ground/timers.ts'
import type { MissingMeeting } from '../ports.ts'
import type { Account } from '../session/account.ts'
import type { Session } from '../session/session.ts'

/**
 * A question about a meeting. Of each user who wants it one waits for its turn, so nobody waits in another's line; the
 * first whose turn comes asks for all, and for whoever wants the meeting meanwhile.
 */
export interface JoinAsk extends MissingMeeting {
  /** Of the user who asks. */
  readonly account: Account
  readonly joins: Map<Session, MessageOf<'join'>>
}

/** What differs between kinds of such questions. */
export interface JoinAsksHost<A> {
  /** The name of their deadline timers. */
  readonly timer: TimerName
  /** Questions at a time, and how many of them may be of one user. */
  readonly most: number
  readonly share: number
  /** How long a question may take, the wait for its turn included. */
  readonly waitMs: number
  /** Asks. The answer comes in through {@link JoinAsks.answer}. */
  put(ask: JoinAsk, now: number): void
  /** Has something done when a session has its turn, unless it ends before. */
  proceed(session: Session, then: (now: number) => void): void
  /** No answer came in time to a question that was asked. */
  late(ask: JoinAsk): void
  /** Goes on with a JOIN. `answer`: null where none came in time. */
  deliver(session: Session, join: MessageOf<'join'>, answer: A | null, now: number): void
}

/** Holds the JOINs to a meeting until somebody has answered a question about it; one question serves them all. */
export class JoinAsks<A> {
  readonly #host: JoinAsksHost<A>
  readonly #asks: Asks<JoinAsk, A>
  /** The questions that are asked, by meeting; and those that wait, by meeting and user. */
  readonly #asked: Map<string, JoinAsk> = new Map()
  readonly #waiting: Map<string, Map<string, JoinAsk>> = new Map()
  readonly #bySession: Map<Session, JoinAsk> = new Map()
  #now = 0

  constructor(timers: Timers, host: JoinAsksHost<A>) {
    this.#host = host
    this.#asks = new Asks(timers, {
      timer: host.timer,
      most: host.most,
      share: host.share,
      payer: ({ user }) => user,
      put: (ask) => {
        this.#takeOver(ask)
        host.put(ask, this.#now)
      },
      ended: (ask, ending, now, wasPut) => {
        this.#now = now
        if (wasPut) this.#asked.delete(ask.name)
        else this.#forget(ask)
        if (ending.by === 'deadline' && wasPut) host.late(ask)
        this.#conclude(ask, ending.by === 'answer' ? ending.answer : null)
      },
    })
  }

  /** Holds the session's JOIN until the question about its meeting has ended. */
  ask(session: Session, join: MessageOf<'join'>, now: number): void {
    session.wait(join)
    this.#now = now
    const name = join.meeting
    const { user, account } = session
    const waiting = this.#waiting.get(name)
    const known = this.#asked.get(name) ?? waiting?.get(user)
    const ask = known ?? { name, user, account, joins: new Map() }
    ask.joins.set(session, join)
    this.#bySession.set(session, ask)
    if (known !== undefined) return
    if (waiting === undefined) this.#waiting.set(name, new Map([[user, ask]]))
    else waiting.set(user, ask)
    this.#asks.ask(ask, now + this.#host.waitMs)
  }

  /** The turn of a question has come: it asks for all who wait for the same meeting. */
  #takeOver(ask: JoinAsk): void {
    const { name } = ask
    this.#forget(ask)
    this.#asked.set(name, ask)
    for (const other of this.#waiting.get(name)?.values() ?? []) {
      for (const [session, join] of other.joins) {
        ask.joins.set(session, join)
        this.#bySession.set(session, ask)
      }
      other.joins.clear()
      this.#asks.end(other, 'close')
    }
  }

  /** The question no longer waits. */
  #forget({ name, user }: JoinAsk): void {
    const waiting = this.#waiting.get(name)
    if (waiting?.delete(user) === true && waiting.size === 0) this.#waiting.delete(name)
  }

  /**
   * The user for whom the question about a meeting is asked; null for none. `asked`: the question that is answered with
   * the meeting, also where its time has passed.
   */
  askedBy(name: string, asked?: MissingMeeting): Account | null {
    return (asked as JoinAsk | undefined)?.account ?? this.#asked.get(name)?.account ?? null
  }

  /** Takes an answer. A late or second one is ignored. */
  answer(ask: MissingMeeting, answer: A, now: number): void {
    this.#asks.answer(ask as JoinAsk, answer, now)
  }

  /** The session has ended. The question goes on, because other sessions may want the meeting. */
  drop(session: Session): void {
    this.#bySession.get(session)?.joins.delete(session)
    this.#release(session)
  }

  #release(session: Session): void {
    if (this.#bySession.delete(session)) session.goOn()
  }

  /** Those first who may have kept something of the meeting: nobody is to open it anew before they have shown it. */
  #conclude({ joins }: JoinAsk, answer: A | null): void {
    const all = [...joins]
    for (const [session, join] of [...all.filter(mayShow), ...all.filter((each) => !mayShow(each))])
      this.#host.proceed(session, (now) => {
        this.#release(session)
        this.#host.deliver(session, join, answer, now)
      })
  }
}

/** Whether a client was a member, so that it may have kept something of the meeting. */
function mayShow([, { held }]: readonly [Session, MessageOf<'join'>]): boolean {
  return (held[0]?.elected ?? 0) > 0
}
