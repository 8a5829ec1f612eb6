import { Client } from '../client/client.ts'
import type { ReadOptions } from '../client/machine/index.ts'
import { type Frame, Meeting } from '../client/meeting.ts'
import type { Publication, Socket, State } from '../client/options.ts'
import {
  binaryCodec,
  eachPublication,
  type Payload,
  RtmsError,
  type ServerMessage,
} from '../protocol/index.ts'
import { clientSocket } from './client-socket.ts'
import type { VirtualClock } from './clock.ts'
import { ListenerFault, Stream } from './listening.ts'
import { type End, type RestingClient, violate } from './observer.ts'
import type { Random } from './random.ts'
import { CountedSignal } from './signal.ts'
import { isConflating, isPartial, SimClient, type SimClientSettings, type SocketEnds } from './sim-client.ts'
import { indexOf } from './sim-node.ts'
import { textOf, textPayload } from './text.ts'

/** The default time-out of the client's calls. */
const CALL_MS = 10_000
/** Longest wait for an answer beyond a request's time-out, in milliseconds. */
const GRACE_MS = 2_000
const PUBLISH_MS = 5_000
const MOST_LISTENERS = 4

interface Seat {
  readonly wish: { readonly spectator: boolean }
  /** Aborts the join while it is under way. */
  readonly signal: CountedSignal
  meeting: Meeting | null
  /** The world of the last frame, and the frame that follows it. */
  world: number
  next: number
  unanswered: number
}

interface Reader {
  readonly options: ReadOptions
  readonly remove: () => void
  readonly stream: Stream | null
  readonly latest: ReadonlyMap<string, string>
}

export interface PublicClientSettings extends SimClientSettings {
  /** Drives its listeners. */
  readonly whims: Random
  /** Milliseconds since 1970, by a clock that is right. */
  readonly wallNow: () => number
  /** The client has run, so promises and microtasks may wait. */
  readonly touched: () => void
  /** An error that would reach the runtime. */
  readonly crash: (error: unknown) => void
}

/** The client as an application uses it, on virtual sockets and in virtual time. */
export class PublicClient extends SimClient {
  readonly seats: Map<string, Seat> = new Map()
  readonly readers: Map<string, Reader> = new Map()
  readonly #settings: PublicClientSettings
  readonly #client: Client
  readonly #whims: Random
  readonly #timers: Set<() => void> = new Set()
  readonly #states: Stream
  readonly #pushes: Stream
  readonly #streams: Set<Stream> = new Set()
  /** Publishers of the connection by number, and publications by text, as they came over the wire. */
  #publishers: number[] = []
  readonly #wire: Map<string, { readonly publisher: number; readonly number: number }> = new Map()
  /** Its seats on the present connection, by meeting. */
  readonly #seated: Map<string, { readonly world: number; readonly slot: number }> = new Map()
  #watching: { readonly probe: () => void; readonly suspend: () => void } | null = null
  #isDead = false
  #sent = 0

  constructor(clock: VirtualClock, settings: PublicClientSettings) {
    super(clock, { ...settings, codec: binaryCodec })
    this.#settings = settings
    this.#whims = settings.whims
    const { random, window } = settings
    this.#client = new Client(
      { getTicket: () => this.#getTicket(), window, maxBackoffMs: 5_000 },
      {
        // The origin of a monotonic clock means nothing.
        now: () => clock.now + this.id * 1_000,
        wallNow: () => settings.wallNow() + this.wallOff,
        random: () => random.unit(),
        at: (time, action) => this.#at(time - this.id * 1_000, action),
        socket: (url) => this.#socket(url),
        report: (error) => {
          if (error instanceof ListenerFault) this.observer.met?.('a listener throws')
          else settings.crash(error)
        },
        watch: (probe, suspend) => {
          this.#watching = { probe, suspend }
          return () => (this.#watching = null)
        },
      },
    )
    const client = this.#client
    client.onState((state, error) => this.#state(state, error))
    client.onPush('sim', (data) => {
      const text = textIn(data)
      this.#pushes.event(text)
      this.observer.push?.(this, 'sim', text)
    })
    this.#states = this.#stream('state', (told) => client.onState((state) => told(state)))
    this.#pushes = this.#stream('push', (told) => client.onPush('sim', (data) => told(textIn(data))))
  }

  get isLive(): boolean {
    return this.#client.state === 'connected'
  }

  get isOver(): boolean {
    return this.#client.state === 'closed'
  }

  /** The client connects by itself. */
  start(): void {
    this.#settings.touched()
  }

  /** Runs what the application or the runtime does. What it throws ends the run. */
  #do(action: () => void): void {
    if (this.closed) return
    this.#always(action)
  }

  #always(action: () => void): void {
    this.#settings.touched()
    try {
      action()
    } catch (error) {
      this.#settings.crash(error)
    }
  }

