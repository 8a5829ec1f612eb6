import { type JoinWish, Machine, type Phase, type Ticket } from '../../../src/client/machine/index.ts'
import type { MachineOptions } from '../../../src/client/machine/ports.ts'
import type { ReaderListener, ReadOptions, Received } from '../../../src/client/machine/reader.ts'
import type { RawFrame, SeatListener } from '../../../src/client/machine/seat.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { EMPTY_FRAME, eventEntry, joinFrames, writeEntry } from '../../../src/protocol/frames.ts'
import {
  binaryCodec,
  type ClientMessage,
  type ErrorCode,
  type MeetingEvent,
  type MessageOf,
  type MessageType,
  nowhere,
  type Payload,
  type Position,
  type PublicationEntry,
  RtmsError,
  type ServerMessage,
} from '../../../src/protocol/index.ts'
import { PublicationWriter } from '../../../src/protocol/publications.ts'

/** How a seat is asked for: as a member, from frame 1, without a time-out. */
export const seatWish = (parts: Partial<JoinWish> = {}): JoinWish => ({
  spectator: false,
  config: '',
  fromNow: false,
  joinBy: Infinity,
  ...parts,
})

export const text = (value: string): Payload => ({ text: true, bytes: new TextEncoder().encode(value) })
export const textOf = (payload: Payload): string => new TextDecoder().decode(payload.bytes)

export const welcomeOf = (parts: Partial<MessageOf<'welcome'>> = {}): MessageOf<'welcome'> => ({
  type: 'welcome',
  version: 1,
  features: 0,
  node: 'n1',
  publisher: 1,
  origin: 0,
  session: 's1',
  user: 'ann',
  resumed: false,
  reason: '',
  received: 0,
  calls: 0,
  time: 0,
  heartbeat: 8_000,
  window: 0,
  expires: 0,
  reconnectMin: 200,
  reconnectMax: 2_000,
  keep: 60_000,
  maxPacket: 65_536,
  maxInput: 4_096,
  maxPayload: 32_768,
  maxMeetings: 100,
  maxSubscriptions: 1_000,
  maxRequests: 64,
  publishRate: 0,
  subscribeRate: 0,
  joinRate: 0,
  requestRate: 0,
  burst: 0,
  ...parts,
})

export const joinedOf = (parts: Partial<MessageOf<'joined'>> = {}): MessageOf<'joined'> => ({
  type: 'joined',
  call: 1,
  meeting: 'm',
  log: 5,
  world: 77,
  term: 1,
  incarnation: 7,
  slot: 0,
  seed: new Uint8Array(8),
  rate: 20,
  start: 0,
  startFrame: 1,
  head: 0,
  next: 1,
  seq: 0,
  stable: 0,
  recovered: false,
  reason: '',
  maxInput: 256,
  members: [{ slot: 0, user: 'ann', away: false }],
  continued: false,
  elected: 0,
  heldTerm: 0,
  heldIncarnation: 0,
  waiting: [],
  ...parts,
})

export const subscribedOf = (parts: Partial<MessageOf<'subscribed'>> = {}): MessageOf<'subscribed'> => ({
  type: 'subscribed',
  call: 1,
  index: 0,
  topic: 't',
  log: 9,
  keyed: false,
  position: nowhere,
  recovered: false,
  reason: '',
  ...parts,
})

/** FRAMES of log 5: each item is the inputs of one frame as [slot, seq]. */
export function framesOf(
  first: number,
  frames: readonly (readonly (readonly [number, number])[])[],
): MessageOf<'frames'> {
  const w = new Writer()
  joinFrames(
    w,
    frames.map((inputs) => {
      if (inputs.length === 0) return EMPTY_FRAME
      const frame = new Writer()
      frame.uint(inputs.length * 2)
      for (const [slot, seq] of inputs) writeEntry(frame, slot, seq, text(`"${slot}:${seq}"`))
      return frame.finish()
    }),
  )
  return { type: 'frames', log: 5, first, count: frames.length, frames: w.finish(), stable: 0, tag: 0 }
}

