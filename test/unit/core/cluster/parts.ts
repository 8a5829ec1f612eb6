import { Support } from '../../../../src/core/cluster/support.ts'
import type { MeshMessage, MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'
import type { Downstream } from '../../../../src/core/down/downstream.ts'
import { Budget, type Payer } from '../../../../src/core/ground/budget.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { Lineage } from '../../../../src/core/meeting/lineage.ts'
import { Leavers } from '../../../../src/core/meeting/departures.ts'
import { FrameShares } from '../../../../src/core/meeting/frame-shares.ts'
import { defaultMeeting, type MeetingOptions } from '../../../../src/core/meeting/options.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'
import { Work } from '../../../../src/core/ground/work.ts'
import {
  defaultLimits,
  fixedLimits,
  type MeetingBusiness,
  type MeetingLogic,
} from '../../../../src/core/index.ts'
import { WarmCaches } from '../../../../src/core/log/batches.ts'
import { type Cursor, Outlet } from '../../../../src/core/log/log.ts'
import { plain } from '../../../../src/core/meeting/business.ts'
import { Owner } from '../../../../src/core/meeting/owner.ts'
import { Room, type RoomFacts, type RoomHost } from '../../../../src/core/meeting/room.ts'
import { type OpenedFrame, sealFrame } from '../../../../src/core/meeting/sealed.ts'
import { Account, ratesOf } from '../../../../src/core/session/account.ts'
import { Session } from '../../../../src/core/session/session.ts'
import type { Payload } from '../../../../src/protocol/payload.ts'
import type { MeetingEvent, MessageOf, ServerMessage } from '../../../../src/protocol/index.ts'
import { messages } from '../../../../src/testing/index.ts'
import { grant, RecordingTransport, text, textOf } from '../harness.ts'
import { userOf } from '../payers.ts'

/*
 * The parts of a node around one of its rooms, for tests of that room alone: everything real that holds or counts
 * something, and what goes to clients and to other nodes is noted in words.
 */

/** A message in words: its type, and each field that is not empty, false or 0. */
export function words(message: MeshMessage | ServerMessage | { readonly type: string }): string {
  const { type, ...fields } = message
  const told = Object.entries(fields).map(([name, value]) => {
    if (name === 'reigns' || name === 'legacy' || name === 'bots' || name === 'elected') return ''
    const said = wordsOf(value)
    return said === '' ? '' : ` ${said === 'true' ? name : `${name}:${said}`}`
  })
  return type + told.join('')
}

function wordsOf(value: unknown): string {
  if (value === 0 || value === false) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map((each) => wordsOf(each)).join(',')
  if (typeof value === 'object' && value !== null && 'bytes' in value) return textOf(value as Payload)
  if (typeof value === 'object' && value !== null)
    return Object.values(value)
      .filter((each) => each !== false)
      .join(' ')
  return String(value)
}

/** Knows who has entered it and not left. */
export class OpenBudget extends Budget {
  readonly inside: Set<Payer> = new Set()

  override enter(...args: Parameters<Budget['enter']>): void {
    super.enter(...args)
    this.inside.add(args[0])
  }

  override leave(payer: Payer): void {
    super.leave(payer)
    this.inside.delete(payer)
  }
}

export class Parts {
  now = 1_000
  readonly limits: Limits
  readonly timers: Timers = new Timers()
  /** Nanoseconds that hooks of the business have taken. */
  hookTime = 0
  readonly work: Work = new Work(() => this.hookTime)
  readonly stats: Stats = new Stats()
  readonly budget: OpenBudget = new OpenBudget(Infinity)
  /** What nodes whose cluster has a secret share; null where it has none. */
  lineage: Lineage | null = null
  /** What clients were told, as user and message. */
  readonly told: string[] = []
  readonly marked: Set<Cursor> = new Set()
  readonly downstream: Downstream = {
    caches: new WarmCaches(),
    mark: (cursor: Cursor) => this.marked.add(cursor),
    send: ({ user }: Session, message: ServerMessage) => this.told.push(`${user} ${words(message)}`),
    control: (_: Outlet, message: ServerMessage) => this.told.push(words(message)),
  } as unknown as Downstream
  #sessions = 0

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...fixedLimits, ...defaultLimits, ...limits }
  }

  /** A session with a connection. Its id is the user and a number. */
  session(user: string): Session {
    const account = new Account(ratesOf(this.limits), 'ann')
    const host = {
      limits: this.limits,
      budget: this.budget,
      slow: () => {},
      expired: () => {},
      caughtUp: () => {},
      counted: () => {},
      sendOn: () => {},
    }
    const payer = userOf(account, this.budget)
    const session = new Session(`${user}${++this.#sessions}`, grant(user), payer, host)
    connect(session)
    return session
  }

  news(): string[] {
    return this.told.splice(0)
  }

  /** Bytes for which users and meetings pay. */
  get held(): { readonly user: number; readonly meeting: number } {
    const { user, meeting } = this.budget.ledgers
    return { user: user.bytes, meeting: meeting.bytes }
  }

  /** Timers that are set, by name. */
  get waits(): Record<string, number> {
    return Object.fromEntries(this.timers.counts)
  }
}

