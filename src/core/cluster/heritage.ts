import { MAX_UINT, SYSTEM_SLOT } from '../../protocol/limits.ts'
import { fixedLimits } from '../ground/config.ts'
import { defaultMeeting, meetingBounds, type MeetingOptions } from '../meeting/options.ts'
import type { ElectorateState } from '../meeting/electorate.ts'
import { MAX_SEQ } from '../meeting/intake.ts'
import { type Fence, isAbove, isSame } from '../meeting/reigns.ts'
import type { OpenedFrame } from '../meeting/sealed.ts'

/** One run of a client that has a say in a meeting, from the frame in which it came up to the one in which it went. */
export interface Term {
  readonly slot: number
  readonly from: number
  until: number
  /** It went by its own word, and claims nothing any more. */
  left: boolean
}

/** What names a member: slots have one after the other. */
type Run = Pick<Term, 'slot' | 'from'>

/** What an owner tells its replicas, for the case that it ends: what the frames do not say. Sent as JSON. */
export interface Legacy {
  readonly options: MeetingOptions
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  /** The last seq of each slot that is in a frame, or was answered before those that wait. */
  readonly seqs: readonly (readonly [slot: number, seq: number])[]
  /** `until`: null where it has not gone. */
  readonly terms: readonly { readonly slot: number; readonly from: number; readonly until: number | null }[]
}

/** What a member that has promised holds. */
export interface Promised extends Fence {
  readonly slot: number
  readonly elected: number
  /** The last frame that it has acknowledged; its last one has the fence. */
  readonly seen: number
}

/** The legacy in the form in which it is sent; '' where the business has put something into it that has no JSON form. */
export function writeLegacy(legacy: Omit<Legacy, 'terms'>, { terms }: ElectorateState): string {
  const sent = terms.map(({ slot, from, until }) => ({
    slot,
    from,
    until: until === Infinity ? null : until,
  }))
  try {
    return JSON.stringify({ ...legacy, terms: sent })
  } catch {
    return ''
  }
}

const ANY: readonly [least: number, most: number] = [0, MAX_UINT]
/** Characters of the text. */
const MOST_TEXT = 1_048_576

/**
 * What an owner has told; null where nothing can be gone on with, or where a node that is broken has told something
 * else. `most`: electorates that count.
 */
function readLegacy(text: string, most: number): Legacy | null {
  if (text.length > MOST_TEXT) return null
  try {
    const legacy = JSON.parse(text) as Legacy
    const { metadata, seqs, terms } = legacy
    const options = { ...defaultMeeting, ...legacy.options }
    const isWhole =
      Object.entries(meetingBounds).every(([name, bounds]) => isLike(options[name as never], 0, bounds)) &&
      isLike(options.config, '') &&
      isLike(legacy.kind, '') &&
      typeof metadata === 'object' &&
      metadata !== null &&
      terms.length <= (most + 1) * SYSTEM_SLOT &&
      terms.every((term) => term.slot <= SYSTEM_SLOT && isLike(term.from, 0) && isLike(term.until ?? 0, 0)) &&
      seqs.every(([slot, seq]) => isLike(slot, 0) && slot < SYSTEM_SLOT && isLike(seq, 0, [0, MAX_SEQ]))
    return isWhole ? { ...legacy, options } : null
  } catch {
    return null
  }
}

