import { seatWish } from '../../client/rig.ts'
import { Machine, type SeatMachine, type Ticket } from '../../../../src/client/machine/index.ts'
import type { Connection } from '../../../../src/core/index.ts'
import { binaryCodec, RtmsError } from '../../../../src/protocol/index.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { type Harness, RecordingTransport, text, textOf } from '../harness.ts'
import type { World } from './world.ts'

interface Line {
  readonly h: Harness
  readonly transport: RecordingTransport
  readonly connection: Connection
  /** Packets under way to the node, and to the client. */
  up: Uint8Array[]
  down: Uint8Array[]
}

/** The real client machine, whose sockets lead to the real nodes of a world. */
export class Roamer {
  readonly machine: Machine
  readonly phases: string[] = []
  /** The node of each connection that was welcomed. */
  readonly nodes: string[] = []
  /** Whether each connection but the first has gone on with the session, and nothing of it was lost. */
  readonly resumes: boolean[] = []
  /** What was said to it alone in its meetings. */
  readonly direct: string[] = []
  /** The frames of each meeting, in order of delivery, and the inputs in them. */
  readonly frames: Map<string, number[]> = new Map()
  readonly inputs: string[] = []
  /** The events in them. */
  readonly events: string[] = []
  /** How each input and request has ended: a frame, an answer, or the code of an error. */
  readonly ends: Map<string, number | string> = new Map()
  readonly heard: string[] = []
  readonly gaps: string[] = []
  /** Where the balancer leads a client that asks for this node; null: nowhere. */
  leads: (named: Harness | undefined) => Harness | null | undefined = (named) => named
  readonly #world: World
  readonly #lines: Map<number, Line> = new Map()
  readonly #seats: Map<string, SeatMachine> = new Map()
  /** Sockets that open with the next step. */
  #opening: { readonly attempt: number; readonly url: string }[] = []

  constructor(world: World, user: string, node: Harness, random: () => number = () => 0.1) {
    this.#world = world
    const ticket: Ticket = { url: `ws://${node.node.id}/rtms`, token: user, expiresAt: 0 }
    let asked = 0
    this.machine = new Machine(
      {
        codec: binaryCodec,
        window: 65_536,
        client: 'roamer',
        random,
        connectMs: 10_000,
        backoffMs: 5_000,
      },
      {
        getTicket: (attempt) => (asked = attempt),
        open: (attempt, url) => this.#opening.push({ attempt, url }),
        send: (attempt, packet) => this.#lines.get(attempt)?.up.push(packet.slice()),
        close: (attempt, code) => this.#hangUp(attempt, code === 1000),
        phase: (phase) => {
          if (this.phases.at(-1) !== phase) this.phases.push(phase)
        },
        push: (name) => this.heard.push(`push ${name}`),
        welcome: ({ node: name, resumed, reason }) => {
          this.nodes.push(name)
          if (this.nodes.length > 1) this.resumes.push(resumed && reason === '')
        },
      },
    )
    this.#giveTicket = () => {
      if (asked > 0) this.machine.handleTicket(asked, ticket, 3_600_000, this.#world.now)
      asked = 0
    }
    this.machine.start(world.now)
  }

  readonly #giveTicket: () => void

  join(meeting: string, spectator = false): void {
    const frames: number[] = []
    this.frames.set(meeting, frames)
    const seat = this.machine.followers.join(meeting, seatWish({ spectator }), {
      frame: ({ number, inputs, events }) => {
        frames.push(number)
        for (const { data } of inputs) this.inputs.push(textOf(data))
        for (const event of events)
          this.events.push('slot' in event ? `${event.type} ${event.slot}` : event.type)
      },
      gap: (from, to, reason) => this.gaps.push(`${meeting} ${from}-${to} ${reason}`),
      joined: () => {},
      direct: (data) => this.direct.push(`${meeting}: ${textOf(data)}`),
      waiting: () => {},
      ended: (error) => this.heard.push(`ended ${meeting} ${error.code}`),
    })
    this.#seats.set(meeting, seat)
  }

  seat(meeting: string): SeatMachine | undefined {
    return this.#seats.get(meeting)
  }

  input(meeting: string, name: string): void {
    const seat = this.#seats.get(meeting) as SeatMachine
    this.#call(name, (done) => this.machine.followers.input(seat, text(name), 10_000, this.#world.now, done))
  }

