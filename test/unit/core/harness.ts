import {
  type Application,
  type Bus,
  type Connection,
  defaultLimits,
  type Grant,
  type NodeLimits,
  type Packet,
  type MissingMeeting,
  type Question,
  type RequestCall,
  RtmsNode,
  type Transport,
} from '../../../src/core/index.ts'
import {
  binaryCodec,
  type ClientMessage,
  type Codec,
  decodeEvent,
  eachFrame,
  eachPublication,
  type ErrorCode,
  type FrameEntry,
  type MeetingEvent,
  type MessageOf,
  type MessageType,
  nowhere,
  type Payload,
  type Position,
  type PublicationEntry,
  RtmsError,
  type ServerMessage,
  SYSTEM_SLOT,
} from '../../../src/protocol/index.ts'

/*
 * A node in virtual time for the unit tests: real core, everything around it recorded. `now` moves only by `advance`,
 * which sweeps at each of the node's deadlines, as the server's host does.
 */

export const text = (value: string): Payload => ({ text: true, bytes: new TextEncoder().encode(value) })
export const textOf = (payload: Payload): string => new TextDecoder().decode(payload.bytes)
export const bytes = (length: number, fill = 1): Payload => ({
  text: false,
  bytes: new Uint8Array(length).fill(fill),
})

/** Everything is allowed. */
export function grant(user: string, parts: Partial<Grant> = {}): Grant {
  return {
    user,
    id: '',
    issued: 0,
    after: 0,
    expires: 0,
    meetings: [{ name: '*', role: 'member' }],
    read: ['*'],
    write: ['*'],
    ...parts,
  }
}

/** Verifies any token as that of the user it names, unless told otherwise; keeps the requests for the test to answer. */
export class FakeApplication implements Application {
  readonly grants: Map<string, Grant | null> = new Map()
  readonly asked: { readonly connection: Connection; readonly token: string }[] = []
  readonly requests: RequestCall[] = []
  readonly ended: { readonly call: RequestCall; readonly why: ErrorCode }[] = []
  readonly questions: Question[] = []
  readonly unanswered: Question[] = []
  readonly missing: MissingMeeting[] = []
  readonly unopened: string[] = []
  /** What it heard of sessions, in words. */
  readonly presence: string[] = []

  authenticate(connection: object, token: string): void {
    this.asked.push({ connection: connection as Connection, token })
  }

  request(call: RequestCall): void {
    this.requests.push(call)
  }

  requestEnded(call: RequestCall, why: ErrorCode): void {
    this.ended.push({ call, why })
  }

  authorize(question: Question): void {
    this.questions.push(question)
  }

  authorizeEnded(question: Question): void {
    this.unanswered.push(question)
  }

  openMissing(missing: MissingMeeting): void {
    this.missing.push(missing)
  }

  openMissingEnded(missing: MissingMeeting): void {
    this.unopened.push(missing.name)
  }

  connected({ user }: { readonly user: string }, resumed: boolean): void {
    this.presence.push(`${user} ${resumed ? 'is back' : 'came'}`)
  }

  disconnected({ user }: { readonly user: string }, reason: string, ended: boolean): void {
    this.presence.push(`${user} ${reason}${ended ? ', over' : ''}`)
  }
}

export class RecordingBus implements Bus {
  readonly published: { readonly topic: string; readonly bytes: Uint8Array }[] = []
  /** +topic and -topic, in order. */
  readonly interest: string[] = []
  /** Whether other nodes listen. */
  heard = true

  hears(): boolean {
    return this.heard
  }

  publish(topic: string, packet: Uint8Array): void {
    this.published.push({ topic, bytes: packet })
  }

  subscribe(topic: string): void {
    this.interest.push(`+${topic}`)
  }

  unsubscribe(topic: string): void {
    this.interest.push(`-${topic}`)
  }
}

