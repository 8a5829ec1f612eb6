import { utf8Decode, utf8Encode } from '../protocol/bytes.ts'
import type { Payload } from '../protocol/index.ts'

/** Text as it is, as a payload: unlike that of the client library, it is no JSON. */
export function textPayload(text: string): Payload {
  return { text: true, bytes: utf8Encode(text) }
}

export function textOf({ bytes }: Payload): string {
  return utf8Decode(bytes)
}
