import { nameOf } from '../shell/guest.ts'
import type { FrameRecord } from './record.ts'
import type { Member, Room } from './room.ts'
import { text } from './words.ts'

/** Pixels between the edge of the field and the outermost places, so that a dot there is seen whole. */
const EDGE = 20
/** Below this the name stands above its dot. */
const LOW = 850
/** Frames between two checksums on show: long enough for the eye to compare two windows. */
const SHOWN_EVERY = 100

const steps: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** The golden angle: neighbours in slot are far apart in colour, however many there are. */
const hueOf = (slot: number): string => String(Math.round(slot * 137.508 + 262) % 360)

const across = (place: number): string => `calc(${EDGE}px + (100% - ${2 * EDGE}px) * ${place / 1000})`

/** What {@link across} shows so many pixels from the edge. */
const placeAt = (pixels: number, length: number): number => ((pixels - EDGE) / (length - 2 * EDGE)) * 1000

const isGhost = (user: string): boolean => user.endsWith('~ghost')
const callOf = (user: string): string => (isGhost(user) ? text.ghost : nameOf(user))

/** The shared field: a dot for each member. A move is asked for by pointer or keys. */
export function Field({ room, enabled }: { readonly room: Room; readonly enabled: boolean }) {
  const point = (event: PointerEvent): void => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const x = placeAt(event.clientX - box.left, box.width)
    const y = placeAt(event.clientY - box.top, box.height)
    // Later a move would be an answer to an old picture.
    if (enabled) room.move({ x, y })
  }
  const grasp = (event: PointerEvent): void => {
    if (event.button !== 0) return
    ;(event.currentTarget as HTMLElement).setPointerCapture(event.pointerId)
    point(event)
  }
  const drag = (event: PointerEvent): void => {
    if ((event.currentTarget as HTMLElement).hasPointerCapture(event.pointerId)) point(event)
  }
  const press = (event: KeyboardEvent): void => {
    const step = steps[event.key]
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    const far = event.shiftKey ? 100 : 25
    if (enabled) room.step(step[0] * far, step[1] * far)
  }
  return (
    <div
      class="field"
      id="field"
      role="application"
      tabIndex={0}
      aria-label={text.field}
      aria-describedby="meeting-hint"
      aria-disabled={!enabled}
      onPointerDown={grasp}
      onPointerMove={drag}
      onKeyDown={press}
    >
      {[...room.members].map(([slot, member]) => (
        <Dot key={slot} slot={slot} member={member} own={slot === room.ownSlot} />
      ))}
    </div>
  )
}

function Dot({
  slot,
  member: { user, x, y, away },
  own,
}: {
  readonly slot: number
  readonly member: Member
  readonly own: boolean
}) {
  const name = callOf(user)
  return (
    <div
      class={`dot ${own ? 'own' : ''} ${away ? 'away' : ''} ${y > LOW ? 'low' : ''} ${isGhost(user) ? 'ghost' : ''}`}
      data-user={name}
      data-place={`${x},${y}`}
      // How far along the name is anchored: at the left edge with its start, at the right edge with its end.
      style={{ left: across(x), top: across(y), '--hue': hueOf(slot), '--along': `${-x / 10}%` }}
    >
      <span class="dot-name">{name}</span>
    </div>
  )
}

/** How two windows are seen to be the same: by the checksum of all frames up to one. */
export function Numbers({ record }: { readonly record: FrameRecord }) {
  const { frames, first, last } = record
  const shown = Math.max(last - (last % SHOWN_EVERY), first)
  return (
    <>
      <dl class="numbers">
        <div>
          <dt>{text.frame}</dt>
          <dd id="frame">{frames === 0 ? '–' : last}</dd>
        </div>
        <div>
          <dt>{text.received}</dt>
          <dd id="received">{frames}</dd>
        </div>
        <div>
          <dt>{text.checksumAt(shown)}</dt>
          <dd id="checksum">{record.checksumAt(shown) ?? '–'}</dd>
        </div>
      </dl>
      <p class="hint">{text.checksumHint}</p>
    </>
  )
}

export function Members({ room }: { readonly room: Room }) {
  return (
    <>
      <h3>
        {text.members} <span id="count">{room.members.size}</span>
      </h3>
      <ul class="members" id="members">
        {[...room.members].map(([slot, { user, away }]) => (
          <li key={slot} class={`member ${away ? 'away' : ''} ${isGhost(user) ? 'ghost' : ''}`}>
            <span class="mark" style={{ '--hue': hueOf(slot) }} />
            <span class="member-name">{callOf(user)}</span>
            {slot === room.ownSlot && <span class="note">{text.you}</span>}
            {away && <span class="note">{text.away}</span>}
          </li>
        ))}
      </ul>
    </>
  )
}
