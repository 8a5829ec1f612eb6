import type { SealedFrame } from '../../core/index.ts'
import { type FrameEvent, fromPayload, type MeetingEvent, type Payload } from '../../protocol/index.ts'

/** A frame that has just been sealed, as every member will see it. */
export interface MeetingFrame<I = unknown, W = unknown> {
  readonly number: number
  readonly events: readonly FrameEvent<W>[]
  readonly inputs: readonly FrameInput<I>[]
}

export interface FrameInput<I = unknown> {
  readonly slot: number
  readonly seq: number
  /** JSON parsed, or bytes as a `Uint8Array`, which is read-only. */
  readonly data: I
}

/** A payload that is parsed once, when it is first read. */
export class Lazy {
  readonly #payload: Payload
  #parsed: { readonly value: unknown } | null = null

  constructor(payload: Payload) {
    this.#payload = payload
  }

  get data(): unknown {
    this.#parsed ??= { value: fromPayload(this.#payload) }
    return this.#parsed.value
  }

  /** What a schema has made of it. */
  set data(value: unknown) {
    this.#parsed = { value }
  }
}

class Framed extends Lazy implements FrameInput {
  readonly slot: number
  readonly seq: number

  constructor({ slot, seq, data }: SealedFrame['inputs'][number]) {
    super(data)
    this.slot = slot
    this.seq = seq
  }
}

export function toMeetingFrame({ number, events, inputs }: SealedFrame): MeetingFrame {
  return { number, events: events.map(toFrameEvent), inputs: inputs.map((input) => new Framed(input)) }
}

function toFrameEvent(event: MeetingEvent): FrameEvent {
  return event.type === 'say' ? { ...event, data: fromPayload(event.data) } : event
}