/** FRAMES of log 5 with one frame, which holds these events. */
export function eventsOf(number: number, ...events: readonly MeetingEvent[]): MessageOf<'frames'> {
  const w = new Writer()
  w.uint(events.length * 2)
  for (const { slot, seq, data } of events.map(eventEntry)) writeEntry(w, slot, seq, data)
  return { type: 'frames', log: 5, first: number, count: 1, frames: w.finish(), stable: 0, tag: 0 }
}

/** Where a reader of log 9 stands. */
export const positionOf = (at: number, numbers: readonly [number, number][] = []): Position => ({
  epoch: 90,
  at,
  numbers,
})

/** PUBLICATIONS of log 9, one position after the other, whose publisher is the node itself, or by its number there. */
export function publicationsOf(
  entries: readonly Partial<PublicationEntry>[],
  log = 9,
): MessageOf<'publications'> {
  const w = new Writer()
  const first = entries[0]?.at ?? entries[0]?.number ?? 1
  const writer = new PublicationWriter(w, first)
  entries.forEach((entry, index) => {
    const { at = first + index, publisher = 0, number = 1, key = '', tombstone = false } = entry
    const { time = number, data = text(`${number}`) } = entry
    writer.add(at, publisher, number, time, key, tombstone, data, index === entries.length - 1)
  })
  return { type: 'publications', log, at: first, publications: w.finish() }
}

/** A machine with everything outside of it recorded; time is the test's. */
export class Rig {
  now = 1_000
  chance = 0.5
  readonly machine: Machine
  readonly phases: [Phase, ErrorCode | null][] = []
  readonly tickets: number[] = []
  readonly opened: { readonly attempt: number; readonly url: string }[] = []
  readonly closed: { readonly attempt: number; readonly code: number }[] = []
  readonly pushes: [string, string][] = []
  packets: Uint8Array[] = []

  constructor(options: Partial<MachineOptions> = {}) {
    this.machine = new Machine(
      {
        codec: binaryCodec,
        window: 0,
        client: 'test',
        random: () => this.chance,
        connectMs: 10_000,
        backoffMs: 30_000,
        ...options,
      },
      {
        getTicket: (attempt) => this.tickets.push(attempt),
        open: (attempt, url) => this.opened.push({ attempt, url }),
        send: (_attempt, packet) => this.packets.push(packet),
        close: (attempt, code) => this.closed.push({ attempt, code }),
        phase: (phase, error) => this.phases.push([phase, error?.code ?? null]),
        push: (name, data) => this.pushes.push([name, textOf(data)]),
        welcome: () => {},
      },
    )
  }

  /** The attempt of the socket under way. */
  get attempt(): number {
    return this.opened.at(-1)?.attempt ?? 0
  }

  giveTicket(validMs = 3_600_000, ticket: Partial<Ticket> = {}): void {
    const attempt = this.tickets.at(-1) ?? 0
    this.machine.handleTicket(
      attempt,
      { url: 'ws://x', token: 'tok', expiresAt: 0, ...ticket },
      validMs,
      this.now,
    )
  }

  /** From wherever it stands to a socket that is open, HELLO taken. */
  greet(): MessageOf<'hello'> {
    if (this.machine.phase === 'idle') this.machine.start(this.now)
    if (this.machine.phase === 'waiting') this.wait()
    if (this.machine.phase === 'ticket') this.giveTicket()
    this.machine.handleOpen(this.attempt)
    const [hello] = this.take()
    if (hello?.type !== 'hello') throw new Error('no hello')
    return hello
  }

  /** To live; what it sends then is taken. */
  live(parts: Partial<MessageOf<'welcome'>> = {}): ClientMessage[] {
    this.greet()
    this.receive(welcomeOf(parts))
    return this.take()
  }

