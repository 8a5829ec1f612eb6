import { checkCount, malformed, Reader, Writer } from '../../protocol/bytes.ts'
import { joinFrames } from '../../protocol/frames.ts'
import { byCode, type Fields, type Struct } from '../../protocol/schema.ts'
import { readFields, writeFields } from '../../protocol/struct.ts'
import { fixedLimits } from '../ground/config.ts'
import type { FrameLog } from '../meeting/frame-log.ts'
import type { RoomFacts } from '../meeting/room.ts'
import { type OpenedFrame, splitFrames } from '../meeting/sealed.ts'
import { linked } from './link-messages.ts'

/*
 * What two nodes say to each other about a meeting that one owns and the other has a replica of. `replica` is the
 * number of the replica's log on its node, `seat` the number of a seat there. Not part of the protocol: all nodes of a
 * cluster run one version. Fields are written as those of client messages (protocol/schema.ts).
 *
 * A `clock` is the frame that is due next, and in how many microseconds from now, plus 1; 0: the clock stands still.
 */

/** Messages over the link: none is lost unless the link breaks, which both nodes notice. */
export const meshMessages = {
  // From the replica to the owner.
  follow: {
    code: 1,
    fields: {
      replica: 'uint',
      meeting: 'name',
      world: 'uint',
      next: 'uint',
      readers: 'uint',
      spectators: 'uint',
    },
  },
  unfollow: { code: 2, fields: { replica: 'uint' } },
  /** How many read at the replica, and how many of them are spectators. */
  readers: { code: 3, fields: { replica: 'uint', readers: 'uint', spectators: 'uint' } },
  /** A session wants to be a member. `former`: see `Visitor`. `again`: it is one, and the link broke. */
  enter: {
    code: 4,
    fields: {
      replica: 'uint',
      seat: 'uint',
      again: 'bool',
      session: 'name',
      former: 'name',
      held: {
        list: {
          slot: 'uint',
          elected: 'uint',
          term: 'uint',
          incarnation: 'uint',
          seen: 'uint',
          stable: 'uint',
          promisedTerm: 'uint',
          promisedIncarnation: 'uint',
        },
        max: 'batch',
      },
      world: 'uint',
      user: 'name',
      config: 'name',
    },
  },
  /** After the link broke: all seats that the replica has were entered again. */
  entered: { code: 5, fields: { replica: 'uint' } },
  /** `acked`: the last frame that the member has acknowledged; 0: that was said, or it is none. */
  input: { code: 6, fields: { replica: 'uint', seat: 'uint', seq: 'uint', acked: 'uint', data: 'payload' } },
  acks: {
    code: 7,
    fields: { replica: 'uint', seats: { list: { seat: 'uint', frame: 'uint' }, max: 'batch' } },
  },
  away: { code: 8, fields: { replica: 'uint', seat: 'uint' } },
  back: { code: 9, fields: { replica: 'uint', seat: 'uint' } },
  leave: { code: 10, fields: { replica: 'uint', seat: 'uint', reason: 'reason' } },
  /** A member has promised a fence to a node that stands. `meeting`: the replica may have no frames yet. */
  promised: {
    code: 11,
    fields: {
      replica: 'uint',
      meeting: 'name',
      user: 'name',
      slot: 'uint',
      elected: 'uint',
      term: 'uint',
      incarnation: 'uint',
      seen: 'uint',
      promisedTerm: 'uint',
      promisedIncarnation: 'uint',
      /** For how long it has acknowledged no frame of the meeting, at least, in milliseconds. */
      age: 'uint',
    },
  },

  // From the owner to the replica.
  followed: {
    code: 32,
    fields: {
      replica: 'uint',
      world: 'uint',
      term: 'uint',
      incarnation: 'uint',
      reigns: { list: { term: 'uint', incarnation: 'uint', from: 'uint' }, max: 'batch' },
      hop: 'uint',
      seed: 'bytes',
      frameRate: 'uint',
      inputBytes: 'uint',
      spectatorDelayMs: 'uint',
      config: 'name',
      first: 'uint',
      head: 'uint',
      members: { list: { slot: 'uint', user: 'name', away: 'bool' }, max: 'slots' },
      hidden: 'uint',
      shown: { list: { slot: 'uint', user: 'name', away: 'bool' }, max: 'slots' },
      /** Of the frames before `first`, see `Lineage`; 0 where nothing is kept of it. */
      chain: 'uint',
      next: 'uint',
      due: 'uint',
      legacy: 'wish',
      bots: { list: { slot: 'uint', from: 'uint' }, max: 'slots' },
    },
  },
  /** The meeting is not open there. */
  absent: { code: 33, fields: { replica: 'uint' } },
  /** `seq`: the last one answered. `continued`, `waiting`: see `Placing`. */
  seated: {
    code: 34,
    fields: {
      replica: 'uint',
      seat: 'uint',
      slot: 'uint',
      seq: 'uint',
      continued: 'bool',
      waiting: { list: { seq: 'uint' }, max: 'batch' },
      elected: 'uint',
      members: { list: { slot: 'uint', user: 'name', away: 'bool' }, max: 'slots' },
      next: 'uint',
      due: 'uint',
    },
  },
  refused: {
    code: 35,
    fields: {
      replica: 'uint',
      seat: 'uint',
      error: 'error',
      message: 'reason',
      retryAfter: 'uint',
      reason: 'reason',
    },
  },
  /** An input was refused; `byBusiness`: by the business, within all limits. */
  nack: {
    code: 36,
    fields: {
      replica: 'uint',
      seat: 'uint',
      seq: 'uint',
      error: 'error',
      retryAfter: 'uint',
      byBusiness: 'bool',
      message: 'reason',
      reason: 'reason',
    },
  },
  direct: { code: 37, fields: { replica: 'uint', seat: 'uint', data: 'payload' } },
  /** `next`: who reads there gets the frames before it first. */
  ended: { code: 38, fields: { replica: 'uint', seat: 'uint', message: 'reason', next: 'uint' } },
  closed: { code: 39, fields: { replica: 'uint', message: 'reason' } },
  /** A member has named the configuration that clients must run; or the business plays other members. */
  config: {
    code: 40,
    fields: {
      replica: 'uint',
      config: 'name',
      bots: { list: { slot: 'uint', from: 'uint' }, max: 'slots' },
    },
  },
  /** Another node goes on with the meeting: the replica follows that one. `owner` 0: nobody does. */
  moved: { code: 41, fields: { replica: 'uint', owner: 'uint' } },
  /** Asks who waits to promise this fence. The sender's log ends before frame `next`, with the last one's fence. */
  standing: {
    code: 42,
    fields: {
      replica: 'uint',
      world: 'uint',
      term: 'uint',
      incarnation: 'uint',
      next: 'uint',
      lastTerm: 'uint',
      lastIncarnation: 'uint',
    },
  },
} as const

