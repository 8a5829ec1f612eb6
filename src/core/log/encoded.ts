import { binaryCodec, encodeMessage } from '../../protocol/binary.ts'
import { utf8Encode } from '../../protocol/bytes.ts'
import { messageToJson } from '../../protocol/json.ts'
import type { Message } from '../../protocol/schema.ts'
import { costs } from '../ground/work.ts'
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
  /** Number of entries in it, where it is a batch of a log. */
  readonly #entries: number
  #json: Uint8Array | null = null
  #packet: Packet | null = null
  #jsonPacket: Packet | null = null

  constructor(binary: Uint8Array, entries = 1) {
    this.binary = binary
    this.#entries = entries
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

  /** The work that is left before it can be written: only the first reader in JSON causes some. */
  workOf(text: boolean): number {
    return text && this.#json === null ? jsonWork(this.#entries, this.binary.length) : 0
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

/** The work of turning entries of so many bytes together into JSON. */
export function jsonWork(entries: number, bytes: number): number {
  return entries * costs.json + bytes * costs.jsonByte
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
