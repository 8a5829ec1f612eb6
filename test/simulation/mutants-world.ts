import { Guards } from '../../src/core/guards.ts'
import { Gap } from '../../src/core/log/batches.ts'
import { FrameLog } from '../../src/core/meeting/frame-log.ts'
import { Sessions } from '../../src/core/session/sessions.ts'
import { Reader } from '../../src/protocol/bytes.ts'
import {
  binaryCodec,
  jsonCodec,
  type Message,
  type MessageType,
  RtmsError,
  schema,
} from '../../src/protocol/index.ts'
import { tailOf } from '../../src/protocol/schema.ts'
import { readFields } from '../../src/protocol/struct.ts'
import { type Mutant, replace } from './plant.ts'

const typeOf: ReadonlyMap<number, MessageType> = new Map(
  (Object.keys(schema) as MessageType[]).map((type) => [schema[type].code, type]),
)

/** Calls `visit` for the body of each message of a packet. */
function eachBody(packet: Uint8Array, visit: (code: number, body: Reader) => void): void {
  const r = new Reader(packet)
  while (r.left > 0) visit(r.byte(), r.part(r.uint()))
}

/** The binary codec with a look at each packet before it. */
function looking(look: (packet: Uint8Array) => void): () => void {
  return replace(
    binaryCodec as { decode: typeof binaryCodec.decode },
    'decode',
    (decode) => (packet, from) => {
      if (typeof packet !== 'string') look(packet)
      return decode(packet, from)
    },
  )
}

/**
 * Bugs that only a world shows which is not quite the one they were written in: later minors, other versions, far
 * clocks, faults outside.
 */
export const worldMutants: readonly Mutant[] = [
  {
    name: 'the version of a HELLO looked at after all of it was read',
    breaks: ['versions'],
    from: 13,
    plant: () =>
      looking((packet) =>
        eachBody(packet, (code, body) => {
          if (code === schema.hello.code) readFields(body, schema.hello.fields, {})
        }),
      ),
  },
  {
    name: 'a message of an unknown type taken for a malformed packet',
    breaks: ['I14', 'liveness', 'I20'],
    plant: () =>
      looking((packet) =>
        eachBody(packet, (code) => {
          if (!typeOf.has(code)) throw new RtmsError('PROTOCOL', 'unknown')
        }),
      ),
  },
  {
    name: 'fields behind those that are known taken for a malformed packet',
    breaks: ['I14', 'liveness', 'versions'],
    from: 17,
    plant: () =>
      looking((packet) =>
        eachBody(packet, (code, body) => {
          const type = typeOf.get(code)
          if (type === undefined || type === 'hello' || Object.keys(tailOf(type)).length > 0) return
          readFields(body, schema[type].fields, {})
          body.finish()
        }),
      ),
  },
  {
    name: 'unknown fields of JSON taken for those of the message',
    breaks: ['I14', 'liveness', 'I20'],
    plant: () =>
      replace(
        jsonCodec as { decode: typeof jsonCodec.decode },
        'decode',
        (decode) => (packet, from) =>
          decode(packet, from).map((message): Message => {
            const text = typeof packet === 'string' ? packet : new TextDecoder().decode(packet)
            if (text.includes('"later"')) throw new RtmsError('PROTOCOL', 'unknown')
            return message
          }),
      ),
  },
  {
    name: 'the life of a token counted in seconds of 32 bits',
    breaks: ['I17', 'liveness'],
    from: 116,
    plant: () =>
      replace(Sessions.prototype, 'attach', (attach) => {
        return function (this: Sessions, outlet, hello, grant) {
          return attach.call(this, outlet, hello, { ...grant, expires: ((grant.expires / 1000) | 0) * 1000 })
        }
      }),
  },
  {
    name: 'a page of frames that leaves out the one behind it',
    breaks: ['I2'],
    from: 17,
    plant: () =>
      replace(FrameLog.prototype, 'readTo', (readTo) => {
        return function (this: FrameLog, cursor, end, batches) {
          const read = readTo.call(this, cursor, end, batches)
          if (!(read instanceof Gap) && cursor.position < end) cursor.position++
          return read
        }
      }),
  },
  {
    name: 'a port that throws into the middle of the node',
    breaks: ['I20'],
    from: 3,
    plant: () =>
      replace(
        Guards.prototype,
        'transport',
        () => (port) => Object.assign(port, { connection: null }) as never,
      ),
  },
]
