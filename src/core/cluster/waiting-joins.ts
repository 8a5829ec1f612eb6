import type { MessageOf } from '../../protocol/schema.ts'
import type { Joined } from '../session/elsewhere.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { RemoteMember } from './remote-member.ts'

/** A JOIN that waits for the owner of its meeting. */
export interface Joining {
  readonly session: Session
  readonly message: MessageOf<'join'>
  readonly joined: (answer: Joined, now: number) => void
  readonly since: number
  /** The seat that it asks for; 0 where it needs none, or has one. */
  readonly seat: number
  /** What the owner has given it. */
  seated: { readonly member: RemoteMember; readonly message: MeshMessageOf<'seated'> } | null
}

/** The JOINs that wait at a replica; a session has one at a time. */
export class WaitingJoins {
  readonly #joins: Map<Session, Joining> = new Map()
  readonly #bySeat: Map<number, Joining> = new Map()

  get size(): number {
    return this.#joins.size
  }

  all(): Iterable<Joining> {
    return this.#joins.values()
  }

  of(session: Session): Joining | undefined {
    return this.#joins.get(session)
  }

  /** The one that asks for this seat. */
  for(seat: number): Joining | undefined {
    return this.#bySeat.get(seat)
  }

  add(joining: Joining): void {
    this.#joins.set(joining.session, joining)
    if (joining.seat !== 0) this.#bySeat.set(joining.seat, joining)
  }

  delete({ session, seat }: Joining): void {
    this.#joins.delete(session)
    this.#bySeat.delete(seat)
  }

  takeAll(): Joining[] {
    const all = [...this.all()]
    this.#joins.clear()
    this.#bySeat.clear()
    return all
  }
}
