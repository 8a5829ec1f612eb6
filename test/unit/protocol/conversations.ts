import {
  binaryCodec,
  type Codec,
  isOfSessionLog,
  jsonCodec,
  type MessageOf,
  type Position,
} from '../../../src/protocol/index.ts'
import type { SeatMachine, TopicReader } from '../../../src/client/machine/index.ts'
import { Follower } from '../../../src/testing/index.ts'
import { simLineage } from '../../../src/testing/lineage.ts'
import { encodeDiffusion } from '../../../src/core/topic/diffusion.ts'
import { Publication } from '../../../src/core/topic/publication.ts'
import { Publisher } from '../../../src/core/topic/publishers.ts'
import { everything, Outcomes, ReaderRecorder, Rig, SeatRecorder, seatWish, text } from '../client/rig.ts'
import { grant, Harness, type Peer } from '../core/harness.ts'
import { fromHex, toHex } from './read.ts'
import {
  chapters,
  type ClientAction,
  type NodeAction,
  type RawAction,
  type Scene,
  tokens,
} from './stories.ts'

/*
 * Plays the stories with a real node and the real machine of the client, in virtual time, and writes down what either
 * says; and plays what was written down to each of them alone.
 */

/** 2027-01-15 08:00 UTC, as the node's monotonic clock stands at 0. */
const WALL_MS = 1_800_000_000_000
const INCARNATION = 177_789_590_136_310

type At<T> = T & { readonly at: number }

/** A WebSocket message. */
export interface Said {
  readonly connection: number
  readonly from: 'client' | 'server'
  readonly json: string
  readonly hex: string
}

/** The node has closed the WebSocket. */
export interface Closed {
  readonly connection: number
  readonly closed: number
}

/** One line of conversations.json: something happened at one of the sides, or something was said, `at` milliseconds. */
export type Line = At<(ClientAction & { readonly client: string }) | NodeAction | RawAction | Said | Closed>

/** What a client has to remember. */
export interface State {
  readonly session: string
  /** The last entry of the session log. */
  readonly received: number
  /** The last number of a call. */
  readonly call: number
  readonly meetings: {
    readonly [meeting: string]: {
      readonly world: number
      readonly slot: number
      readonly next: number
      readonly stable: number
      /** The seq of the last input. */
      readonly seq: number
    }
  }
  readonly topics: { readonly [topic: string]: Position }
  /** How each call and input has ended that the application made, since the beginning. */
  readonly ended: readonly string[]
}

export interface Conversation {
  readonly name: string
  /** By client. */
  readonly before: { readonly [client: string]: State }
  readonly lines: readonly Line[]
  readonly after: { readonly [client: string]: State }
}

const said = (connection: number, from: Said['from'], packet: Uint8Array): Said => ({
  connection,
  from,
  json: new TextDecoder().decode(jsonCodec.encode(binaryCodec.decode(packet, from))),
  hex: toHex(packet),
})

// ---- the node

/** The node, and the other end of its sockets. */
export class NodeSide {
  harness: Harness
  readonly codec: Codec
  readonly peers: Map<number, Peer> = new Map()
  readonly #taken: Map<number, number> = new Map()
  readonly #isClosed: Set<number> = new Set()

  constructor(codec: Codec = binaryCodec) {
    this.codec = codec
    this.harness = this.#start(0)
  }

