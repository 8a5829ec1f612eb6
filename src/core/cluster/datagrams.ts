import { checkCount, malformed, Reader, Writer } from '../../protocol/bytes.ts'
import { joinFrames } from '../../protocol/frames.ts'
import type { Fields, Struct } from '../../protocol/schema.ts'
import { readFields, writeFields } from '../../protocol/struct.ts'
import { fixedLimits } from '../ground/config.ts'
import type { FrameLog } from '../meeting/frame-log.ts'
import { type OpenedFrame, splitFrames } from '../meeting/sealed.ts'

/*
 * Datagrams between two nodes, of which one has replicas of the other's meetings: what is lost is noticed by the numbers
 * of the frames, and asked for again. What must not be lost goes over a link, see `mesh-messages.ts`.
 */

const scratch: Writer = new Writer(1_024)
const joined: Writer = new Writer(1_024)

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
  /** See `Trace`: behind the last of them, where their owner has sent them: it has hashed them. */
  readonly chain?: number
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
  joined.reset()
  const frames: Uint8Array[] = []
  let bytes = 0
  for (const [, frame] of log.history(from, from + fixedLimits.pageEntries)) {
    if (bytes >= pageBytes) break
    frames.push(frame)
    bytes += frame.length + 1
  }
  joinFrames(joined, frames)
  const w = scratch
  w.reset()
  w.byte(MESH)
  w.byte(FRAMES)
  w.uint(replica)
  w.uint(from)
  w.uint(frames.length)
  w.uint(joined.length)
  w.append(joined)
  const to = from + frames.length
  // Who asks may have more than there is here.
  w.uint(frames.length === 0 ? 0 : (log.trace?.behind(to - 1) ?? 0))
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

function readAll(r: Reader, fields: Fields, into: object): object {
  readFields(r, fields, into)
  r.finish()
  return into
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
  return { type: 'frames', replica, first, frames, chain: r.uint(), marks: readMarks(r, count) }
}
