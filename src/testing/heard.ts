import {
  decodeEvent,
  eachFrame,
  eachPublication,
  type FrameEntry,
  type MeetingEvent,
  type Message,
  type PublicationEntry,
  SYSTEM_SLOT,
} from '../protocol/index.ts'

/** A decoded frame. */
export interface FrameView {
  readonly number: number
  readonly events: readonly MeetingEvent[]
  readonly inputs: readonly FrameEntry[]
}

/** The frames among these messages, in order. */
export function framesOf(messages: readonly Message[]): FrameView[] {
  const frames: FrameView[] = []
  for (const message of messages) {
    if (message.type !== 'frames') continue
    eachFrame(message.frames, message.first, message.count, (number, entries) =>
      frames.push({
        number,
        events: entries.flatMap((entry) => (entry.slot === SYSTEM_SLOT ? (decodeEvent(entry) ?? []) : [])),
        inputs: entries.filter(({ slot }) => slot !== SYSTEM_SLOT),
      }),
    )
  }
  return frames
}

/** The publications among these messages, in order. */
export function publicationsOf(messages: readonly Message[]): PublicationEntry[] {
  const entries: PublicationEntry[] = []
  for (const message of messages) {
    if (message.type === 'publications')
      eachPublication(message.publications, message.at, (entry) => entries.push(entry))
  }
  return entries
}
