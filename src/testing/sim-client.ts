import {
  Machine,
  type RawFrame,
  type ReadOptions,
  type Received,
  type SeatMachine,
  type TopicReader,
} from '../client/machine/index.ts'
import type { Connection } from '../core/index.ts'
import {
  type ClientMessage,
  closeCodes,
  type Codec,
  type ErrorCode,
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
import { type ClientFacts, type End, type Observer, type RestingClient, violate } from './observer.ts'
import type { Random } from './random.ts'
import { profiles } from './scenario.ts'
import type { SimNode } from './sim-node.ts'
import { textOf, textPayload } from './text.ts'
import { encodeToken } from './tokens.ts'

const FOREVER = 1e9
/** A connection of this age, in milliseconds, has caught up if nothing delays it. */
const SETTLED_MS = 1_000
/** Errors that small limits may cause for a client that does nothing wrong. */
const excused: ReadonlySet<number> = new Set([closeCodes.SLOW, closeCodes.FULL, closeCodes.RATE])

export interface SimClientSettings {
  readonly id: number
  readonly user: string
  readonly node: number
  readonly nodeNow: () => SimNode
  readonly codec: Codec
  readonly window: number
  readonly random: Random
  readonly profile: LinkProfile
  readonly observer: Observer
  readonly business: Business
  /** The generator for additions of a later minor version of the protocol, in both directions; null for none. */
  readonly grows: Random | null
}

/** The real client machine on a virtual link, with an application that records what it is given. */
export class SimClient implements ClientFacts {
  readonly id: number
  readonly user: string
  readonly node: number
  readonly machine: Machine
  link: Link | null = null
  /** Set while the network is healthy: a connection lost then was lost by RTMS. */
  healthy = false
  /** The application has ended. */
  closed = false
  /** The id of the last token it was given. */
  token = ''
  readonly seats: Map<string, SeatMachine> = new Map()
  readonly readers: Map<string, TopicReader> = new Map()
  readonly #latest: Map<string, Map<string, string>> = new Map()

  readonly #clock: VirtualClock
  readonly #settings: SimClientSettings
  readonly #observer: Observer
  #connection = 0
  #flushing = false
  #armedAt = Infinity
  #disarm: () => void = () => {}
  #sent = 0
  #closeCode = 0
  #liveAt = Infinity

  constructor(clock: VirtualClock, settings: SimClientSettings) {
    this.#clock = clock
    this.#settings = settings
    this.#observer = settings.observer
    this.id = settings.id
    this.user = settings.user
    this.node = settings.node
    const { codec, window, random } = settings
    this.machine = new Machine(
      {
        codec: this.#remembering(codec),
        window,
        client: 'sim',
        random: () => random.unit(),
        connectMs: 10_000,
        backoffMs: 5_000,
      },
      {
        getTicket: (attempt) => this.#getTicket(attempt),
        open: (attempt) => this.#open(attempt),
        send: (packet) => this.link?.send(this.#grown(packet, 'client')),
        close: (_attempt, code) => this.#forget(code === 1000),
        phase: (phase, error) => {
          if (phase === 'live') {
            this.#liveAt = clock.now
            this.#closeCode = 0
          }
          // A healthy node may disconnect a reader that is too slow for its policy, and a client whose meeting is not
          // found connects anew with a fresh ticket.
          const isExpected = this.#isExcused || error?.code === 'NOT_FOUND'
          if (phase === 'waiting') this.#observer.disconnected?.(this, this.healthy && !isExpected)
        },
        push: (name, data) => this.#observer.push?.(this, name, textOf(data)),
        welcome: () => {},
      },
    )
  }

  get #isExcused(): boolean {
    return excused.has(this.#closeCode)
  }

  get #isSettled(): boolean {
    return this.machine.phase === 'live' && this.#clock.now > this.#liveAt + SETTLED_MS
  }

  get prompt(): boolean {
    return (
      this.healthy &&
      this.#isSettled &&
      this.#settings.profile === profiles[0] &&
      (this.#settings.window === 0 || this.#settings.window > 100_000)
    )
  }

  start(): void {
    this.#do((now) => this.machine.start(now))
  }

  #do(action: (now: number) => void): void {
    if (this.closed) return
    action(this.#clock.now)
    if (this.machine.hasOutput && !this.#flushing) {
      this.#flushing = true
      this.#clock.after(0, () => {
        this.#flushing = false
        if (!this.closed) this.machine.flush()
      })
    }
    const at = Math.max(this.#clock.now, this.machine.deadline)
    if (at === this.#armedAt) return
    this.#disarm()
    this.#armedAt = at
    if (at !== Infinity) {
      this.#disarm = this.#clock.at(at, () => {
        this.#armedAt = Infinity
        this.#do((now) => this.machine.tick(now))
      })
    }
  }

  #getTicket(attempt: number): void {
    const { business } = this.#settings
    this.#clock.after(business.random.int(0, 10), () => {
      if (business.faulty && business.random.chance(0.1)) {
        this.#do((now) => this.machine.handleNoTicket(attempt, new RtmsError('BUSY'), now))
        return
      }
      const claims = business.issue(this)
      this.token = claims.id
      const validMs = claims.expires === 0 ? FOREVER : claims.expires - claims.issued
      const ticket = { url: 'sim:', token: encodeToken(claims), expiresAt: 0 }
      this.#do((now) => this.machine.handleTicket(attempt, ticket, validMs, now))
    })
  }

  // ---- its sockets

  #open(attempt: number): void {
    const number = ++this.#connection
    let connection: Connection | undefined
    const { nodeNow, profile } = this.#settings
    const node = nodeNow()
    const codec = new MemoCodec(this.#settings.codec)
    const link: Link = new Link(this.#clock, profile, {
      clientPacket: (packet, at) => {
        if (this.link !== link || !link.open) return
        this.#observer.packet?.(this, number, packet)
        this.#memo = codec
        for (const message of decode(codec, packet))
          this.#observer.down?.(this, number, message as ServerMessage, at)
        // Additions of a later minor version are not counted: the node did not write them.
        const grown = this.#grown(packet, 'server')
        this.#do((now) => this.machine.handlePacket(attempt, grown, packet.length, now))
      },
      clientClose: (code, reason) => {
        if (this.link !== link) return
        this.link = null
        this.#closeCode = code
        this.#do((now) => this.machine.handleClose(attempt, code, reason, now))
        if (this.machine.phase === 'closed') this.#observer.ended?.(this, code)
      },
      nodePacket: (packet) => {
        const opened = connection
        if (opened === undefined) return
        node.do((core, now) => {
          this.#observer.packet?.(this, number, packet)
          for (const message of codec.decode(packet, 'client'))
            this.#observer.up?.(this, number, message as ClientMessage)
          core.handlePacket(opened, packet, now)
        })
      },
      nodeDrain: () => {
        const opened = connection
        if (opened !== undefined) node.do((core) => core.handleDrain(opened))
      },
      nodeClose: (final) => {
        const opened = connection
        this.#observer.closed?.(this, number, 0)
        if (opened !== undefined) node.do((core, now) => core.handleClose(opened, final, now))
      },
      written: (size, written) => this.#observer.write?.(this, number, size, written),
      closing: (code) => this.#observer.closed?.(this, number, code),
    })
    this.link = link
    this.#clock.after(profile.delay, () => {
      if (this.link !== link) return
      if (!node.alive) {
        link.open = false
        this.link = null
        this.#do((now) => this.machine.handleClose(attempt, 1006, '', now))
        return
      }
      node.open(link, codec, (opened) => {
        connection = opened
        this.#do(() => this.machine.handleOpen(attempt))
      })
    })
  }

  #grown(packet: Uint8Array, from: Side): Uint8Array {
    const { grows, codec } = this.#settings
    return grows === null ? packet : grow(grows, packet, codec, from)
  }

  #memo: MemoCodec | null = null

  /** The machine's codec, which decodes each packet once. */
  #remembering(codec: Codec): Codec {
    return { ...codec, decode: (packet, from) => (this.#memo ?? codec).decode(packet, from) }
  }

  #forget(final: boolean): void {
    this.link?.hangUp(final)
    this.link = null
  }

  /** The client's process dies. `silently`: nobody is told, not even by the network. */
  kill(silently = false): void {
    this.closed = true
    this.#disarm()
    if (silently) this.link?.swallow()
    else this.link?.reset()
    this.link = null
  }

  /** The client's process ends properly. */
  quit(): void {
    this.#do(() => this.machine.close())
    this.closed = true
    this.#disarm()
  }

  // ---- the application

  join(meeting: string, spectator: boolean): void {
    this.#observer.joining?.(this, meeting)
    this.#do(() => {
      const seat = this.machine.followers.join(meeting, spectator, '', {
        frame: (frame: RawFrame) => this.#observer.frame?.(this, meeting, seat.world, frame),
        gap: () => this.#observer.frameGap?.(this, meeting),
        joined: () => {},
        direct: (data) => this.#observer.direct?.(this, meeting, textOf(data)),
        ended: (error) => {
          this.seats.delete(meeting)
          this.#observer.left?.(this, meeting, error.code)
        },
      })
      if (this.machine.phase !== 'closed') this.seats.set(meeting, seat)
    })
  }

  leave(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat !== undefined) this.#do(() => this.machine.followers.leave(seat))
  }

  input(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat === undefined || seat.spectator) return
    const text = `input ${this.id} ${meeting} ${++this.#sent}`
    this.#observer.input?.(this, meeting, text)
    // Some inputs are worthless when late.
    const timeout = this.#sent % 4 === 0 ? 400 : 10_000
    const done = (end: End): void => this.#observer.inputEnded?.(this, meeting, text, end)
    this.#ask(done, (now) => this.machine.followers.input(seat, textPayload(text), timeout, now, done))
  }

  request(timeout: number): void {
    const text = `request ${this.id} ${++this.#sent}`
    this.#observer.request?.(this, text)
    const done = (end: End): void => this.#observer.requestEnded?.(this, text, end)
    this.#ask(done, (now) => {
      const call = this.machine.calls.request('sim', textPayload(text), timeout, now, done)
      // Some callers lose patience.
      if (this.#sent % 7 === 0)
        this.#clock.after(timeout / 2, () => this.#do(() => this.machine.calls.cancel(call)))
    })
  }

  publish(topic: string): void {
    const text = `publication ${topic} of ${this.user} ${this.id}/${++this.#sent}`
    this.#observer.publishing?.(this, topic, text)
    const done = (end: End): void => this.#observer.publishingEnded?.(this, topic, text, end)
    this.#ask(done, (now) =>
      this.machine.calls.publish(topic, textPayload(text), '', false, 5_000, now, done),
    )
  }

  /** A call that the machine refuses at once has ended too. */
  #ask(done: (end: End) => void, action: (now: number) => void): void {
    this.#do((now) => {
      try {
        action(now)
      } catch (error) {
        if (!(error instanceof RtmsError)) throw error
        done(error)
      }
    })
  }

  subscribe(topic: string, options: ReadOptions): void {
    if (this.readers.has(topic) || this.machine.phase === 'closed') return
    const latest = new Map<string, string>()
    const partial = isPartial(topic, options)
    this.#latest.set(topic, latest)
    this.#observer.subscribed?.(this, topic)
    this.#do(() => {
      const reader = this.machine.followers.read(topic, options, {
        publication: (entry: Received) => {
          if (entry.tombstone) latest.delete(entry.key)
          else latest.set(entry.key, textOf(entry.data))
          this.#observer.publication?.(this, topic, partial, entry)
        },
        gap: (lost: number, reason: ErrorCode) => {
          const anew = reason === 'RETENTION' || reason === 'NEW_EPOCH'
          if (reason !== 'SLOW') latest.clear()
          this.#observer.topicGap?.(this, topic, anew, lost, reason)
        },
        subscribed: () => {},
        failed: (_error: RtmsError) => this.readers.delete(topic),
      })
      this.readers.set(topic, reader)
    })
  }

  unsubscribe(topic: string): void {
    const reader = this.readers.get(topic)
    if (reader === undefined) return
    this.readers.delete(topic)
    this.#do(() => this.machine.followers.leave(reader))
  }

  get resting(): RestingClient {
    return {
      id: this.id,
      user: this.user,
      node: this.node,
      prompt: this.prompt,
      live: this.machine.phase === 'live',
      settled: this.#isSettled,
      liveSince: this.#liveAt,
      excused: this.#isExcused,
      meetings: [...this.seats].map(([name, seat]) => ({
        name,
        next: seat.next,
        unanswered: seat.unanswered,
      })),
      topics: [...this.readers].map(([name, reader]) => ({
        name,
        position: new Map(reader.position?.numbers),
        latest: this.#latest.get(name) ?? new Map<string, string>(),
        // A reader that conflates only when slow gets latest values where there are keys.
        conflate: reader.options.conflate || (reader.options.policy === 'conflate' && name.startsWith('k')),
        partial: isPartial(name, reader.options),
        keys: reader.options.keys,
      })),
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
function isPartial(topic: string, { conflate, keys, policy }: ReadOptions): boolean {
  return conflate || policy === 'conflate' || keys.length > 0 || topic.startsWith('k')
}
