import type { Session } from '../session/session.ts'
import type { HandedSession } from '../session/handed-session.ts'
import type { AnswerOf, QuestionOf, Whereabouts } from './question-kinds.ts'
import { type Answerers, type Questions, Refusal } from './questions.ts'

/**
 * How long a client may wait for its session from another node, in milliseconds; then it gets a new one. A node that is
 * heard may only be busy; one that misses heartbeats is not waited for (see `Questions.doubt`), a silent one not asked.
 */
const RETRIEVE_MS = 5_000
/** How long the home of the user may take, before everybody is asked. */
const HOME_MS = 1_000
/** Nodes that a session may have gone to, one after the other, while its client looked for it. */
const HOPS = 3
/** Sessions that other nodes have asked for and that have not been given yet; and how long one may wait. */
const MOST_ASKED = 1_000
const GIVE_MS = 4_000
/** How long a node has to say that it goes on with a session. */
const KEEP_MS = 5_000

/** What the passing of sessions needs of the rest of its node. */
export interface PassingHost {
  readonly self: number
  readonly sessions: {
    readonly isCrowded: boolean
    get(id: string): Session | undefined
    /** See `Sessions`. */
    whereGone(id: string): number
    give(session: Session, to: number, now: number): HandedSession
    take(state: HandedSession, now: number): boolean
  }
  readonly questions: () => Questions
  homeOf(user: string): number
  whereabouts(user: string): Whereabouts
  /** The nodes that can be asked. */
  peers(): Iterable<number>
  /** Those of them that drain. */
  draining(): Iterable<number>
  /** Whether a node can be asked. */
  reaches(node: number): boolean
  /** Its client has connected to another node: closes the connection that it has here. */
  replaced(session: Session, now: number): void
  /** An answer to a call of a session that has come from another node. */
  deliver(session: Session, entry: Uint8Array): void
  /** Whether the link to a node takes more, see `LinkParts`: it breaks where too much waits. */
  isOpen(node: number, isLast?: boolean): boolean
}

/** A session that a client here has named, and what is done once it is here, or is not to be had. */
interface Sought {
  readonly user: string
  readonly id: string
  readonly deadline: number
  readonly isAwaited: () => boolean
  readonly done: (now: number) => void
}

/** A node asks for a session, and waits for its turn. */
interface Asked {
  readonly from: number
  readonly at: number
  readonly give: (now: number) => void
  /** It has waited for too long. */
  readonly refuse: () => void
}

/**
 * Sessions that go from node to node: the log of what is for one client alone goes where the client is. The node that
 * the client connects to asks for it, wherever a balancer or a ticket has led the client; one that drains hands over
 * those whose clients are away. A session is on one node at a time; what is lost on the way is a session that has ended.
 */
export class Passing {
  readonly #host: PassingHost
  /** Answers to calls of sessions that have gone: at most one for each call that was under way. */
  readonly #answers: { readonly to: number; readonly id: string; readonly entry: Uint8Array }[] = []
  /** Sessions that are asked for, until the link to whoever asks takes them. */
  #asked: Asked[] = []

  constructor(host: PassingHost) {
    this.#host = host
  }

