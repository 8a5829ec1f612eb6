import { encodeMessage } from '../../protocol/binary.ts'
import { limits as wire, SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import type { Limits } from '../ground/config.ts'
import { weights } from '../ground/weights.ts'
import { costs, type Work } from '../ground/work.ts'
import type { Lineage } from '../meeting/lineage.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Owner } from '../meeting/owner.ts'
import type { RoomHost } from '../meeting/room.ts'
import type { Session } from '../session/session.ts'
import { writeCharter } from './charter.ts'

interface ChartersHost {
  readonly self: number
  readonly lineage: Lineage | null
  readonly limits: Limits
  readonly timers: Timers
  readonly work: Work
  readonly downstream: RoomHost['downstream']
  readonly meetings: () => Meetings
}

/** The last charter of a meeting, encoded for all who get it; null where there can be none. */
interface Written {
  readonly first: number
  readonly message: Uint8Array | null
  /** What it says that may change besides the frames, and how much the log had grown. */
  readonly config: string
  readonly bots: number
  readonly at: number
  readonly grown: number
}

/**
 * Gives the members who are here what they need, besides the frames, to have their meeting go on should its node end:
 * when they join, and anew once many frames have followed, so that they can forget earlier ones.
 */
export class Charters {
  readonly #host: ChartersHost
  readonly #written: Map<Owner, Written | null> = new Map()
  /** Those whose members are about to get a new one: all in turn, before others are looked for. */
  readonly #due: Set<Owner> = new Set()
  readonly #beat: Timer

  constructor(host: ChartersHost) {
    this.#host = host
    this.#beat = new Timer('charters', (now) => this.#onBeat(now))
  }

  /** This node goes on with a meeting: members who are here already have a charter of the earlier owner, or none. */
  add(owner: Owner, now: number): void {
    if (this.#host.lineage === null) return
    if (!this.#written.has(owner)) this.#written.set(owner, null)
    if (this.#beat.index < 0) this.#host.timers.set(this.#beat, now + this.#host.limits.charterBeatMs)
  }

  /** A session has joined. It has read nothing yet, so it gets all frames behind the charter. */
  give(session: Session, { meeting, log, slot, next }: MessageOf<'joined'>, now: number): void {
    const owner = this.#host.meetings().get(meeting)
    if (this.#host.lineage === null || slot === SYSTEM_SLOT || owner?.log.number !== log) return
    this.add(owner, now)
    let written = this.#written.get(owner) ?? null
    // Where there can be none, it is tried anew when the next one is due.
    const isOld = written !== null && written.message !== null && written.first < next
    if (written === null || isOld || isStale(written, owner)) written = this.#write(owner, now)
    if (written.message === null) return
    this.#host.work.done += written.message.length * costs.reread
    this.#host.downstream.sendEncoded(session, written.message)
  }

  #write(owner: Owner, now: number): Written {
    const { self } = this.#host
    const lineage = this.#host.lineage as Lineage
    const { log, config, bots, name } = owner
    const charter = writeCharter(owner, self, lineage, now)
    // Some of it is none of a client's business.
    const data = charter && lineage.keys.seal(charter)
    this.#host.work.done += costs.charter + (data?.length ?? 0) * costs.text
    const first = log.next
    // A client keeps no larger piece.
    const isWhole = data !== null && data.length <= wire.kept
    const message = isWhole
      ? encodeMessage({
          type: 'charter',
          log: log.number,
          first,
          bytes: data,
          tag: lineage.ofCharter(name, first, data),
        })
      : null
    const written = { first, message, config, bots: bots.size, grown: log.grown, at: now }
    log.hold(weigh(written) - weigh(this.#written.get(owner)))
    this.#written.set(owner, written)
    return written
  }

  #onBeat(now: number): void {
    const { limits, timers, work, downstream } = this.#host
    if (this.#due.size === 0) this.#look(now)
    const end = work.done + limits.sweepWork / 4
    for (const owner of this.#due) {
      if (work.done >= end) break
      this.#due.delete(owner)
      if (!this.#isOpen(owner)) continue
      const { message } = this.#write(owner, now)
      if (message === null) continue
      // Whoever is slow gets a later one: its log must not run over with them.
      for (const { member, session } of owner.room.seats()) {
        work.done += costs.encoded
        if (member !== null && !session.log.isBehind) downstream.sendEncoded(session, message)
      }
    }
    if (this.#due.size > 0) timers.set(this.#beat, now + SOON_MS)
    else if (this.#written.size > 0) timers.set(this.#beat, now + limits.charterBeatMs)
  }

  /** Looks for those of which much has changed, or which are old. */
  #look(now: number): void {
    const { charterBytes, charterMs } = this.#host.limits
    for (const [owner, written] of this.#written) {
      // Whoever comes gets one when it joins.
      if (!this.#isOpen(owner) || owner.room.readers === 0) {
        owner.log.hold(-weigh(written))
        this.#written.delete(owner)
        continue
      }
      const isDue =
        written === null ||
        owner.log.grown - written.grown >= charterBytes ||
        now - written.at >= charterMs ||
        isStale(written, owner)
      if (isDue) this.#due.add(owner)
    }
  }

  #isOpen(owner: Owner): boolean {
    return this.#host.meetings().get(owner.name) === owner
  }
}

/** The wait before the next few, in milliseconds. */
const SOON_MS = 10

/** What the meeting pays for. */
function weigh(written: Written | null | undefined): number {
  const { message = null } = written ?? {}
  return message === null ? 0 : weights.bytes + message.length
}

function isStale({ config, bots }: Written, owner: Owner): boolean {
  return config !== owner.config || bots !== owner.bots.size
}
