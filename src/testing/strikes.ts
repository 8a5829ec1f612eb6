import type { Moment } from './faulty.ts'
import type { Observer } from './observer.ts'
import type { Random } from './random.ts'
import type { SimClient } from './sim-client.ts'
import { readToken } from './tokens.ts'

const both: readonly Moment[] = ['before', 'after']
/**
 * Which calls of ports may throw, and when. `MeetingLogic` throws only before it acts: what it has accepted happens.
 */
const throwing: ReadonlyMap<string, readonly Moment[]> = new Map([
  ...['write', 'pause', 'resume', 'close'].map((name) => [`transport.${name}`, both] as const),
  ...['authenticate', 'request', 'requestEnded', 'authorize', 'authorizeEnded', 'connected'].map(
    (name) => [`application.${name}`, both] as const,
  ),
  ['application.disconnected', both],
  ['application.openMissing', both],
  ['application.adopt', ['before']],
  ['bus.hears', both],
  ['bus.publish', both],
  ['bus.send', both],
  // A node that is not subscribed on the bus hears nothing, and one that still is hears too much.
  ['bus.subscribe', ['after']],
  ['bus.unsubscribe', ['after']],
  ['watch.met', both],
  ['watch.probe', both],
  ['logic.frame', ['after']],
  ['logic.leave', ['after']],
  ['logic.close', ['after']],
  ['logic.snapshot', ['before']],
  ['logic.moved', ['after']],
  ['logic.restore', ['after']],
  ['fault.tell', ['after']],
  ['logic.join', ['before']],
  ['logic.input', ['before']],
])

/** Share of those calls. */
const SHARE = 0.02

/** Decides which calls of ports throw, so that no checker is told of an event that then did not happen. */
export class Strikes {
  readonly #random: Random
  readonly #observer: Observer
  readonly #clients: readonly SimClient[]

  constructor(random: Random, observer: Observer, clients: readonly SimClient[]) {
    this.#random = random
    this.#observer = observer
    this.#clients = clients
  }

  strike(call: string, about: readonly unknown[]): Moment | null {
    const known = throwing.get(call)
    if (known === undefined || !this.#random.chance(SHARE)) return null
    this.#observer.fault?.(`${call} throws`, 0)
    this.#observer.struck?.(call, this.#userOf(about))
    return this.#random.pick(known)
  }

  /** Whom a call of a port is about; '' for nobody. */
  #userOf([about, token]: readonly unknown[]): string {
    const client = this.#clients.find(({ link }) => link === about)
    const claims = typeof token === 'string' ? readToken(token) : null
    return client?.user ?? claims?.user ?? (about as { readonly user?: string } | undefined)?.user ?? ''
  }
}