  // ---- its runtime

  #at(time: number, action: () => void): () => void {
    const cancel = this.clock.at(time, () => {
      this.#timers.delete(end)
      this.#do(action)
    })
    const end = (): void => {
      this.#timers.delete(end)
      cancel()
    }
    this.#timers.add(end)
    // One of its own, and one of each topic with a subscriber that wants less than another one.
    if (this.#timers.size > 1 + this.readers.size)
      violate('I24', `client ${this.id} has ${this.#timers.size} timers`)
    return end
  }

  protected disarm(): void {
    for (const cancel of this.#timers) cancel()
  }

  #getTicket(): Promise<{ url: string; token: string; expiresAt: number }> {
    return new Promise((resolve, reject) => {
      this.askForTicket((ticket) =>
        this.#do(() => {
          if (ticket instanceof RtmsError) reject(ticket)
          else {
            const { token, validMs } = ticket
            resolve({ url: 'sim:', token, expiresAt: (this.#settings.wallNow() + validMs) / 1_000 })
          }
        }),
      )
    })
  }

  #socket(url: string): Socket {
    const ends: SocketEnds = {
      opened: () => this.#do(() => socket.onopen?.()),
      packet: (packet) => this.#do(() => socket.onmessage?.({ data: packet.slice().buffer })),
      closed: (code, reason) => this.#do(() => socket.onclose?.({ code, reason })),
    }
    const link = this.dial(ends, indexOf(url), this.isLive)
    const socket = clientSocket({
      send: (packet) => this.sendOn(link, this.grown(packet, 'client')),
      close: (code) => this.hangUp(code === 1000, link),
    })
    return socket
  }

  protected override heard(message: ServerMessage): void {
    if (message.type === 'welcome') {
      this.#publishers = [message.publisher]
      this.#seated.clear()
    } else if (message.type === 'joined') this.#seated.set(message.meeting, message)
    else if (message.type === 'publishers')
      this.#publishers.push(...message.publishers.map(({ publisher }) => publisher))
    else if (message.type === 'publications')
      eachPublication(message.publications, message.at, ({ publisher, number, data }) =>
        this.#wire.set(textOf(data), { publisher: this.#publishers[publisher] ?? 0, number }),
      )
  }

