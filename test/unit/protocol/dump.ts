import { Reader } from '../../../src/protocol/bytes.ts'
import { readInt } from '../../../src/protocol/publications.ts'
import { decodeEvent } from '../../../src/protocol/frames.ts'
import { SYSTEM_SLOT } from '../../../src/protocol/limits.ts'
import type { Payload } from '../../../src/protocol/payload.ts'
import { type Fields, type Kind, type MessageType, schema, tailOf } from '../../../src/protocol/schema.ts'
import { readFields, readPayload } from '../../../src/protocol/struct.ts'

/* Packets as PROTOCOL.md shows them: their bytes, and beside them what they mean. */

const BYTES_A_LINE = 16
const HEX_COLUMNS = 3 * BYTES_A_LINE - 1
const COLUMNS = 116

/** Some bytes of a packet, and what they mean. */
interface Piece {
  readonly bytes: Uint8Array
  readonly meaning: string
  /** Whether it begins a line. */
  readonly first?: boolean
}

/** Reads a packet in pieces. */
class Parser {
  readonly #packet: Uint8Array
  readonly #reader: Reader
  readonly pieces: Piece[] = []

  constructor(packet: Uint8Array) {
    this.#packet = packet
    this.#reader = new Reader(packet)
  }

  get left(): number {
    return this.#reader.left
  }

