import { encodeBatch } from '../../protocol/binary.ts'
import { Writer } from '../../protocol/bytes.ts'
import { PublicationWriter } from '../../protocol/publications.ts'
import { schema } from '../../protocol/schema.ts'
import { fixedLimits } from '../ground/config.ts'
import type { Ring } from '../ground/ring.ts'
import { costs, type Work } from '../ground/work.ts'
import { Encoded } from '../log/encoded.ts'
import type { Compacted } from './compacted.ts'
import type { Publication } from './publication.ts'

const scratch: Writer = new Writer(4_096)

/** What pages need to know of their topic. */
interface PageSettings {
  readonly work: Work
  readonly origin: number
  readonly pageBytes: number
}

/** A stretch of a log as one reader gets it. */
interface Page {
  readonly entries: readonly Publication[]
  /** Where the next page begins. */
  readonly to: number
  /** Whether the stretch has removals. */
  readonly removals: boolean
}

/**
 * Takes a topic's log apart into pages, and encodes them. What a page costs is counted as work: entries looked at, and
 * entries encoded.
 */
export class Pages {
  readonly #number: number
  readonly #settings: PageSettings
  readonly #ring: Ring<Publication>
  readonly #compacted: Compacted

  /** `number`: of the log. */
  constructor(number: number, settings: PageSettings, ring: Ring<Publication>, compacted: Compacted) {
    this.#number = number
    this.#settings = settings
    this.#ring = ring
    this.#compacted = compacted
  }

  /**
   * A page of the ring, up to the next hole. `lastOdd`: the position of the last entry that the latest values do not
   * tell of.
   */
  ofRing(from: number, keys: ReadonlySet<string> | null, lastOdd: number): Pick<Page, 'entries' | 'to'> {
    const entries: Publication[] = []
    // Where none of the keys has changed since, there is nothing to walk. Looking at the keys must be worth it: each
    // new entry is offered to every reader.
    if (keys !== null && keys.size < this.#ring.next - from && lastOdd < from) {
      this.#settings.work.done += keys.size * costs.looked
      if (!this.#compacted.hasChanged(keys, from)) return { entries, to: this.#ring.next }
    }
    const end = Math.min(this.#ring.next, from + fixedLimits.pageEntries)
    let to = from
    for (let bytes = 0; to < end && bytes < this.#settings.pageBytes; to++) {
      const next = this.#ring.get(to)
      if (next.lost > 0 && to > from) break
      if (keys !== null && !keys.has(next.key)) continue
      entries.push(next)
      bytes += next.size
    }
    this.#settings.work.done += (to - from) * costs.walked
    return { entries, to }
  }

  /** A page of the latest entries at positions `from` … `end` − 1, leaving out removals before `began`. */
  ofLatest(from: number, end: number, keys: ReadonlySet<string> | null, began: number): Page {
    const first = this.#compacted.slotOf(from)
    const isFew = keys !== null && keys.size < this.#compacted.slots - first
    return isFew ? this.#ofKeys(from, end, keys, began) : this.#ofSlots(first, end, keys, began)
  }

  #ofSlots(first: number, end: number, keys: ReadonlySet<string> | null, began: number): Page {
    const compacted = this.#compacted
    const entries: Publication[] = []
    const last = Math.min(compacted.slots, first + fixedLimits.pageEntries)
    let slot = first
    let to = end
    let removals = false
    for (let bytes = 0; slot < compacted.slots; slot++) {
      const entry = compacted.at(slot)
      if (entry === null) continue
      if (entry.position >= end) break
      if (slot >= last || bytes >= this.#settings.pageBytes) {
        to = entry.position
        break
      }
      if (keys !== null && !keys.has(entry.key)) continue
      removals ||= entry.tombstone
      if (entry.tombstone && entry.position < began) continue
      entries.push(entry)
      bytes += entry.size
    }
    this.#settings.work.done += (slot - first) * costs.walked
    return { entries, to, removals }
  }

  #ofKeys(from: number, end: number, keys: ReadonlySet<string>, began: number): Page {
    const entries: Publication[] = []
    for (const key of keys) {
      const entry = this.#compacted.get(key)
      if (entry === undefined || entry.position < from || entry.position >= end) continue
      if (!entry.tombstone || entry.position >= began) entries.push(entry)
    }
    entries.sort((a, b) => a.position - b.position)
    this.#settings.work.done += keys.size * costs.looked
    let count = 0
    for (let bytes = 0; count < entries.length && bytes < this.#settings.pageBytes; count++)
      bytes += (entries[count] as Publication).size
    const to = entries[count]?.position ?? end
    return { entries: entries.slice(0, count), to, removals: true }
  }

  /** The batch of these entries, at least one. */
  batch(entries: readonly Publication[]): Encoded {
    const first = (entries[0] as Publication).position
    const { origin } = this.#settings
    scratch.reset()
    const writer = new PublicationWriter(scratch, first)
    entries.forEach(({ position, source, number, stamp, key, tombstone, data }, index) => {
      const time = Math.floor(stamp / 1000) - origin
      const isLast = index === entries.length - 1
      writer.add(position, source.number, number, time, key, tombstone, data, isLast)
    })
    this.#settings.work.done += entries.length * costs.encoded + scratch.length * costs.byte
    return new Encoded(encodeBatch(schema.publications.code, [this.#number, first], scratch), entries.length)
  }

  /** A batch without entries: the reader has everything before `position`. */
  end(position: number): Encoded {
    scratch.reset()
    return new Encoded(encodeBatch(schema.publications.code, [this.#number, position], scratch))
  }
}
