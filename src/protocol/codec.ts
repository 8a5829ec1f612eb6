import type { Message, Side } from './schema.ts'

/** One of the two encodings, chosen by WebSocket subprotocol. */
export interface Codec {
  readonly subprotocol: 'rtms.v1' | 'rtms.v1.json'
  /** Whether a packet is a text message. */
  readonly text: boolean
  /** Encodes `messages` as one packet, in UTF-8 if it is text. The result never changes. */
  encode(messages: readonly Message[]): Uint8Array
  /**
   * Decodes a packet sent by the side `from`. Skips messages that this version does not know; of a HELLO of another
   * version it reads only the version. Byte fields are views of `packet`. Throws an `RtmsError` PROTOCOL, and nothing
   * else, when the packet is malformed.
   */
  decode(packet: Uint8Array | string, from: Side): Message[]
}