/** A socket whose answer to a write is the test's. */
export class RecordingTransport implements Transport {
  readonly packets: Packet[] = []
  readonly writes: { readonly at: number; readonly size: number }[] = []
  accepts = true
  paused = false
  closed: { readonly code: number; readonly reason: string } | null = null
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  write(packet: Packet): boolean {
    if (this.closed !== null) throw new Error('a write after the close')
    this.packets.push(packet)
    this.writes.push({ at: this.#now(), size: packet.bytes.length })
    return this.accepts
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  close(code: number, reason: string): void {
    if (this.closed !== null) throw new Error('closed twice')
    this.closed = { code, reason }
  }
}

export interface FrameView {
  readonly number: number
  readonly events: MeetingEvent[]
  readonly inputs: FrameEntry[]
}

export function framesOf(messages: readonly ServerMessage[]): FrameView[] {
  const frames: FrameView[] = []
  for (const message of messages) {
    if (message.type !== 'frames') continue
    eachFrame(message.frames, message.first, message.count, (number, entries) =>
      frames.push({
        number,
        events: entries.flatMap((entry) => (entry.slot === SYSTEM_SLOT ? (decodeEvent(entry) ?? []) : [])),
        inputs: entries.filter(({ slot }) => slot !== SYSTEM_SLOT),
      }),
    )
  }
  return frames
}

/** Where a reader stands that was subscribed and has taken these messages. */
export function positionAfter(
  { position: { epoch, at, numbers } }: MessageOf<'subscribed'>,
  messages: readonly ServerMessage[],
  publishers: readonly number[] = [7],
): Position {
  const held = new Map(numbers)
  let next = at
  for (const message of messages) if (message.type === 'publications') next = message.at
  for (const entry of publicationsOf(messages)) {
    next = entry.at + 1
    held.set(publishers[entry.publisher] as number, entry.number)
  }
  return { epoch, at: next, numbers: [...held] }
}

export function publicationsOf(messages: readonly ServerMessage[]): PublicationEntry[] {
  const entries: PublicationEntry[] = []
  for (const message of messages) {
    if (message.type === 'publications')
      eachPublication(message.publications, message.at, (entry) => entries.push(entry))
  }
  return entries
}

/** The far end of one connection. */
export class Peer {
  readonly connection: Connection
  readonly transport: RecordingTransport
  readonly codec: Codec
  readonly #harness: Harness
  #taken = 0
  #call = 0
  /** Of the welcome. */
  session = ''

  constructor(harness: Harness, codec: Codec, address = '') {
    this.#harness = harness
    this.codec = codec
    this.transport = new RecordingTransport(() => harness.now)
    this.connection = harness.node.handleOpen(this.transport, codec, harness.now, address)
  }

  get closed(): number | null {
    return this.transport.closed?.code ?? null
  }

  /** Continues the call numbers of an earlier connection. */
  continue(call: number): void {
    this.#call = call
  }

  call(): number {
    return ++this.#call
  }

  /** Sends messages in one packet; nothing is swept. */
  send(...messages: ClientMessage[]): void {
    const packet = this.codec.encode(messages)
    this.raw(this.codec.text ? new TextDecoder().decode(packet) : packet)
  }

  raw(packet: Uint8Array | string): void {
    this.#harness.node.handlePacket(this.connection, packet, this.#harness.now)
    this.#harness.authenticate()
  }

  hello(token: string, parts: Partial<MessageOf<'hello'>> = {}): void {
    this.send({
      type: 'hello',
      version: 1,
      features: 0,
      client: 'test',
      token,
      session: '',
      received: 0,
      window: 0,
      ...parts,
    })
  }

  join(meeting: string, parts: Partial<MessageOf<'join'>> = {}): number {
    const call = this.call()
    this.send({ type: 'join', call, meeting, spectator: false, config: '', world: 0, next: 0, ...parts })
    return call
  }

  input(log: number, seq: number, data: Payload = text(`i${seq}`)): void {
    this.send({ type: 'input', log, seq, after: 0, seen: 0, data })
  }

  subscribe(topic: string, parts: Partial<MessageOf<'subscribe'>['topics'][number]> = {}): number {
    const call = this.call()
    this.send({ type: 'subscribe', call, topics: [wish(topic, parts)] })
    return call
  }

  publish(topic: string, data: Payload, parts: Partial<MessageOf<'publish'>> = {}): number {
    const call = this.call()
    this.send({ type: 'publish', call, topic, key: '', tombstone: false, data, ...parts })
    return call
  }

  request(method: string, data: Payload = text('x'), timeout = 0): number {
    const call = this.call()
    this.send({ type: 'request', call, method, timeout, data })
    return call
  }

  ack(bytes: number, received = 0): void {
    this.send({ type: 'ack', bytes, received, seen: [] })
  }

  drain(): void {
    this.transport.accepts = true
    this.#harness.node.handleDrain(this.connection)
  }

  /** The socket is gone. */
  hangUp(final = false): void {
    this.#harness.node.handleClose(this.connection, final, this.#harness.now)
  }

  /** The bytes of all packets so far. */
  get received(): number {
    return this.transport.packets.reduce((sum, packet) => sum + packet.bytes.length, 0)
  }

  /** What was written since the last take, packet by packet. */
  takePackets(): ServerMessage[][] {
    const packets = this.transport.packets.slice(this.#taken)
    this.#taken = this.transport.packets.length
    return packets.map((packet) => {
      const body = packet.text ? new TextDecoder().decode(packet.bytes) : packet.bytes
      return this.codec.decode(body, 'server') as ServerMessage[]
    })
  }

  take(): ServerMessage[] {
    return this.takePackets().flat()
  }

  /** Those of one type among what was written since the last take; the rest is forgotten. */
  takeOf<T extends MessageType>(type: T): MessageOf<T>[] {
    return this.take().filter((message) => message.type === (type as string)) as unknown as MessageOf<T>[]
  }

  takeFrames(): FrameView[] {
    return framesOf(this.take())
  }

  /** The texts of the publications written since the last take. */
  takeTexts(): string[] {
    return publicationsOf(this.take()).map(({ data }) => textOf(data))
  }
}

export function wish(
  topic: string,
  parts: Partial<MessageOf<'subscribe'>['topics'][number]> = {},
): MessageOf<'subscribe'>['topics'][number] {
  return {
    topic,
    since: nowhere,
    history: 0,
    conflate: false,
    maxHz: 0,
    policy: 0,
    keys: [],
    ...parts,
  }
}

export class Harness {
  now = 10_000
  readonly node: RtmsNode
  readonly application: FakeApplication = new FakeApplication()
  readonly bus: RecordingBus = new RecordingBus()
  readonly limits: NodeLimits
  /** Token checks wait until `authenticate(true)`. */
  slowTokens = false
  /** What sweeps threw, where ports are meant to throw. */
  faults: string[] | null = null
  #entropy = 1

  constructor(limits: Partial<NodeLimits> = {}, parts: { incarnation?: number; wallOffset?: number } = {}) {
    this.limits = { ...defaultLimits, ...limits }
    this.node = new RtmsNode(
      {
        id: 'n1',
        incarnation: parts.incarnation ?? 7,
        wallOffset: parts.wallOffset ?? 0,
        entropy: (count) =>
          Uint8Array.from(
            { length: count },
            () => (this.#entropy = (this.#entropy * 75 + 74) % 65_537) & 255,
          ),
        limits: this.limits,
      },
      { application: this.application, bus: this.bus },
    )
  }

  /** Answers the token checks under way: a token names its user, unless `grants` has something else for it. */
  authenticate(slow = false): void {
    if (this.slowTokens && !slow) return
    for (const { connection, token } of this.application.asked.splice(0)) {
      const known = this.application.grants.get(token)
      const value = known === undefined ? grant(token) : known
      this.node.handleAuthenticated(
        connection,
        value === null ? { ok: false, error: new RtmsError('UNAUTHENTICATED') } : { ok: true, value },
        this.now,
      )
    }
  }

  open(codec: Codec = binaryCodec, address = ''): Peer {
    return new Peer(this, codec, address)
  }

  /** A connection that is live; its welcome is taken. */
  connect(token: string, hello: Partial<MessageOf<'hello'>> = {}, codec: Codec = binaryCodec): Peer {
    const peer = this.open(codec)
    peer.hello(token, hello)
    this.settle()
    const [welcome] = peer.take()
    if (welcome?.type !== 'welcome') throw new Error(`no welcome but ${JSON.stringify(welcome)}`)
    peer.session = welcome.session
    peer.continue(welcome.calls)
    return peer
  }

  sweep(): void {
    try {
      this.node.sweep(this.now)
    } catch (error) {
      if (this.faults === null) throw error
      this.faults.push((error as Error).message)
    }
  }

  /** Sweeps until nothing is left to do now. */
  settle(): void {
    for (let sweeps = 0; this.node.deadline(this.now) <= this.now; sweeps++) {
      if (sweeps > 10_000) throw new Error('the node is never done')
      this.sweep()
    }
  }

  /** Lets time pass, sweeping whenever the node asks for it. */
  advance(ms: number): void {
    const end = this.now + ms
    this.settle()
    for (
      let deadline = this.node.deadline(this.now);
      deadline <= end;
      deadline = this.node.deadline(this.now)
    ) {
      this.now = Math.max(this.now, deadline)
      this.settle()
    }
    this.now = end
  }

  /** Time passes and nothing is swept: the process stood still. */
  stall(ms: number): void {
    this.now += ms
  }

  /** Seats a peer and returns its JOINED; the frames that came with it are forgotten. */
  seat(peer: Peer, meeting: string, parts: Partial<MessageOf<'join'>> = {}): MessageOf<'joined'> {
    peer.join(meeting, parts)
    this.settle()
    const joined = peer.take().find((message) => message.type === 'joined')
    if (joined?.type !== 'joined') throw new Error('not joined')
    return joined
  }

  /** Subscribes a peer and returns its SUBSCRIBED; the publications that came with it are forgotten. */
  listen(
    peer: Peer,
    topic: string,
    parts: Partial<MessageOf<'subscribe'>['topics'][number]> = {},
  ): MessageOf<'subscribed'> {
    peer.subscribe(topic, parts)
    this.settle()
    const subscribed = peer.take().find((message) => message.type === 'subscribed')
    if (subscribed?.type !== 'subscribed') throw new Error('not subscribed')
    return subscribed
  }

  publish(topic: string, value: string, key = '', tombstone = false): number | ErrorCode {
    return this.node.publish(topic, text(value), key, tombstone, this.now)
  }
}
