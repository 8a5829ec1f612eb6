import { malformed } from '../../protocol/bytes.ts'
import { decodeEvent, eventEntry } from '../../protocol/frames.ts'
import { limits, MAX_UINT, SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingEvent } from '../../protocol/schema.ts'
import { fixedLimits } from '../ground/config.ts'
import { meetingBounds, type MeetingOptions } from '../meeting/options.ts'
import type { ElectorateState } from '../meeting/electorate.ts'
import { MAX_SEQ } from '../meeting/intake.ts'
import type { MemberState } from '../meeting/roster.ts'
import type { OwnerState } from '../meeting/owner-state.ts'
import { clusterLimits } from './cluster-limits.ts'
import {
  bool,
  type Form,
  list,
  messages,
  name,
  nullable,
  payload,
  struct,
  text,
  uint,
  within,
} from './forms.ts'
import { linked } from './link-messages.ts'
import { LAST_FRAME, LONGEST_WAIT, MOST_HOPS, MOST_READERS } from './possible.ts'

/*
 * How a node hands a meeting over to another one, over the link between them. `hop` counts the owners of the meeting
 * since it was opened, so it tells one hand-over from the next. Not part of the protocol: all nodes of a cluster run
 * one version.
 */

/** What a hand-over is about: the name, the history of frames, and which hand-over of it. */
interface Subject {
  readonly name: string
  readonly world: number
  /** Of the node that offers. */
  readonly hop: number
}

/**
 * Will the receiver go on with this meeting? It follows it first. `head`: its last frame. `holders`: nodes that may have
 * its frames, whose support the receiver needs.
 */
export interface Offer extends Subject {
  readonly type: 'offer'
  readonly head: number
  readonly holders: readonly number[]
  readonly kind: string
  /** As JSON. */
  readonly metadata: string
}
/** Yes: it has the frames up to the head that it was told of. */
export interface Ready extends Subject {
  readonly type: 'ready'
}
export interface Declined extends Subject {
  readonly type: 'declined'
}

/** A replica of the meeting, or the sender itself, whose readers and members the new owner has from now on. */
export interface Branch {
  readonly node: number
  readonly replica: number
  readonly readers: number
  readonly spectators: number
}

/** Where the session of a member is. */
export interface MemberPlace {
  readonly slot: number
  /** The id of the session. */
  readonly session: string
  /** Its place in the list of branches. */
  readonly branch: number
  /** The number of its seat there; 0 where it has none any more. */
  readonly seat: number
}

/**
 * The sender has sealed frame `last` and seals no further one at this fence: the receiver does, once it has all frames
 * up to it. `business`: what the kind's `snapshot` gave; null where the kind has no state.
 */
export interface Yield extends Subject {
  readonly type: 'yield'
  readonly last: number
  readonly kind: string
  readonly metadata: string
  readonly business: Payload | null
  readonly state: OwnerState
  readonly holders: readonly number[]
  readonly branches: readonly Branch[]
  readonly places: readonly MemberPlace[]
}
/** The registrar of the name knows of the new owner, so the old one need not hold the name any more. */
export interface Settled {
  readonly type: 'settled'
  readonly name: string
}

export type HandoverMessage = Offer | Ready | Declined | Yield | Settled

const subject = { name, world: uint, hop: within(0, MOST_HOPS, 'a hop') }

const frame: Form<number> = within(0, LAST_FRAME, 'a frame')
const readers: Form<number> = within(0, MOST_READERS, 'readers')

const event: Form<MeetingEvent> = {
  write: (w, value) => {
    const { seq, data } = eventEntry(value)
    w.uint(seq)
    w.bytes(data.bytes)
  },
  read: (r) => {
    const [seq, data] = [r.uint(), r.bytes(Infinity)]
    const value = decodeEvent({ slot: SYSTEM_SLOT, seq, data: { text: false, bytes: data } })
    if (value === null) throw malformed('an event that this version does not know')
    if ('slot' in value && value.slot >= SYSTEM_SLOT) throw malformed('a slot')
    return value
  },
}

/** Milliseconds, to the microsecond, at most so many microseconds. */
function time(most: number): Form<number> {
  const form = within(0, most, 'a time')
  return {
    write: (w, value) => form.write(w, Math.max(0, Math.round(value * 1000))),
    read: (r) => form.read(r) / 1000,
  }
}

const due: Form<number> = time(LONGEST_WAIT)
/** Nearly nine years. */
const stood: Form<number> = time(2 ** 48)

