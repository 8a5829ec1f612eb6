import { limits } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { Topic } from './topic.ts'

/** The last number that was seen of a publisher. */
export interface HeadOf {
  readonly source: number
  readonly number: number
}

/** What a node wants of a topic: what another one keeps from a position of that node's log on, and it has not seen. */
export interface Want {
  readonly topic: string
  /** 0 for everything. */
  readonly from: number
  readonly heads: readonly HeadOf[]
}

/** A publication that a node keeps, in its ring or as the latest of its key. */
export interface KeptEntry {
  readonly source: number
  readonly number: number
  readonly stamp: number
  /** It has left the ring: what its publisher published next was kept, and need not be any more. */
  readonly isOld: boolean
  readonly key: string
  readonly tombstone: boolean
  readonly data: Payload
}

/** What a node keeps of a topic, in order of its log. */
export interface Kept {
  readonly entries: readonly KeptEntry[]
  /** The position to go on at; 0: that was all. */
  readonly next: number
  /** With the last entry: the last numbers seen, of publishers whose entries are told. */
  readonly heads: readonly HeadOf[]
}

export const NOTHING_KEPT: Kept = { entries: [], next: 0, heads: [] }

export function headsOf(topic: Topic): HeadOf[] {
  return topic.positionAt(topic.next).numbers.map(([source, number]) => ({ source, number }))
}

/** What it counts, in bytes of an answer, to look at an entry that the other node has. */
const LOOKED = 16

/** What an answer has room for. */
interface Room {
  left: number
}

/**
 * What this node keeps of the topics that another one wants, in the order asked, up to `most` bytes; topics that did
 * not fit are left out. `tells`: whether this node answers for a publisher, as it does for itself, and for those that
 * cannot answer themselves.
 */
export function keptOf(
  wants: readonly Want[],
  topicOf: (name: string) => Topic | undefined,
  tells: (source: number) => boolean,
  most: number,
): Kept[] {
  const all: Kept[] = []
  const room: Room = { left: most }
  for (const want of wants) {
    if (room.left <= 0) break
    const topic = topicOf(want.topic)
    if (topic === undefined || topic.isEmpty) {
      all.push(NOTHING_KEPT)
      continue
    }
    all.push(keptIn(topic, want, tells, room))
  }
  return all
}

function keptIn(topic: Topic, { from, heads }: Want, tells: (source: number) => boolean, room: Room): Kept {
  const seen = new Map(heads.map(({ source, number }) => [source, number]))
  const isSeen = (source: number, number: number): boolean => number <= (seen.get(source) ?? 0)
  const known = headsOf(topic)
  const own = known.filter(({ source }) => tells(source))
  // A reader that comes and goes has nearly always seen all there is, of a topic that may be large.
  const hasAll = known.length < limits.publishers && own.every(({ source, number }) => isSeen(source, number))
  if (hasAll) return { entries: [], next: 0, heads: own }
  const entries: KeptEntry[] = []
  for (const entry of topic.kept(from)) {
    const { position, source, number, stamp, key, tombstone, data, size } = entry
    if (room.left <= 0) return { entries, next: position, heads: [] }
    const { incarnation } = source
    if (entry.isHole || isSeen(incarnation, number) || !tells(incarnation)) {
      room.left -= LOOKED
      continue
    }
    room.left -= size
    entries.push({ source: incarnation, number, stamp, isOld: position < topic.first, key, tombstone, data })
  }
  return { entries, next: 0, heads: own }
}

/**
 * Those of the entries that one node keeps, `source number`, before which nothing is missing though their numbers do
 * not say so: the one before has left the ring, and what came between them may have been dropped.
 */
export function joinedOf(entries: readonly KeptEntry[]): string[] {
  const last = new Map<number, KeptEntry>()
  return entries.flatMap((entry) => {
    const isJoined = last.get(entry.source)?.isOld === true
    last.set(entry.source, entry)
    return isJoined ? [`${entry.source} ${entry.number}`] : []
  })
}
