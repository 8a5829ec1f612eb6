import { checkCount, malformed, plain, Reader, uintLength, Writer } from './bytes.ts'
import type { Codec } from './codec.ts'
import { isSpoken, maxMessages } from './limits.ts'
import { byCode, type Fields, schema, tailOf, type Message, type MessageType, type Side } from './schema.ts'
import { readFields, readTail, writeFields, writeTail, zeros } from './struct.ts'

const types: ReadonlyMap<number, MessageType> = byCode(schema)

const scratch: Writer = /* @__PURE__ */ new Writer(1_024)

function writeBody(w: Writer, message: Message): void {
  writeFields(w, schema[message.type].fields, message)
  writeTail(w, tailOf(message.type), message)
}

/** The `rtms.v1` form of one message: type (one byte), length of the body (uint), body. Allocates once. */
export function encodeMessage(message: Message): Uint8Array {
  scratch.reset()
  writeBody(scratch, message)
  const w = new Writer(1 + uintLength(scratch.length) + scratch.length)
  w.byte(schema[message.type].code)
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
  for (const message of messages) {
    const body = new Writer()
    writeBody(body, message)
    w.byte(schema[message.type].code)
    w.bytes(body.finish())
  }
  return w.finish()
}

type Read = (body: Reader, type: MessageType, packet: Reader) => Message

/** `read`: reads one message. */
function decode(packet: Uint8Array | string, from: Side, read: Read = readPlain, most = Infinity): Message[] {
  if (typeof packet === 'string') throw malformed('text, but rtms.v1 is binary')
  const r = new Reader(packet)
  const messages: Message[] = []
  let count = 0
  do {
    checkCount(++count, most, 'messages')
    const type = types.get(r.byte())
    const body = r.part(r.uint())
    // From a later minor version of the protocol: skipped.
    if (type === undefined) continue
    const { from: sender } = schema[type]
    if (sender !== 'both' && sender !== from) throw malformed(`a message ${type} from a ${from}`)
    messages.push(read(body, type, r))
  } while (r.left > 0)
  return messages
}

function readBody(body: Reader, type: MessageType, fields: Fields, message: object): Message {
  readFields(body, fields, message)
  readTail(body, tailOf(type), message)
  return message as Message
}

function readPlain(body: Reader, type: MessageType): Message {
  return readBody(body, type, schema[type].fields, { type })
}

/** Every version of HELLO begins with the version. Of one that is not spoken here, only the version is read. */
const readAny: Read = (body, type, packet) => {
  if (type !== 'hello') return readPlain(body, type)
  const version = body.uint()
  const isKnown = isSpoken(version)
  // The rest of the packet may have any form.
  if (!isKnown) packet.raw(packet.left)
  const { version: _, ...fields } = schema.hello.fields
  return readBody(isKnown ? body : zeros(), type, fields, { type, version })
}

/**
 * That of a client, which gets no HELLO, and packets that are no `Buffer` of Node: its page loads only what reads the
 * others.
 */
export const clientCodec: Codec = { subprotocol: 'rtms.v1', text: false, encode, decode }

/** The compact encoding, `rtms.v1`. */
export const binaryCodec: Codec = {
  subprotocol: 'rtms.v1',
  text: false,
  encode,
  decode: (packet, from) =>
    decode(typeof packet === 'string' ? packet : plain(packet), from, readAny, maxMessages(from)),
}
