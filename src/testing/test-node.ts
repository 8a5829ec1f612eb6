import { Client } from '../client/client.ts'
import { tellMistakes } from '../client/development.ts'
import type { ConnectOptions, Socket } from '../client/options.ts'
import type { Connection } from '../core/index.ts'
import { binaryCodec, type Contract } from '../protocol/index.ts'
import type { Outside } from '../server/ground/outside.ts'
import type { Host } from '../server/host.ts'
import { Rtms, type RtmsOptions, type TicketRequest } from '../server/index.ts'
import { clientSocket } from './client-socket.ts'
import { VirtualClock } from './clock.ts'
import { Link } from './link.ts'
import { Random } from './random.ts'

/*
 * A node, its business and its clients in one process, without sockets and in virtual time: what users test their
 * own hooks with. It needs Node, unlike the rest of this folder.
 */

/** Everything arrives at once: a test that wants delays says so by `advance`. */
const AT_ONCE = { delay: 0, rate: Infinity, buffer: Infinity }
const SECRET = 'the secret of a node in a test, which nobody else can reach'
/** When virtual time begins, in milliseconds since 1970: in every run the same. */
const BEGINNING = Date.UTC(2030, 0, 1)

/** Fake timers of a test framework replace the global one. */
const nextTurn = setImmediate

/** What a test may set: everything of a node but where it listens and who may reach it. */
export type TestNodeOptions = Pick<RtmsOptions, 'limits' | 'maxHandlers' | 'logger' | 'nodeId'>

/** What a user's ticket allows: by default everything. */
export type TestTicket = Pick<TicketRequest, 'meetings' | 'topics' | 'expiresIn'>

/** Virtual time that stands still until the test moves it; what is due now happens by itself. */
class TestTime implements Outside {
  readonly virtual: VirtualClock = new VirtualClock()
  readonly #random: Random = new Random(1)
  /** What takes real time, and is under way. */
  #waiting = 0
  #isPumping = false
  #fault: { readonly error: unknown } | null = null

  now(): number {
    return this.virtual.now
  }

  wallNow(): number {
    return BEGINNING + this.virtual.now
  }

  random(bytes: number): Uint8Array {
    return this.#random.bytes(bytes)
  }

  at(time: number, action: () => void): () => void {
    const cancel = this.virtual.at(time, action)
    if (time <= this.virtual.now) this.pump()
    return cancel
  }

  after(ms: number, action: () => void): () => void {
    return this.at(this.virtual.now + ms, action)
  }

  soon(action: () => void): () => void {
    return this.after(0, action)
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    this.#waiting++
    try {
      return await work
    } finally {
      this.#waiting--
    }
  }

  /** Reports an error that nobody handles: the next `advance` or `close` rejects with it. */
  report(error: unknown): void {
    this.#fault ??= { error }
  }

  /** Runs what is due now, in the next turn of the event loop. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    nextTurn(() => {
      this.#isPumping = false
      this.#runDue()
    })
  }

  #runDue(): void {
    try {
      while (this.virtual.next <= this.virtual.now) this.virtual.runNext()
    } catch (error) {
      this.report(error)
    }
  }

  /** Runs what is due now, and what follows from it, promises included. */
  async settle(): Promise<void> {
    do {
      // oxlint-disable-next-line no-await-in-loop -- One turn after the other.
      await new Promise((resolve) => nextTurn(resolve))
      this.#runDue()
    } while (this.#waiting > 0 || this.virtual.next <= this.virtual.now || this.#isPumping)
    const fault = this.#fault
    this.#fault = null
    if (fault !== null) throw fault.error
  }

  async advance(ms: number): Promise<void> {
    const until = this.virtual.now + ms
    await this.settle()
    while (this.virtual.next <= until) {
      this.virtual.runNext()
      // oxlint-disable-next-line no-await-in-loop -- One instant after the other.
      await this.settle()
    }
    this.virtual.runTo(until)
    await this.settle()
  }
}

/** A node in a test. Made by {@link createTestNode}. */
export class TestNode<C extends Contract = Contract> {
  /** The node as in production: define kinds of meetings here, handlers, topics. */
  readonly rtms: Rtms<C>
  readonly #time: TestTime
  readonly #host: Host
  readonly #random: Random = new Random(1)
  readonly #clients: Map<Client<C>, Set<Link>> = new Map()
  readonly #away: Set<Client<C>> = new Set()

  /** @internal */
  constructor(rtms: Rtms<C>, host: Host, time: TestTime) {
    this.rtms = rtms
    this.#host = host
    this.#time = time
  }

