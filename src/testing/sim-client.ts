import type { ReadOptions } from '../client/machine/index.ts'
import type { Connection } from '../core/index.ts'
import {
  type ClientMessage,
  closeCodes,
  type Codec,
  type Message,
  RtmsError,
  type ServerMessage,
  type Side,
} from '../protocol/index.ts'
import type { Business } from './business.ts'
import type { VirtualClock } from './clock.ts'
import { grow } from './growth.ts'
import { Link, type LinkProfile } from './link.ts'
import { MemoCodec } from './memo-codec.ts'
import { type ClientFacts, type Observer, type RestingClient, violate } from './observer.ts'
import type { Random } from './random.ts'
import { profiles } from './scenario.ts'
import type { SimNode } from './sim-node.ts'
import { type Claims, encodeToken } from './tokens.ts'

const FOREVER = 1e9
/** A connection of this age, in milliseconds, has caught up if nothing delays it. */
const SETTLED_MS = 1_000
/** Errors that small limits may cause for a client that does nothing wrong. */
const excused: ReadonlySet<number> = new Set([closeCodes.SLOW, closeCodes.FULL, closeCodes.RATE])

export interface SimClientSettings {
  readonly id: number
  readonly user: string
  readonly node: number
  readonly nodeNow: (node: number) => SimNode
  /** In a cluster: the node that a fresh ticket names, and the one that a balancer connects to for such a ticket. */
  readonly route?: { name(client: ClientFacts): number; balance(node: number): number }
  readonly codec: Codec
  readonly window: number
  readonly random: Random
  readonly profile: LinkProfile
  readonly observer: Observer
  readonly business: Business
  /** The generator for additions of a later minor version of the protocol, in both directions; null for none. */
  readonly grows: Random | null
}

/** A ticket, and how long it is good, in milliseconds. */
export interface SimTicket {
  readonly token: string
  readonly validMs: number
}

/** What a socket tells its client. */
export interface SocketEnds {
  opened(): void
  /** `size`: bytes that the node wrote. `codec` has decoded the packet already. */
  packet(packet: Uint8Array, size: number, codec: Codec): void
  closed(code: number, reason: string): void
}

/** A client process in the virtual world: its network, and an application that records what it is given. */
export abstract class SimClient implements ClientFacts {
  readonly id: number
  readonly user: string
  /** The node of its last connection. */
  node: number
  link: Link | null = null
  /** Another connection, beside that one and to take its place, and its node. */
  #second: { readonly link: Link; readonly node: number; isGivenUp: boolean } | null = null
  /** Set while the network is healthy: a connection lost then was lost by RTMS. */
  healthy = false
  /** The application has ended. */
  closed = false
  /** The id of the last token it was given. */
  token = ''
  /** How far its wall clock is off, in milliseconds. */
  wallOff = 0
  protected readonly clock: VirtualClock
  protected readonly settings: SimClientSettings
  protected readonly observer: Observer
  /** The node that its ticket names. */
  #named: number
  #connection = 0
  #closeCode = 0
  /** Then it waited for a meeting, and what it sent after that JOIN waited as well: a new token, too. */
  #wasJoining = false
  /** The node has given up its connection, but its socket threw instead of closing. */
  #isGivenUp = false
  /** Its clock was wrong when it got its ticket, so it may use it for too long. */
  #isMisled = false
  #claims: Claims | null = null
  #liveAt = Infinity
  /** Up to when the node has told it to wait before it asks again for a meeting or a topic. */
  #refusedUntil = 0

  constructor(clock: VirtualClock, settings: SimClientSettings) {
    this.clock = clock
    this.settings = settings
    this.observer = settings.observer
    this.id = settings.id
    this.user = settings.user
    this.node = settings.node
    this.#named = settings.node
  }

