import { checkCount, malformed, Reader, Writer } from './bytes.ts'
import { limits, MAX_UINT, SYSTEM_SLOT } from './limits.ts'
import type { Payload } from './payload.ts'
import { byCode, events, type EventType, type MeetingEvent } from './schema.ts'
import { readFields, readPayload, writeFields, writePayload } from './struct.ts'

/*
 * The encoding of frames. A frame with n entries is the uint n × 2, then the entries: slot (one byte), seq (uint) and
 * payload. A run of k empty frames is just the uint k × 2 + 1. Entries of slot 255 are system events: they come first,
 * and carry the event's code as seq and its fields as a payload of bytes.
 */

/** One entry of a frame: an input, or (slot 255) a system event still encoded. */
export interface FrameEntry {
  readonly slot: number
  readonly seq: number
  readonly data: Payload
}

/** The bytes of an empty frame. */
export const EMPTY_FRAME: Uint8Array = new Uint8Array(0)

/** Number of entries of an encoded frame. */
export function entriesOf(frame: Uint8Array): number {
  return frame.length === 0 ? 0 : new Reader(frame).uint() / 2
}

/** Appends one entry to a frame under construction. */
export function writeEntry(w: Writer, slot: number, seq: number, data: Payload): void {
  w.byte(slot)
  w.uint(seq)
  writePayload(w, data)
}

/** A system event as an entry of slot 255. */
export function eventEntry(event: MeetingEvent): FrameEntry {
  const { code, fields } = events[event.type]
  const w = new Writer(64)
  writeFields(w, fields, event)
  return { slot: SYSTEM_SLOT, seq: code, data: { text: false, bytes: w.finish() } }
}

const eventTypes: ReadonlyMap<number, EventType> = byCode(events)

/**
 * Decodes an entry of slot 255; null for an event from a later minor version of the protocol. Throws PROTOCOL when it
 * is malformed.
 */
export function decodeEvent(entry: FrameEntry): MeetingEvent | null {
  const type = eventTypes.get(entry.seq)
  if (type === undefined) return null
  if (entry.data.text) throw malformed('event fields are text')
  const r = new Reader(entry.data.bytes)
  const event = { type }
  readFields(r, events[type].fields, event)
  return event as MeetingEvent
}

/** Writes a run of `run` empty frames; nothing for 0. */
export function writeEmptyRun(w: Writer, run: number): void {
  if (run > 0) w.uint(run * 2 + 1)
}

/** Writes frames one after the other. Runs of empty ones (`EMPTY_FRAME`) become one header each. */
export function joinFrames(w: Writer, frames: Iterable<Uint8Array>): void {
  let run = 0
  for (const frame of frames) {
    if (frame.length === 0) run++
    else {
      writeEmptyRun(w, run)
      run = 0
      w.raw(frame)
    }
  }
  writeEmptyRun(w, run)
}

/**
 * Throws PROTOCOL when no message may carry the frames [first, first + count). Without this check a packet of ten bytes
 * could claim a run of 2^50 empty frames, and its reader would visit them all.
 */
export function checkFrameRange(first: number, count: number): void {
  checkCount(count, limits.frames, 'frames')
  if (first > MAX_UINT - count) throw malformed('a frame number above 2^53 - 1')
}

const NO_ENTRIES: readonly FrameEntry[] = []

/**
 * Calls `visit` for each frame of `bytes` in order, empty ones included. Throws PROTOCOL when the bytes are not exactly
 * `count` frames, or `count` exceeds `limits.frames`.
 */
export function eachFrame(
  bytes: Uint8Array,
  first: number,
  count: number,
  visit: (frame: number, entries: readonly FrameEntry[]) => void,
): void {
  checkFrameRange(first, count)
  const r = new Reader(bytes)
  const end = first + count
  let frame = first
  while (frame < end) {
    const head = r.uint()
    if (head % 2 === 1) {
      const run = (head - 1) / 2
      if (run === 0 || run > end - frame) throw malformed('a run that does not fit')
      for (let i = 0; i < run; i++) visit(frame++, NO_ENTRIES)
    } else {
      const size = head / 2
      // An entry has at least three bytes, so a larger claim is false and must not be allocated for.
      if (size === 0 || size * 3 > r.left) throw malformed('more entries than bytes')
      const entries: FrameEntry[] = []
      for (let i = 0; i < size; i++) entries.push({ slot: r.byte(), seq: r.uint(), data: readPayload(r) })
      visit(frame++, entries)
    }
  }
  r.finish()
}