  /** Milliseconds of virtual time since the node was started. */
  get now(): number {
    return this.#time.now()
  }

  /** A client of this user, whose ticket allows everything unless told otherwise. */
  client(user: string, ticket: TestTicket = {}): Client<C> {
    const { meetings = ['*'], topics = { read: ['*'], write: ['*'] }, expiresIn } = ticket
    return this.connect({ getTicket: () => this.rtms.tickets.issue({ user, meetings, topics, expiresIn }) })
  }

  /** A client, like `connect` of `rtms/client`: for an application that hands out tickets itself. */
  connect(options: ConnectOptions): Client<C> {
    const time = this.#time
    const links = new Set<Link>()
    const getTicket = (): ReturnType<ConnectOptions['getTicket']> =>
      time.wait(
        Promise.resolve().then(() => {
          if (this.#away.has(client)) throw new Error('the client is away')
          return options.getTicket()
        }),
      )
    const client: Client<C> = new Client<C>(
      { ...options, getTicket },
      {
        now: () => time.now(),
        wallNow: () => time.wallNow(),
        random: () => this.#random.unit(),
        at: (at, action) => time.at(at, action),
        socket: () => this.#socket(links, () => this.#away.has(client)),
        report: (error) => time.report(error),
        watch: () => () => {},
      },
    )
    tellMistakes(client as unknown as Client, options, () => time.now())
    this.#clients.set(client, links)
    return client
  }

  /** Breaks a client's connection, as a network does: it notices, and connects again by itself. */
  cut(client: Client<C>): void {
    for (const link of this.#clients.get(client) ?? []) link.reset()
    this.#time.pump()
  }

  /** Takes a client's network away: its connection breaks, and it comes back no sooner than {@link back} lets it. */
  away(client: Client<C>): void {
    this.#away.add(client)
    this.cut(client)
  }

  /** Gives a client its network back: it connects within a moment (0.2 s), as a browser's page does. */
  back(client: Client<C>): void {
    if (this.#away.delete(client)) client.reconnect()
  }

  /**
   * Moves virtual time on by so many milliseconds, and runs what is due in them, one instant after the other, with what
   * follows from it. Rejects with what a listener of a client has thrown.
   */
  advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`${ms} was given to advance; expected milliseconds of at least 0`)
    return this.#time.advance(ms)
  }

  /** Closes the clients and the node. */
  async close(): Promise<void> {
    for (const client of this.#clients.keys()) client.close()
    await this.#time.settle()
    await this.rtms.close({ timeoutMs: 0 })
  }

  #socket(links: Set<Link>, isAway: () => boolean): Socket {
    const time = this.#time
    let connection: Connection | undefined
    const link: Link = new Link(time.virtual, AT_ONCE, {
      clientPacket: (packet) => socket.onmessage?.({ data: packet.slice().buffer }),
      clientClose: (code, reason) => {
        links.delete(link)
        socket.onclose?.({ code, reason })
      },
      nodePacket: (packet) =>
        this.#host.handle((node, now) => connection && node.handlePacket(connection, packet, now)),
      nodeDrain: () => this.#host.handle((node) => connection && node.handleDrain(connection)),
      nodeClose: (final) =>
        this.#host.handle((node, now) => connection && node.handleClose(connection, final, now)),
      written: () => time.pump(),
      closing: () => {},
    })
    const socket = clientSocket({
      send: (packet) => {
        link.send(packet.slice())
        time.pump()
      },
      close: (code) => {
        links.delete(link)
        link.hangUp(code === 1000)
        time.pump()
      },
    })
    links.add(link)
    time.soon(() => {
      if (!link.open) return
      if (isAway()) return link.reset()
      connection = this.#host.handle((node, now) => node.handleOpen(link, binaryCodec, now))
      socket.onopen?.()
    })
    return socket
  }
}

/**
 * Starts a node for a test: without sockets, and in virtual time, which only {@link TestNode.advance} moves. What needs
 * no time, such as a join or a request, is done while the test awaits it.
 */
export async function createTestNode<C extends Contract = Contract>(
  options: TestNodeOptions = {},
): Promise<TestNode<C>> {
  const time = new TestTime()
  const { rtms, host } = await Rtms.startIn<C>(time, {
    nodeId: 'test',
    ...options,
    server: false,
    publicUrl: 'ws://test.invalid/rtms',
    secret: SECRET,
  })
  return new TestNode<C>(rtms, host, time)
}
