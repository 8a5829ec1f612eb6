import { useEffect, useMemo, useRef } from 'preact/hooks'
import { language } from '../shell/language.ts'
import { Chart } from './chart.tsx'
import { brief, gain, money, percent, wayOf } from './format.ts'
import { OrderForm } from './order-form.tsx'
import { changeOf, type Row, valueOf } from './row.ts'
import { sectors } from './terms.ts'
import { TrailLoader } from './trails.ts'
import type { Wall } from './wall.ts'
import { text } from './words.ts'

/** One company: its chart, its numbers, and a way to trade it. */
export function Panel({ wall, close }: { readonly wall: Wall; readonly close: () => void }) {
  const row = wall.selected
  const trails = useMemo(() => new TrailLoader(wall.feed.client, () => {}), [])
  if (row === null)
    return (
      <section class="card panel none" aria-label={text.chooseOne}>
        <p class="empty">{text.chooseOne}</p>
      </section>
    )
  return (
    <section
      class="card panel"
      id="panel"
      aria-labelledby="panel-title"
      data-symbol={row.symbol}
      onKeyDown={(event) => event.key === 'Escape' && close()}
    >
      <header>
        <div>
          <h2 id="panel-title">{row[language]}</h2>
          <p class="hint">
            {row.symbol} · {sectors[row.sector]}
          </p>
        </div>
        <button type="button" class="quiet close" id="close" aria-label={text.close} onClick={close}>
          ✕
        </button>
      </header>
      <Price wall={wall} row={row} />
      <Chart wall={wall} row={row} trails={trails} />
      <Numbers row={row} />
      <Held wall={wall} row={row} />
      <OrderForm key={row.symbol} wall={wall} row={row} />
    </section>
  )
}

/** The price of the moment, written past the components: it moves more often than the rest. */
function Price({ wall, row }: { readonly wall: Wall; readonly row: Row }) {
  const place = useRef<HTMLParagraphElement>(null)
  useEffect(() => {
    const write = (): void => {
      const [price, change] = place.current?.children ?? []
      if (place.current === null || price === undefined || change === undefined) return
      const share = changeOf(row)
      place.current.dataset['way'] = wayOf(share)
      price.textContent = money(row.last)
      change.textContent = `${gain(row.last - row.previous)}  ${percent(share)}`
    }
    const drawing = { changed: (changed: Row) => changed === row && write(), beat: write }
    wall.drawings.add(drawing)
    write()
    return () => void wall.drawings.delete(drawing)
  }, [row])
  return (
    <p class="now number" id="now" ref={place}>
      <strong />
      <span class="change" />
    </p>
  )
}

function Numbers({ row }: { readonly row: Row }) {
  const numbers: readonly (readonly [string, string])[] = [
    [text.open, money(row.open)],
    [text.high, money(row.high)],
    [text.low, money(row.low)],
    [text.previous, money(row.previous)],
    [text.volume, brief(row.volume, language)],
    // Millions of shares times cents.
    [text.marketValue, brief(valueOf(row, row.last) * 10_000, language)],
  ]
  return (
    <dl class="numbers">
      {numbers.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd class="number">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Held({ wall, row }: { readonly wall: Wall; readonly row: Row }) {
  const held = wall.trading.account?.holdings.find(({ symbol }) => symbol === row.symbol)
  if (held === undefined) return null
  const result = held.quantity * row.last - held.cost
  return (
    <p class="held">
      {text.holdings}: <span class="number">{text.shares(String(held.quantity))}</span> ·{' '}
      <span class="change number" data-way={result === 0 ? 'flat' : result > 0 ? 'up' : 'down'}>
        {gain(result)}
      </span>
    </p>
  )
}