  #state(state: State, error: RtmsError | null): void {
    this.#states.event(state)
    if (state === 'connected') this.nowLive()
    if (state === 'disconnected') this.disconnected(error)
  }

  quit(): void {
    this.#do(() => this.#client.close())
    this.closed = true
    this.observer.quit?.(this)
    if (this.#timers.size > 0) violate('I24', `client ${this.id} was closed and still has a timer`)
  }

  override kill(silently = false): void {
    this.#isDead = true
    super.kill(silently)
  }

  // ---- promises

  /** `by`: when the promise has to have settled. */
  #await<T extends object | number>(
    promise: string,
    by: number,
    made: Promise<T>,
    done: (end: T | RtmsError) => void,
    signal?: CountedSignal,
  ): void {
    this.observer.promised?.(this, promise, by)
    const end = (result: T | RtmsError): void => {
      if (this.#isDead) return
      this.#always(() => {
        this.observer.settled?.(this, promise)
        if (signal !== undefined && signal.listeners > 0)
          violate('I24', `${promise} has settled and still listens to its signal`)
        done(result)
      })
    }
    made.then(end, (error: unknown) => {
      if (error instanceof RtmsError) end(error)
      else this.#settings.crash(error)
    })
  }

  join(meeting: string, spectator: boolean): void {
    this.observer.joining?.(this, meeting)
    this.#do(() => {
      const signal = new CountedSignal()
      const seat: Seat = { wish: { spectator }, signal, meeting: null, world: 0, next: 1, unanswered: 0 }
      this.seats.set(meeting, seat)
      const made = this.#client.join(meeting, { spectator, signal: signal.signal })
      const done = (end: Meeting | RtmsError): void => {
        if (end instanceof Meeting) this.#joined(seat, end)
        else this.#left(meeting, seat, end)
      }
      this.#await(`join ${meeting} ${++this.#sent}`, this.clock.now + CALL_MS, made, done, signal)
    })
  }

  #joined(seat: Seat, meeting: Meeting): void {
    const { name } = meeting
    seat.meeting = meeting
    const frames = this.#stream(`frames ${name} ${++this.#sent}`, (told) =>
      meeting.onFrame(({ number }) => told(`${meeting.epoch}/${number}`)),
    )
    meeting.onEnd((error) => {
      this.#end(frames)
      this.#left(name, seat, error)
    })
    meeting.onGap(({ to }) => {
      seat.next = to
      seat.world = meeting.epoch
      this.observer.frameGap?.(this, name)
    })
    let isAdded = false
    meeting.onFrame((frame) => {
      if (!isAdded) violate('I24', `a listener of ${name} was called before it could be removed`)
      this.#frame(seat, meeting, frames, frame)
    })
    isAdded = true
    meeting.onMessage((data) => this.observer.direct?.(this, name, textIn(data)))
  }

  #frame(seat: Seat, { name, epoch }: Meeting, frames: Stream, { number, events, inputs }: Frame): void {
    frames.event(`${epoch}/${number}`)
    seat.world = epoch
    seat.next = number + 1
    const told = events.map((event) => (event.type === 'say' ? raw(event) : event))
    this.observer.frame?.(this, name, epoch, { number, events: told, inputs: inputs.map(raw) })
  }

  #left(meeting: string, seat: Seat, error: RtmsError): void {
    if (this.seats.get(meeting) === seat) this.seats.delete(meeting)
    this.observer.left?.(this, meeting, error.code)
  }

  leave(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat === undefined) return
    this.#do(() => {
      if (seat.meeting === null) seat.signal.abort(new RtmsError('CANCELLED'))
      else seat.meeting.leave()
    })
  }

  input(meeting: string): void {
    const seat = this.seats.get(meeting)
    if (seat === undefined || seat.wish.spectator || seat.meeting === null) return
    const joined = seat.meeting
    this.#do(() => {
      const text = `input ${this.id} ${meeting} ${++this.#sent}`
      this.observer.input?.(this, meeting, text)
      const timeoutMs = this.#sent % 4 === 0 ? 400 : CALL_MS
      seat.unanswered++
      const by = this.clock.now + timeoutMs
      this.#await(text, by, joined.send(bytesOf(text), { timeoutMs }), (end: End) => {
        seat.unanswered--
        this.observer.inputEnded?.(this, meeting, text, end)
      })
    })
  }

  request(timeoutMs: number): void {
    this.#do(() => {
      const text = `request ${this.id} ${++this.#sent}`
      this.observer.request?.(this, text)
      const signal = new CountedSignal()
      const made = this.#client.request('sim', bytesOf(text), { timeoutMs, signal: signal.signal })
      const by = this.clock.now + timeoutMs + Math.min(GRACE_MS, timeoutMs)
      const done = (end: End | string): void =>
        this.observer.requestEnded?.(this, text, typeof end === 'string' ? textPayload(end) : end)
      const read = made.then((reply) => ({ reply: textIn(reply) }))
      this.#await(text, by, read, (end) => done('reply' in end ? end.reply : end), signal)
      // Some callers lose patience, a few at once.
      if (this.#sent % 7 !== 0) return
      const cancel = (): void => this.#do(() => signal.abort(new RtmsError('CANCELLED')))
      if (this.#sent % 2 === 0) cancel()
      else this.clock.after(timeoutMs / 2, cancel)
    })
  }

  publish(topic: string): void {
    this.#do(() => {
      const text = `publication ${topic} of ${this.user} ${this.id}/${++this.#sent}`
      this.observer.publishing?.(this, topic, text)
      const made = this.#client.publish(topic, bytesOf(text), { timeoutMs: PUBLISH_MS })
      const done = (end: End): void => this.observer.publishingEnded?.(this, topic, text, end)
      this.#await(text, this.clock.now + PUBLISH_MS, made, done)
    })
  }

  subscribe(topic: string, options: ReadOptions): void {
    if (this.readers.has(topic) || this.isOver) return
    const latest = new Map<string, string>()
    const partial = isPartial(topic, options)
    this.observer.subscribed?.(this, topic)
    this.#do(() => {
      const client = this.#client
      const { since: _, ...wish } = options
      const isBeside = this.id % 3 === 0
      // A late listener gets its history or the latest values, and one with a rate, or beside a subscriber that wants
      // what came before, what comes, at a time of its own.
      const isOwn = partial || isBeside || (options.history ?? 0) > 0 || (options.maxHz ?? 0) > 0
      const stream = isOwn
        ? null
        : this.#stream(`topic ${topic} ${++this.#sent}`, (told) =>
            client.subscribe(topic, (data) => told(textIn(data)), wish),
          )
      let isAdded = false
      const remove = client.subscribe(
        topic,
        (data, { key, removed, time }: Publication) => {
          const text = textIn(data)
          if (!isAdded) violate('I24', `a listener of ${topic} was called before it could be removed`)
          stream?.event(text)
          if (removed) latest.delete(key)
          else latest.set(key, text)
          const wire = this.#wire.get(text) ?? violate('I12', `client ${this.id} made up ${text}`)
          const entry = { ...wire, time, key, tombstone: removed, data: textPayload(text) }
          this.observer.publication?.(this, topic, partial, entry)
        },
        {
          ...wish,
          onGap: ({ lost, reason }) => {
            if (reason !== 'SLOW') latest.clear()
            const anew = reason === 'RETENTION' || reason === 'NEW_EPOCH'
            this.observer.topicGap?.(this, topic, anew, lost, reason)
          },
          onError: () => {
            if (stream !== null) this.#end(stream)
            this.readers.delete(topic)
          },
        },
      )
      isAdded = true
      const removeOther = isBeside ? this.#besides(topic) : null
      const removeAll = (): void => {
        remove()
        removeOther?.()
      }
      if (!this.isOver) this.readers.set(topic, { options, remove: removeAll, stream, latest })
    })
  }

  /** Another subscriber of the topic, which wants something else: it hears nothing twice. */
  #besides(topic: string): () => void {
    const heard = new Set<string>()
    return this.#client.subscribe(
      topic,
      (data, { key, removed }) => {
        const text = `${key} ${removed} ${textIn(data)}`
        if (heard.has(text))
          violate('I24', `a subscriber of ${topic} at client ${this.id} heard ${text} twice`)
        heard.add(text)
      },
      { history: 3, onGap: ({ reason }) => reason !== 'SLOW' && heard.clear(), onError: () => {} },
    )
  }

  unsubscribe(topic: string): void {
    const reader = this.readers.get(topic)
    if (reader === undefined) return
    this.readers.delete(topic)
    this.#do(() => {
      reader.remove()
      reader.stream?.silence()
      if (reader.stream !== null) this.#streams.delete(reader.stream)
    })
  }

  // ---- listeners

  #stream(name: string, add: (told: (event: string) => void) => () => void): Stream {
    const stream: Stream = new Stream(this, name, this.observer, add, () => this.#whim(stream))
    this.#streams.add(stream)
    return stream
  }

  #end(stream: Stream): void {
    stream.over()
    this.#streams.delete(stream)
  }

  /** What a listener does that was just told of an event. */
  #whim(stream: Stream): void {
    const dice = this.#whims.unit()
    if (dice < 0.03) stream.drop(this.#whims)
    else if (dice < 0.06) this.#listen(stream)
    else if (dice < 0.1) throw new ListenerFault()
  }

  #listen(stream: Stream): void {
    if (stream.size < MOST_LISTENERS) stream.listen()
  }

  fidget(random: Random): void {
    const dice = random.unit()
    this.#do(() => {
      if (dice < 0.3) {
        const streams = [...this.#streams]
        this.#listen(random.pick(streams))
        random.pick(streams).drop(random)
      } else if (dice < 0.33 && this.settings.business.faulty) this.#hide(random)
    })
  }

  /** The page is hidden for a while. */
  #hide(random: Random): void {
    this.observer.met?.('a page is hidden')
    this.#watching?.suspend()
    this.clock.after(random.int(0, 2_000), () => this.#do(() => this.#watching?.probe()))
  }

  protected get restingMeetings(): RestingClient['meetings'] {
    return [...this.seats].map(([name, { meeting, world, next, unanswered }]) => ({
      name,
      next: meeting !== null && meeting.epoch !== world ? 1 : next,
      unanswered,
      seat: { joined: this.#seated.has(name), ...(this.#seated.get(name) ?? { world: 0, slot: 0 }) },
    }))
  }

  protected get restingTopics(): RestingClient['topics'] {
    return [...this.readers].map(([name, { options, latest }]) => ({
      name,
      position: new Map(this.#client.position(name)?.numbers),
      latest,
      conflate: isConflating(name, options),
      partial: isPartial(name, options),
      keys: options.keys,
    }))
  }
}

/** Sent as bytes, so that every reader finds the text itself and not its JSON. */
function bytesOf(text: string): Uint8Array {
  return textPayload(text).bytes
}

function textIn(data: unknown): string {
  return data instanceof Uint8Array ? textOf({ text: false, bytes: data }) : String(data)
}

/** An input, or a word of the business, as it came over the wire. */
function raw<T extends { readonly data: unknown }>(each: T): T & { data: Payload } {
  return { ...each, data: textPayload(textIn(each.data)) }
}
