import { Reader, Writer } from '../../protocol/bytes.ts'
import type { Lineage } from '../meeting/lineage.ts'
import type { Owner } from '../meeting/owner.ts'
import { legacyOf } from './legacy.ts'
import { decodeMesh, encodeMesh, type MeshMessageOf } from './mesh-messages.ts'
import { isPossible } from './possible.ts'

/** What a member keeps for whoever goes on with the meeting: all that its frames from here on do not say. */
export interface Charter {
  /** The node that has owned the meeting when it was written. */
  readonly owner: number
  /** When that was, in milliseconds since 1970. */
  readonly written: number
  /** As a replica is told that has all frames so far. */
  readonly facts: MeshMessageOf<'followed'>
}

/** Null where nobody could go on with the meeting. */
export function writeCharter(owner: Owner, self: number, lineage: Lineage, now: number): Uint8Array | null {
  const { room, log, config } = owner
  const legacy = legacyOf(owner, now)
  if (legacy === '' || log.trace === null) return null
  const first = log.next
  const { list: members } = room.attendance
  const facts: MeshMessageOf<'followed'> = {
    type: 'followed',
    replica: 0,
    ...room.facts,
    config,
    first,
    head: first - 1,
    members,
    // Delayed spectators of a revived meeting are shown at once who was there.
    hidden: first,
    shown: room.facts.spectatorDelayMs === 0 ? [] : members,
    chain: log.trace.behind(first - 1),
    next: first,
    due: 0,
    legacy,
    bots: owner.bots.runs,
  }
  const w = new Writer(512)
  w.uint(self)
  w.uint(Math.max(0, Math.floor(lineage.wallAt(now))))
  w.raw(encodeMesh(facts))
  return w.finish()
}

/** Null where it is none. */
export function readCharter(data: Uint8Array): Charter | null {
  const r = new Reader(data)
  const owner = r.uint()
  const written = r.uint()
  const facts = decodeMesh(data.subarray(data.length - r.left))
  return facts?.type === 'followed' && isPossible(facts) ? { owner, written, facts } : null
}
