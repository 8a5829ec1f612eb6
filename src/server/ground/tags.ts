import { createHmac, hash } from 'node:crypto'
import type { LineageOptions } from '../../core/index.ts'

const KEY_BYTES = 32

/**
 * The keyed hash by which the nodes of a cluster know their frames: SHA-256 of the key and the bytes. Only 53 of its 256
 * bits are told, so nobody can go on from one of them to longer bytes; and it takes half the time of an HMAC.
 */
export function tagsBy(secret: string): NonNullable<LineageOptions['tag']> {
  let buffer = Buffer.alloc(4_096)
  createHmac('sha256', secret).update('rtms: lineage of frames').digest().copy(buffer)
  return (bytes) => {
    const end = KEY_BYTES + bytes.length
    if (end > buffer.length) buffer = Buffer.concat([buffer.subarray(0, KEY_BYTES), Buffer.alloc(2 * end)])
    buffer.set(bytes, KEY_BYTES)
    const digest = hash('sha256', buffer.subarray(0, end), 'buffer')
    return (digest.readUInt32BE(0) >>> 11) * 2 ** 32 + digest.readUInt32BE(4)
  }
}