  /** A packet from the node; returns its size. */
  receive(...messages: ServerMessage[]): number {
    const packet = binaryCodec.encode(messages)
    this.machine.handlePacket(this.attempt, packet, packet.length, this.now)
    return packet.length
  }

  /** A FAILED of the node. */
  fail(call: number, error: ErrorCode, index = 0, retryAfter = 0): void {
    this.receive({ type: 'failed', call, index, error, message: '', retryAfter, reason: '' })
  }

  lose(code = 1006, reason = ''): void {
    this.machine.handleClose(this.attempt, code, reason, this.now)
  }

  /** Lets the wait pass. */
  wait(): void {
    do {
      this.now = Math.max(this.now, this.machine.deadline)
      this.machine.tick(this.now)
    } while (this.machine.phase === 'waiting')
  }

  advance(ms: number): void {
    const end = this.now + ms
    for (let ticks = 0; this.machine.deadline <= end; ticks++) {
      if (ticks > 1_000) throw new Error('it ticks in circles')
      this.now = Math.max(this.now, this.machine.deadline)
      this.machine.tick(this.now)
    }
    this.now = end
  }

  /** Flushes; what was sent since the last take, without pings. */
  take(): ClientMessage[] {
    return this.takePackets()
      .flat()
      .filter(({ type }) => type !== 'ping')
  }

  takePackets(): ClientMessage[][] {
    this.machine.flush()
    const packets = this.packets
    this.packets = []
    return packets.map((packet) => binaryCodec.decode(packet, 'client') as ClientMessage[])
  }

  takeOf<T extends MessageType>(type: T): MessageOf<T>[] {
    return this.take().filter((message) => message.type === (type as string)) as unknown as MessageOf<T>[]
  }
}

/** Records how calls end. */
export class Outcomes {
  readonly all: string[] = []

  /** Starts a call; what is refused at once has ended too. */
  of(name: string, start: (done: (result: unknown) => void) => unknown): void {
    const done = this.done(name)
    try {
      start(done)
    } catch (error) {
      if (!(error instanceof RtmsError)) throw error
      done(error)
    }
  }

  readonly done = (name: string) => (result: unknown) => {
    const { length } = this.all
    this.all.push(`${name} ${result instanceof RtmsError ? result.code : JSON.stringify(result)}`)
    return length
  }
}

export class SeatRecorder implements SeatListener {
  readonly heard: string[] = []
  frame({ number, inputs }: RawFrame): void {
    this.heard.push(`${number}[${inputs.map(({ slot, seq }) => `${slot}:${seq}`).join(' ')}]`)
  }
  gap(from: number, to: number, reason: ErrorCode): void {
    this.heard.push(`gap ${from}-${to} ${reason}`)
  }
  joined(message: MessageOf<'joined'>): void {
    this.heard.push(`joined ${message.slot}`)
  }
  direct(data: Payload): void {
    this.heard.push(`direct ${textOf(data)}`)
  }
  waiting(): void {}
  ended(error: RtmsError): void {
    this.heard.push(`ended ${error.code}`)
  }
  take(): string[] {
    return this.heard.splice(0)
  }
}

export class ReaderRecorder implements ReaderListener {
  readonly heard: string[] = []
  publication({ key, number, tombstone }: Received): void {
    this.heard.push(`${key}${tombstone ? '-' : ''}#${number}`)
  }
  gap(lost: number, reason: ErrorCode): void {
    this.heard.push(`gap ${lost} ${reason}`)
  }
  subscribed(): void {
    this.heard.push('subscribed')
  }
  read(): void {}
  failed(error: RtmsError): void {
    this.heard.push(`failed ${error.code}`)
  }
  take(): string[] {
    return this.heard.splice(0)
  }
}

export const everything: ReadOptions = { conflate: false, maxHz: 0, keys: [], policy: 'skip' }
