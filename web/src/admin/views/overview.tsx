import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Bars } from '../chart/bars.tsx'
import { Chart, type Cursor } from '../chart/chart.tsx'
import { groups } from '../chart/panels.ts'
import { watch } from '../node/node.ts'
import { text } from '../words/overview.ts'
import { Nodes } from './nodes.tsx'
import { Outcomes, Reasons } from './outcomes.tsx'
import { Tiles } from './tiles.tsx'

const windows = [2, 5, 10]
/** What is shown at least, however short the page has looked. */
const LEAST_MS = 60_000

/** How the node does, at a glance and over the last minutes. */
export function Overview() {
  const [minutes, setMinutes] = useState(5)
  const [at, setAt] = useState<number | null>(null)
  const cursor: Cursor = { at, set: setAt }
  const samples = watch.history.within(minutes * 60_000)
  const latest = samples.at(-1)
  const [first] = samples
  const now = watch.state === 'up' ? (latest?.at ?? performance.now()) : performance.now()
  // A window that is mostly empty shows nothing well.
  const windowMs = Math.min(minutes * 60_000, Math.max(LEAST_MS, now - (first?.at ?? now)))
  return (
    <>
      <Nodes />
      <Tiles samples={samples} />
      <div class="row">
        <p class="hint grow">{text.chartHint}</p>
        <div class="choice" role="group" aria-label={text.window}>
          {windows.map((count) => (
            <button
              key={count}
              type="button"
              class="quiet small"
              aria-pressed={count === minutes}
              onClick={() => setMinutes(count)}
            >
              {text.minutes(count)}
            </button>
          ))}
        </div>
      </div>
      {groups.map(({ title, panels }, at) => (
        <Group key={title} title={title} isFirst={at === 0}>
          <div class="charts">
            {panels.map((panel) => (
              <Chart
                key={panel.title}
                panel={panel}
                samples={samples}
                windowMs={windowMs}
                now={now}
                cursor={cursor}
              />
            ))}
          </div>
        </Group>
      ))}
      <Group title={text.groups.spread}>
        <div class="charts wide">
          <Bars
            title={text.lateness}
            hint={text.latenessHint}
            name="rtms_frame_lateness_seconds"
            samples={samples}
          />
          <Bars title={text.sweepTime} hint={text.sweepHint} name="rtms_sweep_seconds" samples={samples} />
          {latest !== undefined && (
            <>
              <Outcomes reading={latest.reading} />
              <Reasons reading={latest.reading} />
            </>
          )}
        </div>
      </Group>
    </>
  )
}

const wide = matchMedia('(width >= 48rem)')

/** Charts that belong together. On a phone the first of them is unfolded, and what is folded is not drawn. */
function Group({
  title,
  isFirst = false,
  children,
}: {
  readonly title: string
  readonly isFirst?: boolean
  readonly children: ComponentChildren
}) {
  const [isOpen, setOpen] = useState(isFirst || wide.matches)
  return (
    <details class="group" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>{title}</h2>
      </summary>
      {isOpen && children}
    </details>
  )
}
