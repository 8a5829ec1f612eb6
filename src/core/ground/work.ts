import type { ClientMessage } from '../../protocol/schema.ts'

/**
 * What things cost, in nanoseconds of an ordinary processor: fixed numbers, because the core has no clock and the same
 * history must give the same sweeps on every machine.
 */
export const costs = {
  /** An entry of a log that is looked at. */
  walked: 10,
  /** A key that is looked up. */
  looked: 50,
  /** An entry that is put into a batch, and each byte of it. */
  encoded: 300,
  byte: 1,
  /** A byte that a reader asks for anew: it is put together, written, and takes the line. */
  reread: 4,
  /** A byte of an answer, which is mostly text. */
  text: 15,
  /** An entry that is turned into JSON, and each byte of it. */
  json: 2_000,
  jsonByte: 22,
  /** A topic that is made. */
  topic: 5_000,
  /** A seat that is taken in a meeting, or taken again. */
  seat: 15_000,
  /** A seat whose session is gone, for a while or for good. */
  left: 10_000,
  /** A charter of a meeting that is written, besides its bytes. */
  charter: 80_000,
  /** A subscription that begins, or begins again. */
  subscription: 8_000,
  /** One that ends. */
  ended: 1_000,
  /** A session that comes from another node, and each byte that it brings. */
  session: 20_000,
  moved: 20,
  /** A write to a socket, whatever it carries. */
  write: 2_000,
  /** A message that is taken from an upstream queue; what it causes comes on top. */
  message: 1_000,
} as const

/**
 * Work that a message, or an item of it, may cause without paying: 5 µs for each byte of the shortest ones, which have
 * about ten.
 */
export const FREE_WORK = 50_000

/** Nanoseconds that hooks may take over what other nodes send, in one sweep and until the next one. */
const HOOKS = 4_000_000
/** Of it, that from which on users take turns. */
const SOME = HOOKS / 4

/** How many items a message has, each of which is served like a message of its own. */
export function itemsOf(message: ClientMessage): number {
  if (message.type === 'subscribe') return Math.max(1, message.topics.length)
  return message.type === 'unsubscribe' ? Math.max(1, message.logs.length) : 1
}

/**
 * Counts the work of a node. Whoever causes work pays for it: a sweep stops when its share is done, and a session whose
 * message caused much waits for the others.
 */
export class Work {
  done = 0
  readonly #ofHooks: () => number
  /** That of hooks when the last sweep began. */
  #ofHooksBefore = 0
  /** And when the timers of one began to fire. */
  #ofHooksAtTimers = 0

  /** `ofHooks`: nanoseconds that hooks of the business have taken so far, in which a sweep stands still. */
  constructor(ofHooks: () => number = () => 0) {
    this.#ofHooks = ofHooks
  }

  /** Of hooks. */
  get ofHooks(): number {
    return this.#ofHooks()
  }

  /** A sweep begins. */
  begin(): void {
    this.#ofHooksBefore = this.#ofHooks()
  }

  /** Whether hooks have taken their share of the time since the last sweep has begun. */
  get isTaken(): boolean {
    return this.#ofHooks() - this.#ofHooksBefore >= HOOKS
  }

  /** Whether they have taken so much of it that those over whose messages they do so take turns. */
  get isBusy(): boolean {
    return this.#ofHooks() - this.#ofHooksBefore >= SOME
  }

  /** The timers of a sweep begin to fire. */
  beginTimers(): void {
    this.#ofHooksAtTimers = this.#ofHooks()
  }

  /** Whether they have taken so much since then that none run of users who have had more than their share. */
  get areTimersBusy(): boolean {
    return this.#ofHooks() - this.#ofHooksAtTimers >= SOME
  }

  /** With that of hooks. */
  get all(): number {
    return this.done + this.#ofHooks()
  }

  /** Tells whether so much has been done from now on. */
  until(most: number): () => boolean {
    const end = this.all + most
    return () => this.all >= end
  }
}
