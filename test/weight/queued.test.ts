import { describe, expect, it } from 'vitest'
import type { Connection } from '../../src/core/index.ts'
import { binaryCodec, type Message, type MessageType } from '../../src/protocol/index.ts'
import { limits } from '../../src/protocol/limits.ts'
import { type Fields, type Kind, schema, tailOf } from '../../src/protocol/schema.ts'
import { messages, textPayload } from '../../src/testing/index.ts'
import { Scale } from './scale.ts'
import { blocked, measure, weighed } from './weighed.ts'

/* What waits in an upstream queue, of every type. */

/** Client messages that the connection itself answers; they never enter an upstream queue. */
const unqueued: ReadonlySet<MessageType> = new Set(['ping', 'pong', 'hello', 'ack', 'promise', 'kept'])

/** A value of a kind, with nothing of variable size in it, or with much. Numbers are too large for a small integer. */
function valueOf(kind: Kind, full: boolean, n: number): unknown {
  if (typeof kind === 'object') {
    // Of many lists in lists, the lists of the first items alone are long.
    const length = Math.min(limits[kind.max], 20)
    return Array.from({ length }, (_, at) => structOf(kind.list, full && at === 0, 2 ** 40 + n * 100 + at))
  }
  switch (kind) {
    case 'uint':
      return 2 ** 40 + n
    case 'bool':
      return true
    case 'payload':
      return textPayload('x'.repeat(full ? 1_000 : 1))
    case 'position':
      return {
        epoch: 2 ** 40 + n,
        at: 2 ** 40 + n,
        numbers: Array.from({ length: full ? limits.publishers : 0 }, (_, at) => [
          2 ** 41 + at,
          2 ** 42 + at,
        ]),
      }
    default:
      return full ? `${n}`.padEnd(200, 'x') : `${n}`
  }
}

function structOf(fields: Fields, full: boolean, n: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, valueOf(kind, full, n)]))
}

describe('Whatever a client sends is charged what it weighs while it waits:', () => {
  const types = (Object.keys(schema) as MessageType[]).filter(
    (type) => schema[type].from === 'client' && !unqueued.has(type),
  )
  for (const type of types)
    for (const full of [false, true])
      it(`${type}, ${full ? 'filled' : 'with short fields'}`, async () => {
        const SESSIONS = 20
        // As many as weigh some megabytes.
        const each = type === 'subscribe' || type === 'join' ? 25 : 500
        await weighed(`${type} waiting, ${full ? 'filled' : 'short'}`, SESSIONS * each, () => {
          const scale = new Scale({ upstreamMessages: 1_000, upstreamBytes: 1e9 })
          const connections = blocked(scale, SESSIONS)
          const grow = (): void => {
            for (let n = 0; n < each; n++)
              for (const connection of connections) {
                const fields = structOf({ ...schema[type].fields, ...tailOf(type) }, full, n)
                if ('call' in fields) fields['call'] = n + 2
                scale.say(connection, { type, ...fields } as Message)
              }
            expect(scale.node.sessionList(1)[0]?.waiting.messages).toBe(each)
          }
          return { node: scale.node, grow }
        })
      })

  it('a request of one byte keeps nothing else of what was read from the socket with it', async () => {
    const { each } = await measure('request of one byte in 64 KiB', 2_000, () => {
      const scale = new Scale({ upstreamMessages: 2_000, upstreamBytes: 1e9 })
      const [connection] = blocked(scale, 1)
      const grow = (): void => {
        for (let n = 0; n < 2_000; n++) {
          const packet = binaryCodec.encode([messages.request(n + 2, 'r', textPayload('x'))])
          const read = new Uint8Array(65_536)
          read.set(packet, 1_000)
          scale.node.handlePacket(
            connection as Connection,
            read.subarray(1_000, 1_000 + packet.length),
            scale.now,
          )
        }
      }
      return { node: scale.node, counted: () => scale.node.logs.bytes, grow }
    })
    expect(each).toBeLessThan(1_000)
  })
})
