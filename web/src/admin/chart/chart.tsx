import { useMemo, useState } from 'preact/hooks'
import type { Points, Sample } from '../numbers/history.ts'
import { format, text as common } from '../words/common.ts'
import type { Panel } from './panels.ts'
import { areaPath, type Box, highest, linePath, nearest, niceTop, xOf, yOf } from './plot.ts'

const WIDTH = 600
const HEIGHT = 150
/** Rows of the table, and how far apart: the whole of ten minutes would be read by nobody. */
const MOST_ROWS = 30
const ROW_MS = 10_000

/** The moment that all charts are read at. */
export interface Cursor {
  /** Of which sample; null: the latest. */
  readonly at: number | null
  readonly set: (at: number | null) => void
}

interface Drawn {
  readonly panel: Panel
  readonly samples: readonly Sample[]
  readonly lines: readonly Points[]
}

function shown(panel: Panel, value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : panel.show(value)
}

/** A chart of lines over time, read by pointer or keys. */
export function Chart({
  panel,
  samples,
  windowMs,
  now,
  cursor,
}: {
  readonly panel: Panel
  readonly samples: readonly Sample[]
  readonly windowMs: number
  /** The right edge; later than the last sample where the node is away. */
  readonly now: number
  readonly cursor: Cursor
}) {
  const last = samples.at(-1)
  // Reading along the chart draws nothing anew but the moment that is read.
  const lines = useMemo(() => panel.series.map(({ points }) => points(samples)), [last, samples[0]])
  const top = niceTop(highest(lines), panel.least, panel.binary)
  const box: Box = { width: WIDTH, height: HEIGHT, from: now - windowMs, to: now, top }
  const found = cursor.at === null ? -1 : nearest(samples, cursor.at)
  const index = found < 0 ? samples.length - 1 : found
  const sample = samples[index]
  const drawn = { panel, samples, lines }
  const curves = useMemo(() => <Curves drawn={drawn} box={box} />, [lines, now, windowMs])
  return (
    <figure class="card chart">
      <figcaption>
        <h3>
          {panel.title} {last !== undefined && panel.note && <span>{panel.note(last.reading)}</span>}
        </h3>
        <Legend drawn={drawn} index={index} />
      </figcaption>
      <div
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label={panel.title}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, samples.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={sample === undefined ? '–' : spoken(drawn, index, sample)}
        onPointerMove={(event) => {
          const { left, width } = event.currentTarget.getBoundingClientRect()
          cursor.set(box.from + ((event.clientX - left) / width) * windowMs)
        }}
        onPointerLeave={() => cursor.set(null)}
        onBlur={() => cursor.set(null)}
        onKeyDown={(event) => {
          const to = keyed(event.key, index, samples.length)
          if (to === undefined) return
          event.preventDefault()
          cursor.set(to === null ? null : (samples[to]?.at ?? null))
        }}
      >
        <span class="top-value">{panel.show(top)}</span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {[0, 0.25, 0.5, 0.75].map((share) => (
            <line key={share} class="grid" x1={0} x2={WIDTH} y1={HEIGHT * share} y2={HEIGHT * share} />
          ))}
          {curves}
          {cursor.at !== null && sample !== undefined && (
            <line class="at" x1={xOf(box, sample.at)} x2={xOf(box, sample.at)} y1={0} y2={HEIGHT} />
          )}
        </svg>
        {cursor.at !== null && sample !== undefined && <Dots drawn={drawn} index={index} box={box} />}
        <span class="times">
          <span>{format.clock(Date.now() - windowMs)}</span>
          {cursor.at !== null && sample !== undefined && <span class="at">{format.clock(sample.time)}</span>}
          <span>{format.clock(Date.now())}</span>
        </span>
      </div>
      <Values drawn={drawn} />
    </figure>
  )
}

function Curves({ drawn: { samples, lines }, box }: { readonly drawn: Drawn; readonly box: Box }) {
  return (
    <>
      {lines.length < 3 && <path class="area s0" d={areaPath(box, samples, lines[0] ?? [])} />}
      {lines.map((points, at) => (
        <path key={at} class={`line s${at}`} d={linePath(box, samples, points)} />
      ))}
    </>
  )
}

/** Where a key leads: null lets go, undefined is no key of the chart. */
function keyed(key: string, index: number, count: number): number | null | undefined {
  const last = count - 1
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return Math.max(0, index - 1)
    case 'ArrowRight':
    case 'ArrowUp':
      return Math.min(last, index + 1)
    case 'PageDown':
      return Math.max(0, index - 10)
    case 'PageUp':
      return Math.min(last, index + 10)
    case 'Home':
      return 0
    case 'End':
      return last
    case 'Escape':
      return null
    default:
      return undefined
  }
}

function spoken({ panel, lines }: Drawn, index: number, { time }: Sample): string {
  const values = panel.series.map(({ label }, at) => `${label} ${shown(panel, lines[at]?.[index])}`)
  return `${format.clock(time)}: ${values.join(', ')}`
}

function Legend({ drawn: { panel, lines }, index }: { readonly drawn: Drawn; readonly index: number }) {
  return (
    <ul class="legend">
      {panel.series.map(({ label }, at) => (
        <li key={label} class={`s${at}`}>
          {label} <b>{shown(panel, lines[at]?.[index])}</b>
        </li>
      ))}
    </ul>
  )
}

/** Beside the drawing, which is stretched and would make eggs of them. */
function Dots({
  drawn: { samples, lines },
  index,
  box,
}: {
  readonly drawn: Drawn
  readonly index: number
  readonly box: Box
}) {
  return (
    <>
      {lines.map((points, at) => {
        const value = points[index] ?? null
        const sample = samples[index]
        if (value === null || sample === undefined) return null
        const left = `${(xOf(box, sample.at) / box.width) * 100}%`
        return <span key={at} class={`dot s${at}`} style={{ left, top: `${yOf(box, value)}px` }} />
      })}
    </>
  )
}

/** The same as a table, made only where it is looked at. */
function Values({ drawn: { panel, samples, lines } }: { readonly drawn: Drawn }) {
  const [isOpen, setOpen] = useState(false)
  const rows: number[] = []
  for (let at = samples.length - 1; at >= 0 && rows.length < MOST_ROWS; at--) {
    const last = samples[rows.at(-1) ?? -1]
    if (last === undefined || last.at - (samples[at]?.at ?? 0) >= ROW_MS) rows.push(at)
  }
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{common.table}</summary>
      {isOpen && (
        <div class="scroll low" role="region" aria-label={panel.title} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{common.time}</th>
                {panel.series.map(({ label }) => (
                  <th key={label} scope="col" class="number">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={samples[row]?.at}>
                  <td>{format.clock(samples[row]?.time ?? 0)}</td>
                  {lines.map((points, at) => (
                    <td key={at} class="number">
                      {shown(panel, points[row])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}
