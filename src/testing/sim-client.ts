import {
  Machine,
  type RawFrame,
  type ReadOptions,
  type SeatMachine,
  type TopicReader,
} from '../client/machine/index.ts'
import {
  type ClientMessage,
  closeCodes,
  type Codec,
  type ErrorCode,
  type Message,
  type PublicationEntry,
  type RtmsError,
  type ServerMessage,
} from '../protocol/index.ts'
import type { Connection } from '../core/index.ts'
import type { VirtualClock } from './clock.ts'
import { Link, type LinkProfile } from './link.ts'
import { type ClientFacts, type End, type Observer, type RestingClient, violate } from './observer.ts'
import type { Random } from './random.ts'
import type { SimNode } from './sim-node.ts'
import { textOf, textPayload } from './text.ts'

const FOREVER = 1e9

/** The real client machine on a virtual link, with an application that notes what it is given. */
export class SimClient implements ClientFacts {
  readonly id: number
  readonly user: string
  readonly node: number
  readonly machine: Machine
  link: Link | null = null
  profile: LinkProfile
  /** Set while the network is well: a connection lost now was lost by RTMS. */
  healthy = false
  closed = false
  readonly seats: Map<string, SeatMachine> = new Map()
  readonly readers: Map<string, TopicReader> = new Map()
  readonly #latest: Map<string, Map<string, string>> = new Map()

  readonly #clock: VirtualClock
  readonly #codec: Codec
  readonly #observer: Observer
  readonly #nodeNow: () => SimNode
  #connection = 0
  #flushing = false
  #armedAt = Infinity
  #disarm: () => void = () => {}
  #sent = 0
  #closeCode = 0

