import type { Client, Frame, Meeting, MeetingEvent } from 'rtms/client'
import { FrameRecord } from './record.ts'

/** Where somebody is: both 0–1000 of the field. */
export interface Place {
  readonly x: number
  readonly y: number
}

export interface Member extends Place {
  readonly user: string
  readonly away: boolean
}

const SIZE = 1000
/** A meeting has 20 frames a second: more often than this, moves would only wait for each other. */
const FRAME_MS = 50

const clamp = (value: number): number => Math.max(0, Math.min(SIZE, Math.round(value)))

/** The engine forwards whatever anybody sends. */
function isPlace(data: unknown): data is Place {
  if (typeof data !== 'object' || data === null) return false
  const { x, y } = data as Partial<Place>
  return Number.isFinite(x) && Number.isFinite(y)
}

/** Where a newcomer stands until it moves: the same in every window, since only the slot decides. */
function startOf(slot: number): Place {
  return { x: 120 + ((slot * 383) % 760), y: 160 + ((slot * 617) % 680) }
}

/** Who is where in the room. Frames alone say so, never this window's own clicks. */
export class Room {
  /** By slot. */
  readonly members: Map<number, Member> = new Map()
  readonly record = new FrameRecord()
  readonly #client: Client
  readonly #changed: () => void
  readonly #failed: (error: unknown) => void
  #meeting: Meeting<Place> | null = null
  /** Where this window wants to be, until a frame has it there. */
  #wish: Place | null = null
  #paused = false

  constructor(client: Client, changed: () => void, failed: (error: unknown) => void) {
    this.#client = client
    this.#changed = changed
    this.#failed = failed
  }

  get ownSlot(): number | undefined {
    return this.#meeting?.slot ?? undefined
  }

  async enter(name: string): Promise<void> {
    const meeting = await this.#client.join<Place>(name, { timeoutMs: Infinity })
    this.#meeting = meeting
    meeting.onFrame((frame) => this.#apply(frame))
    meeting.onGap(() => {
      this.#restart()
      // The frames that told who came are gone; the server's list stands in for them.
      for (const { slot, user, away } of meeting.members)
        this.members.set(slot, { user, away, ...startOf(slot) })
    })
    let { epoch } = meeting
    meeting.onRejoin(({ reason }) => {
      // What was undone is in what the page shows; a new page is given every frame.
      if (reason === 'REWOUND') location.reload()
      if (meeting.epoch !== epoch) this.#restart()
      epoch = meeting.epoch
    })
    meeting.onEnd((error) => {
      // The room went with a restart of the server; the ticket of a new page opens it again.
      if (error.code === 'NOT_FOUND') location.reload()
      else this.#failed(error)
    })
    // The seat is given up at once, rather than kept for a connection that will not come back.
    addEventListener('pagehide', () => meeting.leave())
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload()
    })
  }

  /** Asks for a place; the frame that holds it moves the dot. */
  move(place: Place): void {
    this.#wish = { x: clamp(place.x), y: clamp(place.y) }
    if (!this.#paused) void this.#send(this.#wish)
  }

  /** Asks for a place so far from the one this window has, or has asked for. */
  step(x: number, y: number): void {
    const from = this.#wish ?? this.members.get(this.ownSlot ?? -1)
    if (from !== undefined) this.move({ x: from.x + x, y: from.y + y })
  }

  async #send(wish: Place): Promise<void> {
    const meeting = this.#meeting
    if (meeting === null) return
    this.#paused = true
    setTimeout(() => {
      this.#paused = false
      // Of what was wished meanwhile the last goes.
      if (this.#wish !== null && this.#wish !== wish) void this.#send(this.#wish)
    }, FRAME_MS)
    const { x, y } = wish
    try {
      await meeting.send({ x, y })
    } catch (error) {
      this.#failed(error)
    }
    if (this.#wish === wish) this.#wish = null
  }

  #apply(frame: Frame<Place>): void {
    this.record.add(frame)
    for (const event of frame.events) this.#seat(event)
    for (const { slot, data } of frame.inputs) {
      const member = this.members.get(slot)
      if (member !== undefined && isPlace(data))
        this.members.set(slot, { ...member, x: clamp(data.x), y: clamp(data.y) })
    }
    this.#changed()
  }

  #seat(event: MeetingEvent): void {
    if (event.type === 'join')
      this.members.set(event.slot, { user: event.user, away: false, ...startOf(event.slot) })
    else if (event.type === 'leave') this.members.delete(event.slot)
    else if (event.type === 'away' || event.type === 'back') {
      const member = this.members.get(event.slot)
      if (member !== undefined) this.members.set(event.slot, { ...member, away: event.type === 'away' })
    }
  }

  #restart(): void {
    this.record.restart()
    this.members.clear()
    this.#changed()
  }
}
