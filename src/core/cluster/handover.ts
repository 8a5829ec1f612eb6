import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { Giving, type GivingHost, type GivingProgress } from './giving.ts'
import { decodeHandover } from './handover-messages.ts'
import type { LinkPart } from './link-messages.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { Replica } from './replica.ts'
import { Taking, type TakingHost } from './taking.ts'

/** What hand-over needs of the rest of its node. */
export type HandoverHost = GivingHost & Omit<TakingHost, 'taken'> & { readonly timers: Timers }

/**
 * Hands meetings over from node to node, in both directions:
 *
 *   old owner                                new owner
 *   OFFER ─────────────────────────────────→ follows the meeting
 *         ←───────────────────────────────── READY, or DECLINED: then another node is offered it
 *   seals frame k, YIELD{k} ───────────────→ has all frames up to k, or asks for them
 *   follows the meeting ───────────────────→ seals frame k + 1 at the same fence
 *   sends its other replicas there ←──────── FOLLOWED
 *   no longer holds the name ←────────────── SETTLED: the registrar knows the new owner
 */
export class Handover implements LinkPart {
  readonly #giving: Giving
  readonly #taking: Taking
  readonly #timers: Timers
  readonly #stats: Stats
  readonly #beatMs: number
  readonly #handoverBytes: number
  readonly #beat: Timer

  constructor(host: HandoverHost) {
    this.#timers = host.timers
    this.#stats = host.stats
    this.#beatMs = host.limits.handoverBeatMs
    this.#handoverBytes = host.limits.handoverBytes
    this.#giving = new Giving(host)
    this.#taking = new Taking({ ...host, taken: (name) => this.#giving.taken(name) })
    this.#beat = new Timer('handover', (now) => this.#onBeat(now))
  }

  get progress(): GivingProgress {
    return this.#giving.progress
  }

  /** Hands over all meetings of this node. */
  begin(now: number): void {
    this.#giving.begin(now)
    this.#watch(now)
  }

  /** See {@link Giving.passedTo}. */
  passedTo(name: string): number {
    return this.#giving.passedTo(name)
  }

  /** See {@link Giving.heirOf}. */
  heirOf(name: string, asker: number): number {
    return this.#giving.heirOf(name, asker)
  }

  /** Somebody wants to follow a meeting that is not open here. False: it was not handed over either. */
  astray(node: number, message: MeshMessageOf<'follow'>): boolean {
    return this.#taking.await(node, message) || this.#giving.astray(node, message)
  }

  /** Whether this node is about to begin with a meeting. */
  isTaking(name: string): boolean {
    return this.#taking.isTaking(name)
  }

  /** See {@link Taking.denied}. */
  denied(name: string, node: number): void {
    this.#taking.denied(name, node)
  }

  /** See {@link Taking.holders}. */
  holders(): Iterable<number> {
    return this.#taking.holders()
  }

  /** See `HostingHost`. */
  retired(name: string, node: number): ReturnType<Giving['retired']> {
    return this.#giving.retired(name, node)
  }

  // ---- what comes in

  message(from: number, bytes: Uint8Array, now: number): void {
    // Nobody hands over more than that.
    const message = bytes.length > this.#handoverBytes ? null : decodeHandover(bytes)
    switch (message?.type) {
      case undefined:
        this.#stats.strangers++
        break
      case 'offer':
        this.#taking.offered(from, message, now)
        break
      case 'yield':
        this.#taking.yielded(from, message, now)
        break
      case 'ready':
        this.#giving.ready(from, message, now)
        break
      case 'declined':
        this.#giving.declined(from, message, now)
        break
      case 'settled':
        this.#giving.settled(from, message.name)
    }
    this.#watch(now)
  }

  broken(node: number, now: number): void {
    this.#giving.broken(node)
    this.#taking.broken(node)
    this.#watch(now)
  }

  gone(node: number): void {
    this.#giving.gone(node)
    this.#taking.gone(node)
  }

  /** A replica that is part of a hand-over has come further. */
  advanced(replica: Replica, now: number): void {
    this.#giving.advanced(replica)
    this.#taking.advanced(replica, now)
  }

  ended(replica: Replica): void {
    this.#giving.ended(replica)
    this.#taking.ended(replica)
  }

  // ---- time

  /** Part of the sweep. */
  sweep(now: number): void {
    this.#giving.sweep(now)
  }

  #onBeat(now: number): void {
    this.#giving.beat(now)
    this.#taking.beat(now)
    this.#watch(now)
  }

  #watch(now: number): void {
    if (this.#beat.index < 0 && (this.#giving.isBusy || this.#taking.isBusy))
      this.#timers.set(this.#beat, now + this.#beatMs)
  }
}
