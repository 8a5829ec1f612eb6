import type { Meeting, MeetingEvent } from 'rtms/client'
import { byId, make, oncePerRepaint } from './dom.ts'
import { nameOf } from '../shell/guest.ts'
import { FrameRecord } from './record.ts'

/** Where somebody is: both 0–1000 of the field. */
interface Place {
  readonly x: number
  readonly y: number
}

interface Member extends Place {
  readonly user: string
  readonly away: boolean
}

/** A meeting has 20 frames a second: more often than this, moves would only wait for each other. */
const SEND_EVERY_MS = 50
/** Frames between two checksums on show: long enough for the eye to compare two windows. */
const SHOWN_EVERY = 100
const SIZE = 1000
/** Pixels between the edge of the field and the outermost places, so that a dot there is seen whole. */
const EDGE = 20
/** Below this the name stands above its dot. */
const LOW = 850

const steps: Readonly<Record<string, Place>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}

const across = (place: number): string => `calc(${EDGE}px + (100% - ${2 * EDGE}px) * ${place / SIZE})`

const clamp = (value: number): number => Math.max(0, Math.min(SIZE, Math.round(value)))

function isPlace(value: unknown): value is Place {
  if (typeof value !== 'object' || value === null) return false
  const { x, y } = value as Partial<Place>
  return Number.isFinite(x) && Number.isFinite(y)
}

/** Where a newcomer stands until it moves: the same in every window, since only the slot decides. */
function startOf(slot: number): Place {
  return { x: 120 + ((slot * 383) % 760), y: 160 + ((slot * 617) % 680) }
}

