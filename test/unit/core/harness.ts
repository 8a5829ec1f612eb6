import {
  type Application,
  type Bus,
  type ClientPublication,
  type Connection,
  defaultLimits,
  type FixedLimits,
  type Grant,
  type MeetingBusiness,
  type MeetingCall,
  type MeetingLogic,
  type NodeLimits,
  type NodeOptions,
  type OfferedMeeting,
  type Outcome,
  type Packet,
  type MissingMeeting,
  type Question,
  type Refusal,
  type RequestCall,
  RtmsNode,
  type Transport,
  type Watch,
  type WatchedNode,
  type Whereabouts,
} from '../../../src/core/index.ts'
import {
  binaryCodec,
  type Codec,
  type ErrorCode,
  type MessageOf,
  type Payload,
  type Position,
  RtmsError,
  type ServerMessage,
} from '../../../src/protocol/index.ts'
import {
  faulty,
  type Follower,
  type Moment,
  Peer as TestPeer,
  PortFault,
  publicationsOf,
  textPayload,
} from '../../../src/testing/index.ts'

export {
  framesOf,
  type FrameView,
  publicationsOf,
  textOf,
  textPayload as text,
} from '../../../src/testing/index.ts'
export { wish } from '../../../src/testing/messages.ts'

/*
 * A node in virtual time for the unit tests: real core, everything around it recorded. `now` moves only by `advance`,
 * which sweeps at each of the node's deadlines, as the server's host does.
 */

const decoder = new TextDecoder()

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

/**
 * Verifies any token as that of the user it names, unless told otherwise; keeps the requests for the test to answer.
 */
export class FakeApplication implements Application {
  readonly grants: Map<string, Grant | null> = new Map()
  readonly asked: { readonly check: object; readonly token: string }[] = []
  readonly requests: RequestCall[] = []
  readonly ended: { readonly call: RequestCall; readonly why: ErrorCode }[] = []
  readonly questions: Question[] = []
  readonly unanswered: Question[] = []
  readonly missing: MissingMeeting[] = []
  readonly unopened: string[] = []
  readonly mismatches: string[] = []
  readonly answers: { readonly call: MeetingCall; readonly outcome: Outcome<Whereabouts> }[] = []
  /** Faults that were asked for. */
  readonly faults: number[] = []
  /** What it heard of sessions, in words. */
  readonly presence: string[] = []

  authenticate(check: object, token: string): void {
    this.asked.push({ check, token })
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

  mismatched(meeting: string, why: string): void {
    this.mismatches.push(`${meeting}: ${why}`)
  }

  openMissingEnded(missing: MissingMeeting): void {
    this.unopened.push(missing.name)
  }

  located(call: MeetingCall, outcome: Outcome<Whereabouts>): void {
    this.answers.push({ call, outcome })
  }

  /** What the business makes of publications; by default it takes them as they are. */
  decide: (publication: ClientPublication) => Payload | Refusal = ({ data }) => data
  /** Of which topics that it listens to there was something to hear. */
  readonly news: string[] = []

  publishing(publication: ClientPublication): Payload | Refusal {
    return this.decide(publication)
  }

  published(topic: string): void {
    this.news.push(topic)
  }

  /** Makes the business of meetings of a kind that other nodes hand over; plain ones need none. */
  readonly kinds: Map<string, () => MeetingLogic> = new Map()

  adopt({ kind, metadata }: OfferedMeeting): MeetingBusiness | null {
    const make = this.kinds.get(kind)
    return make === undefined && kind !== '' ? null : { kind, metadata, logic: make?.() ?? null }
  }

  /** Answers with the name of the method and what it was given. */
  callMeeting(name: string, method: string, data: Payload): Payload | Refusal {
    const given = new TextDecoder().decode(data.bytes)
    return method === 'refuse' ? new RtmsError('FORBIDDEN', given) : textPayload(`${name} ${method} ${given}`)
  }

  /** How long this node was given each time another one asked it to drain. */
  readonly drains: number[] = []

  drain(timeoutMs: number): void {
    this.drains.push(timeoutMs)
  }

  fail(cutMs: number): boolean {
    this.faults.push(cutMs)
    return true
  }

  connected({ user }: { readonly user: string }, resumed: boolean): void {
    this.presence.push(`${user} ${resumed ? 'is back' : 'came'}`)
  }

  disconnected({ user }: { readonly user: string }, reason: string, ended: boolean): void {
    this.presence.push(`${user} ${reason}${ended ? ', over' : ''}`)
  }
}

export class RecordingBus implements Bus {
  /** By topic, without what begins the subject of each. */
  readonly published: { readonly topic: string; readonly bytes: Uint8Array }[] = []
  readonly sent: { readonly node: number; readonly bytes: Uint8Array }[] = []
  /** +topic and -topic, in order. */
  readonly interest: string[] = []
  /** Whether other nodes listen. */
  heard = true
  /** Whether it has yet to carry much. */
  crowded = false

