import type { Budget } from '../../../src/core/ground/budget.ts'
import type { Retention } from '../../../src/core/ground/config.ts'
import { Work } from '../../../src/core/ground/work.ts'
import { WarmCaches } from '../../../src/core/log/batches.ts'
import { Outlet } from '../../../src/core/log/log.ts'
import { TopicCursor, type Wish, wishOf } from '../../../src/core/topic/cursor.ts'
import { Publishers } from '../../../src/core/topic/publishers.ts'
import { Topic } from '../../../src/core/topic/topic.ts'
import { binaryCodec, type Payload, type ServerMessage } from '../../../src/protocol/index.ts'
import { RecordingTransport, text } from './harness.ts'
import { endless } from './payers.ts'

export const LOG = 7
export const EPOCH = LOG + 1
export const publishers = new Publishers(1)

/** A publication as the tests give it; its stamp, in microseconds, follows its number unless given. */
export interface Given {
  readonly publisher?: number
  readonly number: number
  readonly stamp?: number
  readonly key?: string
  readonly tombstone?: boolean
  readonly data?: Payload
}

export function append(topic: Topic, given: Given, now = 0): void {
  const { publisher = 1, number, stamp = number * 10, key = '', tombstone = false } = given
  const source = publishers.of(publisher)
  if (source === null) throw new Error('too many publishers')
  topic.append(source, number, stamp, key, tombstone, given.data ?? text(`${number}`), now)
}

/** A topic of incarnation 1 with log 7, whose first position is 1. */
export function topicOf(
  given: readonly Given[] = [],
  parts: {
    pageBytes?: number
    keep?: number
    work?: Work
    budget?: Budget
    retention?: Partial<Retention>
  } = {},
): Topic {
  const topic = new Topic('t', LOG, 1, {
    retention: { entries: parts.keep ?? 1_000, bytes: 10_000_000, ageMs: 1_000_000, ...parts.retention },
    budget: parts.budget ?? endless(),
    work: parts.work ?? new Work(),
    stamps: { trusted: Infinity },
    caches: new WarmCaches(),
    incarnation: 1,
    origin: 0,
    pageBytes: parts.pageBytes ?? 32_768,
    left: () => {},
    spent: () => {},
  })
  for (const each of given) append(topic, each)
  return topic
}

/** What a sweep has carried on may be trimmed. */
export function trim(topic: Topic, now = 0): void {
  topic.carried = topic.next
  topic.trim(now)
}

export function cursorAt(
  topic: Topic,
  position: number,
  {
    conflate = false,
    policy = 0,
    keys = null,
    values = false,
    hz = 0,
  }: Partial<Wish> & { values?: boolean; hz?: number } = {},
): TopicCursor {
  const outlet = new Outlet(new RecordingTransport(() => 0), false, 0)
  return new TopicCursor(topic, outlet, position, wishOf(conflate, policy, keys), values, hz)
}

/** One read: the message, or what was said instead. */
export function read(topic: Topic, cursor: TopicCursor): ServerMessage | 'nothing' | 'disconnect' {
  const result = topic.read(cursor)
  if (typeof result === 'string') return result
  return binaryCodec.decode(result.binary, 'server')[0] as ServerMessage
}

/** Reads until current. */
export function drain(topic: Topic, cursor: TopicCursor): ServerMessage[] {
  const messages: ServerMessage[] = []
  for (let reads = 0; !topic.isCurrent(cursor); reads++) {
    if (reads > 10_000) throw new Error('never current')
    const message = read(topic, cursor)
    if (message === 'disconnect') throw new Error('disconnected')
    if (message !== 'nothing') messages.push(message)
  }
  return messages
}
