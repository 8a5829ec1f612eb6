import { useState } from 'preact/hooks'
import type { CursorView } from './view.ts'
import { text } from './words.ts'

const STEP = 50
const CELL = 44
/** Cells kept to the left of those shown, for while the tape slides: the fastest feed brings 20 between two looks. */
const SPARE = 30

interface StripProps {
  readonly id: string
  readonly y: number
  readonly width: number
  readonly label: string
  readonly head: number
  /** The next entry the server would offer; null without a connection. */
  readonly cursor: CursorView | null
  /** The last entry this page has read. */
  readonly read: number
}

const stateOf = (position: number, next: number, read: number): string =>
  position <= read ? 'read' : position < next ? 'sent' : 'waits'

/** A log: its newest entries, sliding along, with the reader's cursor, and the whole ring below. */
export function Strip({ id, y, width, label, head: seen, cursor, read }: StripProps) {
  const shown = Math.floor(width / STEP)
  // What this page has read is news of the server too, and younger than its last look.
  const head = Math.max(seen, read)
  const stands = cursor === null ? 0 : cursor.position === 0 ? cursor.next : cursor.position
  const next = Math.max(stands, read + 1)
  // Cells stand at fixed places of a tape that slides; it is counted from here, for small numbers.
  const [origin] = useState(head)
  const cells: number[] = []
  for (let at = Math.max(1, head - shown - SPARE); at <= head; at++) cells.push(at)
  const place = (position: number): number => width - (head - position + 1) * STEP
  const at = Math.max(6, Math.min(width - 2, place(next) - 3))
  const behind = Math.max(0, head + 1 - next)
  return (
    <g
      class="strip"
      transform={`translate(0 ${y})`}
      data-log={id}
      data-head={head}
      data-cursor={next}
      data-read={read}
    >
      <text class="label" y="10">
        {label}
      </text>
      <text class="number" x={width} y="10" text-anchor="end">
        {head}
      </text>
      <clipPath id={`clip-${id}`}>
        <rect x="0" y="20" width={width} height="32" />
      </clipPath>
      <g clip-path={`url(#clip-${id})`}>
        <g class="tape" style={{ transform: `translateX(${place(origin)}px)` }}>
          {cells.map((position) => (
            <g
              key={position}
              class={`cell ${stateOf(position, next, read)}`}
              transform={`translate(${(position - origin) * STEP} 0)`}
            >
              <rect x="0" y="21" width={CELL} height="30" rx="6" />
              <text x={CELL / 2} y="40" text-anchor="middle">
                {position % 100_000}
              </text>
            </g>
          ))}
        </g>
      </g>
      {cursor !== null && (
        <g class={behind > shown ? 'marker far' : 'marker'} style={{ transform: `translateX(${at}px)` }}>
          <path d="M0 16V56l-5 8h10l-5-8" />
        </g>
      )}
      {cursor !== null && (
        <text
          class="said"
          x={at > width / 2 ? at - 10 : at + 10}
          y="67"
          text-anchor={at > width / 2 ? 'end' : 'start'}
        >
          {behind > 3 ? text.behind(behind) : text.cursor}
        </text>
      )}
      {cursor === null && (
        <text class="said" y="67">
          {text.noCursor}
        </text>
      )}
      <Ring cursor={cursor} width={width} next={next} />
    </g>
  )
}

/** From the oldest entry kept to the head, and where the cursor stands in that. */
function Ring({
  cursor,
  width,
  next,
}: {
  readonly cursor: CursorView | null
  readonly width: number
  readonly next: number
}) {
  const size = cursor === null ? 0 : cursor.next - cursor.first
  const lost = cursor === null ? 0 : Math.max(0, cursor.first - next)
  const share = cursor === null || size === 0 ? 1 : Math.max(0, Math.min(1, (next - cursor.first) / size))
  return (
    <g class={lost > 0 ? 'ring lost' : 'ring'} transform="translate(0 76)">
      <rect class="all" width={width} height="6" rx="3" />
      {cursor !== null && <rect class="done" width={Math.max(4, width * share)} height="6" rx="3" />}
      <text class="small" y="20">
        {cursor === null ? text.ring : `${text.ring} ${cursor.first}–${cursor.next - 1}`}
        {lost > 0 ? ` · ${text.fell(lost)}` : ''}
      </text>
    </g>
  )
}
