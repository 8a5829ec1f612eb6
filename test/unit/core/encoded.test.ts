import { describe, expect, it } from 'vitest'
import { compose, Encoded } from '../../../src/core/log/encoded.ts'
import { binaryCodec, jsonCodec, type ServerMessage } from '../../../src/protocol/index.ts'
import { text } from './harness.ts'

const messages: ServerMessage[] = [
  { type: 'done', call: 1, value: 0 },
  { type: 'push', name: 'order.filled', data: text('"é\\n😀"') },
  { type: 'push', name: 'raw', data: { text: false, bytes: Uint8Array.of(0, 255, 128) } },
  { type: 'nack', log: 3, seq: 9, error: 'RATE', retryAfter: 20, last: 0, message: '', reason: '' },
]

describe('An encoded message', () => {
  it('is the message in either encoding', () => {
    for (const message of messages) {
      const encoded = Encoded.of(message)
      expect(binaryCodec.decode(encoded.binary, 'server')).toEqual([message])
      const json = new TextDecoder().decode(encoded.packet(true).bytes)
      expect(jsonCodec.decode(json, 'server')).toEqual([message])
    }
  })

  it('is encoded once for all it goes to: the same bytes and packets each time', () => {
    const encoded = Encoded.of(messages[1] as ServerMessage)
    expect(encoded.form(false)).toBe(encoded.binary)
    expect(encoded.form(true)).toBe(encoded.form(true))
    expect(encoded.packet(false)).toBe(encoded.packet(false))
    expect(encoded.packet(true)).toBe(encoded.packet(true))
    expect(encoded.packet(false)).toMatchObject({ text: false, rendered: null })
    expect(encoded.packet(false).bytes).toBe(encoded.binary)
    expect(encoded.packet(true)).toMatchObject({ text: true, rendered: null })
  })

  it.each([0, 1, 2, 3, 4])('composes %i of them to one packet in either encoding', (count) => {
    if (count === 0) {
      expect(compose([], false).bytes).toHaveLength(0)
      return
    }
    const some = messages.slice(0, count)
    const parts = some.map((message) => Encoded.of(message))
    expect(binaryCodec.decode(compose(parts, false).bytes, 'server')).toEqual(some)
    const json = new TextDecoder().decode(compose(parts, true).bytes)
    expect(jsonCodec.decode(json, 'server')).toEqual(some)
    expect(json).toMatch(/^\[\{.*\}\]$/)
  })

  it('is copied into a composed packet: nobody can write to it there', () => {
    const [a, b] = [Encoded.of(messages[0] as ServerMessage), Encoded.of(messages[3] as ServerMessage)]
    const before = a.binary.slice()
    compose([a, b], false).bytes.fill(0)
    expect(a.binary).toEqual(before)
  })
})
