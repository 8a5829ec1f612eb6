import { binaryCodec, encodeMessage } from '../../protocol/binary.ts'
import { utf8Encode } from '../../protocol/bytes.ts'
import { messageToJson } from '../../protocol/json.ts'
import type { Message } from '../../protocol/schema.ts'
import type { Packet } from '../ports.ts'

const OPEN = 0x5b
const COMMA = 0x2c
const CLOSE = 0x5d

/**
 * One message, encoded once and shared by every connection it goes to. Logs hold the binary form; the JSON form is made
 * when the first JSON connection needs it.
 */
export class Encoded {
  readonly binary: Uint8Array
  #json: Uint8Array | null = null
  #packet: Packet | null = null
  #jsonPacket: Packet | null = null

  constructor(binary: Uint8Array) {
    this.binary = binary
  }

  static of(message: Message): Encoded {
    return new Encoded(encodeMessage(message))
  }

  /** Bytes of all its forms: what was made for its readers is held as long as it is. */
  get held(): number {
    let bytes = this.binary.length + (this.#json?.length ?? 0)
    if (this.#packet !== null) bytes += this.#packet.rendered?.length ?? 0
    if (this.#jsonPacket !== null)
      bytes += this.#jsonPacket.bytes.length + (this.#jsonPacket.rendered?.length ?? 0)
    return bytes
  }

  form(text: boolean): Uint8Array {
    if (!text) return this.binary
    if (this.#json === null) {
      const [message] = binaryCodec.decode(this.binary, 'server')
      this.#json = utf8Encode(messageToJson(message as Message))
    }
    return this.#json
  }

  /** The packet that carries this message alone. */
  packet(text: boolean): Packet {
    if (text) return (this.#jsonPacket ??= compose([this], true))
    return (this.#packet ??= { bytes: this.binary, text: false, rendered: null })
  }
}

/** One packet of several messages. */
export function compose(parts: readonly Encoded[], text: boolean): Packet {
  let length = text ? parts.length + 1 : 0
  for (const part of parts) length += part.form(text).length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    if (text) {
      bytes[at] = at === 0 ? OPEN : COMMA
      at++
    }
    const form = part.form(text)
    bytes.set(form, at)
    at += form.length
  }
  if (text) bytes[at] = CLOSE
  return { bytes, text, rendered: null }
}
