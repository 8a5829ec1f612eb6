import type { Message, Side } from './schema.ts'

/** One of the two encodings, chosen by WebSocket subprotocol. */
export interface Codec {
  readonly subprotocol: 'rtms.v1' | 'rtms.v1.json'
  /** Whether a packet is a text message. */
  readonly text: boolean
  /** The packet of `messages`, in UTF-8 where it is text. The result is never written to again. */
  encode(messages: readonly Message[]): Uint8Array
  /**
   * The messages of a packet from the side `from` that this version knows; of a HELLO of another version its number
   * alone. Byte fields are views of `packet`. Throws an `RtmsError` PROTOCOL, and nothing else, where the packet is
   * malformed.
   */
  decode(packet: Uint8Array | string, from: Side): Message[]
}