  /** `run`: 0 for a node alone. */
  #start(run: number): Harness {
    const cluster = { address: 'ws://n1/rtms', health: 'http://n1/healthz', lineage: simLineage }
    // A client that comes back sooner would be back before the next frame.
    const harness = new Harness(
      { heartbeatMs: 8_000, reconnectMinMs: 500 },
      { incarnation: INCARNATION + run, wallOffset: WALL_MS, cluster: run === 0 ? undefined : cluster },
    )
    for (const [token, { user, seconds }] of Object.entries(tokens)) {
      const expires = seconds === 3600 ? WALL_MS + 3_600_000 : 0
      harness.application.grants.set(token, grant(user, { expires }))
    }
    return harness
  }

  open(connection: number, follower: Follower): void {
    this.peers.set(connection, this.harness.open(this.codec, '', follower))
  }

  packet(connection: number, packet: Uint8Array | string): void {
    ;(this.peers.get(connection) as Peer).raw(packet)
    this.harness.settle()
    // The token of a REFRESH is looked at when its turn comes.
    this.harness.authenticate()
    this.harness.settle()
  }

  /** A token is good for so long from now on. */
  lasts(token: string, seconds: number): void {
    const { user } = tokens[token] as { user: string }
    const expires = WALL_MS + this.harness.now + seconds * 1000
    this.harness.application.grants.set(token, grant(user, { expires }))
  }

  act(action: NodeAction): void {
    const { harness } = this
    const { node, application, now } = harness
    switch (action.node) {
      case 'open':
        node.openMeeting(action.meeting, action.options, now)
        break
      case 'define':
        node.defineTopics(action.topic, action.retention)
        break
      case 'publish':
        node.publish(action.topic, text(action.text), action.key, false, now)
        break
      case 'hear': {
        const stamp = (WALL_MS + now) * 1000
        const publisher = new Publisher(action.publisher, 1)
        const entry = new Publication(
          1,
          publisher,
          action.number,
          stamp,
          '',
          false,
          text(action.text),
          now,
          0,
        )
        node.inlet.message(`t/${action.topic}`, encodeDiffusion([entry]), action.publisher, now)
        break
      }
      case 'push':
        node.push(action.user, action.name, text(action.text))
        break
      case 'say':
        node.sendTo(action.meeting, action.slot, text(action.text))
        break
      case 'reply': {
        const call = application.requests.find((each) => !application.ended.some((end) => end.call === each))
        if (call === undefined) throw new Error('no request waits')
        application.requests.splice(application.requests.indexOf(call), 1)
        node.handleReply(call, { ok: true, value: text(action.text) }, now)
        break
      }
      case 'stall':
        ;(this.peers.get(action.connection) as Peer).transport.accepts = false
        break
      case 'restart':
        this.harness = this.#start(action.run)
        this.harness.now = now
        this.harness.node.inlet.back(now)
        return
      case 'drain':
        ;(this.peers.get(action.connection) as Peer).drain()
        break
      default:
        ;(this.peers.get(action.connection) as Peer).hangUp()
    }
    harness.settle()
  }

  advance(at: number): void {
    this.harness.advance(at - this.harness.now)
  }

  /** What it has said since the last take. */
  take(): (Said | Closed)[] {
    const all: (Said | Closed)[] = []
    for (const [connection, { transport }] of this.peers) {
      for (const { bytes } of transport.packets.slice(this.#taken.get(connection) ?? 0))
        all.push(said(connection, 'server', this.codec.text ? binaryOf(bytes) : bytes))
      this.#taken.set(connection, transport.packets.length)
      if (transport.closed === null || this.#isClosed.has(connection)) continue
      this.#isClosed.add(connection)
      all.push({ connection, closed: transport.closed.code })
    }
    return all
  }
}

function binaryOf(json: Uint8Array): Uint8Array {
  return binaryCodec.encode(jsonCodec.decode(json, 'server'))
}

// ---- a client

/** The client's machine, and the application above it. */
export class ClientSide {
  readonly rig: Rig = new Rig({ window: 131_072, client: 'rtms-js/0.1.0' })
  readonly outcomes: Outcomes = new Outcomes()
  connection = 0
  readonly #attempts: Map<number, number> = new Map()
  readonly #seats: Map<string, SeatMachine> = new Map()
  readonly #readers: Map<string, TopicReader> = new Map()
  readonly #seqs: Map<number, number> = new Map()
  #request = 0
  #call = 0
  #welcome: MessageOf<'welcome'> | null = null
  #received = 0

  get state(): State {
    const meetings = [...this.#seats].map(([name, seat]) => {
      const { world, slot, next, stable, lastLog } = seat
      return [name, { world, slot, next, stable, seq: this.#seqs.get(lastLog) ?? 0 }] as const
    })
    const topics = [...this.#readers].map(([topic, { position }]) => [topic, position as Position] as const)
    return {
      session: this.#welcome?.session ?? '',
      received: this.#received,
      call: this.#call,
      meetings: Object.fromEntries(meetings),
      topics: Object.fromEntries(topics),
      ended: [...this.outcomes.all],
    }
  }

  /** Ticks through its deadlines. */
  advance(at: number): void {
    this.rig.advance(at - this.rig.now)
  }

  get deadline(): number {
    return this.rig.machine.deadline
  }

  act(action: ClientAction): void {
    const { rig, outcomes } = this
    const { machine, now } = rig
    const { calls, followers } = machine
    const seat = 'meeting' in action ? (this.#seats.get(action.meeting) as SeatMachine) : undefined
    switch (action.does) {
      case 'connect':
        if (machine.phase === 'idle') machine.start(now)
        if (machine.phase === 'ticket')
          rig.giveTicket((action.seconds ?? 3600) * 1000, { token: action.token })
        machine.handleOpen(rig.attempt)
        this.connection = action.connection
        this.#attempts.set(action.connection, rig.attempt)
        break
      case 'join':
        this.#join(action.meeting)
        break
      case 'send':
        outcomes.of(action.text, (done) =>
          followers.input(seat as SeatMachine, text(action.text), 60_000, now, done),
        )
        break
      case 'leave':
        followers.leave(seat as SeatMachine)
        this.#seats.delete(action.meeting)
        break
      case 'subscribe': {
        const options = { ...everything, conflate: action.conflate ?? false }
        this.#readers.set(action.topic, followers.read(action.topic, options, new ReaderRecorder()))
        break
      }
      case 'unsubscribe':
        followers.leave(this.#readers.get(action.topic) as TopicReader)
        this.#readers.delete(action.topic)
        break
      case 'publish':
        outcomes.of('publish', (done) =>
          calls.publish(action.topic, text(action.text), action.key, false, 10_000, now, done),
        )
        break
      case 'request':
        outcomes.of(action.method, (done) => {
          const settled = (result: unknown): void =>
            done(typeof result === 'object' && result !== null && 'bytes' in result ? textOf(result) : result)
          this.#request = calls.request(action.method, text(action.text), 10_000, now, settled)
        })
        break
      case 'cancel':
        calls.cancel(this.#request)
        break
      case 'renew':
        rig.giveTicket(action.seconds * 1000, { token: action.token })
        break
      case 'lose':
        rig.lose()
        break
      case 'suspend':
        machine.suspend(now)
        break
      default:
        machine.probe(now)
    }
  }

  #join(meeting: string): void {
    const listener = new SeatRecorder()
    listener.ended = () => void this.#seats.delete(meeting)
    this.#seats.set(meeting, this.rig.machine.followers.join(meeting, seatWish(), listener))
  }

  hear(line: Said | Closed): void {
    const { rig } = this
    const attempt = this.#attempts.get(line.connection) as number
    if ('closed' in line) {
      rig.machine.handleClose(attempt, line.closed, '', rig.now)
      return
    }
    const packet = fromHex(line.hex)
    if (attempt === rig.attempt && rig.machine.phase !== 'waiting') this.#note(packet)
    rig.machine.handlePacket(attempt, packet, packet.length, rig.now)
  }

  #note(packet: Uint8Array): void {
    for (const message of binaryCodec.decode(packet, 'server')) {
      if (message.type === 'welcome') {
        this.#welcome = message
        this.#received = message.received
      } else if (isOfSessionLog(message.type)) this.#received++
      if (message.type === 'joined') this.#seqs.set(message.log, message.seq)
    }
  }

  /** What it has said since the last take. */
  take(): Said[] {
    const { rig } = this
    rig.machine.flush()
    const packets = rig.packets
    rig.packets = []
    return packets.map((packet) => {
      for (const message of binaryCodec.decode(packet, 'client')) {
        if ('call' in message && message.type !== 'cancel') this.#call = Math.max(this.#call, message.call)
        if (message.type === 'input') this.#seqs.set(message.log, message.seq)
      }
      return said(this.connection, 'client', packet)
    })
  }
}

const textOf = (payload: { readonly bytes?: unknown }): string =>
  new TextDecoder().decode(payload.bytes as Uint8Array)

// ---- both together

/** Plays all chapters with a node and its clients, and writes down what they say. */
export class Player {
  readonly #node: NodeSide = new NodeSide()
  readonly #clients: Map<string, ClientSide> = new Map()
  readonly #followers: Map<string, Follower> = new Map()
  readonly #byConnection: Map<number, ClientSide> = new Map()
  /** What the node has said and no client has heard yet. */
  readonly #coming: (Said | Closed)[] = []
  #lines: Line[] = []

  static play(): Conversation[] {
    const player = new Player()
    return chapters.map(({ name, scenes }) => {
      const before = player.#states
      player.#lines = []
      for (const scene of scenes) player.#play(scene)
      return { name, before, lines: player.#lines, after: player.#states }
    })
  }

  get #now(): number {
    return this.#node.harness.now
  }

  get #states(): { readonly [client: string]: State } {
    return Object.fromEntries(Array.from(this.#clients, ([name, client]) => [name, client.state]))
  }

  #client(name: string): ClientSide {
    let client = this.#clients.get(name)
    if (client === undefined) {
      client = new ClientSide()
      client.advance(this.#now)
      this.#clients.set(name, client)
      this.#followers.set(name, new Follower())
    }
    return client
  }

  #play(scene: Scene): void {
    if ('ms' in scene) {
      this.#advance(this.#now + scene.ms)
      return
    }
    if ('client' in scene && scene.does === 'connect') {
      const { machine } = this.#client(scene.client).rig
      while (machine.phase === 'waiting') this.#advance(machine.deadline)
    }
    this.#lines.push({ at: this.#now, ...scene })
    if ('client' in scene) {
      const client = this.#client(scene.client)
      client.act(scene)
      if (scene.does === 'connect') this.#byConnection.set(scene.connection, client)
    }
    happenAtNode(this.#node, scene, this.#followers)
    this.#pump()
  }

  #advance(at: number): void {
    const clients = [...this.#clients.values()]
    for (;;) {
      const deadlines = clients.map(({ deadline }) => Math.max(deadline, this.#now))
      // In whole milliseconds, as a timer of the system would.
      const next = Math.ceil(Math.min(at, this.#node.harness.node.deadline(this.#now), ...deadlines))
      this.#node.advance(next)
      for (const client of clients) client.advance(next)
      this.#pump()
      if (next === at) return
    }
  }

  /** Carries packets, one by one, until nobody has anything to say. */
  #pump(): void {
    for (;;) {
      for (const client of this.#clients.values()) {
        for (const line of client.take()) {
          this.#lines.push({ at: this.#now, ...line })
          this.#node.packet(line.connection, fromHex(line.hex))
        }
      }
      this.#coming.push(...this.#node.take())
      const line = this.#coming.shift()
      if (line === undefined) return
      this.#lines.push({ at: this.#now, ...line })
      const client = this.#byConnection.get(line.connection)
      client?.hear(line)
      client?.advance(this.#now)
    }
  }
}

/** What of a scene the node notices. */
function happenAtNode(
  node: NodeSide,
  scene: Exclude<Scene, { readonly ms: number }>,
  followers: ReadonlyMap<string, Follower>,
): void {
  if ('node' in scene) node.act(scene)
  else if ('raw' in scene) {
    node.open(scene.connection, new Follower())
    node.packet(scene.connection, node.codec.text ? scene.json : fromHex(scene.hex))
  } else {
    if ('seconds' in scene && scene.seconds !== undefined) node.lasts(scene.token, scene.seconds)
    if (scene.does === 'connect') node.open(scene.connection, followers.get(scene.client) ?? new Follower())
  }
}

/** Plays the clients' part of what was written down to a node, and returns what it said to it, line by line. */
export function replayToNode(conversations: readonly Conversation[], codec: Codec): (Said | Closed)[][] {
  const node = new NodeSide(codec)
  const none: ReadonlyMap<string, Follower> = new Map()
  return conversations.map(({ lines }) => {
    const heard: (Said | Closed)[] = []
    for (const line of lines) {
      node.advance(line.at)
      if ('from' in line) {
        if (line.from === 'client') node.packet(line.connection, codec.text ? line.json : fromHex(line.hex))
      } else if (!('closed' in line)) happenAtNode(node, line, none)
      heard.push(...node.take())
    }
    return heard
  })
}

/** Plays the node's part to one client, and returns what it said, and its state after each conversation. */
export function replayToClient(
  conversations: readonly Conversation[],
  name: string,
): { readonly said: Said[]; readonly state: State }[] {
  const client = new ClientSide()
  const mine = new Set<number>()
  return conversations.map(({ lines }) => {
    const all: Said[] = []
    for (const line of lines) {
      client.advance(line.at)
      all.push(...client.take())
      if ('client' in line && line.client === name) {
        client.act(line)
        if (line.does === 'connect') mine.add(line.connection)
      } else if (
        ('closed' in line || ('from' in line && line.from === 'server')) &&
        mine.has(line.connection)
      ) {
        client.hear(line)
        client.advance(line.at)
      }
      all.push(...client.take())
    }
    return { said: all, state: client.state }
  })
}

/** One line of text for each line. */
export function write(conversations: readonly Conversation[]): string {
  const parts = conversations.map(({ name, before, lines, after }) =>
    [
      '  {',
      `    "name": ${JSON.stringify(name)},`,
      `    "before": ${JSON.stringify(before)},`,
      '    "lines": [',
      lines.map((line) => `      ${JSON.stringify(line)}`).join(',\n'),
      '    ],',
      `    "after": ${JSON.stringify(after)}`,
      '  }',
    ].join('\n'),
  )
  return `[\n${parts.join(',\n')}\n]\n`
}
