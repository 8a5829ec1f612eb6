import { isName } from '../../protocol/names.ts'
import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import type { NodeLimits } from '../ground/config.ts'
import { mayJoin, mayRead, mayWrite } from '../door/grant.ts'
import type { Application, Question } from '../ports.ts'
import type { Session } from '../session/session.ts'
import { Timer, type Timers } from '../ground/timers.ts'

/** Why an item of a message is refused, by its place in it: that of the topic in a SUBSCRIBE, else 0. */
export type Refusals = ReadonlyMap<number, string>

type Asking = MessageOf<'join'> | MessageOf<'subscribe'> | MessageOf<'publish'>

/** A message that waits for the business to allow it. What its session sent behind it waits as well. */
export interface Inquiry {
  readonly session: Session
  readonly message: ClientMessage
  /** Questions without an answer, by place. */
  readonly open: Map<number, Question>
  readonly refused: Map<number, string>
  readonly timer: Timer
}

interface Asked extends Question {
  readonly inquiry: Inquiry
  readonly place: number
}

/** Asks the business, where it wants to be asked, before a session joins, subscribes or publishes. */
export class Gate {
  /** Whether the business wants to be asked. */
  on = false
  readonly #limits: NodeLimits
  readonly #timers: Timers
  readonly #application: Application
  readonly #deliver: (inquiry: Inquiry, now: number) => void

  constructor(
    limits: NodeLimits,
    timers: Timers,
    application: Application,
    deliver: (inquiry: Inquiry, now: number) => void,
  ) {
    this.#limits = limits
    this.#timers = timers
    this.#application = application
    this.#deliver = deliver
  }

  /** Whether a message of this kind has to be allowed. */
  concerns(message: ClientMessage): message is Asking {
    const { type } = message
    return this.on && (type === 'join' || type === 'subscribe' || type === 'publish')
  }

  /** Asks about a message. False: there is nothing to ask, since the ticket forbids all of it. */
  ask(session: Session, message: Asking, now: number): boolean {
    const wishes = wishesOf(session, message)
    if (wishes.length === 0) return false
    const timer = new Timer((at) => this.#expire(inquiry, at))
    const inquiry: Inquiry = { session, message, open: new Map(), refused: new Map(), timer }
    session.inquiry = inquiry
    this.#timers.set(timer, now + this.#limits.authorizeMs)
    const spectator = message.type === 'join' && message.spectator
    const { user, id } = session
    for (const [place, name] of wishes) {
      const question: Asked = { user, session: id, action: message.type, name, spectator, inquiry, place }
      inquiry.open.set(place, question)
      this.#application.authorize(question)
    }
    return true
  }

  /** The answer to a question. One that comes too late, or again, is ignored. */
  answer(question: Question, allowed: boolean, now: number): void {
    const { inquiry, place } = question as Asked
    if (inquiry.session.inquiry !== inquiry || !inquiry.open.delete(place)) return
    if (!allowed) inquiry.refused.set(place, 'the business does not allow it')
    if (inquiry.open.size === 0) this.#conclude(inquiry, now)
  }

  /** The session is over: nothing waits any more. */
  drop(session: Session): void {
    if (session.inquiry !== null) this.#timers.clear(session.inquiry.timer)
    session.inquiry = null
  }

  #expire(inquiry: Inquiry, now: number): void {
    for (const [place, question] of inquiry.open) {
      inquiry.refused.set(place, 'the business did not say in time whether it is allowed')
      this.#application.authorizeEnded(question)
    }
    this.#conclude(inquiry, now)
  }

  #conclude(inquiry: Inquiry, now: number): void {
    this.drop(inquiry.session)
    this.#deliver(inquiry, now)
  }
}

/** What of a message the ticket allows: place and name. */
function wishesOf({ grant }: Session, message: Asking): [number, string][] {
  switch (message.type) {
    case 'join':
      return mayJoin(grant, message.meeting, message.spectator) ? [[0, message.meeting]] : []
    case 'publish':
      return isName(message.topic) && mayWrite(grant, message.topic) ? [[0, message.topic]] : []
    default:
      return message.topics
        .map(({ topic }, place): [number, string] => [place, topic])
        .filter(([, topic]) => isName(topic) && mayRead(grant, topic))
  }
}