type Table = typeof meshMessages
export type MeshType = keyof Table
export type MeshMessage = { [T in MeshType]: { readonly type: T } & Struct<Table[T]['fields']> }[MeshType]
export type MeshMessageOf<T extends MeshType> = Extract<MeshMessage, { readonly type: T }>

/** The facts of a room that an owner has told. */
export function factsOf(name: string, message: MeshMessageOf<'followed'>): RoomFacts {
  const { world, term, incarnation, reigns, hop, frameRate, inputBytes, spectatorDelayMs } = message
  return {
    name,
    world,
    term,
    incarnation,
    reigns,
    hop,
    seed: message.seed.slice(),
    frameRate,
    inputBytes,
    spectatorDelayMs,
  }
}

/** Codes of messages from an owner begin here. */
const OWNERS = 32

/**
 * Whether a message is for a replica. Two nodes may have replicas of each other's meetings under the same number, so
 * the number alone does not say.
 */
export function isFromOwner({ type }: MeshMessage): boolean {
  return meshMessages[type].code >= OWNERS
}

const types: ReadonlyMap<number, MeshType> = byCode(meshMessages)
const scratch: Writer = new Writer(1_024)

export function encodeMesh(message: MeshMessage): Uint8Array {
  const { code, fields } = meshMessages[message.type]
  scratch.reset()
  scratch.byte(linked.mesh)
  scratch.byte(code)
  writeFields(scratch, fields, message)
  return scratch.finish()
}

/** Null where it is malformed. */
export function decodeMesh(bytes: Uint8Array): MeshMessage | null {
  try {
    const r = new Reader(bytes, 1)
    const type = types.get(r.byte())
    if (type === undefined) return null
    return readAll(r, meshMessages[type].fields, { type }) as MeshMessage
  } catch {
    return null
  }
}

function readAll(r: Reader, fields: Fields, into: object): object {
  readFields(r, fields, into)
  r.finish()
  return into
}

/*
 * Datagrams: what is lost is noticed by the numbers of the frames, and asked for again.
 */

/** Begins each datagram, and tells it from other messages to one node. */
export const MESH = 0x6d

const [FRAMES, HEADS, PULL, KEEP] = [1, 2, 3, 4] as const
const [BUNDLE, CALL, ANSWER] = [5, 6, 7] as const

const heads = {
  heads: { list: { replica: 'uint', next: 'uint', due: 'uint' }, max: 'batch' },
} as const
const keep = { meetings: { list: { name: 'name' }, max: 'batch' } } as const
const pull = { replica: 'uint', from: 'uint' } as const
const timed = { sent: 'uint' } as const

/** Frames of a meeting, each with the last stable frame at the time it was sealed. */
export interface Frames {
  readonly type: 'frames'
  readonly replica: number
  readonly first: number
  readonly frames: readonly OpenedFrame[]
  readonly marks: readonly number[]
}

/** To one node, for all its replicas of meetings that the sender owns: which frame is next, and when. */
export type Heads = { readonly type: 'heads' } & Struct<typeof heads>

/** The owner is to go on from this frame. */
export type Pull = { readonly type: 'pull' } & Struct<typeof pull>

/** The receiver is to keep replicas of these meetings of the sender for now. */
export type Keep = { readonly type: 'keep' } & Struct<typeof keep>

