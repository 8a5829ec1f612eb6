import type { MessageOf } from '../../protocol/schema.ts'
import type { RoomHost } from '../meeting/room.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { Standing } from './replica-host.ts'
import type { Joining, WaitingJoins } from './waiting-joins.ts'

/** Times that somebody is asked who does not answer. */
const MOST_ASKED = 256

/** Asks the members who wait at a replica to promise a fence, while a node stands for the meeting. */
export class Pledges {
  readonly #downstream: RoomHost['downstream']
  readonly #joins: WaitingJoins
  /** The node that stands for the meeting, and its fence; null for none. */
  #standing: Standing | null = null
  /** The node that was last promised something here, and when; and when another one was before that. */
  #given = { incarnation: 0, at: -Infinity, otherAt: -Infinity }
  /** How many times each was asked and has not answered: nobody promises more often than that. */
  readonly #asked: WeakMap<Joining, number> = new WeakMap()

  constructor(downstream: RoomHost['downstream'], joins: WaitingJoins) {
    this.#downstream = downstream
    this.#joins = joins
  }

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#joins.size > 0
  }

  /** Whoever waits for it, or comes, is asked for a promise. */
  stand(standing: Standing | null): void {
    this.#standing = standing
    for (const joining of this.#joins.all()) this.ask(joining)
  }

  ask(joining: Joining): void {
    const { session, message } = joining
    const { outlet } = session
    if (this.#standing === null || outlet === null) return
    const { term, incarnation } = this.#standing
    // A spectator holds frames, and has no say.
    if (message.world !== this.#standing.world || !message.held[0]?.elected) return
    const asked = this.#asked.get(joining) ?? 0
    if (asked === MOST_ASKED) return
    this.#asked.set(joining, asked + 1)
    this.#downstream.control(outlet, { type: 'stand', call: message.call, term, incarnation })
  }

  /** What a client promises that was asked; null where it was not. */
  of(
    session: Session,
    { call, term, incarnation, age: told }: MessageOf<'promise'>,
    now: number,
  ): Omit<MeshMessageOf<'promised'>, 'type' | 'replica' | 'meeting'> | null {
    const joining = this.#joins.of(session)
    const [held] = joining?.message.held ?? []
    if (this.#standing === null || joining?.message.call !== call || !held?.elected) return null
    const asked = this.#asked.get(joining) ?? 0
    if (asked === 0) return null
    this.#asked.set(joining, asked - 1)
    // Another one may have gone on with what it was promised, and rely on that.
    const { at, otherAt } = this.#given
    const isOther = this.#given.incarnation !== this.#standing.incarnation
    this.#given = { incarnation: this.#standing.incarnation, at: now, otherAt: isOther ? at : otherAt }
    // A client that does not say has waited here for so long.
    const age = Math.max(told, Math.floor(now - Math.max(this.#given.otherAt, this.#joins.sinceOf(session))))
    return { ...held, user: session.user, promisedTerm: term, promisedIncarnation: incarnation, age }
  }
}
