import { isName } from '../../protocol/names.ts'
import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import { Asks, type Ending } from '../ground/asks.ts'
import type { Limits } from '../ground/config.ts'
import type { Timers } from '../ground/timers.ts'
import type { Allowance, Application, Question, Refusal } from '../ports.ts'
import { mayJoin, mayRead, mayWrite } from '../session/grant.ts'
import type { Session } from '../session/session.ts'

/** Why the business denies an item of a message, by place: the index of the topic in a SUBSCRIBE, else 0. */
export type Denials = ReadonlyMap<number, Refusal>

type Asking = MessageOf<'join'> | MessageOf<'subscribe'> | MessageOf<'publish'>

const LATE = forbidden('the business did not say in time whether it is allowed')
const DENIED = forbidden('the business does not allow it')

function forbidden(message: string): Refusal {
  return { code: 'FORBIDDEN', message, retryAfterMs: 0 }
}

/** A message that waits for `authorize`. Later messages of its session wait as well. */
interface Inquiry {
  readonly session: Session
  readonly message: Asking
  /** Items that are not yet asked about. */
  readonly items: IterableIterator<[number, string]>
  /** When all of it must be answered. */
  readonly deadline: number
  /** Questions not yet answered. */
  readonly open: Set<Asked>
  readonly denials: Map<number, Refusal>
}

interface Asked extends Question {
  readonly inquiry: Inquiry
  readonly place: number
}

/** Asks the business, if it wants to be asked, before a session joins, subscribes or publishes. */
export class Gate {
  /** Whether the business wants to be asked. */
  on = false
  readonly #limits: Limits
  readonly #application: Application
  readonly #asks: Asks<Asked, Allowance>
  readonly #inquiries: Map<Session, Inquiry> = new Map()
  readonly #deliver: (session: Session, message: Asking, denials: Denials, now: number) => void

  constructor(
    limits: Limits,
    timers: Timers,
    application: Application,
    deliver: (session: Session, message: Asking, denials: Denials, now: number) => void,
  ) {
    this.#limits = limits
    this.#application = application
    this.#deliver = deliver
    this.#asks = new Asks(timers, {
      timer: 'authorization',
      most: limits.questions,
      share: limits.questionsPerUser,
      payer: ({ user }) => user,
      put: (question) => application.authorize(question),
      ended: (question, ending, now, wasPut) => this.#ended(question, ending, now, wasPut),
    })
  }

  /** Whether a message of this type needs permission. */
  concerns(message: ClientMessage): message is Asking {
    const { type } = message
    return this.on && (type === 'join' || type === 'subscribe' || type === 'publish')
  }

  /** Asks about each item of a message that the ticket allows. False: it allows none, so there is nothing to ask. */
  ask(session: Session, message: Asking, now: number): boolean {
    const items = itemsOf(session, message)
    if (items.length === 0) return false
    const deadline = now + this.#limits.authorizeMs
    const inquiry = {
      session,
      message,
      items: items.values(),
      deadline,
      open: new Set<Asked>(),
      denials: new Map(),
    }
    session.wait(message, Math.min(items.length, this.#limits.questionsPerUser))
    this.#inquiries.set(session, inquiry)
    this.#askOn(inquiry)
    return true
  }

  /**
   * Asks about the next items of a message. No more questions of one message wait than its user may have outside: a
   * SUBSCRIBE of a thousand topics must not make the node hold a thousand questions.
   */
  #askOn(inquiry: Inquiry): void {
    const { session, message, items, deadline, open } = inquiry
    const spectator = message.type === 'join' && message.spectator
    const { user, id } = session
    while (open.size < this.#limits.questionsPerUser) {
      const { value, done } = items.next()
      if (done === true) return
      const [place, name] = value
      const question = { user, session: id, action: message.type, name, spectator, inquiry, place }
      open.add(question)
      this.#asks.ask(question, deadline)
    }
  }

  /** Takes the answer to a question. A late or second answer is ignored. */
  answer(question: Question, allowed: Allowance, now: number): void {
    this.#asks.answer(question as Asked, allowed, now)
  }

  /** The session has ended: drops its waiting message. */
  drop(session: Session, now: number): void {
    const inquiry = this.#inquiries.get(session)
    if (inquiry === undefined) return
    this.#release(session)
    for (const question of inquiry.open) this.#asks.end(question, 'close', now)
  }

  #release(session: Session): void {
    session.goOn()
    this.#inquiries.delete(session)
  }

  #ended(question: Asked, ending: Ending<Allowance>, now: number, wasPut: boolean): void {
    const { inquiry, place } = question
    const { session, message, open, denials } = inquiry
    open.delete(question)
    if (ending.by === 'close') return
    if (ending.by !== 'answer') {
      denials.set(place, LATE)
      if (wasPut) this.#application.authorizeEnded(question)
      for (const [next] of inquiry.items) denials.set(next, LATE)
    } else if (ending.answer !== true) denials.set(place, ending.answer || DENIED)
    this.#askOn(inquiry)
    if (open.size > 0) return
    this.#release(session)
    this.#deliver(session, message, denials, now)
  }
}

/** The items of a message that the ticket allows: place and name. */
function itemsOf({ grant }: Session, message: Asking): [number, string][] {
  switch (message.type) {
    case 'join':
      return isName(message.meeting) && mayJoin(grant, message.meeting, message.spectator)
        ? [[0, message.meeting]]
        : []
    case 'publish':
      return isName(message.topic) && mayWrite(grant, message.topic) ? [[0, message.topic]] : []
    default:
      return message.topics
        .map(({ topic }, place): [number, string] => [place, topic])
        .filter(([, topic]) => isName(topic) && mayRead(grant, topic))
  }
}