  isCrowded(): boolean {
    return this.crowded
  }

  hears(_subject: string): boolean {
    return this.heard
  }

  publish(subject: string, packet: Uint8Array): void {
    this.published.push({ topic: subject.slice(2), bytes: packet })
  }

  send(node: number, packet: Uint8Array): void {
    this.sent.push({ node, bytes: packet })
  }

  subscribe(subject: string): void {
    this.interest.push(`+${subject.slice(2)}`)
  }

  unsubscribe(subject: string): void {
    this.interest.push(`-${subject.slice(2)}`)
  }
}

/** Keeps what it was asked for; the test has the proof. */
export class RecordingWatch implements Watch {
  readonly known: WatchedNode[] = []
  readonly probed: WatchedNode[] = []
  expulsions = 0

  met(peer: WatchedNode): void {
    this.known.push(peer)
  }

  probe(peer: WatchedNode): void {
    this.probed.push(peer)
  }

  expelled(): void {
    this.expulsions++
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
  readonly #arrived: (packet: Packet) => void

  constructor(now: () => number, arrived: (packet: Packet) => void = () => {}) {
    this.#now = now
    this.#arrived = arrived
  }

  write(packet: Packet): boolean {
    if (this.closed !== null) throw new Error('a write after the close')
    this.packets.push(packet)
    this.writes.push({ at: this.#now(), size: packet.bytes.length })
    this.#arrived(packet)
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

/** A peer whose packets go straight into the node. It answers nothing by itself. */
export class Peer extends TestPeer {
  readonly connection: Connection
  readonly transport: RecordingTransport
  readonly #harness: Harness

  constructor(harness: Harness, codec: Codec, address: string, follower?: Follower) {
    const options = { codec, answers: false, ...(follower === undefined ? {} : { follower }) }
    super((packet) => this.raw(codec.text ? decoder.decode(packet) : packet), options)
    this.#harness = harness
    this.transport = new RecordingTransport(
      () => harness.now,
      ({ bytes: packet }) => this.hear(packet),
    )
    this.connection = harness.node.handleOpen(
      harness.port(`transport ${++harness.opened}`, this.transport),
      codec,
      harness.now,
      address,
      'host',
    )
  }

  get closed(): number | null {
    return this.transport.closed?.code ?? null
  }

  /** Hands a packet over; nothing is swept. */
  raw(packet: Uint8Array | string): void {
    this.#harness.node.handlePacket(this.connection, packet, this.#harness.now)
    this.#harness.authenticate()
    this.#harness.check()
  }

  drain(): void {
    this.transport.accepts = true
    this.#harness.node.handleDrain(this.connection)
  }

  /** The socket is gone. */
  hangUp(final = false): void {
    this.#harness.node.handleClose(this.connection, final, this.#harness.now)
  }
}

export class Harness {
  now = 10_000
  readonly node: RtmsNode
  readonly application: FakeApplication = new FakeApplication()
  readonly bus: RecordingBus = new RecordingBus()
  readonly watch: RecordingWatch = new RecordingWatch()
  readonly limits: NodeLimits & Partial<FixedLimits>
  /** Token checks wait until `authenticate(true)`. */
  slowTokens = false
  opened = 0
  /** Which calls of its ports throw; sockets are numbered in the order in which they open: 'transport 1.write'. */
  strikes: (call: string) => Moment | null = () => null
  /**
   * The calls that did, as the node was told; where ports are meant to throw errors of the test's own, their messages
   * too.
   */
  readonly faults: string[] = []
  tolerant = false
  #broken: { readonly error: unknown } | null = null
  #entropy = 1
  /** Nanoseconds that hooks of the business have taken. */
  hookTime = 0
  randomness = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => (this.#entropy = (this.#entropy * 75 + 74) % 65_537) & 255)

  constructor(
    limits: Partial<NodeLimits & FixedLimits> = {},
    parts: {
      id?: string
      incarnation?: number
      wallOffset?: number
      cluster?: NodeOptions['cluster']
      /** In place of a {@link RecordingBus}. */
      bus?: (node: () => RtmsNode) => Bus
    } = {},
  ) {
    // Test peers answer no pings, and are given up after two of these.
    this.limits = { ...defaultLimits, heartbeatMs: 7_000, ...limits }
    // The nodes of a cluster make different session ids.
    if (parts.cluster !== undefined) this.#entropy = 1 + ((parts.incarnation ?? 0) % 65_521)
    this.node = new RtmsNode(
      {
        id: parts.id ?? 'n1',
        incarnation: parts.incarnation ?? 7,
        wallOffset: parts.wallOffset ?? 0,
        entropy: (count) => this.randomness(count),
        ofHooks: () => this.hookTime,
        limits: this.limits,
        cluster: parts.cluster,
      },
      {
        application: this.port('application', this.application),
        bus: this.port('bus', parts.bus?.(() => this.node) ?? this.bus),
        watch: this.port('watch', this.watch),
        fault: (error) => {
          if (error instanceof PortFault) this.faults.push(error.call)
          else if (this.tolerant) this.faults.push((error as Error).message)
          else this.#broken ??= { error }
        },
      },
    )
  }

  /** A port that throws where {@link strikes} says so. */
  port<P extends object>(name: string, port: P): P {
    return faulty(name, port, (call) => this.strikes(call))
  }

  /** Another node has published to a topic. */
  hear(topic: string, packet: Uint8Array, from = 8): void {
    this.node.inlet.message(`t/${topic}`, packet, from, this.now)
  }

  /** Answers the token checks under way: a token names its user, unless `grants` has something else for it. */
  authenticate(slow = false): void {
    if (this.slowTokens && !slow) return
    for (const { check, token } of this.application.asked.splice(0)) {
      const known = this.application.grants.get(token)
      const value = known === undefined ? grant(token) : known
      this.node.handleAuthenticated(
        check,
        value === null ? { ok: false, error: new RtmsError('UNAUTHENTICATED') } : { ok: true, value },
        this.now,
      )
    }
  }

  /** A connection that has said nothing; `follower` where it goes on for an earlier one. */
  open(codec: Codec = binaryCodec, address = '', follower?: Follower): Peer {
    return new Peer(this, codec, address, follower)
  }

  /** A connection that is live; its welcome is taken. */
  connect(token: string, hello: Partial<MessageOf<'hello'>> = {}, codec: Codec = binaryCodec): Peer {
    const peer = this.open(codec)
    peer.hello(token, hello)
    this.settle()
    const [welcome] = peer.take()
    if (welcome?.type !== 'welcome') throw new Error(`no welcome but ${JSON.stringify(welcome)}`)
    peer.continue(welcome.calls)
    return peer
  }

  sweep(): void {
    this.node.sweep(this.now)
    this.check()
  }

  /**
   * The node keeps what its ports throw to itself: what the test has not asked for is an error of the test, or of the
   * node.
   */
  check(): void {
    if (this.#broken !== null) throw this.#broken.error
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
    return this.node.publish(topic, textPayload(value), key, tombstone, this.now)
  }
}