/** Whether it is a text, where the other one is, or a number that nodes send, within these bounds. */
function isLike(value: unknown, other: string | number, [least, most] = ANY): boolean {
  if (typeof other === 'string') return typeof value === 'string'
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

/**
 * What a replica knows of a meeting besides its frames, so that its node can go on where the owner ends. It follows
 * from what the owner has told, and from the events of the frames since then.
 */
export class Heritage {
  readonly options: MeetingOptions
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly seqs: Map<number, number>
  #terms: Term[]
  /** The first electorate that counts: of the owner's, too, only so many do. */
  #first = 0
  readonly #most: number
  /** Members that the business plays, by {@link runOf}. */
  #bots: ReadonlySet<number> = new Set()
  /** The last frame that the owner had sealed when it told. */
  #head: number

  private constructor({ options, kind, metadata, seqs, terms }: Legacy, head: number, most: number) {
    this.#most = most
    this.options = options
    this.kind = kind
    this.metadata = metadata
    this.seqs = new Map(seqs)
    this.#terms = terms.map(({ slot, from, until }) => ({
      slot,
      from,
      until: until ?? Infinity,
      left: false,
    }))
    this.#head = head
  }

  /** Null where nothing can be gone on with. `most`: electorates that count. */
  static of(legacy: string, head: number, most: number = fixedLimits.electorates): Heritage | null {
    const read = readLegacy(legacy, most)
    return read && new Heritage(read, head, most)
  }

  /** The business plays these members. Earlier ones have left, and may be part of an electorate that counts. */
  learn(bots: readonly Run[]): void {
    const known = this.#terms.filter((term) => this.isBot(term))
    this.#bots = new Set([...known, ...bots].map(runOf))
  }

  isBot(run: Run): boolean {
    return this.#bots.has(runOf(run))
  }

  /**
   * The slots of those whom the business plays at a frame. Of a member who left behind it, the owner may have told
   * nothing any more, so that nothing is known is no sign of a bot.
   */
  botsAt(frame: number): ReadonlySet<number> {
    const end = runOf({ slot: 0, from: frame + 1 })
    const slots = new Set([...this.#bots].filter((run) => run < end).map(slotOf))
    for (const { slot, until } of this.terms(frame)) if (until === Infinity) slots.delete(slot)
    return slots
  }

  /** A frame has come. `stable`: the last stable frame when it was sealed. */
  append(frame: number, { events, inputs }: Pick<OpenedFrame, 'events' | 'inputs'>, stable: number): void {
    if (frame <= this.#head) return
    for (const { slot, seq } of inputs) this.seqs.set(slot, seq)
    if (events.length === 0) return
    // Slots that are free behind the frame, though somebody may have come in it.
    const free = new Set<number>()
    for (const event of events) {
      if (event.type === 'leave') {
        this.#end(event.slot, frame, event.reason === 'left')
        free.add(event.slot)
      } else if (event.type === 'join' || event.type === 'takeover') {
        if (event.type === 'takeover') this.#end(event.slot, frame, false)
        this.#elect(event.slot, frame)
        free.delete(event.slot)
      }
    }
    if (free.size > 0) this.#terms = this.#terms.filter(({ slot, from }) => from !== frame || !free.has(slot))
    this.#forget(Math.max(stable, this.#first), frame)
  }

  /** See `Room.settle`: the last seq of each slot is that of the frames `first` to `head`, which are here. */
  settle(first: number, head: number, frames: Iterable<Pick<OpenedFrame, 'inputs'>>): void {
    if (this.#head <= head) return
    this.#head = head
    if (first === 1) this.seqs.clear()
    for (const { inputs } of frames) for (const { slot, seq } of inputs) this.seqs.set(slot, seq)
  }

  /** Drops terms that are part of no electorate that counts. `first`: the frame of the first one that does. */
  #forget(first: number, head: number): void {
    const counted = this.#terms.length * 2 > this.#most ? changesOf(this.#terms, first, head) : []
    if (counted.length > this.#most) this.#first = first = counted.at(-this.#most) as number
    this.#terms = this.#terms.filter(({ until }) => until > first)
  }

  #elect(slot: number, from: number): void {
    const known = this.#terms.some((term) => term.slot === slot && term.from === from)
    if (!known) this.#terms.push({ slot, from, until: Infinity, left: false })
  }

  /** Who has come in the same frame may be the next one in the slot, of whom the owner has told already. */
  #end(slot: number, until: number, left: boolean): void {
    for (const term of this.#terms)
      if (term.slot === slot && term.until === Infinity && term.from < until)
        Object.assign(term, { until, left })
  }

  /** The terms as of the last frame here, without those of bots. */
  terms(head: number): Term[] {
    return this.#terms
      .filter((term) => term.from <= head && !this.isBot(term))
      .map((term) => (term.until > head ? { ...term, until: Infinity } : term))
  }

  /** See {@link mayContinue}. */
  mayContinue(stable: number, head: number, last: Fence, promises: readonly Promised[]): boolean {
    return mayContinue(this.terms(head), Math.max(stable, this.#first), head, last, promises)
  }

  /** The electorates that a new owner begins with. `stable`: null in a new world, where only who is there has a say. */
  electorate(stable: number | null, head: number): ElectorateState {
    const all = this.terms(head).filter(({ until }) => stable !== null || until === Infinity)
    const terms = all.map(({ slot, from, until, left }) => ({
      slot: until === Infinity ? slot : SYSTEM_SLOT,
      from,
      until,
      acked: left ? Infinity : 0,
      gone: until !== Infinity && !left,
    }))
    const changes = stable === null ? [head] : changesOf(all, Math.max(stable, this.#first), head)
    return { stable: stable ?? 0, reign: head + 1, changes, terms }
  }
}

function runOf({ slot, from }: Run): number {
  return from * (SYSTEM_SLOT + 1) + slot
}

function slotOf(run: number): number {
  return run % (SYSTEM_SLOT + 1)
}

/** The frames at which the electorates begin that count: the one in force at the stable mark, and each later one. */
function changesOf(terms: readonly Term[], stable: number, head: number): number[] {
  const at = new Set(terms.flatMap(({ from, until }) => [from, until]).filter((frame) => frame <= head))
  const later = [...at].filter((frame) => frame > stable).sort((a, b) => a - b)
  return [Math.max(0, ...[...at].filter((frame) => frame <= stable)), ...later]
}

/**
 * Whether a node may go on with the same world, from a log whose last frame is `head`, of the fence `last`: those who
 * have promised are more than half of each electorate that counts, and no frame behind the head can be stable, since
 * fewer than half of the electorate there may have acknowledged it.
 */
export function mayContinue(
  terms: readonly Term[],
  stable: number,
  head: number,
  last: Fence,
  promises: readonly Promised[],
): boolean {
  const bySlot = new Map(promises.map((each) => [each.slot, each]))
  const promised = ({ slot, from, until }: Term): Promised | undefined => {
    const promise = until === Infinity ? bySlot.get(slot) : undefined
    return promise?.elected === from ? promise : undefined
  }
  let isReached = false
  for (const frame of changesOf(terms, stable, head)) {
    const electorate = terms.filter(({ from, until }) => from <= frame && until > frame)
    const have = electorate.map(promised).filter((each) => each !== undefined)
    isReached = have.length * 2 > electorate.length
    // Nobody had a say, so nobody has it now.
    if (electorate.length > 0 && !isReached) return false
    if (!isReached) continue
    const seen = have.map((each) => seenBehind(each, last)).sort((a, b) => b - a)
    const absent = electorate.length - have.length
    isReached = (seen[Math.ceil(electorate.length / 2) - absent - 1] as number) <= head
  }
  return isReached
}

/** The last frame that a member has acknowledged, as far as that may be stable in a log that ends with a fence. */
function seenBehind(promised: Promised, last: Fence): number {
  if (isAbove(promised, last)) return Infinity
  return isSame(promised, last) ? promised.seen : 0
}
