import { utf8Decode, utf8Encode, Writer } from '../protocol/bytes.ts'
import { type Codec, type Message, schema, type Side } from '../protocol/index.ts'
import { tailOf } from '../protocol/schema.ts'
import { writeFields } from '../protocol/struct.ts'
import type { Random } from './random.ts'

/** The type of a message that no version defines yet. */
const UNKNOWN = 0x3f

/** Types that end with their entries and cannot get further fields. */
const whole: ReadonlySet<string> = new Set(['publications'])

/**
 * A packet as a later minor version of the protocol may send it: with unknown messages, and with unknown fields after
 * the known ones. Its meaning is the same.
 */
export function grow(random: Random, packet: Uint8Array, codec: Codec, from: Side): Uint8Array {
  if (codec.text) return growText(random, packet)
  const w = new Writer(packet.length + 64)
  for (const message of codec.decode(packet, from)) {
    if (random.chance(0.2)) writeMessage(w, UNKNOWN, random.bytes(random.int(0, 20)))
    writeMessage(w, schema[message.type].code, bodyOf(random, message))
  }
  if (random.chance(0.2)) writeMessage(w, UNKNOWN, random.bytes(random.int(0, 20)))
  return w.finish()
}

function writeMessage(w: Writer, code: number, body: Uint8Array): void {
  w.byte(code)
  w.bytes(body)
}

/** All optional fields are present, since new fields come after them. */
function bodyOf(random: Random, message: Message): Uint8Array {
  const w = new Writer()
  writeFields(w, schema[message.type].fields, message)
  writeFields(w, tailOf(message.type), message)
  if (!whole.has(message.type)) w.raw(random.bytes(random.int(0, 9)))
  return w.finish()
}

function growText(random: Random, packet: Uint8Array): Uint8Array {
  const later = { later: [null, { x: 'y' }] }
  const grown: object[] = []
  for (const message of JSON.parse(utf8Decode(packet)) as object[]) {
    if (random.chance(0.2)) grown.push({ type: 'later', ...later })
    grown.push(random.chance(0.7) ? { ...later, ...message } : message)
  }
  return utf8Encode(JSON.stringify(grown))
}

/** A HELLO of another version of the protocol. After the version come bytes that only that version can read. */
export function helloOf(version: number, random: Random, codec: Codec): Uint8Array {
  if (codec.text) {
    const hello = { type: 'hello', version, features: 'all', token: [1] }
    return utf8Encode(JSON.stringify(random.chance(0.5) ? [hello] : [hello, { type: 5 }, 'more']))
  }
  const w = new Writer()
  w.uint(version)
  w.raw(random.bytes(random.int(0, 40)))
  const body = w.finish()
  writeMessage(w, schema.hello.code, body)
  w.raw(random.bytes(random.int(0, 40)))
  return w.finish()
}