/**
 * The sender asks for support, see `Support`; and the answer to that. `sent`: when it asked, by its own clock in
 * microseconds.
 */
export type Call = { readonly type: 'call' } & Struct<typeof timed>
export type Answer = { readonly type: 'answer' } & Struct<typeof timed>

/** Datagrams that one sweep has to send to one node: each message costs both nodes more than what is in it. */
export interface Bundle {
  readonly type: 'bundle'
  readonly parts: readonly Exclude<Datagram, Bundle>[]
}

export type Datagram = Frames | Heads | Pull | Keep | Call | Answer | Bundle

/**
 * The frames from a position on, as many as fit into a page: no more than one looks at, since empty ones take the other
 * node time as well. Returns the position behind them, too.
 */
export function encodeFrames(
  replica: number,
  log: FrameLog,
  from: number,
  pageBytes: number,
): { readonly bytes: Uint8Array; readonly to: number } {
  scratch.reset()
  const frames: Uint8Array[] = []
  let bytes = 0
  for (const [, frame] of log.history(from, from + fixedLimits.pageEntries)) {
    if (bytes >= pageBytes) break
    frames.push(frame)
    bytes += frame.length + 1
  }
  joinFrames(scratch, frames)
  const w = new Writer(scratch.length + 64)
  w.byte(MESH)
  w.byte(FRAMES)
  w.uint(replica)
  w.uint(from)
  w.uint(frames.length)
  w.uint(scratch.length)
  w.append(scratch)
  const to = from + frames.length
  writeMarks(w, log, from, to)
  return { bytes: w.finish(), to }
}

/** A mark, for how many frames it holds, by how much it rises then, and so on. */
function writeMarks(w: Writer, log: FrameLog, from: number, to: number): void {
  let mark = log.stableAt(from)
  let since = from
  w.uint(mark)
  for (let frame = from + 1; frame < to; frame++) {
    const next = log.stableAt(frame)
    if (next === mark) continue
    w.uint(frame - since)
    w.uint(next - mark)
    mark = next
    since = frame
  }
}

function readMarks(r: Reader, count: number): number[] {
  const marks: number[] = []
  let mark = r.uint()
  while (r.left > 0) {
    const run = r.uint()
    if (run === 0 || run > count - marks.length) throw malformed('marks of more frames than there are')
    for (let n = 0; n < run; n++) marks.push(mark)
    mark += r.uint()
  }
  while (marks.length < count) marks.push(mark)
  return marks
}

export function encodeHeads(list: Heads['heads']): Uint8Array {
  return encodeDatagram(HEADS, heads, { heads: list })
}

export function encodePull(replica: number, from: number): Uint8Array {
  return encodeDatagram(PULL, pull, { replica, from })
}

export function encodeKeep(meetings: Keep['meetings']): Uint8Array {
  return encodeDatagram(KEEP, keep, { meetings })
}

export function encodeCall(sent: number): Uint8Array {
  return encodeDatagram(CALL, timed, { sent })
}

export function encodeAnswer(sent: number): Uint8Array {
  return encodeDatagram(ANSWER, timed, { sent })
}

export function encodeBundle(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  scratch.reset()
  scratch.byte(MESH)
  scratch.byte(BUNDLE)
  for (const part of parts) scratch.bytes(part)
  return scratch.finish()
}

function encodeDatagram(code: number, fields: Fields, values: object): Uint8Array {
  scratch.reset()
  scratch.byte(MESH)
  scratch.byte(code)
  writeFields(scratch, fields, values)
  return scratch.finish()
}

/** Null where it is malformed. */
export function decodeDatagram(bytes: Uint8Array): Datagram | null {
  return bytes[1] === BUNDLE ? decodeBundle(bytes) : decodePart(bytes)
}

function decodeBundle(bytes: Uint8Array): Bundle | null {
  try {
    const r = new Reader(bytes, 2)
    const parts: Bundle['parts'][number][] = []
    while (r.left > 0) {
      const part = decodePart(r.bytes(Infinity))
      if (part === null) return null
      parts.push(part)
    }
    return { type: 'bundle', parts }
  } catch {
    return null
  }
}

function decodePart(bytes: Uint8Array): Bundle['parts'][number] | null {
  try {
    const r = new Reader(bytes, 1)
    const code = r.byte()
    if (code === HEADS) return readAll(r, heads, { type: 'heads' }) as Heads
    if (code === KEEP) return readAll(r, keep, { type: 'keep' }) as Keep
    if (code === CALL) return readAll(r, timed, { type: 'call' }) as Call
    if (code === ANSWER) return readAll(r, timed, { type: 'answer' }) as Answer
    if (code === PULL) return readAll(r, pull, { type: 'pull' }) as Pull
    return code === FRAMES ? readFrames(r) : null
  } catch {
    return null
  }
}

function readFrames(r: Reader): Frames {
  const [replica, first, count] = [r.uint(), r.uint(), r.uint()]
  checkCount(count, fixedLimits.pageEntries, 'frames')
  const frames = splitFrames(r.bytes(Infinity), first, count)
  return { type: 'frames', replica, first, frames, marks: readMarks(r, count) }
}
