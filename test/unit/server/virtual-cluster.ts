import { once } from 'node:events'
import type { Server } from 'node:http'
import type { BusConnector, BusReports } from '../../../src/bus/connector.ts'
import { MemoryBus } from '../../../src/bus/memory.ts'
import type { Connection, Transport } from '../../../src/core/index.ts'
import { binaryCodec } from '../../../src/protocol/index.ts'
import type { Outside } from '../../../src/server/ground/outside.ts'
import type { Host } from '../../../src/server/host.ts'
import { Rtms, type RtmsOptions, type TicketRequest } from '../../../src/server/index.ts'
import { Peer, Random, VirtualClock } from '../../../src/testing/index.ts'

export const SECRET = 'a secret for tests, which is long enough'

/** What a test opens, and closes at its end. */
export const open: { close(): Promise<void> }[] = []

/** For `afterEach`; before it, with the `cluster` in which time has to pass. */
export async function closeAll(cluster?: Cluster | object): Promise<void> {
  if (cluster instanceof Cluster)
    await cluster.within(Promise.all(open.splice(0).map((each) => each.close())))
  for (const each of open.splice(0)) await each.close()
}

/** Has a server listen, until the test ends. */
export async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({ close: () => stop(server) })
}

export async function stop(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
}

/** What a promise is rejected with. */
export const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it resolved',
    (error: unknown) => error,
  )

/** Nodes on one bus, in virtual time. */
export class Cluster implements Outside {
  readonly clock: VirtualClock = new VirtualClock()
  readonly #random: Random = new Random(1)
  /** Of each node, by the order in which they were started. */
  readonly incarnations: number[] = []
  /** Nodes that hear nothing, and are not heard. */
  readonly cut: Set<number> = new Set()
  readonly bus: MemoryBus = new MemoryBus(
    () => void this.clock.after(0, () => this.bus.deliver()),
    (from, to) => (this.cut.has(from) || this.cut.has(to) ? 'lost' : 'arrives'),
  )
  /** What the nodes have logged but for debugging. */
  readonly lines: string[] = []
  readonly hosts: Host[] = []
  readonly reports: BusReports[] = []
  /** Milliseconds by which what is to be done at once comes late. */
  lateMs = 0
  closedBuses = 0

  now(): number {
    return this.clock.now
  }

  wallNow(): number {
    return 1_900_000_000_000 + this.clock.now
  }

  random(bytes: number): Uint8Array {
    return this.#random.bytes(bytes)
  }

  soon(action: () => void): () => void {
    return this.clock.after(this.lateMs, action)
  }

  after(ms: number, action: () => void): () => void {
    return this.clock.after(ms, action)
  }

  wait<T>(work: Promise<T>): Promise<T> {
    return work
  }

  get connector(): BusConnector {
    return {
      connect: (incarnation, listener, reports) => {
        this.incarnations.push(incarnation)
        this.reports.push(reports)
        const port = this.bus.connect(incarnation, listener)
        const close = async (): Promise<void> => {
          this.closedBuses++
          port.close()
        }
        return { ...port, stats: { dropped: 0, strangers: 0 }, close }
      },
    }
  }

  async start(nodeId: string, options: Partial<RtmsOptions> = {}): Promise<Rtms> {
    const note = (_: object, text: string): void => void this.lines.push(text)
    const logger = { debug() {}, info: note, warn: note, error: note }
    const publicUrl = `ws://${nodeId}.invalid/rtms`
    const place = options.port === undefined ? { server: false as const } : {}
    const given = { nodeId, bus: this.connector, secret: SECRET, publicUrl, logger, ...place, ...options }
    const { rtms, host } = await Rtms.startIn(this, given)
    this.hosts.push(host)
    open.push({ close: () => rtms.close({ timeoutMs: 0 }) })
    return rtms
  }

  /** Time passes, instant by instant; what is awaited in one of them goes on in it. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.now + ms
    for (let { next } = this.clock; next <= until; { next } = this.clock) {
      this.clock.runNext()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.clock.runTo(until)
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** The result of something that takes time. */
  async within<T>(work: Promise<T>): Promise<T> {
    const done = { is: false }
    const ended = work.finally(() => (done.is = true))
    ended.catch(() => {})
    while (!done.is) await this.pass(10)
    return ended
  }

  /** Time passes, in steps in which real sockets can do something as well, until a condition holds. */
  async until(holds: () => boolean): Promise<void> {
    for (const since = performance.now(); !holds();) {
      if (performance.now() - since > 10_000) throw new Error('what was waited for has not come')
      await this.pass(1)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async settled(...names: string[]): Promise<Rtms[]> {
    const nodes: Rtms[] = []
    for (const name of names) nodes.push(await this.start(name))
    await this.pass(4_000)
    return nodes
  }

  /** A client of a node, whose connection has no socket. What it hears comes an instant later. */
  async client(
    node: Rtms,
    user: string,
    {
      host = '',
      answers = true,
      ticket = { meetings: ['*'] },
    }: { host?: string; answers?: boolean; ticket?: Omit<TicketRequest, 'user'> } = {},
  ): Promise<{ peer: Peer; connection: Connection; transport: Transport; leave(): void }> {
    const at = this.hosts.findLast((each) => each.node.id === node.node) as Host
    const { token } = await node.tickets.issue({ user, ...ticket })
    const write: Transport['write'] = ({ bytes }) => {
      this.clock.after(0, () => peer.hear(bytes))
      return true
    }
    const transport = { write, pause() {}, resume() {}, close() {} }
    const connection = at.handle((core, now) =>
      core.handleOpen(transport, binaryCodec, now, '', host),
    ) as Connection
    const carry = (packet: Uint8Array): void =>
      at.handle((core, now) => core.handlePacket(connection, packet, now))
    const peer = new Peer(carry, { answers })
    peer.hello(token)
    // Its token is checked in real time, in which this time stands still.
    while (connection.session === null) await this.pass(0)
    const leave = (): void => at.handle((core, now) => core.handleClose(connection, true, now))
    return { peer, connection, transport, leave }
  }
}
