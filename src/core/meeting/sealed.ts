import { malformed, Reader, Writer } from '../../protocol/bytes.ts'
import {
  checkFrameRange,
  decodeEvent,
  eachFrame,
  EMPTY_FRAME,
  eventEntry,
  type FrameEntry,
  writeEntry,
} from '../../protocol/frames.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MeetingEvent } from '../../protocol/schema.ts'
import { passPayload, readPayload } from '../../protocol/struct.ts'
import type { SealedFrame } from '../ports.ts'
import { type Input, MAX_SEQ } from './intake.ts'
import { MAX_TERM } from './reigns.ts'

const scratch: Writer = new Writer(4_096)

/** Encodes a frame: events first, then inputs in order of arrival. */
export function sealFrame(events: readonly MeetingEvent[], inputs: readonly Input[]): Uint8Array {
  const size = events.length + inputs.length
  if (size === 0) return EMPTY_FRAME
  const w = scratch
  w.reset()
  w.uint(size * 2)
  for (const event of events) {
    const { slot, seq, data } = eventEntry(event)
    writeEntry(w, slot, seq, data)
  }
  for (const { member, seq, data } of inputs) writeEntry(w, member.slot, seq, data)
  return w.finish()
}

/** A frame as the business sees it, from its events and inputs. */
export function sealedFrame(
  number: number,
  events: readonly MeetingEvent[],
  inputs: readonly Input[],
): SealedFrame {
  return { number, events, inputs: inputs.map(({ member: { slot }, seq, data }) => ({ slot, seq, data })) }
}

/** A frame as the business sees it, decoded from the bytes in the log. */
export function openFrame(number: number, frame: Uint8Array): SealedFrame {
  const events: MeetingEvent[] = []
  const inputs: FrameEntry[] = []
  if (frame !== EMPTY_FRAME)
    eachFrame(frame, number, 1, (_, entries) => {
      for (const entry of entries) {
        const event = entry.slot === SYSTEM_SLOT ? decodeEvent(entry) : null
        if (event !== null) events.push(event)
        else if (entry.slot !== SYSTEM_SLOT) inputs.push(entry)
      }
    })
  return { number, events, inputs }
}

/** A frame of another node, decoded. */
export interface OpenedFrame {
  /** The frame in its wire form: a copy of its own. */
  readonly bytes: Uint8Array
  readonly events: readonly MeetingEvent[]
  readonly inputs: readonly { readonly slot: number; readonly seq: number }[]
}

const opened: OpenedFrame = { bytes: EMPTY_FRAME, events: [], inputs: [] }

/** Takes apart what `joinFrames` has joined. Throws PROTOCOL when the bytes are not exactly `count` frames. */
export function splitFrames(bytes: Uint8Array, first: number, count: number): OpenedFrame[] {
  checkFrameRange(first, count)
  const frames: OpenedFrame[] = []
  const r = new Reader(bytes)
  while (frames.length < count) {
    const start = bytes.length - r.left
    const head = r.uint()
    if (head % 2 === 1) {
      const run = (head - 1) / 2
      if (run === 0 || run > count - frames.length) throw malformed('a run that does not fit')
      for (let n = 0; n < run; n++) frames.push(opened)
    } else frames.push(splitFrame(bytes, start, head / 2, r))
  }
  r.finish()
  return frames
}

function splitFrame(bytes: Uint8Array, start: number, size: number, r: Reader): OpenedFrame {
  if (size === 0) throw malformed('a frame that is neither empty nor has entries')
  const events: MeetingEvent[] = []
  const inputs: { slot: number; seq: number }[] = []
  for (let n = 0; n < size; n++) {
    const [slot, seq] = [r.byte(), r.uint()]
    if (slot === SYSTEM_SLOT) {
      const event = decodeEvent({ slot, seq, data: readPayload(r) })
      if (event !== null && !isPossible(event)) throw malformed('an event that there cannot be')
      if (event !== null) events.push(event)
    } else {
      if (seq > MAX_SEQ) throw malformed('a seq that there cannot be')
      passPayload(r)
      inputs.push({ slot, seq })
    }
  }
  return { bytes: bytes.slice(start, bytes.length - r.left), events, inputs }
}

/** What comes after it must not run out of numbers. */
function isPossible(event: MeetingEvent): boolean {
  if ('slot' in event) return event.slot < SYSTEM_SLOT
  return event.type !== 'epoch' || event.term <= MAX_TERM
}
