import {
  type ClientMessage,
  type ErrorCode,
  errors,
  limits,
  type MessageType,
  type Payload,
  type Position,
  schema,
} from '../protocol/index.ts'
import { tailOf } from '../protocol/schema.ts'
import type { Random } from './random.ts'

type Fields = Readonly<Record<string, unknown>>

const clientTypes = (Object.keys(schema) as MessageType[]).filter((type) => schema[type].from !== 'server')
const names = ['h0', 'm0', 'h.t', 't1', 'sim', '', 'a..b', '*', 'x y', '__proto__', 'é', 'z'.repeat(255)]

/** Any message that a client can encode, of every type, known to the node or not. */
export function randomMessage(random: Random): ClientMessage {
  const type = random.pick(clientTypes)
  const fields = { ...schema[type].fields, ...tailOf(type) }
  return { type, ...randomFields(random, fields) } as ClientMessage
}

function randomFields(random: Random, fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, randomField(random, kind)]))
}

function randomField(random: Random, kind: unknown): unknown {
  switch (kind) {
    case 'uint':
      return random.pick([0, 1, 2, 3, random.int(0, 300), 2 ** 32, Number.MAX_SAFE_INTEGER])
    case 'bool':
      return random.chance(0.5)
    case 'name':
    case 'wish':
      return random.pick(names)
    case 'reason':
    case 'token':
      return 'x'.repeat(random.int(0, 100))
    case 'payload':
      return randomPayload(random)
    case 'error':
      return random.pick(Object.keys(errors) as ErrorCode[])
    case 'position':
      return {
        epoch: random.pick([0, 1, random.int(0, 2 ** 31)]),
        at: random.int(0, 9),
        numbers: Array.from({ length: random.int(0, 4) }, () => [random.int(1, 9), random.int(0, 9)]),
      } satisfies Position
    case 'frames':
    case 'publications':
      return new Uint8Array(0)
    case 'bytes':
      return random.bytes(random.int(0, 40))
    default: {
      const { list, max } = kind as { readonly list: Fields; readonly max: keyof typeof limits }
      const length = random.chance(0.02) ? limits[max] : random.int(0, 3)
      return Array.from({ length }, () => randomFields(random, list))
    }
  }
}

/** Bytes of any size up to slightly more than the largest limit, or text. */
function randomPayload(random: Random): Payload {
  const size = random.chance(0.05) ? random.int(0, 40_000) : random.int(0, 60)
  return { text: random.chance(0.5), bytes: new Uint8Array(size).fill(0x78) }
}

/** The same bytes with a few changed, cut off, doubled or added. */
export function mutate(random: Random, packet: Uint8Array): Uint8Array {
  const bytes = packet.slice()
  switch (random.int(0, 4)) {
    case 0:
      return bytes.subarray(0, random.int(0, bytes.length))
    case 1:
      return joined(bytes, random.bytes(random.int(1, 20)))
    case 2:
      return joined(bytes, bytes)
    default:
      for (let i = random.int(1, 4); i > 0 && bytes.length > 0; i--)
        bytes[random.int(0, bytes.length - 1)] = random.int(0, 255)
      return bytes
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
