import { timetable } from '../../../src/demo/wall/sessions.ts'
import { Choice } from '../shell/choice.tsx'
import { paces } from './feed.ts'
import { bytes, grouped } from './format.ts'
import { phases } from './terms.ts'
import { remaining, type Wall } from './wall.ts'
import { text } from './words.ts'

/** The trading day as a bar: where it stands, and how long this part of it lasts. */
export function Day({ wall }: { readonly wall: Wall }) {
  const { session } = wall.feed
  if (session === null) return null
  const { day, phase, leftMs } = session
  const length = timetable.find(([name]) => name === phase)?.[1] ?? leftMs
  const now = timetable.findIndex(([name]) => name === phase)
  return (
    <div class="day" id="day" data-phase={phase} data-day={day}>
      <p>
        <strong>{phases[phase].name}</strong>
        <span>{text.day(day)}</span>
        <span class="number">{remaining(leftMs)}</span>
      </p>
      <div class="phases" title={text.timetable} aria-hidden="true">
        {timetable.map(([name, ms], i) => (
          <i key={name} data-phase={name} style={{ flexGrow: ms }}>
            <b style={{ width: `${i < now ? 100 : i > now ? 0 : 100 * (1 - leftMs / length)}%` }} />
          </i>
        ))}
      </div>
    </div>
  )
}

/** How many rose and fell. */
export function Breadth({ wall }: { readonly wall: Wall }) {
  const { up, down, flat } = wall.breadth
  if (up + down + flat === 0) return null
  return (
    <div class="breadth" role="img" aria-label={text.breadth(up, down, flat)}>
      <span class="up">▲ {up}</span>
      <div class="phases">
        <i class="rise" style={{ flexGrow: up }} />
        <i class="none" style={{ flexGrow: flat }} />
        <i class="fall" style={{ flexGrow: down }} />
      </div>
      <span class="down">▼ {down}</span>
    </div>
  )
}

/** What the market makes, what of it comes here, and the two hands on it: how often, and whether at all. */
export function Cost({ wall: { feed } }: { readonly wall: Wall }) {
  const rates = feed.paused || feed.stoppedAt !== null ? null : feed.meter.rates
  return (
    <section class="cost" aria-label={text.cost}>
      <dl class="figures">
        <Figure name="made" label={text.made} value={perSecond(rates?.made)} />
        <Figure name="received" label={text.received} value={perSecond(rates?.received)} />
        <Figure
          name="spared"
          label={text.spared}
          value={rates === null || rates.made === 0 ? '–' : `${Math.round(100 * spared(rates))}%`}
        />
        <Figure name="down" label={text.down} value={rates === null ? '–' : bytes(rates.bytes)} />
      </dl>
      <div class="hands">
        <Choice
          name="pace"
          label={text.pace}
          values={paces}
          chosen={feed.hz}
          show={text.hz}
          choose={(hz) => feed.setPace(hz)}
        />
        <button
          type="button"
          class="quiet"
          id="pause"
          aria-pressed={feed.paused}
          title={text.pauseHint}
          onClick={() => feed.togglePause()}
        >
          {feed.paused ? text.goOn : text.pause}
        </button>
      </div>
      <p class="hint">{text.paceHints[feed.hz]}</p>
    </section>
  )
}

const perSecond = (value: number | undefined): string =>
  value === undefined ? '–' : text.perSecond(grouped(value))

/** What of the market's changes was left out: at the beginning more may come than is made. */
const spared = ({ made, received }: { made: number; received: number }): number =>
  Math.max(0, 1 - received / made)

function Figure({
  name,
  label,
  value,
}: {
  readonly name: string
  readonly label: string
  readonly value: string
}) {
  return (
    <div data-figure={name}>
      <dt>{label}</dt>
      <dd class="number">{value}</dd>
    </div>
  )
}
