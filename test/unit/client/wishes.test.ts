import { array, assert, constantFrom, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NodeLimits } from '../../../src/core/index.ts'
import { Machine, type SeatMachine, type TopicReader } from '../../../src/client/machine/index.ts'
import { binaryCodec, SYSTEM_SLOT } from '../../../src/protocol/index.ts'
import { Harness, type Peer } from '../core/harness.ts'
import { everything, ReaderRecorder, SeatRecorder, seatWish, text } from './rig.ts'

/*
 * The client's machine and a real node, packet by packet: whatever is wished for, given up and wished for otherwise
 * while an earlier wish is on its way, and whatever is lost with a connection, in the end it is as the last wish says.
 */

type Role = 'member' | 'spectator'

const ENTRIES = 8

/** What a listener heard behind the mark. */
function afterwards({ heard }: { readonly heard: string[] }): string[] {
  return heard.slice(heard.indexOf('—') + 1)
}

class World {
  readonly harness: Harness
  readonly machine: Machine
  /** Every seat and reader there was; the last one counts. */
  readonly seats: { readonly listener: SeatRecorder; readonly role: Role }[] = []
  readonly readers: { readonly listener: ReaderRecorder; readonly key: string }[] = []
  seat: SeatMachine | null = null
  reader: TopicReader | null = null
  #attempt = 0
  #peer: Peer | null = null
  #up: Uint8Array[] = []
  #down: Uint8Array[] = []
  #written = 0

  constructor(limits: Partial<NodeLimits> = {}) {
    this.harness = new Harness({ sessionLogEntries: ENTRIES, sessionKeepMs: 60_000, ...limits })
    this.harness.node.openMeeting('m', { frameRate: 0, capacity: 3, ttlMs: 1e9 }, this.now)
    const ticket = { url: 'ws://n', token: 'ann', expiresAt: 0 }
    this.machine = new Machine(
      {
        codec: binaryCodec,
        window: 0,
        client: 'test',
        random: () => 0,
        connectMs: 10_000,
        backoffMs: 30_000,
      },
      {
        getTicket: (attempt) => this.#later(() => this.machine.handleTicket(attempt, ticket, 1e9, this.now)),
        open: (attempt) => void (this.#attempt = attempt),
        send: (_attempt, packet) => this.#up.push(packet.slice()),
        close: () => this.#forget(),
        phase: () => {},
        push: () => {},
        welcome: () => {},
      },
    )
    this.machine.start(this.now)
    this.#runLater()
    this.connect()
  }

  readonly #calls: (() => void)[] = []
  #later(call: () => void): void {
    this.#calls.push(call)
  }

  #runLater(): void {
    for (const call of this.#calls.splice(0)) call()
  }

  get now(): number {
    return this.harness.now
  }

  // ---- the application's wishes

  want(role: Role | null): void {
    if (this.seat !== null) this.machine.followers.leave(this.seat)
    this.seat = null
    if (role === null) return
    const listener = new SeatRecorder()
    this.seats.push({ listener, role })
    this.seat = this.machine.followers.join('m', seatWish({ spectator: role === 'spectator' }), listener)
  }

  read(key: string | null): void {
    if (this.reader !== null) this.machine.followers.leave(this.reader)
    this.reader = null
    if (key === null) return
    const listener = new ReaderRecorder()
    this.readers.push({ listener, key })
    this.reader = this.machine.followers.read('t', { ...everything, keys: [key] }, listener)
  }

  // ---- what happens on the way

  /** A packet of what the client wants to say goes out, and gets no further. */
  flush(): void {
    if (this.machine.phase === 'live') this.machine.flush()
  }

