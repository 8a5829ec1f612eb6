import type { MeshMessage } from './mesh-messages.ts'
import type { RemoteMember } from './remote-member.ts'

/** What the members of a replica need of it. */
export interface RemoteMembersHost {
  /** Names a seat in messages to the owner. */
  place(seat: number): { readonly replica: number; readonly seat: number }
  say(message: MeshMessage): void
  /** Whether the owner hears what is said, and the link to it takes more; `isLast`: of what cannot wait. */
  isOpen(isLast?: boolean): boolean
  /** Something waits to be said, in the next sweep in which the link takes it. */
  mark(): void
}

/** The members of a replica, and what waits to be said for them. */
export class RemoteMembers {
  readonly #host: RemoteMembersHost
  readonly #bySeat: Map<number, RemoteMember> = new Map()
  readonly #bySlot: Map<number, RemoteMember> = new Map()
  /** Those for whom something is to be said, or was: that is found out when they are next looked at. */
  readonly #owing: Set<RemoteMember> = new Set()
  /** Frames that members have acknowledged and the owner has not been told of, by seat. */
  readonly #acks: Map<number, number> = new Map()
  /** The link broke, and the owner is to be told when all members were entered again. */
  #isReturning = false

  constructor(host: RemoteMembersHost) {
    this.#host = host
  }

  get size(): number {
    return this.#bySeat.size
  }

  /** Whether something waits until the link takes it. */
  get isOwing(): boolean {
    return this.#owing.size > 0 || this.#acks.size > 0
  }

  all(): Iterable<RemoteMember> {
    return this.#bySeat.values()
  }

  get(seat: number): RemoteMember | undefined {
    return this.#bySeat.get(seat)
  }

  add(member: RemoteMember): void {
    this.#bySeat.set(member.number, member)
    this.#bySlot.set(member.slot, member)
  }

  forget(member: RemoteMember): void {
    member.release()
    this.#acks.delete(member.number)
    this.#owing.delete(member)
    this.#bySeat.delete(member.number)
    if (this.#bySlot.get(member.slot) === member) this.#bySlot.delete(member.slot)
  }

  /** An input is in a frame. Of one before it that is not, the refusal may come later, or have been lost. */
  framed(slot: number, seq: number): void {
    this.#bySlot.get(slot)?.answered(seq)
  }

  acknowledge(member: RemoteMember, frame: number): void {
    this.#acks.set(member.number, frame)
    this.#host.mark()
  }

  /** The link broke: the owner does not know of them until they are entered again. */
  lose(): void {
    for (const member of this.all()) member.stage = 'lost'
  }

  /** The owner hears again what is said. */
  comeBack(): void {
    this.lose()
    for (const member of this.all()) this.#owing.add(member)
    this.#isReturning = true
    this.#host.mark()
  }

  /** Says what is to be said for a member, as much of it as the link takes; the rest waits, unless it `leaves`. */
  tell(member: RemoteMember, leaves = false): void {
    const isOpen = (): boolean => this.#host.isOpen(leaves)
    if (isOpen()) {
      const place = this.#host.place(member.number)
      if (member.stage === 'lost') {
        member.stage = 'entered'
        const { id, user } = member.session
        this.#host.say({ type: 'enter', ...place, again: true, session: id, former: '', user, config: '' })
      }
      for (const [seq, data] of member.unsent(isOpen)) this.#host.say({ type: 'input', ...place, seq, data })
    }
    if (member.isOwing) {
      this.#owing.add(member)
      this.#host.mark()
    } else this.#owing.delete(member)
  }

  /** Says what waits, as much of it as the link takes. */
  sweep(replica: number): void {
    for (const member of this.#owing) {
      if (!this.#host.isOpen()) return
      this.tell(member)
    }
    if (this.#isReturning) this.#host.say({ type: 'entered', replica })
    this.#isReturning = false
    if (this.#acks.size === 0 || !this.#host.isOpen()) return
    const seats = Array.from(this.#acks, ([seat, frame]) => ({ seat, frame }))
    this.#acks.clear()
    this.#host.say({ type: 'acks', replica, seats })
  }
}
