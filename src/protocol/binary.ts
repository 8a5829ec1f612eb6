import { checkCount, malformed, plain, Reader, uintLength, Writer } from './bytes.ts'
import type { Codec } from './codec.ts'
import { isSpoken, maxMessages } from './limits.ts'
import { byCode, type Fields, schema, tailOf, type Message, type MessageType, type Side } from './schema.ts'
import { readFields, readTail, writeFields, writeTail, zeros } from './struct.ts'

const types: ReadonlyMap<number, MessageType> = byCode(schema)

const scratch: Writer = new Writer(1_024)

/** The `rtms.v1` form of one message: type (one byte), length of the body (uint), body. */
export function encodeMessage(message: Message): Uint8Array {
  const { code, fields } = schema[message.type]
  scratch.reset()
  writeFields(scratch, fields, message)
  writeTail(scratch, tailOf(message.type), message)
  const w = new Writer(1 + uintLength(scratch.length) + scratch.length)
  w.byte(code)
  w.uint(scratch.length)
  w.append(scratch)
  return w.finish()
}

/**
 * Like {@link encodeMessage}, for FRAMES and PUBLICATIONS, whose fields are integers followed by bytes already encoded.
 * Allocates once. A length prefix of the bytes is the last of the integers. `tail`: the integers after the bytes,
 * without zeros at their end.
 */
export function encodeBatch(
  code: number,
  integers: readonly number[],
  bytes: Writer,
  tail: readonly number[] = [],
): Uint8Array {
  let length = bytes.length
  for (const integer of integers) length += uintLength(integer)
  for (const integer of tail) length += uintLength(integer)
  const w = new Writer(1 + uintLength(length) + length)
  w.byte(code)
  w.uint(length)
  for (const integer of integers) w.uint(integer)
  w.append(bytes)
  for (const integer of tail) w.uint(integer)
  return w.finish()
}

function encode(messages: readonly Message[]): Uint8Array {
  const w = new Writer()
  for (const message of messages) w.raw(encodeMessage(message))
  return w.finish()
}

function decode(packet: Uint8Array | string, from: Side): Message[] {
  if (typeof packet === 'string') throw malformed('text, but rtms.v1 is binary')
  const r = new Reader(plain(packet))
  const messages: Message[] = []
  const max = maxMessages(from)
  let count = 0
  do {
    checkCount(++count, max, 'messages')
    const type = types.get(r.byte())
    const body = r.part(r.uint())
    // From a later minor version of the protocol: skipped.
    if (type === undefined) continue
    const { from: sender } = schema[type]
    if (sender !== 'both' && sender !== from) throw malformed(`a message ${type} from a ${from}`)
    const message = type === 'hello' ? readHello(body) : readBody(body, type, schema[type].fields, { type })
    messages.push(message)
    // After a HELLO of another version, the rest of the packet may have any form.
    if (message.type === 'hello' && !isSpoken(message.version)) break
  } while (r.left > 0)
  return messages
}

function readBody(body: Reader, type: MessageType, fields: Fields, message: object): Message {
  readFields(body, fields, message)
  readTail(body, tailOf(type), message)
  return message as Message
}

const { version: _, ...behindVersion } = schema.hello.fields

/** Every version of HELLO begins with the version. Of one that is not spoken here, only the version is read. */
function readHello(body: Reader): Message {
  const version = body.uint()
  return readBody(isSpoken(version) ? body : zeros(), 'hello', behindVersion, { type: 'hello', version })
}

/** The compact encoding, `rtms.v1`. */
export const binaryCodec: Codec = { subprotocol: 'rtms.v1', text: false, encode, decode }
