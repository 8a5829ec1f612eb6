import { readFileSync } from 'node:fs'

/** Every message of the protocol as a valid packet, from the golden vectors: `{ from, hex, json }`. */
export const valid = JSON.parse(
  readFileSync(new URL('../../test/unit/protocol/vectors.json', import.meta.url), 'utf8'),
).valid

/** Bytes and texts that decoders trip over. */
const WORDS = [
  [0x00],
  [0x7f],
  [0x80],
  [0xff],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xc3, 0x28],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x9f],
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'null',
    'true',
    '-1',
    '1e999',
    '0.5',
    '{"__proto__":{}}',
    '\\ud800',
  ].map((text) => [...Buffer.from(text)]),
]

/**
 * A damaged copy of a packet: one to four changes, each of a bit, a byte, a piece that goes, comes, or comes twice, or
 * a piece of another packet.
 *
 * @param {Uint8Array} packet @param {Uint8Array} other @param {(below: number) => number} random
 */
export function mutate(packet, other, random) {
  let bytes = [...packet]
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1)
    const kind = random(7)
    if (kind === 0 && bytes.length > 0) bytes[at % bytes.length] ^= 1 << random(8)
    else if (kind === 1 && bytes.length > 0) bytes[at % bytes.length] = random(256)
    else if (kind === 2) bytes.splice(at, 1 + random(8))
    else if (kind === 3) bytes.splice(at, 0, ...WORDS[random(WORDS.length)])
    else if (kind === 4) bytes.splice(at, 0, ...bytes.slice(at, at + random(32)))
    else if (kind === 5) bytes = [...bytes.slice(0, at), ...other.slice(random(other.length + 1))]
    else bytes = bytes.slice(0, at)
  }
  return Buffer.from(bytes)
}

/** @param {(below: number) => number} random */
export const noise = (random, length) => Buffer.from(Array.from({ length }, () => random(256)))
