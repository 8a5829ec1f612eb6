import { fromPayload, type Payload, toPayload } from '../protocol/index.ts'

/** The simulator's payloads are unique texts, so that each can be followed from sender to receivers. */
export function textPayload(text: string): Payload {
  return toPayload(text)
}

export function textOf(payload: Payload): string {
  return String(fromPayload(payload))
}
