import { describe, expect, it } from 'vitest'
import { webSocketBytes } from '../../../src/server/edge/transport.ts'

const packet = (length: number, text = false) => ({
  bytes: new Uint8Array(length).fill(7),
  text,
  rendered: null as Uint8Array | null,
})

describe('The frame of a packet', () => {
  it.each([
    [0, [0x82, 0]],
    [125, [0x82, 125]],
    [126, [0x82, 126, 0, 126]],
    [65_535, [0x82, 126, 0xff, 0xff]],
    [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])('of %i bytes has the shortest head, unmasked and final', (length, head) => {
    const framed = webSocketBytes(packet(length))
    expect([...framed.subarray(0, head.length)]).toEqual(head)
    expect(framed.subarray(head.length)).toHaveLength(length)
    expect(framed.subarray(head.length).every((byte) => byte === 7)).toBe(true)
  })

  it('says text where the packet is text', () => {
    expect(webSocketBytes(packet(1, true))[0]).toBe(0x81)
  })

  it('is made once for a packet that goes to many', () => {
    const shared = packet(10)
    expect(webSocketBytes(shared)).toBe(webSocketBytes(shared))
  })
})
