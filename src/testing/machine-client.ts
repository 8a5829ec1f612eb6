import {
  Machine,
  type RawFrame,
  type ReadOptions,
  type Received,
  type SeatMachine,
  type TopicReader,
} from '../client/machine/index.ts'
import { type Codec, type ErrorCode, RtmsError } from '../protocol/index.ts'
import type { VirtualClock } from './clock.ts'
import type { End, RestingClient } from './observer.ts'
import { isConflating, isPartial, SimClient, type SimClientSettings, type SocketEnds } from './sim-client.ts'
import { indexOf } from './sim-node.ts'
import type { Link } from './link.ts'
import { textOf, textPayload } from './text.ts'

/** The client's machine by itself, in either encoding. */
export class MachineClient extends SimClient {
  readonly seats: Map<string, SeatMachine> = new Map()
  readonly readers: Map<string, TopicReader> = new Map()
  readonly #machine: Machine
  readonly #latest: Map<string, Map<string, string>> = new Map()
  #flushing = false
  #armedAt = Infinity
  #cancel: () => void = () => {}
  #sent = 0
  /** By the machine's number of their attempt. */
  readonly #links: Map<number, Link> = new Map()
  /** Decodes each packet once. */
  #memo: Codec | null = null

  constructor(clock: VirtualClock, settings: SimClientSettings) {
    super(clock, settings)
    const { codec, window, random } = settings
    this.#machine = new Machine(
      {
        codec: { ...codec, decode: (packet, from) => (this.#memo ?? codec).decode(packet, from) },
        window,
        client: 'sim',
        random: () => random.unit(),
        connectMs: 10_000,
        backoffMs: 5_000,
      },
      {
        getTicket: (attempt) => this.#getTicket(attempt),
        open: (attempt, url) => this.#open(attempt, url),
        send: (attempt, packet) => this.#send(attempt, packet),
        close: (attempt, code) => {
          this.hangUp(code === 1000, this.#links.get(attempt) ?? null)
          this.#links.delete(attempt)
        },
        phase: (phase, error) => {
          if (phase === 'live') this.nowLive()
          if (phase === 'waiting') this.disconnected(error)
        },
        push: (name, data) => this.observer.push?.(this, name, textOf(data)),
        welcome: () => {},
      },
    )
  }

  get isLive(): boolean {
    return this.#machine.phase === 'live'
  }

  get isOver(): boolean {
    return this.#machine.phase === 'closed'
  }

  start(): void {
    this.#do((now) => this.#machine.start(now))
  }

  #do(action: (now: number) => void): void {
    if (this.closed) return
    action(this.clock.now)
    if (!this.#flushing) {
      this.#flushing = true
      this.clock.after(0, () => {
        this.#flushing = false
        if (!this.closed) this.#machine.flush()
      })
    }
    const at = Math.max(this.clock.now, this.#machine.deadline)
    if (at === this.#armedAt) return
    this.disarm()
    this.#armedAt = at
    if (at !== Infinity) {
      this.#cancel = this.clock.at(at, () => {
        this.#armedAt = Infinity
        this.#do((now) => this.#machine.tick(now))
      })
    }
  }

  protected disarm(): void {
    this.#cancel()
  }

  #getTicket(attempt: number): void {
    this.askForTicket((ticket) =>
      this.#do((now) => {
        if (ticket instanceof RtmsError) this.#machine.handleNoTicket(attempt, ticket, now)
        else {
          const { token, validMs } = ticket
          this.#machine.handleTicket(
            attempt,
            { url: 'sim:', token, expiresAt: 0 },
            validMs - this.wallOff,
            now,
          )
        }
      }),
    )
  }

  #send(attempt: number, packet: Uint8Array): void {
    const link = this.#links.get(attempt)
    if (link !== undefined) this.sendOn(link, this.grown(packet, 'client'))
  }

  #open(attempt: number, url: string): void {
    const ends: SocketEnds = {
      opened: () => this.#do(() => this.#machine.handleOpen(attempt)),
      packet: (packet, size, codec) => {
        this.#memo = codec
        // Additions of a later minor version are not counted: the node did not write them.
        const grown = this.grown(packet, 'server')
        this.#do((now) => this.#machine.handlePacket(attempt, grown, size, now))
      },
      closed: (code, reason) => {
        this.#links.delete(attempt)
        this.#do((now) => this.#machine.handleClose(attempt, code, reason, now))
      },
    }
    this.#links.set(attempt, this.dial(ends, indexOf(url), this.#machine.phase === 'live'))
  }

  quit(): void {
    this.#do(() => this.#machine.close())
    this.closed = true
    this.disarm()
  }

  fidget(): void {}

  // ---- the application

  join(meeting: string, spectator: boolean): void {
    this.observer.joining?.(this, meeting)
    this.#do(() => {
      const seat = this.#machine.followers.join(
        meeting,
        { spectator, config: '', fromNow: false, joinBy: Infinity },
        {
          frame: (frame: RawFrame) => this.observer.frame?.(this, meeting, seat.world, frame),
          gap: () => this.observer.frameGap?.(this, meeting),
          joined: () => {},
          waiting: () => {},
          direct: (data) => this.observer.direct?.(this, meeting, textOf(data)),
          ended: (error) => {
            this.seats.delete(meeting)
            this.observer.left?.(this, meeting, error.code)
          },
        },
      )
      if (this.#machine.phase !== 'closed') this.seats.set(meeting, seat)
    })
  }

  leave(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat !== undefined) this.#do(() => this.#machine.followers.leave(seat))
  }

  input(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat === undefined || seat.wish.spectator) return
    const text = `input ${this.id} ${meeting} ${++this.#sent}`
    this.observer.input?.(this, meeting, text)
    // Some inputs are worthless when late.
    const timeout = this.#sent % 4 === 0 ? 400 : 10_000
    const done = (end: End): void => this.observer.inputEnded?.(this, meeting, text, end)
    this.#ask(done, (now) => this.#machine.followers.input(seat, textPayload(text), timeout, now, done))
  }

  request(timeout: number): void {
    const text = `request ${this.id} ${++this.#sent}`
    this.observer.request?.(this, text)
    const done = (end: End): void => this.observer.requestEnded?.(this, text, end)
    this.#ask(done, (now) => {
      const call = this.#machine.calls.request('sim', textPayload(text), timeout, now, done)
      // Some callers lose patience.
      if (this.#sent % 7 === 0)
        this.clock.after(timeout / 2, () => this.#do(() => this.#machine.calls.cancel(call)))
    })
  }

  publish(topic: string): void {
    const text = `publication ${topic} of ${this.user} ${this.id}/${++this.#sent}`
    this.observer.publishing?.(this, topic, text)
    const done = (end: End): void => this.observer.publishingEnded?.(this, topic, text, end)
    this.#ask(done, (now) =>
      this.#machine.calls.publish(topic, textPayload(text), '', false, 5_000, now, done),
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
    if (this.readers.has(topic) || this.#machine.phase === 'closed') return
    const latest = new Map<string, string>()
    const partial = isPartial(topic, options)
    this.#latest.set(topic, latest)
    this.observer.subscribed?.(this, topic)
    this.#do(() => {
      const reader = this.#machine.followers.read(topic, options, {
        publication: (entry: Received) => {
          if (entry.tombstone) latest.delete(entry.key)
          else latest.set(entry.key, textOf(entry.data))
          this.observer.publication?.(this, topic, partial, entry)
        },
        read: () => {},
        gap: (lost: number, reason: ErrorCode) => {
          const anew = reason === 'RETENTION' || reason === 'NEW_EPOCH'
          if (reason !== 'SLOW') latest.clear()
          this.observer.topicGap?.(this, topic, anew, lost, reason)
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
    this.#do(() => this.#machine.followers.leave(reader))
  }

  protected get restingMeetings(): RestingClient['meetings'] {
    return [...this.seats].map(([name, { log, world, slot, next, unanswered }]) => ({
      name,
      next,
      unanswered,
      seat: { joined: log !== 0, world, slot },
    }))
  }

  protected get restingTopics(): RestingClient['topics'] {
    return [...this.readers].map(([name, reader]) => ({
      name,
      position: new Map(reader.position?.numbers),
      latest: this.#latest.get(name) ?? new Map<string, string>(),
      conflate: isConflating(name, reader.options),
      partial: isPartial(name, reader.options),
      keys: reader.options.keys,
    }))
  }
}