/** A number that may be `Infinity`. */
const limit: Form<number> = {
  write: (w, value) => w.uint(value === Infinity ? MAX_UINT : value),
  read: (r) => {
    const value = r.uint()
    return value === MAX_UINT ? Infinity : value
  },
}

/** A payload of any length, a copy. */
const blob: Form<Payload> = {
  write: (w, value) => {
    bool.write(w, value.text)
    w.bytes(value.bytes)
  },
  read: (r) => ({ text: bool.read(r), bytes: r.bytes(Infinity).slice() }),
}

const standings = ['present', 'away', 'leaving'] as const

const standing: Form<MemberState['standing']> = {
  write: (w, value) => {
    w.byte(standings.indexOf(value.is))
    if (value.is === 'away') w.uint(value.turn)
    if (value.is !== 'leaving') return
    w.text(value.reason)
    bool.write(w, value.wasAway)
  },
  read: (r) => {
    const is = standings[r.byte()]
    if (is === 'away') return { is, turn: r.uint() }
    if (is === 'leaving') return { is, reason: name.read(r), wasAway: bool.read(r) }
    return { is: 'present' }
  },
}

/** Of a member. */
const slot = within(0, SYSTEM_SLOT - 1, 'a slot')

/** Of an input. */
const seq = within(0, MAX_SEQ, 'a seq')

/** The electorates that count, and the one in force at the stable mark. */
const electorates = fixedLimits.electorates + 1

/** Within the bounds of an option. */
const option = (name: keyof typeof meetingBounds): Form<number> => within(...meetingBounds[name], name)

const options = struct<MeetingOptions>({
  frameRate: option('frameRate'),
  capacity: option('capacity'),
  ttlMs: option('ttlMs'),
  inputBytes: option('inputBytes'),
  inputsPerSecond: option('inputsPerSecond'),
  inputBurst: option('inputBurst'),
  joinsPerMinute: option('joinsPerMinute'),
  inputsPerFrame: option('inputsPerFrame'),
  frameBytes: option('frameBytes'),
  spectatorDelayMs: option('spectatorDelayMs'),
  standby: option('standby'),
  config: name,
})

const state = struct<OwnerState>({
  options,
  config: name,
  roster: struct<OwnerState['roster']>({
    members: list(struct<MemberState>({ slot, user: name, standing, seq, isBot: bool }), limits.slots),
    seqs: list(seq, limits.slots),
  }),
  intake: struct<OwnerState['intake']>({
    inputs: list(struct({ slot, seq, data: payload })),
    last: {
      // −1 for none.
      write: (w, value) => w.uint(value + 1),
      read: (r) => r.uint() - 1,
    },
  }),
  electorate: struct<ElectorateState>({
    stable: frame,
    reign: frame,
    changes: list(frame, electorates),
    // Of each electorate, one for each slot.
    terms: list(
      struct({ slot: uint, from: frame, until: limit, acked: limit, gone: bool }),
      electorates * limits.slots,
    ),
  }),
  events: list(event),
  clock: {
    write: (w, clock) => {
      bool.write(w, clock.is === 'running')
      if (clock.is === 'running') due.write(w, clock.dueInMs)
      else stood.write(w, clock.stoodMs)
    },
    read: (r) =>
      bool.read(r) ? { is: 'running', dueInMs: due.read(r) } : { is: 'stopped', stoodMs: stood.read(r) },
  },
})

const json = text(Infinity)
/** All nodes at the most, or something of each. */
const nodes = <T>(item: Form<T>): Form<readonly T[]> => list(item, clusterLimits.nodes + 1)

const form = messages<HandoverMessage>(linked.handover, {
  offer: struct({ ...subject, head: frame, holders: nodes(uint), kind: name, metadata: json }),
  ready: struct(subject),
  declined: struct(subject),
  yield: struct<Omit<Yield, 'type'>>({
    ...subject,
    last: frame,
    kind: name,
    metadata: json,
    business: nullable(blob),
    state,
    holders: nodes(uint),
    branches: nodes(struct<Branch>({ node: uint, replica: uint, readers, spectators: readers })),
    places: list(struct<MemberPlace>({ slot: uint, session: name, branch: uint, seat: uint }), limits.slots),
  }),
  settled: struct({ name }),
})

export const encodeHandover: (message: HandoverMessage) => Uint8Array = form.encode

/** Null where it is malformed. */
export const decodeHandover: (packet: Uint8Array) => HandoverMessage | null = form.decode
