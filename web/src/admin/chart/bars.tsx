import { useState } from 'preact/hooks'
import { type Histogram, histogramOf, mean, quantile, since } from '../numbers/histogram.ts'
import type { Sample } from '../numbers/history.ts'
import { format } from '../words/common.ts'
import { text } from '../words/overview.ts'

/** What a histogram took in within the samples of one process, the last one. */
function within(samples: readonly Sample[], name: string): Histogram | null {
  const last = samples.at(-1)
  const after = last === undefined ? null : histogramOf(last.reading, name)
  const from = samples.findLastIndex(({ isFirst }) => isFirst)
  const first = samples[Math.max(0, from)]
  const before = first === undefined ? null : histogramOf(first.reading, name)
  return after === null || before === null ? after : since(before, after)
}

const bound = (seconds: number): string => format.milliseconds(seconds * 1000)

/** A histogram as bars, each with its share in words, and the percentiles as far as buckets tell them. */
export function Bars({
  title,
  hint,
  name,
  samples,
}: {
  readonly title: string
  readonly hint: string
  readonly name: string
  readonly samples: readonly Sample[]
}) {
  const [isAll, setAll] = useState(false)
  const last = samples.at(-1)
  const histogram = isAll ? last && histogramOf(last.reading, name) : within(samples, name)
  return (
    <section class="card bars" aria-label={title}>
      <div class="row">
        <div>
          <h3>{title}</h3>
          <p class="hint">{hint}</p>
        </div>
        <div class="choice" role="group" aria-label={title}>
          {[false, true].map((all) => (
            <button
              key={String(all)}
              type="button"
              class="quiet small"
              aria-pressed={all === isAll}
              onClick={() => setAll(all)}
            >
              {all ? text.start : text.shown}
            </button>
          ))}
        </div>
      </div>
      {histogram === null || histogram === undefined || histogram.count === 0 ? (
        <p class="empty">{text.noValues}</p>
      ) : (
        <Filled histogram={histogram} />
      )}
      <p class="hint">{text.bucketHint}</p>
    </section>
  )
}

function Filled({ histogram }: { readonly histogram: Histogram }) {
  const { bounds, counts, count } = histogram
  const most = Math.max(...counts)
  const average = mean(histogram)
  return (
    <>
      <dl class="facts">
        <div>
          <dt>{text.median}</dt>
          <dd>{format.range(quantile(histogram, 0.5))}</dd>
        </div>
        <div>
          <dt>{text.p99}</dt>
          <dd>{format.range(quantile(histogram, 0.99))}</dd>
        </div>
        <div>
          <dt>{text.mean}</dt>
          <dd>{average === null ? '–' : bound(average)}</dd>
        </div>
        <div>
          <dt>{text.counted}</dt>
          <dd>{format.short(count)}</dd>
        </div>
      </dl>
      <ul>
        {bounds.map((atMost, at) => {
          const share = (counts[at] ?? 0) / count
          const label = atMost === Infinity ? `> ${bound(bounds[at - 1] ?? 0)}` : `≤ ${bound(atMost)}`
          return (
            <li key={atMost}>
              <span class="bound">{label}</span>
              <span class="track">
                <span class="bar" style={{ width: `${((counts[at] ?? 0) / most) * 100}%` }} />
              </span>
              <span class="share">{format.share(share)}</span>
            </li>
          )
        })}
      </ul>
    </>
  )
}