/** The shared field. What it shows comes from frames alone, never from this window's own clicks. */
export class Field {
  readonly record = new FrameRecord()
  readonly #field = byId('field')
  readonly #members: Map<number, Member> = new Map()
  readonly #dots: Map<number, HTMLElement> = new Map()
  readonly #draw = oncePerRepaint(() => this.#render())
  readonly #failed: (error: unknown) => void
  #meeting: Meeting<Place> | null = null
  #peopleChanged = false
  #wanted: Place | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #enabled = false

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
    this.#field.addEventListener('keydown', (event) => this.#handleKey(event))
    this.#field.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return
      this.#field.setPointerCapture(event.pointerId)
      this.#handlePointer(event)
    })
    this.#field.addEventListener('pointermove', (event) => {
      if (this.#field.hasPointerCapture(event.pointerId)) this.#handlePointer(event)
    })
  }

  /** Moves are taken only while there is a connection: later they would be answers to an old picture. */
  set enabled(enabled: boolean) {
    this.#enabled = enabled
    this.#field.setAttribute('aria-disabled', String(!enabled))
  }

  show(meeting: Meeting<Place>): void {
    this.#meeting = meeting
    this.#restart()
    let epoch = meeting.epoch
    meeting.onRejoin(() => {
      if (meeting.epoch === epoch) return
      epoch = meeting.epoch
      this.#restart()
    })
    meeting.onGap(() => {
      this.#restart()
      // The frames that told who came are gone; the server's list stands in for them.
      for (const { slot, user, away } of meeting.members)
        this.#members.set(slot, { user, away, ...startOf(slot) })
    })
    meeting.onFrame((frame) => {
      this.record.add(frame)
      for (const event of frame.events) this.#apply(event)
      for (const { slot, data } of frame.inputs) {
        const member = this.#members.get(slot)
        if (member !== undefined && isPlace(data))
          this.#members.set(slot, { ...member, x: clamp(data.x), y: clamp(data.y) })
      }
      this.#draw()
    })
  }

  #restart(): void {
    this.record.restart()
    this.#members.clear()
    this.#peopleChanged = true
    this.#draw()
  }

  #apply(event: MeetingEvent): void {
    if (event.type === 'join') {
      this.#members.set(event.slot, { user: event.user, away: false, ...startOf(event.slot) })
    } else if (event.type === 'leave') this.#members.delete(event.slot)
    else if (event.type === 'away' || event.type === 'back') {
      const member = this.#members.get(event.slot)
      if (member !== undefined) this.#members.set(event.slot, { ...member, away: event.type === 'away' })
    } else return
    this.#peopleChanged = true
  }

  // ---- moving

  #handlePointer(event: PointerEvent): void {
    const box = this.#field.getBoundingClientRect()
    this.#move({
      x: ((event.clientX - box.left - EDGE) / (box.width - 2 * EDGE)) * SIZE,
      y: ((event.clientY - box.top - EDGE) / (box.height - 2 * EDGE)) * SIZE,
    })
  }

  #handleKey(event: KeyboardEvent): void {
    const step = steps[event.key]
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    const from = this.#wanted ?? this.#members.get(this.#meeting?.slot ?? -1)
    if (from === undefined) return
    const far = event.shiftKey ? 100 : 25
    this.#move({ x: from.x + step.x * far, y: from.y + step.y * far })
  }

  #move(to: Place): void {
    if (!this.#enabled || this.#meeting === null) return
    this.#wanted = { x: clamp(to.x), y: clamp(to.y) }
    if (this.#timer === undefined) this.#send()
  }

  /** Sends the latest wish at once, and what was wished meanwhile when the next may go. */
  #send(): void {
    const wanted = this.#wanted
    if (wanted === null || this.#meeting === null) return
    void this.#meeting.send(wanted).catch(this.#failed)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#wanted === wanted) this.#wanted = null
      else this.#send()
    }, SEND_EVERY_MS)
  }

  // ---- showing

  #render(): void {
    if (this.#peopleChanged) this.#renderPeople()
    for (const [slot, { x, y }] of this.#members) {
      const dot = this.#dots.get(slot)
      if (dot === undefined) continue
      dot.dataset['place'] = `${x},${y}`
      dot.style.left = across(x)
      dot.style.top = across(y)
      // How far along the name is anchored: at the left edge with its start, at the right edge with its end.
      dot.style.setProperty('--along', `${-x / 10}%`)
      dot.classList.toggle('low', y > LOW)
    }
    const { frames, last } = this.record
    byId('frame').textContent = frames === 0 ? '–' : String(last)
    byId('received').textContent = String(frames)
    const shown = Math.max(last - (last % SHOWN_EVERY), this.record.first)
    byId('checksum-label').textContent = frames === 0 ? 'Checksum' : `Checksum at ${shown}`
    byId('checksum').textContent = this.record.checksumAt(shown) ?? '–'
  }

  #renderPeople(): void {
    this.#peopleChanged = false
    const own = this.#meeting?.slot
    for (const [slot, dot] of this.#dots) {
      if (this.#members.has(slot)) continue
      dot.remove()
      this.#dots.delete(slot)
    }
    const rows: HTMLElement[] = []
    for (const [slot, { user, away }] of this.#members) {
      let dot = this.#dots.get(slot)
      if (dot === undefined) {
        dot = make('div', 'dot')
        dot.append(make('span', 'dot-name'))
        // The golden angle: neighbours in slot are far apart in colour, however many there are.
        dot.style.setProperty('--hue', String(Math.round(slot * 137.508 + 262) % 360))
        this.#dots.set(slot, dot)
        this.#field.append(dot)
      }
      dot.dataset['user'] = nameOf(user)
      dot.classList.toggle('own', slot === own)
      dot.classList.toggle('away', away)
      const [label] = dot.children
      if (label !== undefined) label.textContent = nameOf(user)

      const row = make('li', away ? 'member away' : 'member')
      const mark = make('span', 'mark')
      mark.style.setProperty('--hue', dot.style.getPropertyValue('--hue'))
      const notes = [slot === own ? 'you' : '', away ? 'away' : ''].filter((note) => note !== '')
      row.append(mark, make('span', 'member-name', nameOf(user)))
      if (notes.length > 0) row.append(make('span', 'note', notes.join(', ')))
      rows.push(row)
    }
    byId('members').replaceChildren(...rows)
    byId('count').textContent = String(rows.length)
  }
}
