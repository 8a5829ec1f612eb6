import type { ErrorCode } from '../../protocol/errors.ts'
import { limits as protocolLimits } from '../../protocol/limits.ts'
import { type Payload, payloadLength } from '../../protocol/payload.ts'
import type { MeetingEvent } from '../../protocol/schema.ts'
import type { FixedLimits } from '../ground/config.ts'

/** Events of a meeting that wait for its next frame, which begins with them. */
export class WaitingEvents {
  readonly #limits: Pick<FixedLimits, 'waitingEvents' | 'saidBytes'>
  readonly #waits: () => void
  #events: MeetingEvent[] = []
  /** Bytes of the business's words among them. */
  #said = 0

  /** `waits`: called when there is another one. */
  constructor(limits: Pick<FixedLimits, 'waitingEvents' | 'saidBytes'>, waits: () => void) {
    this.#limits = limits
    this.#waits = waits
  }

  get list(): readonly MeetingEvent[] {
    return this.#events
  }

  /** Whether the business may cause no more of them: while the clock stands still, no frame takes them. */
  get isFull(): boolean {
    return this.#events.length >= this.#limits.waitingEvents
  }

  push(event: MeetingEvent): void {
    this.#events.push(event)
    this.#waits()
  }

  /** The business's word to all. Returns the error, or null. */
  say(data: Payload): ErrorCode | null {
    const length = payloadLength(data)
    if (length > protocolLimits.input) return 'TOO_LARGE'
    if (this.isFull || this.#said + length > this.#limits.saidBytes) return 'BUSY'
    this.#said += length
    this.push({ type: 'say', data })
    return null
  }

  /** Gives them to a frame. */
  take(): MeetingEvent[] {
    this.#said = 0
    return this.#events.splice(0)
  }

  /** Those that waited on another node. */
  restore(events: readonly MeetingEvent[]): void {
    this.#events = [...events]
    this.#said = 0
    for (const event of events) if (event.type === 'say') this.#said += payloadLength(event.data)
  }
}