export function connect(session: Session): void {
  session.state = { is: 'live', outlet: new Outlet(new RecordingTransport(() => 0), false, 0) }
}

/** The connection of a session is gone, and its cursors with it. */
export function disconnect(session: Session, now = 0): void {
  session.state = { is: 'away' }
  session.stopReading(now)
}

export function joinOf(parts: Partial<MessageOf<'join'>> = {}): MessageOf<'join'> {
  return messages.join(1, 'm', parts)
}

export function inputOf(seq: number, parts: Partial<MessageOf<'input'>> = {}): MessageOf<'input'> {
  return { type: 'input', log: 0, seq, after: seq - 1, seen: 0, data: text(`i${seq}`), ...parts }
}

/** A frame as another node has sealed it; `inputs`: slot and seq. */
export function frameOf(
  events: readonly MeetingEvent[] = [],
  inputs: readonly (readonly [slot: number, seq: number])[] = [],
): OpenedFrame {
  const sealed = inputs.map(([slot, seq]) => ({ member: { slot }, seq, data: text(`${slot} ${seq}`) }))
  const bytes = sealFrame(events, sealed as never)
  return { bytes, events, inputs: inputs.map(([slot, seq]) => ({ slot, seq })) }
}

const SEED = new Uint8Array(8).fill(3)

/** What the owner of a meeting at 20 frames a second answers that has sealed nothing. */
export function followedOf(parts: Partial<MeshMessageOf<'followed'>> = {}): MeshMessageOf<'followed'> {
  return {
    type: 'followed',
    replica: 9,
    world: 77,
    term: 2,
    incarnation: 5,
    reigns: [{ term: 2, incarnation: 5, from: 1 }],
    hop: 0,
    seed: SEED,
    frameRate: 20,
    inputBytes: 8,
    spectatorDelayMs: 0,
    config: '',
    first: 1,
    head: 0,
    members: [],
    hidden: 1,
    shown: [],
    chain: 0,
    next: 1,
    due: 1,
    legacy: '{"options":{},"kind":"","metadata":{},"seqs":[],"terms":[]}',
    bots: [],
    ...parts,
  }
}

export function seatedOf(
  seat: number,
  parts: Partial<MeshMessageOf<'seated'>> = {},
): MeshMessageOf<'seated'> {
  const nothing = { continued: false, waiting: [], elected: 0, members: [], next: 1, due: 1 }
  return { type: 'seated', replica: 9, seat, slot: seat - 1, seq: 0, ...nothing, ...parts }
}

/** A meeting of this node, number 3; it seals when told to. */
export function ownerOn(
  parts: Parts,
  options: Partial<MeetingOptions> = {},
  logic: MeetingLogic | null = null,
  facts: Partial<RoomFacts> = {},
  business: Partial<MeetingBusiness> = {},
): Owner {
  const support = { supportedUntil: () => Infinity, answersSince: () => -Infinity, askReach: () => {} }
  const host = {
    ...hostOf(parts),
    stats: parts.stats,
    sealSoon: () => {},
    leavers: new Leavers(),
    shares: new FrameShares(),
    expired: () => {},
    ...support,
  }
  const settings = { ...defaultMeeting, frameRate: 0, ...options }
  const { frameRate, inputBytes, spectatorDelayMs } = settings
  const room = new Room(
    host,
    3,
    parts.limits.meetingLogBytes,
    {
      name: 'm',
      world: 77,
      term: 2,
      incarnation: 5,
      reigns: [{ term: 2, incarnation: 5, from: 1 }],
      hop: 0,
      seed: SEED,
      frameRate,
      inputBytes,
      spectatorDelayMs,
      ...facts,
    },
    parts.now,
  )
  return new Owner(host, room, settings, { ...plain, ...business, logic }, parts.now)
}

/** What every room needs. */
export function hostOf({ limits, timers, downstream, budget, work, lineage }: Parts): RoomHost {
  return { limits, timers, downstream, budget, work, lineage }
}

/** A meeting without a frame rate seals what it has. */
export function seal(owner: Owner, now: number): void {
  owner.sealNow(now, () => false)
}

/** Notes which nodes are asked for their support. */
export function supportOf(said: string[]): Support {
  const call = (node: number): void => void said.push(`calls ${node}`)
  return new Support({ call, answer: () => {}, isAgainst: () => false })
}