  abstract readonly seats: ReadonlyMap<string, { readonly wish: { readonly spectator: boolean } }>
  abstract readonly readers: ReadonlyMap<string, unknown>
  abstract get isLive(): boolean
  /** Whether the client has given up for good. */
  abstract get isOver(): boolean
  abstract start(): void
  abstract join(meeting: string, spectator: boolean): void
  abstract leave(meeting: string): void
  abstract input(meeting: string): void
  abstract request(timeout: number): void
  abstract publish(topic: string): void
  abstract subscribe(topic: string, options: ReadOptions): void
  abstract unsubscribe(topic: string): void
  /** Does what an application may do besides. */
  abstract fidget(random: Random): void
  /** The client's process ends properly. */
  abstract quit(): void
  protected abstract disarm(): void
  protected abstract get restingMeetings(): RestingClient['meetings']
  protected abstract get restingTopics(): RestingClient['topics']

  get #isExcused(): boolean {
    return excused.has(this.#closeCode)
  }

  /** Its token was taken back, so it has ended for good. */
  get #isRevoked(): boolean {
    const claims = this.#claims
    return (
      this.#closeCode === closeCodes.REVOKED && claims !== null && this.settings.business.hasTakenBack(claims)
    )
  }

  get #isSettled(): boolean {
    return this.isLive && this.clock.now > Math.max(this.#liveAt, this.#refusedUntil) + SETTLED_MS
  }

  get prompt(): boolean {
    return (
      this.healthy &&
      this.#isSettled &&
      this.settings.profile === profiles[0] &&
      (this.settings.window === 0 || this.settings.window > 100_000)
    )
  }

  protected nowLive(): void {
    this.#liveAt = this.clock.now
    this.#closeCode = 0
  }

  /**
   * A healthy node may disconnect a reader that is too slow for its policy, and one whose token expires since it relied on
   * a wrong clock or waits for a meeting; and a client whose meeting is not found connects anew with a fresh ticket.
   */
  protected disconnected(error: RtmsError | null): void {
    const isExpired = this.#closeCode === closeCodes.EXPIRED && (this.#isMisled || this.#wasJoining)
    const isExpected = this.#isExcused || this.#isGivenUp || isExpired || error?.code === 'NOT_FOUND'
    this.observer.disconnected?.(this, this.healthy && !isExpected, isExpected)
  }

  /** Answers after a while, with a ticket or an error. */
  protected askForTicket(done: (ticket: SimTicket | RtmsError) => void): void {
    const { business } = this.settings
    this.clock.after(business.random.int(0, 10), () => {
      if (business.faulty && business.random.chance(0.1)) {
        done(new RtmsError('BUSY'))
        return
      }
      const claims = business.issue(this)
      this.#named = this.settings.route?.name(this) ?? this.#named
      this.token = claims.id
      this.#claims = claims
      this.#isMisled = this.wallOff !== 0
      const validMs = claims.expires === 0 ? FOREVER : claims.expires - business.wallNow
      done({ token: encodeToken(claims), validMs })
    })
  }

  // ---- its sockets

  /** `named`: the node that the address names; that of the ticket by default. `beside`: the connection there is. */
  protected dial(ends: SocketEnds, named: number = this.#named, beside = false): Link {
    const number = ++this.#connection
    let connection: Connection | undefined
    const { nodeNow, profile, route } = this.settings
    const index = route?.balance(named) ?? this.node
    if (!beside) this.node = index
    const node = nodeNow(index)
    const codec = new MemoCodec(this.settings.codec)
    const link: Link = new Link(this.clock, profile, {
      clientPacket: (packet, at) => {
        if (this.link !== link || !link.open) return
        this.observer.packet?.(this, number, packet)
        for (const message of decode(codec, packet)) {
          if (message.type === 'failed')
            this.#refusedUntil = Math.max(this.#refusedUntil, this.clock.now + message.retryAfter)
          this.heard(message as ServerMessage)
          this.observer.down?.(this, number, message as ServerMessage, at)
        }
        ends.packet(packet, packet.length, codec)
      },
      clientClose: (code, reason) => {
        if (this.#second?.link === link) {
          this.#second = null
          ends.closed(code, reason)
        }
        if (this.link !== link) return
        this.link = null
        this.#closeCode = code
        this.#wasJoining = this.restingMeetings.some(({ seat }) => seat?.joined === false)
        this.#isGivenUp = false
        ends.closed(code, reason)
        if (this.isOver) this.observer.ended?.(this, code)
      },
      nodePacket: (packet) => {
        const opened = connection
        if (opened === undefined) return
        node.do((core, now) => {
          this.observer.packet?.(this, number, packet)
          for (const message of codec.decode(packet, 'client'))
            this.observer.up?.(this, number, message as ClientMessage)
          core.handlePacket(opened, packet, now)
        })
      },
      nodeDrain: () => {
        const opened = connection
        if (opened !== undefined) node.do((core) => core.handleDrain(opened))
      },
      nodeClose: (final) => {
        const opened = connection
        this.observer.closed?.(this, number, 0)
        if (opened !== undefined) node.do((core, now) => core.handleClose(opened, final, now))
      },
      written: (size, written) => this.observer.write?.(this, number, size, written),
      closing: (code) => {
        // It may be one that the client has left already.
        if (this.link === link) this.#isGivenUp = true
        if (this.#second?.link === link) this.#second.isGivenUp = true
        this.observer.closed?.(this, number, code)
      },
    })
    if (beside) this.#second = { link, node: index, isGivenUp: false }
    else {
      this.link = link
      this.#isGivenUp = false
    }
    this.clock.after(profile.delay, () => {
      if (this.link !== link && this.#second?.link !== link) return
      if (!node.alive) {
        link.open = false
        this.#forget(link)
        ends.closed(1006, '')
        return
      }
      node.open(link, codec, (opened) => {
        connection = opened
        ends.opened()
      })
    })
    return link
  }

  #forget(link: Link | null): void {
    if (this.link === link) this.link = null
    if (this.#second?.link === link) this.#second = null
  }

  /** Sends a packet. The first one on a second connection means that it takes the place of the first. */
  protected sendOn(link: Link, packet: Uint8Array): void {
    if (this.link === null) this.#takeOver()
    if (this.link === link) link.send(packet)
  }

  #takeOver(): void {
    if (this.#second === null) return
    this.link = this.#second.link
    this.node = this.#second.node
    this.#isGivenUp = this.#second.isGivenUp
    this.#second = null
  }

  /** A node has ended. */
  cutFrom(node: number): void {
    if (this.#second?.node === node) this.#second.link.reset()
    if (this.node === node) this.link?.reset()
  }

  /** A message is about to be handled. */
  protected heard(_message: ServerMessage): void {}

  protected grown(packet: Uint8Array, from: Side): Uint8Array {
    const { grows, codec } = this.settings
    return grows === null ? packet : grow(grows, packet, codec, from)
  }

  protected hangUp(final: boolean, link: Link | null = this.link): void {
    link?.hangUp(final)
    this.#forget(link)
  }

  /** The client's process dies. `silently`: nobody is told, not even by the network. */
  kill(silently = false): void {
    this.closed = true
    this.disarm()
    this.observer.killed?.(this)
    if (silently) this.link?.swallow()
    else this.link?.reset()
    this.#second?.link.reset()
    this.link = null
    this.#second = null
  }

  get resting(): RestingClient {
    return {
      id: this.id,
      user: this.user,
      node: this.node,
      prompt: this.prompt,
      live: this.isLive,
      settled: this.#isSettled,
      liveSince: this.#liveAt,
      excused: this.#isExcused || this.#isRevoked,
      meetings: this.restingMeetings,
      topics: this.restingTopics,
    }
  }
}

/** A malformed packet from a node means that the bytes of two messages were mixed. */
function decode(codec: Codec, packet: Uint8Array): Message[] {
  try {
    return codec.decode(packet, 'server')
  } catch (error) {
    return violate('I12', `a client was sent a packet that cannot be read: ${String(error)}`)
  }
}

/** Whether a reader gets only some of the publications; a keyed topic begins with its latest values. */
export function isPartial(topic: string, { conflate, keys, policy }: ReadOptions): boolean {
  return conflate || policy === 'conflate' || keys.length > 0 || topic.startsWith('k')
}

/** A reader that conflates only when slow gets latest values where there are keys, unless it gets a history. */
export function isConflating(topic: string, { conflate, policy, history, keys }: ReadOptions): boolean {
  const getsHistory = (history ?? 0) > 0 && keys.length === 0
  return conflate || (policy === 'conflate' && topic.startsWith('k') && !getsHistory)
}
