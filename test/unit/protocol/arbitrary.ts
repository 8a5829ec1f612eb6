import * as fc from 'fast-check'
import { Writer } from '../../../src/protocol/bytes.ts'
import { errors, type ErrorCode } from '../../../src/protocol/errors.ts'
import { eventEntry, joinFrames, writeEntry, type FrameEntry } from '../../../src/protocol/frames.ts'
import { limits, MAX_SIGNED, MAX_UINT, SYSTEM_SLOT, versions } from '../../../src/protocol/limits.ts'
import type { Payload } from '../../../src/protocol/payload.ts'
import { PublicationWriter, type PublicationEntry } from '../../../src/protocol/publications.ts'
import {
  events,
  schema,
  type EventType,
  type Fields,
  type Kind,
  type MeetingEvent,
  type Message,
  type MessageType,
  type Side,
  tailOf,
} from '../../../src/protocol/schema.ts'

/*
 * Messages for the property tests, derived from the schema: a message that is added there is tested at once.
 * Everything made here is well-formed and within the limits, so it has to survive a round trip unchanged.
 */

export const messageTypes = Object.keys(schema) as MessageType[]

/** The side a message type comes from; `both` counts as the client. */
export function senderOf(type: MessageType): Side {
  const { from } = schema[type]
  return from === 'both' ? 'client' : from
}

/** Where the encodings change their length, and where a double or a bit operation would go wrong. */
const edges = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, 2 ** 52, MAX_UINT]

const uint = fc.oneof(fc.nat(300), fc.constantFrom(...edges), fc.maxSafeNat())

/** Text of at most `max` bytes of UTF-8: a code point has at most four. Half of it is short ASCII. */
function text(max: number): fc.Arbitrary<string> {
  const any = fc.string({ unit: 'binary', maxLength: Math.min(Math.floor(max / 4), 24) })
  return fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 24 }), any, fc.constant('x'.repeat(max)))
}

const bytes = fc.uint8Array({ maxLength: 48 })

const encoder = new TextEncoder()
const payload: fc.Arbitrary<Payload> = fc.oneof(
  bytes.map((value) => ({ text: false, bytes: value })),
  fc.string({ unit: 'binary', maxLength: 24 }).map((value) => ({ text: true, bytes: encoder.encode(value) })),
)

const position = fc.record(
  { epoch: uint, at: uint, numbers: fc.array(fc.tuple(uint, uint), { maxLength: 5 }) },
  { noNullPrototype: true },
)

const event: fc.Arbitrary<MeetingEvent> = fc
  .constantFrom(...(Object.keys(events) as EventType[]))
  .chain((type) => struct(events[type].fields).map((fields) => ({ type, ...fields }) as MeetingEvent))

const input: fc.Arbitrary<FrameEntry> = fc.record(
  { slot: fc.nat(SYSTEM_SLOT - 1), seq: uint, data: payload },
  { noNullPrototype: true },
)

/** The entries of one frame that is not empty: events first. */
export const frame: fc.Arbitrary<FrameEntry[]> = fc
  .tuple(fc.array(event.map(eventEntry), { maxLength: 2 }), fc.array(input, { maxLength: 4 }))
  .map(([system, inputs]) => [...system, ...inputs])
  .filter((entries) => entries.length > 0)

export function encodeFrame(entries: readonly FrameEntry[]): Uint8Array {
  const w = new Writer()
  if (entries.length === 0) return w.finish()
  w.uint(entries.length * 2)
  for (const { slot, seq, data } of entries) writeEntry(w, slot, seq, data)
  return w.finish()
}

/** Encoded entries of a log and how many they are: the fields of a message that belong together. */
interface Batch {
  readonly count: number
  readonly bytes: Uint8Array
}

const emptyRun = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(63, 64, 1_000))

const frames: fc.Arbitrary<Batch> = fc
  .array(fc.oneof({ weight: 3, arbitrary: frame }, { weight: 1, arbitrary: emptyRun }), { maxLength: 5 })
  .map((parts) => {
    const all = parts.flatMap((part) =>
      typeof part === 'number' ? Array.from({ length: part }, () => encodeFrame([])) : [encodeFrame(part)],
    )
    const w = new Writer()
    joinFrames(w, all)
    return { count: all.length, bytes: w.finish() }
  })

