import { type Fence, isAbove, partingOf } from '../meeting/reigns.ts'
import { Room, type RoomHost } from '../meeting/room.ts'
import { Heritage } from './heritage.ts'
import type { Frames } from './datagrams.ts'
import { factsOf, type MeshMessageOf } from './mesh-messages.ts'
import { MissingFrames } from './missing-frames.ts'
import { isDue } from './possible.ts'

/** What a character of the text weighs that tells what is needed besides the frames. */
const WEIGHT = 2

/** What a node has of another node's meeting: the room that the frames fill as they come, and what else is needed of it. */
export class Copy {
  room: Room | null = null
  /** Hash of the configuration that clients must run. */
  config = ''
  /** When a frame is due at the owner; null while the clock there stands still. */
  origin: { readonly start: number; readonly startFrame: number } | null = null
  /** The last frame there was when it followed: who joins gets at least those. */
  head = 0
  /** What is needed to go on with the meeting, besides the frames; null where nobody could. */
  heritage: Heritage | null = null
  /** The hop at which this node has consented to a hand-over, so that another one may own it by now; -1: none. */
  consentedHop = -1
  /** It was made of what members have shown: others may have more. */
  isShown = false
  /** Bytes of that, for which the meeting pays. */
  #inherited = 0
  readonly missing: MissingFrames
  readonly #host: RoomHost
  readonly #name: string
  readonly #number: number
  readonly #pull: (from: number) => void

  /** `number`: of its log. `pull`: asks the owner for the frames from one on. */
  constructor(host: RoomHost, name: string, number: number, pull: (from: number) => void) {
    this.#host = host
    this.#name = name
    this.#number = number
    this.#pull = pull
    this.missing = new MissingFrames(pull)
  }

  /** Another one of the same meeting, with nothing in it yet. */
  fresh(): Copy {
    return new Copy(this.#host, this.#name, this.#number, this.#pull)
  }

  /** Whether this node could go on from what is here. */
  get canGoOn(): boolean {
    return this.room !== null && this.heritage !== null
  }

  get log(): { readonly first: number; readonly next: number } {
    return this.room?.log ?? { first: 1, next: 1 }
  }

  /** Whether the owner has said this before the meeting was handed on. */
  isNewerThan({ world, incarnation, hop }: MeshMessageOf<'followed'>): boolean {
    const known = this.room?.facts
    return known?.world === world && known.incarnation === incarnation && hop < known.hop
  }

  /** Whether the frames that are here are those of the owner. */
  isPrefixOf({ world, reigns, next }: MeshMessageOf<'followed'>): boolean {
    if (this.room === null) return true
    const { facts, log } = this.room
    if (facts.world !== world || log.next > next) return false
    return partingOf(reigns, { ...this.room.lastFence, next: log.next, stable: 0 }) === log.next
  }

  /** Whether the frames here are of a later owner of the same world than one that says so. */
  outruns(told: Fence & { readonly world: number }): boolean {
    return this.room?.facts.world === told.world && isAbove(this.room.lastFence, told)
  }

  /** The owner tells where the meeting stands; what is here goes on from there. */
  follow(message: MeshMessageOf<'followed'>, now: number): void {
    const { config, head, next, legacy, bots } = message
    this.isShown = false
    this.head = head
    this.missing.begin(next)
    this.setClock(message, now)
    this.heritage = Heritage.of(legacy, head, this.#host.limits.electorates)
    this.learn({ config, bots })
    const { room } = this
    if (room === null) {
      const { limits, budget } = this.#host
      const facts = factsOf(this.#name, message)
      this.room = new Room(this.#host, this.#number, limits.meetingLogBytes, facts, now, message)
      budget.enter(this.room.log)
    } else {
      const { hop, term, incarnation, reigns } = message
      room.facts = { ...room.facts, hop, term, incarnation, reigns }
      if (room.log.next < message.first) room.restart(message, now)
    }
    this.#inherit(this.heritage === null ? 0 : legacy.length * WEIGHT)
  }

  #inherit(bytes: number): void {
    this.room?.log.hold(bytes - this.#inherited)
    this.#inherited = bytes
  }

  /** What may change while it is followed. */
  learn({ config, bots }: Pick<MeshMessageOf<'config'>, 'config' | 'bots'>): void {
    this.config = config
    this.heritage?.learn(bots)
  }

  setClock({ next, due }: { readonly next: number; readonly due: number }, now: number): void {
    this.origin = due === 0 || !isDue(due) ? null : { start: now + (due - 1) / 1000, startFrame: next }
  }

  /** Appends those that are new. Returns them; null where there are none. `framed`: an input is in one of them. */
  append(
    room: Room,
    { first, frames, marks, chain }: Frames,
    now: number,
    framed: (slot: number, seq: number) => void,
  ): Frames['frames'] | null {
    const [from, end] = [room.log.next, first + frames.length]
    if (first > from) this.missing.seen(end, from)
    if (first > from || end <= from) return null
    for (let at = from - first; at < frames.length; at++) {
      const { bytes, events, inputs } = frames[at] as (typeof frames)[number]
      const stable = marks[at] as number
      const told = at === frames.length - 1 ? chain : undefined
      room.append({ bytes, events, inputs: inputs.length, stable, chain: told }, now)
      this.heritage?.append(first + at, { events, inputs }, stable)
      for (const { slot, seq } of inputs) framed(slot, seq)
    }
    this.missing.seen(end, room.log.next)
    return frames.slice(from - first)
  }

  /** Whether all frames of a world up to this one are here; those that are missing are asked for. */
  reaches(world: number, last: number): boolean {
    if (this.room?.facts.world !== world) return false
    this.missing.seen(last + 1, this.log.next)
    return this.log.next > last
  }

  /** Its owner has ended, or may have: what is here counts, and not what it has told of frames that have not come. */
  settle(): void {
    const { room } = this
    if (room === null) return
    const { first, next } = room.log
    this.heritage?.settle(first, next - 1, room.history(first, next))
    room.settle()
  }

  /** The room, which has another use now. */
  give(): Room {
    this.#inherit(0)
    const room = this.room as Room
    this.room = null
    this.#host.budget.leave(room.log)
    return room
  }

  /** Nothing is kept. `message`: what readers are told. */
  discard(message: string, now: number): void {
    if (this.room !== null) this.give().close(message, now)
  }
}
