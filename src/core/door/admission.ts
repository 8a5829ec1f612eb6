import type { CloseReason } from '../../protocol/errors.ts'
import { Addresses } from './addresses.ts'
import type { NodeConfig } from '../ground/config.ts'
import { Asks, type Ending } from '../ground/asks.ts'
import type { Timers } from '../ground/timers.ts'
import type { Grant, Outcome } from '../ports.ts'
import type { Connection, TokenCheck } from './connection.ts'
import { Crowd } from './crowd.ts'
import type { RefusedBy, Stats } from '../ground/stats.ts'

/** Why a connection is refused at the door, and what its GOODBYE says. */
export interface Turned {
  readonly by: RefusedBy
  readonly reason: CloseReason
  readonly text: string
  readonly retryAfterMs: number
}

const answers: { readonly [by in RefusedBy]: { readonly reason: CloseReason; readonly text: string } } = {
  connections: { reason: 'FULL', text: 'the node has no room' },
  handshakes: { reason: 'FULL', text: 'too many connect at once' },
  address: { reason: 'FULL', text: 'too many connections of one address' },
  rate: { reason: 'RATE', text: 'too many new connections of one address' },
}

/**
 * Admission control: a storm of reconnecting clients must not starve the connected ones. Both the connections that
 * await WELCOME and the tokens verified at a time are bounded; everyone else is refused with a randomised retry delay.
 *
 * Where a newcomer finds no room, a newcomer of an address that has more of them makes room for it, or one that has
 * been silent for long: else a few addresses with silent connections could keep everyone out.
 */
export class Admission {
  readonly #config: NodeConfig
  readonly #stats: Stats
  readonly #addresses: Addresses
  /** Connections that await their WELCOME: those that have yet to send HELLO, and those that have sent it. */
  readonly #silent: Crowd<Connection> = new Crowd()
  readonly #heard: Crowd<Connection> = new Crowd()
  /** Token verifications, waiting and under way: at most one per connection. */
  readonly #verifications: Asks<TokenCheck, Outcome<Grant>>
  readonly #turnAway: (connection: Connection, turned: Turned, now: number) => void

  constructor(
    config: NodeConfig,
    stats: Stats,
    timers: Timers,
    authenticate: (check: TokenCheck) => void,
    verified: (connection: Connection, ending: Ending<Outcome<Grant>>, now: number) => void,
    turnAway: (connection: Connection, turned: Turned, now: number) => void,
  ) {
    this.#turnAway = turnAway
    this.#config = config
    this.#stats = stats
    this.#addresses = new Addresses(config.limits)
    this.#verifications = new Asks(timers, {
      timer: 'verification',
      most: config.limits.verifications,
      // Turns are enough: how long a verification takes is not up to the client.
      share: Infinity,
      payer: ({ connection }) => connection.address,
      put: authenticate,
      ended: ({ connection }, ending, now) => verified(connection, ending, now),
    })
  }

  /** Number of connections that await WELCOME, and of addresses remembered. */
  get size(): { readonly newcomers: number; readonly addresses: number } {
    return { newcomers: this.#silent.size + this.#heard.size, addresses: this.#addresses.size }
  }

  /**
   * Admits a connection as a newcomer, or returns why it is refused. `others`: connections already open. The address ''
   * is not counted.
   */
  enter(connection: Connection, address: string, others: number, now: number): Turned | null {
    const { limits } = this.#config
    const isFull = others >= limits.connections
    const by = isFull ? 'connections' : 'handshakes'
    const isTight = isFull || this.#silent.size + this.#heard.size >= limits.handshakes
    const loser = isTight ? this.#loser(address, now) : null
    if (loser === undefined) return this.#turned(by, 0)
    const refusal = address === '' ? null : this.#addresses.take(address, now)
    if (refusal !== null) return this.#turned(refusal.by, refusal.waitMs)
    if (loser !== null) this.#turnAway(loser, this.#turned(by, 0), now)
    connection.address = address
    this.#silent.add(address, connection)
    return null
  }

  /** The newcomer that makes room for one from this address; undefined for none. */
  #loser(address: string, now: number): Connection | undefined {
    const { first } = this.#silent
    if (first !== undefined) {
      const isLate = now - first.lastHeard >= this.#config.limits.silentMs
      if (isLate || this.#silent.longest > this.#silent.of(address) + 1) return first
    }
    return this.#heard.longest > this.#heard.of(address) + 1 ? this.#heard.first : undefined
  }

  #turned(by: RefusedBy, waitMs: number): Turned {
    this.#stats.refuseConnection(by)
    return { by, ...answers[by], retryAfterMs: Math.ceil(waitMs) + this.spread() }
  }

  /** A random delay within the reconnect window, in milliseconds: clients refused together do not return together. */
  spread(): number {
    const { reconnectMinMs, reconnectMaxMs } = this.#config.limits
    const [high, low] = this.#random()
    return Math.round(
      reconnectMinMs + ((high * 256 + low) / 65_535) * Math.max(0, reconnectMaxMs - reconnectMinMs),
    )
  }

  /** Without randomness everyone waits for the same time, which is no reason to keep anyone. */
  #random(): readonly [high: number, low: number] {
    try {
      const [high = 0, low = 0] = this.#config.entropy(2)
      return [high, low]
    } catch {
      return [128, 0]
    }
  }

  /** The connection has sent its HELLO. */
  hello(connection: Connection): void {
    this.#silent.delete(connection.address, connection)
    this.#heard.add(connection.address, connection)
  }

  /** Queues the token of a connection for verification. */
  verify(connection: Connection, deadline: number): void {
    connection.check = { connection }
    this.#verifications.ask(connection.check, deadline)
  }

  /** The answer to a verification arrived. */
  answer(check: TokenCheck, outcome: Outcome<Grant>, now: number): void {
    this.#verifications.answer(check, outcome, now)
  }

  welcome(connection: Connection): void {
    this.#heard.delete(connection.address, connection)
  }

  /** The connection closed. */
  leave(connection: Connection, now: number): void {
    this.#silent.delete(connection.address, connection)
    this.#heard.delete(connection.address, connection)
    if (connection.check !== null) this.#verifications.end(connection.check, 'close', now)
    if (connection.address !== '') this.#addresses.release(connection.address, now)
    connection.address = ''
  }
}

/** Why a node takes nobody, for people: it stops, or it is an edge that is cut off. */
export const whyAway = (isCutOff: boolean): string =>
  isCutOff ? 'it hears no other node' : 'the node is stopping'
