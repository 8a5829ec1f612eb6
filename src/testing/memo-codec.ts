import type { Codec, Message, Side } from '../protocol/index.ts'

/** A codec for one end of one connection that decodes each packet once, for all its callers. */
export class MemoCodec implements Codec {
  readonly #codec: Codec
  #packet: Uint8Array | string | null = null
  #messages: Message[] = []

  constructor(codec: Codec) {
    this.#codec = codec
  }

  get subprotocol(): Codec['subprotocol'] {
    return this.#codec.subprotocol
  }

  get text(): boolean {
    return this.#codec.text
  }

  encode(messages: readonly Message[]): Uint8Array {
    return this.#codec.encode(messages)
  }

  decode(packet: Uint8Array | string, from: Side): Message[] {
    if (packet === this.#packet) return this.#messages
    this.#packet = null
    this.#messages = this.#codec.decode(packet, from)
    this.#packet = packet
    return this.#messages
  }
}
