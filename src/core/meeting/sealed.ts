import { Writer } from '../../protocol/bytes.ts'
import {
  decodeEvent,
  eachFrame,
  EMPTY_FRAME,
  eventEntry,
  type FrameEntry,
  writeEntry,
} from '../../protocol/frames.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MeetingEvent } from '../../protocol/schema.ts'
import type { SealedFrame } from '../ports.ts'
import type { Input } from './intake.ts'

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