const place = fc.oneof(fc.nat(300), fc.constantFrom(...edges.filter((edge) => edge < MAX_SIGNED)))

/** A publication as it follows another: so many positions behind it. */
const publication = fc.record(
  {
    publisher: fc.oneof(fc.nat(3), uint),
    skipped: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(300) }),
    offset: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: place }),
    time: fc
      .tuple(place, fc.boolean())
      .map(([value, isEarlier]) => (isEarlier && value > 0 ? -value : value)),
    key: fc.oneof(fc.constant(''), text(limits.name)),
    tombstone: fc.boolean(),
    data: payload,
  },
  { noNullPrototype: true },
)

/** Publications of a log and the position they begin at. */
export const publicationList: fc.Arbitrary<{ readonly at: number; readonly list: PublicationEntry[] }> = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 50 }), fc.array(publication, { maxLength: 6 }))
  .map(([first, drawn]) => {
    let at = first - 1
    const list = drawn.map(({ skipped, offset, ...entry }): PublicationEntry => {
      at += 1 + skipped
      // Only a key can be removed.
      const tombstone = entry.tombstone && entry.key !== ''
      return { at, number: Math.max(0, at - offset), ...entry, tombstone }
    })
    return { at: first, list }
  })

export function encodePublications(at: number, list: readonly PublicationEntry[]): Uint8Array {
  const w = new Writer()
  const writer = new PublicationWriter(w, at)
  list.forEach((entry, index) => {
    const { publisher, number, time, key, tombstone, data } = entry
    writer.add(entry.at, publisher, number, time, key, tombstone, data, index === list.length - 1)
  })
  return w.finish()
}

const publications = publicationList.map(({ at, list }) => ({ at, bytes: encodePublications(at, list) }))

const kinds: Record<Exclude<Kind, object>, fc.Arbitrary<unknown>> = {
  uint,
  bool: fc.boolean(),
  name: text(limits.name),
  wish: text(2 * limits.name),
  reason: text(limits.reason),
  token: text(limits.token),
  bytes,
  payload,
  error: fc.constantFrom(...(Object.keys(errors) as ErrorCode[])),
  why: fc.constantFrom('', ...(Object.keys(errors) as ErrorCode[])),
  position,
  frames,
  publications,
}

function ofKind(kind: Kind): fc.Arbitrary<unknown> {
  if (typeof kind === 'string') return kinds[kind]
  return fc.array(struct(kind.list), { maxLength: Math.min(limits[kind.max], 4) })
}

/** The fields of a struct of the schema. Encoded entries bring the `count` and `first`, or the `at`, that they need. */
function struct(fields: Fields): fc.Arbitrary<Record<string, unknown>> {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  for (const name in fields) model[name] = ofKind(fields[name] as Kind)
  return fc.record(model, { noNullPrototype: true }).map((values) => {
    if (fields['publications'] === 'publications') {
      const { at, bytes } = values['publications'] as { at: number; bytes: Uint8Array }
      return { ...values, at, publications: bytes }
    }
    if (fields['frames'] !== 'frames') return values
    const { count, bytes } = values['frames'] as Batch
    const first = 'first' in fields ? { first: Math.min(values['first'] as number, MAX_UINT - count) } : {}
    return { ...values, ...first, count, frames: bytes }
  })
}

/** Any well-formed message of `type`. */
export function arbitraryMessage(type: MessageType): fc.Arbitrary<Message> {
  return fc.tuple(struct(schema[type].fields), struct(tailOf(type))).map(([fields, tail]) => {
    const version = type === 'hello' ? { version: versions.most } : {}
    return { type, ...fields, ...tail, ...version } as unknown as Message
  })
}

/** Any well-formed messages that `from` may put into one packet. */
export function arbitraryPacket(from: 'client' | 'server'): fc.Arbitrary<Message[]> {
  const types = messageTypes.filter((type) => schema[type].from === from || schema[type].from === 'both')
  return fc.array(fc.constantFrom(...types).chain(arbitraryMessage), { minLength: 1, maxLength: 4 })
}