  /** The node reads one packet. */
  up(): void {
    const packet = this.#up.shift()
    if (packet === undefined || this.#peer === null) return
    this.#peer.raw(packet)
    this.harness.settle()
    this.#collect()
  }

  /** The client reads one packet. */
  down(): void {
    const packet = this.#down.shift()
    if (packet !== undefined) this.machine.handlePacket(this.#attempt, packet, packet.length, this.now)
  }

  #collect(): void {
    const { packets } = (this.#peer as Peer).transport
    for (; this.#written < packets.length; this.#written++)
      this.#down.push(packets[this.#written]?.bytes.slice() as Uint8Array)
  }

  #forget(): void {
    const peer = this.#peer
    this.#peer = null
    this.#up = []
    this.#down = []
    if (peer !== null && peer.closed === null) peer.hangUp()
    this.harness.settle()
  }

  /** What is under way is lost, in both directions. */
  cut(): void {
    if (this.#peer === null) return
    this.#forget()
    this.machine.handleClose(this.#attempt, 1006, '', this.now)
  }

  /** A connection is made, and the client may read its welcome. */
  connect(): void {
    if (this.#peer !== null) return
    while (this.machine.phase === 'waiting') {
      this.harness.advance(Math.max(0, this.machine.deadline - this.now))
      this.machine.tick(this.now)
      this.#runLater()
    }
    this.#peer = this.harness.open()
    this.#written = 0
    this.machine.handleOpen(this.#attempt)
    this.machine.flush()
    this.up()
  }

  /** The session is gone when the client comes back. */
  expire(): void {
    this.cut()
    this.harness.advance(61_000)
  }

  /** More is said to a client that is away than its session log holds. */
  overrun(): void {
    this.cut()
    for (let n = 0; n < ENTRIES + 2; n++) this.harness.node.push('ann', 'p', text('x'))
  }

  /** Everything gets through. */
  settle(): void {
    this.connect()
    for (let n = 0; n < 50; n++) {
      this.flush()
      for (let m = 0; m < 5; m++) this.up()
      for (let m = 0; m < 5; m++) this.down()
      if (this.machine.phase !== 'live') this.connect()
    }
  }

  /** What was refused for now is asked for again, and everything gets through. */
  patience(): void {
    for (let n = 0; n < 20; n++) {
      this.settle()
      this.harness.advance(500)
      this.machine.tick(this.now)
    }
    this.settle()
  }

  // ---- what must hold then

  check(): void {
    const { node } = this.harness
    const role = this.seat === null ? null : (this.seats.at(-1)?.role ?? null)
    const sessions = node.sessionList(10, 'ann').filter(({ connected }) => connected)
    const roles = sessions.map(({ meetings }) => meetings.map(({ slot }) => slot === SYSTEM_SLOT))
    expect(roles).toEqual([role === null ? [] : [role === 'spectator']])
    const members = node.meeting('m')?.members ?? []
    expect(members.filter(({ away }) => !away)).toHaveLength(role === 'member' ? 1 : 0)
    expect(members.filter(({ away }) => away)).toEqual([])
    expect(node.subscribers('t')).toBe(this.reader === null ? 0 : 1)

    for (const { listener } of this.seats.slice(0, this.seat === null ? undefined : -1))
      expect(listener.heard.filter((heard) => heard.startsWith('ended'))).toEqual(['ended CLOSED'])
    const bot = node.addBot('m', 'bot')
    if (typeof bot !== 'string') bot.send(text('1'))
    node.publish('t', text('1'), 'a', false, this.now)
    node.publish('t', text('1'), 'b', false, this.now)
    for (const { listener } of [...this.seats, ...this.readers]) listener.heard.push('—')
    this.harness.settle()
    this.#collect()
    this.settle()
    this.seats.forEach(({ listener }, at) => {
      const isLast = this.seat !== null && at === this.seats.length - 1
      expect(afterwards(listener).length > 0).toBe(isLast)
      if (isLast) expect(listener.heard.some((heard) => heard.startsWith('ended'))).toBe(false)
    })
    this.readers.forEach(({ listener, key }, at) => {
      const isLast = this.reader !== null && at === this.readers.length - 1
      expect(afterwards(listener).map((heard) => heard.split('#')[0])).toEqual(isLast ? [key] : [])
    })
  }
}

const steps: Record<string, (world: World) => void> = {
  join: (world) => world.want('member'),
  watch: (world) => world.want('spectator'),
  leave: (world) => world.want(null),
  'read a': (world) => world.read('a'),
  'read b': (world) => world.read('b'),
  unread: (world) => world.read(null),
  flush: (world) => world.flush(),
  up: (world) => world.up(),
  down: (world) => world.down(),
  cut: (world) => world.cut(),
  connect: (world) => world.connect(),
  settle: (world) => world.settle(),
  expire: (world) => world.expire(),
  overrun: (world) => world.overrun(),
}

function run(names: readonly string[], limits: Partial<NodeLimits> = {}): void {
  const world = new World(limits)
  try {
    for (const name of names) steps[name]?.(world)
    if (limits === tight) world.patience()
    else world.settle()
    world.check()
  } catch (error) {
    throw new Error(names.join(', '), { cause: error })
  }
}

/** A user may subscribe to two topics a second, and not to more at once. */
const tight: Partial<NodeLimits> = { subscribesPerUserPerSecond: 2, userBurstSeconds: 1 }

/** How far the first wish has got when the next one comes. */
const stages: Record<string, string[]> = {
  'was not sent': [],
  'was sent': ['flush'],
  'has reached the node': ['flush', 'up'],
  'was answered': ['flush', 'up', 'down'],
  'was lost on its way': ['flush', 'cut'],
  'was lost on its way, before a new connection': ['flush', 'cut', 'connect'],
  'is in the log of a session that is away': ['flush', 'up', 'cut'],
  'is in the log of a session that is resumed': ['flush', 'up', 'cut', 'connect'],
  'is in the log of a session that is resumed, and asked for again': [
    'flush',
    'up',
    'cut',
    'connect',
    'down',
    'flush',
  ],
  'is of a session that is over': ['flush', 'up', 'cut', 'expire'],
  'was answered, and the connection lost': ['flush', 'up', 'down', 'cut'],
  'was answered, and asked for again': ['flush', 'up', 'down', 'cut', 'connect', 'down', 'flush'],
  'was answered in a part of the session log that is lost': ['flush', 'up', 'overrun'],
}

const meetings = [
  ['join', 'leave'],
  ['join', 'leave', 'join'],
  ['join', 'leave', 'watch'],
  ['watch', 'leave', 'join'],
  ['watch', 'leave', 'watch', 'leave'],
]

const topics = [
  ['read a', 'unread'],
  ['read a', 'unread', 'read a'],
  ['read a', 'unread', 'read b'],
  ['read a', 'unread', 'read b', 'unread'],
]

describe('The last wish counts', () => {
  for (const [stage, way] of Object.entries(stages)) {
    it.each([...meetings, ...topics].map((wishes) => [wishes.join(', '), wishes] as const))(
      `%s: where the first one ${stage}`,
      (_, wishes) => {
        const [first = '', ...rest] = wishes
        run(['settle', first, ...way, ...rest])
        // And where each wish gets some way before the next one comes.
        for (const between of [
          ['flush'],
          ['flush', 'up'],
          ['flush', 'cut', 'connect'],
          ['flush', 'up', 'cut', 'connect'],
        ])
          run(['settle', first, ...way, ...rest.flatMap((wish) => [wish, ...between])])
      },
    )
  }

  it('whatever is wished for, and whatever happens on the way', () => {
    assert(
      property(array(constantFrom(...Object.keys(steps)), { maxLength: 25 }), (chosen) => run(chosen)),
      {
        numRuns: 1_500,
      },
    )
  })

  it('of a topic also where the node refuses for now what comes too fast', () => {
    const names = Object.keys(steps).filter((name) => !['join', 'watch', 'leave', 'expire'].includes(name))
    assert(
      property(array(constantFrom(...names), { maxLength: 25 }), (chosen) => run(chosen, tight)),
      { numRuns: 200 },
    )
  })
})
