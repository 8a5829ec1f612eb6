import { type ClientMessage, type Codec, limits } from '../../protocol/index.ts'

/** What this client is about to send: the messages of one turn go out in one packet where they fit. */
export class Outbox {
  readonly #codec: Codec
  readonly #write: (packet: Uint8Array) => void
  #messages: ClientMessage[] = []

  constructor(codec: Codec, write: (packet: Uint8Array) => void) {
    this.#codec = codec
    this.#write = write
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  push(message: ClientMessage): void {
    this.#messages.push(message)
  }

  /** The connection is gone: whatever is to be sent again is pushed again. */
  clear(): void {
    this.#messages = []
  }

  /** Sends what has gathered, in packets that are not larger than allowed and hardly more than needed. */
  flush(): void {
    let count: number = limits.messages
    while (this.#messages.length > 0) {
      const packet = this.#codec.encode(this.#messages.slice(0, count))
      if (packet.length > limits.packet && count > 1)
        count = Math.ceil(Math.min(count, this.#messages.length) / 2)
      else {
        this.#messages.splice(0, count)
        this.#write(packet)
        count = Math.min(count * 2, limits.messages)
      }
    }
  }
}
