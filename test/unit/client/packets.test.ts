import { describe, expect, it } from 'vitest'
import { closeError, isOwnCode } from '../../../src/client/machine/errors.ts'
import { packetsOf } from '../../../src/client/machine/packets.ts'
import { type ClientMessage, type Codec, limits } from '../../../src/protocol/index.ts'

/** Messages of so many bytes each, in a codec that adds nothing to them. */
function packed(...sizes: readonly number[]): { readonly packets: number[][]; readonly tries: number } {
  let tries = 0
  const codec = {
    encode(messages: readonly { readonly time: number }[]) {
      tries++
      return { length: messages.reduce((sum, { time }) => sum + time, 0), messages }
    },
  }
  const messages = sizes.map((time): ClientMessage => ({ type: 'ping', time }))
  const all = [...packetsOf(messages, codec as unknown as Codec)] as unknown as {
    readonly messages: readonly { readonly time: number }[]
  }[]
  return { packets: all.map((packet) => packet.messages.map(({ time }) => time)), tries }
}

const some = (count: number, size: number): number[] => Array.from({ length: count }, () => size)

describe('A packet', () => {
  it('holds as many bytes as a node takes, and not one more', () => {
    expect(packed(limits.packet - 1, 1).packets).toEqual([[limits.packet - 1, 1]])
    expect(packed(limits.packet - 1, 2).packets).toEqual([[limits.packet - 1], [2]])
  })

  it('holds as many messages as a node takes, and not one more', () => {
    const { packets } = packed(...some(2 * limits.messages + 1, 1))
    expect(packets.map(({ length }) => length)).toEqual([limits.messages, limits.messages, 1])
  })

  it('that is one message is sent, however large: the node says what it thinks of it', () => {
    expect(packed(limits.packet + 1).packets).toEqual([[limits.packet + 1]])
    expect(packed().packets).toEqual([])
  })

  it('keeps the order, and is found with few tries where messages are large', () => {
    const sizes = Array.from({ length: 500 }, (_, n) => 1_000 + n)
    const { packets, tries } = packed(...sizes)
    expect(packets.flat()).toEqual(sizes)
    expect(packets.length).toBeLessThan(20)
    expect(tries).toBeLessThan(40)
    // Few large ones do not make all that follow small packets.
    const { packets: mixed } = packed(limits.packet, limits.packet, ...some(1_000, 1))
    expect(mixed.length).toBeLessThan(14)
  })
})

describe('A close code', () => {
  it('is one of RTMS’s own from 4400 to 4499', () => {
    expect([4_399, 4_400, 4_450, 4_499, 4_500, 1_006].map(isOwnCode)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ])
  })

  it('has an error where there is one of its name', () => {
    const codes = [4_400, 4_401, 4_402, 4_403, 4_404, 4_450, 4_451, 4_452, 4_453, 4_454, 4_455, 1_006, 4_499]
    expect(codes.map((code) => closeError(code, '')?.code ?? null)).toEqual([
      'PROTOCOL',
      'UNAUTHENTICATED',
      null,
      'FORBIDDEN',
      null,
      'SLOW',
      'EXPIRED',
      null,
      'RATE',
      'DRAINING',
      'FULL',
      null,
      null,
    ])
  })
})
