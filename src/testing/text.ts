import { utf8Decode, utf8Encode } from '../protocol/bytes.ts'
import type { Payload } from '../protocol/index.ts'

/** A payload of plain text; unlike the client library's, it is not JSON. */
export function textPayload(text: string): Payload {
  return { text: true, bytes: utf8Encode(text) }
}

export function textOf({ bytes }: Payload): string {
  return utf8Decode(bytes)
}