  constructor(
    clock: VirtualClock,
    settings: {
      id: number
      user: string
      node: number
      nodeNow: () => SimNode
      codec: Codec
      window: number
      random: Random
      profile: LinkProfile
      observer: Observer
    },
  ) {
    this.#clock = clock
    this.id = settings.id
    this.user = settings.user
    this.node = settings.node
    this.profile = settings.profile
    this.#codec = settings.codec
    this.#observer = settings.observer
    this.#nodeNow = settings.nodeNow
    this.machine = new Machine(
      {
        codec: settings.codec,
        window: settings.window,
        client: 'sim',
        random: () => settings.random.unit(),
        connectMs: 10_000,
        backoffMs: 5_000,
      },
      {
        getTicket: (attempt) => {
          const ticket = { url: 'sim:', token: `user:${this.user}`, expiresAt: FOREVER }
          this.#clock.after(settings.random.int(0, 10), () =>
            this.#do((now) => this.machine.handleTicket(attempt, ticket, FOREVER, now)),
          )
        },
        open: (attempt) => this.#open(attempt),
        send: (packet) => this.link?.send(packet),
        close: (_attempt, code) => this.#forget(code === 1000),
        phase: (phase) => {
          // A reader that is too slow for its policy may be disconnected by a healthy node.
          if (phase === 'waiting')
            this.#observer.disconnected?.(this, this.healthy && this.#closeCode !== closeCodes.SLOW)
        },
        push: (name, data) => this.#observer.push?.(this, name, textOf(data)),
        welcome: () => {},
      },
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

  #open(attempt: number): void {
    const number = ++this.#connection
    this.#closeCode = 0
    let connection: Connection | undefined
    const node = this.#nodeNow()
    const link: Link = new Link(this.#clock, this.profile, {
      clientPacket: (packet) => {
        if (this.link !== link || !link.open) return
        for (const message of decode(this.#codec, packet)) {
          this.#observer.down?.(this, number, message as ServerMessage)
        }
        this.#do((now) => this.machine.handlePacket(attempt, packet, packet.length, now))
      },
      clientClose: (code, reason) => {
        if (this.link !== link) return
        this.link = null
        this.#closeCode = code
        this.#do((now) => this.machine.handleClose(attempt, code, reason, now))
      },
      nodePacket: (packet) => {
        if (connection === undefined || !node.alive) return
        for (const message of this.#codec.decode(packet, 'client')) {
          this.#observer.up?.(this, number, message as ClientMessage)
        }
        const opened = connection
        node.do((core, now) => core.handlePacket(opened, packet, now))
      },
      nodeDrain: () => {
        const opened = connection
        if (opened !== undefined) node.do((core) => core.handleDrain(opened))
      },
      nodeClose: (final) => {
        const opened = connection
        if (opened !== undefined) node.do((core, now) => core.handleClose(opened, final, now))
      },
    })
    const write = link.write.bind(link)
    link.write = (packet) => {
      this.#observer.write?.(this, number, packet.bytes.length, link.written + packet.bytes.length)
      return write(packet)
    }
    this.link = link
    this.#clock.after(this.profile.delay, () => {
      if (this.link !== link) return
      if (!node.alive) {
        link.open = false
        this.link = null
        this.#do((now) => this.machine.handleClose(attempt, 1006, '', now))
        return
      }
      connection = node.open(link, this.#codec)
      this.#do(() => this.machine.handleOpen(attempt))
    })
  }

  #forget(final: boolean): void {
    this.link?.hangUp(final)
    this.link = null
  }

  /** The client's process ends without a word. */
  kill(): void {
    this.closed = true
    this.#disarm()
    this.link?.reset()
    this.link = null
  }

  /** The client's process ends as it should. */
  quit(): void {
    this.#do(() => this.machine.close())
    this.closed = true
    this.#disarm()
  }

  // ---- the application

  join(meeting: string, spectator: boolean): void {
    this.#observer.joining?.(this, meeting)
    this.#do(() => {
      const seat = this.machine.join(meeting, spectator, '', {
        frame: (frame: RawFrame) => this.#observer.frame?.(this, meeting, seat.epoch, frame),
        gap: () => this.#observer.frameGap?.(this, meeting),
        joined: () => {},
        direct: () => {},
        ended: () => this.seats.delete(meeting),
      })
      this.seats.set(meeting, seat)
    })
  }

  leave(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat !== undefined) this.#do(() => this.machine.leave(seat))
  }

  input(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat === undefined || seat.spectator) return
    const text = `input ${this.id} ${meeting} ${++this.#sent}`
    this.#observer.input?.(this, meeting, text)
    // Some are worth nothing when they are late.
    const timeout = this.#sent % 4 === 0 ? 400 : 10_000
    this.#do((now) =>
      this.machine.input(seat, textPayload(text), timeout, now, (end) =>
        this.#observer.inputEnded?.(this, meeting, text, end),
      ),
    )
  }

  request(timeout: number): void {
    const text = `request ${this.id} ${++this.#sent}`
    this.#observer.request?.(this, text)
    const done = (end: End): void => this.#observer.requestEnded?.(this, text, end)
    this.#do((now) => {
      const call = this.machine.request('sim', textPayload(text), timeout, now, done)
      // Some callers lose patience.
      if (this.#sent % 7 === 0)
        this.#clock.after(timeout / 2, () => this.#do(() => this.machine.cancel(call)))
    })
  }

  subscribe(topic: string, options: ReadOptions): void {
    if (this.readers.has(topic)) return
    const latest = new Map<string, string>()
    this.#latest.set(topic, latest)
    this.#observer.subscribed?.(this, topic)
    this.#do(() => {
      const reader = this.machine.read(topic, options, {
        publication: (entry: PublicationEntry) => {
          if (entry.tombstone) latest.delete(entry.key)
          else latest.set(entry.key, textOf(entry.data))
          this.#observer.publication?.(this, topic, isPartial(topic, options), entry)
        },
        gap: (_lost: number, reason: ErrorCode) => {
          latest.clear()
          this.#observer.topicGap?.(this, topic, isPartial(topic, options) && reason !== 'BUS')
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
    this.#do(() => this.machine.unread(reader))
  }

  get resting(): RestingClient {
    return {
      id: this.id,
      user: this.user,
      node: this.node,
      live: this.machine.phase === 'live',
      meetings: [...this.seats].map(([name, seat]) => ({
        name,
        next: seat.next,
        unanswered: seat.unanswered,
      })),
      topics: [...this.readers].map(([name, reader]) => ({
        name,
        position: new Map(reader.position),
        latest: this.#latest.get(name) ?? new Map<string, string>(),
        conflate: reader.options.conflate,
        keys: reader.options.keys,
      })),
    }
  }
}

/** A node sends nothing malformed: bytes of one message would have got into another. */
function decode(codec: Codec, packet: Uint8Array): Message[] {
  try {
    return codec.decode(packet, 'server')
  } catch (error) {
    return violate('I12', `a client was sent a packet that cannot be read: ${String(error)}`)
  }
}

/** Whether a reader gets some of the publications only: a keyed topic begins with its latest values. */
function isPartial(topic: string, options: ReadOptions): boolean {
  return options.conflate || options.keys.length > 0 || topic.startsWith('k')
}
