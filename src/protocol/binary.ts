import { checkCount, malformed, Reader, uintLength, Writer } from './bytes.ts'
import type { Codec } from './codec.ts'
import { maxMessages } from './limits.ts'
import { schema, type Message, type MessageType, type Side } from './schema.ts'
import { readFields, writeFields } from './struct.ts'

const types: ReadonlyMap<number, MessageType> = new Map(
  (Object.keys(schema) as MessageType[]).map((type) => [schema[type].code, type]),
)

const scratch: Writer = new Writer(1_024)

/** The `rtms.v1` form of one message: type (one byte), length of the body (uint), body. */
export function encodeMessage(message: Message): Uint8Array {
  const { code, fields } = schema[message.type]
  scratch.reset()
  writeFields(scratch, fields, message)
  const w = new Writer(1 + uintLength(scratch.length) + scratch.length)
  w.byte(code)
  w.uint(scratch.length)
  w.append(scratch)
  return w.finish()
}

/** The same for FRAMES and PUBLICATIONS, whose fields are integers and, last, bytes written already: in one allocation. */
export function encodeBatch(code: number, integers: readonly number[], last: Writer): Uint8Array {
  let length = uintLength(last.length) + last.length
  for (const integer of integers) length += uintLength(integer)
  const w = new Writer(1 + uintLength(length) + length)
  w.byte(code)
  w.uint(length)
  for (const integer of integers) w.uint(integer)
  w.uint(last.length)
  w.append(last)
  return w.finish()
}

function encode(messages: readonly Message[]): Uint8Array {
  const w = new Writer()
  for (const message of messages) w.raw(encodeMessage(message))
  return w.finish()
}

function decode(packet: Uint8Array | string, from: Side): Message[] {
  if (typeof packet === 'string') throw malformed('a text message, but rtms.v1 is binary')
  // A Buffer of Node would hand out Buffers as fields, whose `slice` shares memory where a Uint8Array's copies.
  const plain = packet.constructor === Uint8Array
  const r = new Reader(plain ? packet : new Uint8Array(packet.buffer, packet.byteOffset, packet.byteLength))
  const messages: Message[] = []
  const max = maxMessages(from)
  do {
    checkCount(messages.length + 1, max, 'messages')
    const code = r.byte()
    const type = types.get(code)
    if (type === undefined) throw malformed(`an unknown message type, ${code}`)
    const { fields, from: sender } = schema[type]
    if (sender !== 'both' && sender !== from) throw malformed(`a message ${type} from a ${from}`)
    const body = r.part(r.uint())
    const message = { type }
    readFields(body, fields, message)
    body.finish()
    messages.push(message as Message)
  } while (r.left > 0)
  return messages
}

/** The compact encoding, `rtms.v1`. */
export const binaryCodec: Codec = { subprotocol: 'rtms.v1', text: false, encode, decode }
