import { isAbove } from '../meeting/reigns.ts'
import type { Room, RoomFacts } from '../meeting/room.ts'
import type { RevivalHost } from './orphan.ts'
import type { Subject } from './question-kinds.ts'
import type { Replica } from './replica.ts'

/** A world that this node goes on with, and nodes that may own it at a lower fence. */
interface Superseded {
  readonly subject: Subject
  readonly pending: Set<number>
  askedAt: number
}

/** Time between two questions to a node, and for its answer. */
const AGAIN_MS = 500

/**
 * Tells nodes that could not be asked, of each world that this node has gone on with meanwhile: one that owns it at a
 * lower fence stops. Until it has said so, a node gets no support of this one.
 */
export class Superseding {
  readonly #host: Pick<RevivalHost, 'questions' | 'cluster'>
  readonly #watch: (now: number) => void
  readonly #all: Set<Superseded> = new Set()

  /** `watch`: {@link beat} is to be called. */
  constructor(host: Pick<RevivalHost, 'questions' | 'cluster'>, watch: (now: number) => void) {
    this.#host = host
    this.#watch = watch
  }

  get isBusy(): boolean {
    return this.#all.size > 0
  }

  add(subject: Subject, pending: Iterable<number>, now: number): void {
    this.#watch(now)
    this.#all.add({ subject, pending: new Set(pending), askedAt: -Infinity })
  }

  /** This node was given a world that another one has gone on with: its owner of then may be silent since. */
  inherit({ name, world, term, incarnation, reigns }: RoomFacts, now: number): void {
    const { cluster } = this.#host
    const silent = cluster.peers.filter((peer) => cluster.isSilent(peer.incarnation))
    if (reigns.length < 2 || silent.length === 0) return
    this.add(
      { name, world, term, incarnation },
      silent.map((peer) => peer.incarnation),
      now,
    )
  }

  /** The node that is to have the meeting of a replica owns its world at a lower fence than that of the frames here. */
  outrun(replica: Pick<Replica, 'name' | 'copy' | 'owner' | 'lost'>, now: number): void {
    const { name, copy, owner } = replica
    replica.lost(now)
    if (this.isPending(owner)) return
    const { facts, lastFence } = copy.room as Room
    const { term, incarnation } = lastFence
    this.add({ name, world: facts.world, term, incarnation }, [owner], now)
  }

  /**
   * An owner answers a replica without frames, and is yet to hear that this node has gone on with its world, though the
   * meeting may have ended here since. True: it is told now, and not followed.
   */
  tellsPassedOver(
    { name, owner, copy }: Pick<Replica, 'name' | 'owner' | 'copy'>,
    told: Pick<RoomFacts, 'world' | 'term' | 'incarnation'>,
    now: number,
  ): boolean {
    if (copy.room !== null) return false
    for (const each of this.#all) {
      const { subject, pending } = each
      const isThis = subject.name === name && subject.world === told.world && pending.has(owner)
      if (!isThis || !isAbove(subject, told)) continue
      this.#ask(each, [owner], now)
      return true
    }
    return false
  }

  /** Whether this node has gone on with a world at a higher fence, and its owner of before is yet to hear that. */
  hasPassed({ name, world, ...fence }: Subject): boolean {
    for (const { subject } of this.#all)
      if (subject.name === name && subject.world === world && isAbove(subject, fence)) return true
    return false
  }

  isPending(node: number): boolean {
    for (const { pending } of this.#all) if (pending.has(node)) return true
    return false
  }

  /** Time has passed. */
  beat(now: number): void {
    const { cluster } = this.#host
    for (const each of this.#all) {
      if (now - each.askedAt < AGAIN_MS) continue
      each.askedAt = now
      const heard = [...each.pending].filter((node) => !cluster.isSilent(node))
      this.#ask(each, heard, now)
    }
  }

  #ask(each: Superseded, nodes: readonly number[], now: number): void {
    this.#host.questions().ask(nodes, 'supersede', each.subject, now + AGAIN_MS, (node, ending) => {
      if (ending.by === 'answer') this.#settle(each, node)
    })
  }

  #settle(each: Superseded, node: number): void {
    each.pending.delete(node)
    if (each.pending.size === 0) this.#all.delete(each)
  }

  /** A node has ended. */
  gone(node: number): void {
    for (const each of this.#all) this.#settle(each, node)
  }
}
