import { type ClientMessage, type Codec, limits } from '../../protocol/index.ts'

/** Groups messages into packets within the size limit, and into few of them. */
export function* packetsOf(messages: readonly ClientMessage[], codec: Codec): Generator<Uint8Array> {
  let count: number = limits.messages
  for (let at = 0; at < messages.length;) {
    const part = messages.slice(at, at + count)
    const packet = codec.encode(part)
    if (packet.length > limits.packet && count > 1) count = Math.ceil(part.length / 2)
    else {
      at += part.length
      yield packet
      count = Math.min(count * 2, limits.messages)
    }
  }
}