  /**
   * Looks for a session on the other nodes, and goes on with it here. Calls `done` once, in any case. `isAwaited`:
   * whether its client still waits here.
   */
  retrieve(
    user: string,
    id: string,
    now: number,
    isAwaited: () => boolean,
    done: (now: number) => void,
  ): void {
    const sought: Sought = { user, id, deadline: now + RETRIEVE_MS, isAwaited, done }
    const leaving = new Set(this.#host.draining())
    if (leaving.size === 0) return this.#lookUp(sought, now)
    // It is most likely at one of these, and need not be looked for.
    const lookOn = (at: number): void => {
      if (this.#host.sessions.get(id) === undefined) this.#lookUp(sought, at)
      else done(at)
    }
    this.#ask(leaving, { ...sought, done: lookOn }, now)
  }

  #lookUp(sought: Sought, now: number): void {
    const { user, id, deadline } = sought
    const home = this.#host.homeOf(user)
    const search = (found: Whereabouts | null, at: number): void => {
      const nodes = found?.isComplete === true ? found.places.map(({ node }) => node) : this.#host.peers()
      const gone = this.#host.sessions.whereGone(id)
      this.#ask(new Set([...nodes, ...(gone === 0 ? [] : [gone])]), sought, at)
    }
    if (home === this.#host.self) return search(this.#host.whereabouts(user), now)
    if (!this.#host.reaches(home)) return search(null, now)
    this.#put(home, 'whereabouts', { user }, Math.min(deadline, now + HOME_MS), search)
  }

  /** Asks one node. `ended`: called once, with null where there is no answer. */
  #put<K extends 'whereabouts' | 'session'>(
    node: number,
    kind: K,
    question: QuestionOf<K>,
    deadline: number,
    ended: (answer: AnswerOf<K> | null, now: number) => void,
  ): void {
    this.#host
      .questions()
      .ask([node], kind, question, deadline, (_, ending, at) =>
        ended(ending.by === 'answer' ? ending.answer : null, at),
      )
  }

  #ask(asked: ReadonlySet<number>, sought: Sought, now: number, hops = 0): void {
    const { self, sessions } = this.#host
    const { user, id, deadline, isAwaited, done } = sought
    const others = [...asked].filter((node) => node !== self && this.#host.reaches(node))
    let left = others.length
    if (left === 0) return done(now)
    let isFound = false
    /** Where it has gone on to from there. */
    const further: Set<number> = new Set()
    const put = (node: number, isSure: boolean): void =>
      this.#put(node, 'session', { user, id, isSure }, deadline, (answer, at) => {
        // Questions may be late: the client may have gone back there, and must not lose its connection for that.
        if (answer?.isConnected === true && !isSure && isAwaited()) put(node, true)
        else ended(answer, at)
      })
    const ended = (answer: AnswerOf<'session'> | null, at: number): void => {
      left--
      const { state, to } = answer ?? { state: null, to: 0 }
      if (isFound) return
      if (to !== 0 && !asked.has(to)) further.add(to)
      isFound = state !== null && state.id === id && state.user === user && sessions.take(state, at)
      if (isFound) done(at)
      else if (left === 0) {
        if (hops === HOPS) done(at)
        else this.#ask(further, sought, at, hops + 1)
      }
    }
    for (const node of others) put(node, false)
  }

  /**
   * Hands a session without a connection over to another node. False: the link there takes no more at the moment;
   * `isLast`: there is no other one.
   */
  keep(session: Session, to: number, now: number, isLast = false): boolean {
    if (!this.#host.isOpen(to, isLast)) return false
    const state = this.#host.sessions.give(session, to, now)
    this.#host.questions().ask([to], 'keep', state, now + KEEP_MS, () => {})
    return true
  }

  /** Sends what a session is told that node `to` goes on with, in the next sweep. */
  sendOn({ id }: Session, to: number, entry: Uint8Array): void {
    this.#answers.push({ to, id, entry })
  }

  get hasWork(): boolean {
    return this.#answers.length > 0 || this.#asked.some(({ from }) => this.#host.isOpen(from))
  }

  /** Part of the sweep. */
  sweep(now: number): void {
    this.#giveSome(now)
    for (const { to, id, entry } of this.#answers.splice(0))
      this.#host.questions().ask([to], 'sendOn', { id, entry }, now + KEEP_MS, () => {})
  }

  /** Gives what was asked for, in order, to those whose links take it and who have not given up. */
  #giveSome(now: number): void {
    const asked = this.#asked
    if (asked.length === 0) return
    this.#asked = []
    for (const each of asked) {
      if (now - each.at >= GIVE_MS) each.refuse()
      else if (this.#host.isOpen(each.from)) each.give(now)
      else this.#asked.push(each)
    }
  }

  get answerers(): Pick<Answerers, 'session' | 'keep' | 'sendOn'> {
    const { sessions } = this.#host
    return {
      session: ({ user, id, isSure }, reply, from, asked) => {
        const nothing = { state: null, to: 0, isConnected: false }
        const give = (now: number): void => {
          const session = sessions.get(id)
          if (session === undefined || session.user !== user)
            return reply({ ...nothing, to: sessions.whereGone(id) })
          if (session.outlet !== null && !isSure) return reply({ ...nothing, isConnected: true })
          this.#host.replaced(session, now)
          // The business may have ended it when it was told.
          reply({ ...nothing, state: session.ended ? null : sessions.give(session, from, now) })
        }
        if (this.#asked.length >= MOST_ASKED) return reply(new Refusal('BUSY', 'too many sessions at once'))
        this.#asked.push({ from, at: asked, give, refuse: () => reply(nothing) })
        this.#giveSome(asked)
      },
      keep: (state, reply, _, now) => reply(!sessions.isCrowded && sessions.take(state, now)),
      sendOn: ({ id, entry }, reply) => {
        const session = sessions.get(id)
        if (session !== undefined) this.#host.deliver(session, entry)
        reply(session !== undefined)
      },
    }
  }
}