  /** Reads something, and notes what it means. */
  piece<T>(read: (r: Reader) => T, meaning: (value: T) => string, first = false): T {
    const from = this.#packet.length - this.#reader.left
    const value = read(this.#reader)
    const bytes = this.#packet.subarray(from, this.#packet.length - this.#reader.left)
    this.pieces.push({ bytes, meaning: meaning(value), first })
    return value
  }

  uint(meaning: (value: number) => string, first = false): number {
    return this.piece((r) => r.uint(), meaning, first)
  }

  payload(meaning: (payload: Payload) => string): Payload {
    return this.piece(readPayload, meaning)
  }
}

const quote = (bytes: Uint8Array): string => `text ${new TextDecoder().decode(bytes)}`
const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`
const ofPayload = ({ text, bytes }: Payload): string => (text ? quote(bytes) : count(bytes.length, 'byte'))

const typeOf: ReadonlyMap<number, MessageType> = new Map(
  (Object.keys(schema) as MessageType[]).map((type) => [schema[type].code, type]),
)

function parseMessage(parser: Parser): void {
  let type: MessageType | undefined
  const length = parser.piece(
    (r) => {
      type = typeOf.get(r.byte())
      return r.uint()
    },
    (value) => `${type ?? 'unknown'}, ${count(value, 'byte')}`,
    true,
  )
  const end = parser.left - length
  if (type === undefined) throw new Error('a message of no type')
  parseFields(parser, schema[type].fields, end)
  if (parser.left > end) parseFields(parser, tailOf(type), end)
}

function parseFields(parser: Parser, fields: Fields, end: number, first = 0): void {
  let start = first
  for (const [name, kind] of Object.entries(fields)) {
    if (parser.left === end) return
    if (name === 'first' || name === 'at') start = parser.uint((value) => `${name} ${value}`)
    else if (typeof kind === 'object') {
      const items = parser.uint((value) => `${name}: ${value}`)
      for (let index = 0; index < items; index++) parseFields(parser, kind.list, -1)
    } else if (kind === 'frames') parseFrames(parser, start)
    else if (kind === 'publications') parsePublications(parser, start, end)
    else parseField(parser, name, kind)
  }
}

function parseField(parser: Parser, name: string, kind: Exclude<Kind, object>): void {
  const read = (r: Reader): unknown => {
    const into: Record<string, unknown> = {}
    readFields(r, { [name]: kind }, into)
    return into[name]
  }
  parser.piece(read, (value) => {
    if (kind === 'payload') return `${name} ${ofPayload(value as Payload)}`
    if (kind === 'bytes') return `${name}, ${count((value as Uint8Array).length, 'byte')}`
    if (kind === 'position') {
      const { epoch, at, numbers } = value as { epoch: number; at: number; numbers: number[][] }
      return `${name}: epoch ${epoch}, at ${at}, ${numbers.map((pair) => pair.join(': ')).join(', ') || 'no numbers'}`
    }
    return value === '' ? `no ${name}` : `${name} ${String(value)}`
  })
}

function parseFrames(parser: Parser, first: number): void {
  const length = parser.uint((value) => `${count(value, 'byte')} of frames`)
  const end = parser.left - length
  let frame = first
  while (parser.left > end) {
    const head = parser.uint((value) => {
      const number = Math.floor(value / 2)
      const run = number === 1 ? `${frame}: empty` : `${frame} to ${frame + number - 1}: empty`
      return value % 2 === 1 ? run : `${frame}: ${number === 1 ? '1 entry' : `${number} entries`}`
    })
    if (head % 2 === 0) for (let index = 0; index < head / 2; index++) parseEntry(parser)
    frame += head % 2 === 1 ? (head - 1) / 2 : 1
  }
}

function parseEntry(parser: Parser): void {
  const slot = parser.piece(
    (r) => r.byte(),
    (value) => `slot ${value}`,
  )
  const seq = parser.uint((value) => (slot === SYSTEM_SLOT ? `event ${value}` : `seq ${value}`))
  parser.payload((data) => {
    if (slot !== SYSTEM_SLOT) return ofPayload(data)
    const { type, ...fields } = decodeEvent({ slot, seq, data }) as { type: string }
    return `${type}: ${Object.entries(fields)
      .map((each) => each.join(' '))
      .join(', ')}`
  })
}

function parsePublications(parser: Parser, at: number, end: number): void {
  let position = at - 1
  let offset = 0
  while (parser.left > end) {
    const flags = parser.piece(
      (r) => r.byte(),
      (value) =>
        `flags ${[1, 2, 4, 8, 16, 32, 64, 128].filter((flag) => value & flag).join(' + ') || 'none'}`,
      true,
    )
    if (flags & 1) parser.uint((value) => `publisher ${value}`)
    if (flags & 2) {
      offset = parser.piece(readInt, (value) => `offset ${value}`)
    }
    position++
    if (flags & 4) position += parser.uint((value) => `${value} skipped`)
    const place = `position ${position}, number ${position - offset}`
    parser.uint((value) => `${place}, time ${flags & 128 ? '−' : '+'} ${value}`)
    if (flags & 8) {
      parser.piece(
        (r) => r.text(255),
        (key) => `key ${key}`,
      )
    }
    const of = (bytes: Uint8Array): string => ofPayload({ text: (flags & 32) !== 0, bytes })
    parser.piece((r) => r.raw(flags & 64 ? r.left - end : r.uint()), of)
  }
}

/** Lines of hex with what they mean; small pieces share a line. */
export function dump(packet: Uint8Array): string {
  const parser = new Parser(packet)
  while (parser.left > 0) parseMessage(parser)
  const lines: string[] = []
  let hex = ''
  let meaning = ''
  const flush = (): void => {
    const rows = hex.match(new RegExp(`.{1,${HEX_COLUMNS + 1}}`, 'g')) ?? []
    const texts = wrap(meaning, COLUMNS - HEX_COLUMNS - 2)
    for (let index = 0; index < Math.max(rows.length, texts.length); index++)
      lines.push(`${(rows[index] ?? '').trim().padEnd(HEX_COLUMNS)}  ${texts[index] ?? ''}`.trimEnd())
    hex = meaning = ''
  }
  for (const piece of parser.pieces) {
    const own = Array.from(piece.bytes, (byte) => `${byte.toString(16).padStart(2, '0')} `).join('')
    const isFull =
      hex.length + own.length > HEX_COLUMNS + 1 ||
      meaning.length + piece.meaning.length + 2 > COLUMNS - HEX_COLUMNS - 2
    if (piece.first === true || isFull) flush()
    hex += own
    meaning += meaning === '' ? piece.meaning : `, ${piece.meaning}`
  }
  flush()
  return lines.filter((line) => line !== '').join('\n')
}

/** Breaks a text between words. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** A packet of JSON in lines, each message on lines of its own. */
export function layOut(json: string): string {
  const messages = (JSON.parse(json) as object[]).map((message) => {
    const parts = JSON.stringify(message).split(/(?<=,)(?="|\{|\[)/)
    const lines: string[] = []
    let line = ''
    for (const part of parts) {
      if (line !== '' && line.length + part.length > COLUMNS - 2) {
        lines.push(line)
        line = `  ${part}`
      } else line += part
    }
    return [...lines, line].join('\n')
  })
  return `[${messages.join(',\n')}]`
}
