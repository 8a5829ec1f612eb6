import type { Payload } from '../protocol/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text as it is, as a payload: unlike that of the client library, it is no JSON. */
export function textPayload(text: string): Payload {
  const bytes = new Uint8Array(3 * text.length)
  const { written } = encoder.encodeInto(text, bytes)
  return { text: true, bytes: bytes.slice(0, written) }
}

export function textOf({ bytes }: Payload): string {
  return decoder.decode(bytes)
}
