import { STEPS, stepOf } from '../wall/heat.ts'
import { treemap } from '../wall/treemap.ts'
import type { Live } from './live.ts'
import { text } from './words.ts'

/* What each page looks like, small and alive. For the eye alone: the words of a card say what it is. */

const WIDTH = 240
const HEIGHT = 96
const box = `0 0 ${WIDTH} ${HEIGHT}`

export function WallThumb({ live }: { readonly live: Live }) {
  const boxes = treemap(
    live.companies.map(([, value]) => value),
    { x: 0, y: 0, width: WIDTH, height: HEIGHT },
  )
  return (
    <svg class="thumb" viewBox={box} preserveAspectRatio="none" aria-hidden="true">
      {boxes.map(({ x, y, width, height }, i) => {
        const [symbol = ''] = live.companies[i] ?? []
        const step = stepOf(live.changes.get(symbol) ?? 0)
        return (
          <rect
            key={symbol}
            x={x}
            y={y}
            width={width}
            height={height}
            class={step < 0 ? 'fall' : 'rise'}
            style={{ '--share': `${Math.round((Math.abs(step) / STEPS) ** 0.8 * 100)}%` }}
          />
        )
      })}
    </svg>
  )
}

const BLOCK = 32

export function InsideThumb({ live: { frames } }: { readonly live: Live }) {
  return (
    <svg class="thumb strip" viewBox={box} aria-hidden="true">
      {frames.map((number, i) => {
        const x = WIDTH - (frames.length - i) * (BLOCK + 2) - 4
        return (
          <g key={number}>
            <rect x={x} y={34} width={BLOCK} height={26} rx={4} />
            <text x={x + BLOCK / 2} y={51}>
              {number}
            </text>
          </g>
        )
      })}
      <path d={`M${WIDTH - 6} 26v42m-6 10 6-10 6 10z`} />
    </svg>
  )
}

/** A line of values, the latest at its end. */
function Line({ values, least }: { readonly values: readonly number[]; readonly least: number }) {
  const low = Math.min(...values)
  const high = Math.max(...values, low + least)
  const points = values.map((value, i) => {
    const x = (i / Math.max(1, values.length - 1)) * WIDTH
    return `${x.toFixed(1)},${(HEIGHT - 8 - ((value - low) / (high - low)) * (HEIGHT - 16)).toFixed(1)}`
  })
  if (points.length < 2) return null
  return (
    <>
      <polygon points={[`0,${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`].join(' ')} />
      <polyline points={points.join(' ')} />
    </>
  )
}

export function PlaygroundThumb({ live: { prices } }: { readonly live: Live }) {
  return (
    <div class="thumb" aria-hidden="true">
      <svg viewBox={box} preserveAspectRatio="none">
        <Line values={prices} least={0.4} />
      </svg>
      <strong>{prices.at(-1)?.toFixed(2) ?? ''}</strong>
    </div>
  )
}

export function AdminThumb({ live }: { readonly live: Live }) {
  const figures = {
    connections: live.connections,
    meetings: live.meetings,
    messages: live.rates.at(-1) ?? 0,
  }
  return (
    <div class="thumb" aria-hidden="true">
      <svg viewBox={box} preserveAspectRatio="none">
        <Line values={live.rates} least={20} />
      </svg>
      <dl>
        {(Object.keys(figures) as (keyof typeof figures)[]).map((name) => (
          <div key={name}>
            <dd>{figures[name]}</dd>
            <dt>{text.figures[name]}</dt>
          </div>
        ))}
      </dl>
    </div>
  )
}