  request(name: string): void {
    this.#call(name, (done) =>
      this.machine.calls.request('m', text(name), 10_000, this.#world.now, (answer) =>
        done(answer instanceof RtmsError ? answer : 1),
      ),
    )
  }

  read(topic: string): void {
    this.machine.followers.read(
      topic,
      { conflate: false, maxHz: 0, keys: [], policy: 'skip' },
      {
        publication: ({ data }) => this.heard.push(textOf(data)),
        gap: (lost, reason) => this.gaps.push(`${topic} ${lost} ${reason}`),
        subscribed: () => {},
        read: () => {},
        failed: ({ code }) => this.heard.push(code),
      },
    )
  }

  #call(name: string, start: (done: (end: number | RtmsError) => void) => unknown): void {
    const done = (end: number | RtmsError): void => {
      if (this.ends.has(name)) throw new Error(`${name} ended twice`)
      this.ends.set(name, end instanceof RtmsError ? end.code : end)
    }
    try {
      start(done)
    } catch (error) {
      done(error as RtmsError)
    }
  }

  /** Its session at the node where it is connected. */
  get session(): Session {
    const [line] = this.#lines.values()
    return line?.connection.session as Session
  }

  /** The network drops its connection. What was under way is lost. `silently`: the node does not notice. */
  cut(silently = false): void {
    for (const [attempt, { h, connection }] of Array.from(this.#lines)) {
      this.#lines.delete(attempt)
      if (!silently) h.node.handleClose(connection, false, this.#world.now)
      this.machine.handleClose(attempt, 1006, '', this.#world.now)
    }
  }

  #hangUp(attempt: number, final: boolean): void {
    const line = this.#lines.get(attempt)
    this.#lines.delete(attempt)
    if (line === undefined || !this.#lives(line.h)) return
    for (const packet of line.up) this.#carry(line, packet)
    if (line.transport.closed === null) line.h.node.handleClose(line.connection, final, this.#world.now)
  }

  #lives(h: Harness): boolean {
    return this.#world.living.includes(h)
  }

  #carry({ h, connection }: Line, packet: Uint8Array): void {
    h.node.handlePacket(connection, packet, this.#world.now)
    h.authenticate()
    h.check()
  }

  /** What is under way arrives. */
  step(): void {
    const { now } = this.#world
    const opening = this.#opening
    this.#opening = []
    for (const { attempt, url } of opening) this.#open(attempt, url)
    for (const [attempt, line] of Array.from(this.#lines)) {
      if (this.#world.hanging.has(line.h)) continue
      if (!this.#lives(line.h)) {
        this.#lines.delete(attempt)
        this.machine.handleClose(attempt, 1006, '', now)
        continue
      }
      const { up, down } = line
      line.up = []
      line.down = []
      for (const packet of up) this.#carry(line, packet)
      for (const packet of down) this.machine.handlePacket(attempt, packet, packet.length, now)
      const { closed } = line.transport
      if (closed === null || line.down.length > 0 || this.#lines.get(attempt) !== line) continue
      this.#lines.delete(attempt)
      this.machine.handleClose(attempt, closed.code, closed.reason, now)
    }
    this.#giveTicket()
    while (this.machine.deadline <= now) this.machine.tick(now)
    this.machine.flush()
  }

  #open(attempt: number, url: string): void {
    const { now, nodes } = this.#world
    const h = this.leads(nodes.find(({ node }) => url === `ws://${node.id}/rtms`))
    if (h === null || h === undefined || !this.#lives(h)) {
      this.machine.handleClose(attempt, 1006, '', now)
      return
    }
    const transport: RecordingTransport = new RecordingTransport(
      () => now,
      ({ bytes }) => this.#lines.get(attempt)?.down.push(bytes),
    )
    const connection = h.node.handleOpen(transport, binaryCodec, now, '', 'host')
    this.#lines.set(attempt, { h, transport, connection, up: [], down: [] })
    this.machine.handleOpen(attempt)
  }
}

/** Lets time pass for a world and clients, in steps. `each`: called before each step. */
export function roam(
  world: World,
  clients: readonly Roamer[],
  ms: number,
  each: (at: number) => void = () => {},
  step = 5,
): void {
  for (let at = 0; at < ms; at += step) {
    each(at)
    for (const client of clients) client.step()
    world.advance(step)
  }
}

/**
 * Members send inputs to `m` for three seconds, and its node is proven to end half a second in; two more pass. Returns
 * how many inputs there were.
 */
export function playOver(world: World, clients: readonly Roamer[], node: Harness): number {
  let sent = 0
  roam(world, clients, 3_000, (at) => {
    if (at === 500) world.kill(node, true)
    if (at % 100 !== 0) return
    clients.forEach((client, who) => client.input('m', `${who} ${at}`))
    sent += clients.length
  })
  roam(world, clients, 2_000)
  return sent
}

/** Lets much time pass, in long steps. */
export function rest(world: World, clients: readonly Roamer[], ms: number): void {
  roam(world, clients, ms, () => {}, 250)
}
