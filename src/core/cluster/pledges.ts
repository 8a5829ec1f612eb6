import type { MessageOf } from '../../protocol/schema.ts'
import type { RoomHost } from '../meeting/room.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { Standing } from './replica-host.ts'
import type { Joining, WaitingJoins } from './waiting-joins.ts'

/** Asks the members who wait at a replica to promise a fence, while a node stands for the meeting. */
export class Pledges {
  readonly #downstream: RoomHost['downstream']
  readonly #joins: WaitingJoins
  /** The node that stands for the meeting, and its fence; null for none. */
  #standing: Standing | null = null

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

  ask({ session: { outlet }, message: { call, world, held } }: Joining): void {
    if (this.#standing === null || outlet === null) return
    const { term, incarnation } = this.#standing
    if (world !== this.#standing.world || held.length === 0) return
    this.#downstream.control(outlet, { type: 'stand', call, term, incarnation })
  }

  /** What a client promises that was asked; null where it was not. */
  of(
    session: Session,
    { call, term, incarnation }: MessageOf<'promise'>,
    now: number,
  ): Omit<MeshMessageOf<'promised'>, 'type' | 'replica' | 'meeting'> | null {
    const join = this.#joins.of(session)?.message
    const held = join?.held[0]
    if (this.#standing === null || join?.call !== call || held === undefined) return null
    const age = Math.max(0, Math.floor(now - this.#joins.sinceOf(session)))
    return { ...held, promisedTerm: term, promisedIncarnation: incarnation, age }
  }
}
