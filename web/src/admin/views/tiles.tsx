import { rateNow } from '../chart/panels.ts'
import { highest, linePath } from '../chart/plot.ts'
import { histogramOf, quantile, type Range, since } from '../numbers/histogram.ts'
import { gauge, type Points, rates, type Sample } from '../numbers/history.ts'
import { format } from '../words/common.ts'
import { text } from '../words/overview.ts'

const WIDTH = 120
const HEIGHT = 28
/** How much of the past a tile shows, and its percentile counts. */
const RECENT_MS = 60_000

interface Tile {
  readonly label: string
  readonly value: string
  readonly more?: string
  readonly points: Points
  readonly to?: string
}

const perSecond = (value: number | null, show = format.short): string =>
  value === null ? '–' : `${show(value)}${text.perSecond}`

/** Where the 99th percentile of frame lateness lay between two samples of one process. */
function lateness(first: Sample | undefined, last: Sample | undefined): Range | null {
  const name = 'rtms_frame_lateness_seconds'
  const before = first && histogramOf(first.reading, name)
  const after = last && histogramOf(last.reading, name)
  return before && after ? quantile(since(before, after), 0.99) : null
}

function latenessTile(samples: readonly Sample[]): Tile {
  const from = samples[samples.findLastIndex(({ isFirst }) => isFirst)] ?? samples[0]
  return {
    label: text.narrowed(text.lateness, 'p99'),
    value: format.range(lateness(from, samples.at(-1))),
    points: samples.map((sample, at) => {
      const range = sample.isFirst ? null : lateness(samples[at - 1], sample)
      return range === null ? null : range.atMost === Infinity ? range.above : range.atMost
    }),
  }
}

function tilesOf(samples: readonly Sample[]): Tile[] {
  const latest = samples.at(-1)?.reading
  const level = (label: string, name: string, to?: string): Tile => ({
    label,
    value: latest === undefined ? '–' : format.short(latest.get(name) ?? 0),
    points: gauge(samples, (reading) => reading.get(name)),
    ...(to === undefined ? {} : { to }),
  })
  const flow = (label: string, name: string, show?: (value: number) => string): Tile => ({
    label,
    value: perSecond(rateNow(samples, name), show),
    points: rates(samples, (reading) => reading.total(name)),
  })
  const dropped = [
    'rtms_inputs_refused_total',
    'rtms_publications_refused_total',
    'rtms_connections_refused_total',
  ]
  const drops = dropped.map((name) => rateNow(samples, name) ?? 0).reduce((sum, each) => sum + each, 0)
  const [held, limit] = [latest?.get('rtms_log_bytes') ?? 0, latest?.get('rtms_log_bytes_limit') ?? Infinity]
  return [
    level(text.connections, 'rtms_connections'),
    level(text.sessions, 'rtms_sessions', '#/sessions'),
    level(text.meetings, 'rtms_meetings', '#/meetings'),
    level(text.topics, 'rtms_topics', '#/topics'),
    flow(text.narrowed(text.messages, text.in), 'rtms_messages_received_total'),
    flow(text.narrowed(text.messages, text.out), 'rtms_messages_sent_total'),
    flow(text.narrowed(text.bytes, text.out), 'rtms_bytes_sent_total', format.bytes),
    {
      label: text.drops,
      value: perSecond(drops),
      points: rates(samples, (reading) => dropped.reduce((sum, name) => sum + (reading.total(name) ?? 0), 0)),
    },
    latenessTile(samples),
    {
      label: text.logs,
      value: format.bytes(held),
      more: text.ofLimit(format.share(held / limit)),
      points: gauge(samples, (reading) => reading.get('rtms_log_bytes')),
    },
  ]
}

function Spark({ points, samples }: { readonly points: Points; readonly samples: readonly Sample[] }) {
  const to = samples.at(-1)?.at ?? 0
  const box = {
    width: WIDTH,
    height: HEIGHT,
    from: to - RECENT_MS,
    to,
    top: Math.max(highest([points]), 1e-9) * 1.1,
  }
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="line s0" d={linePath(box, samples, points)} />
    </svg>
  )
}

/** What matters most, now and over the last minute. */
export function Tiles({ samples }: { readonly samples: readonly Sample[] }) {
  const last = samples.at(-1)?.at ?? 0
  const recent = samples.filter(({ at }) => last - at <= RECENT_MS)
  return (
    <section aria-label={text.now}>
      <ul class="tiles">
        {tilesOf(recent).map(({ label, value, more, points, to }) => (
          <li key={label} class="card tile">
            <span class="label">{to === undefined ? label : <a href={to}>{label}</a>}</span>
            <span class="value">{value}</span>
            {more !== undefined && <span class="hint">{more}</span>}
            <Spark points={points} samples={recent} />
          </li>
        ))}
      </ul>
    </section>
  )
}
