import type { News } from '../../../src/demo/wall/market.ts'
import { language } from '../shell/language.ts'
import { headline, sectors } from './terms.ts'
import type { Wall } from './wall.ts'
import { text } from './words.ts'

const SHOWN = 12

/** What has happened in the market, the latest first. */
export function NewsCard({
  wall,
  open,
  unfolded,
}: {
  readonly wall: Wall
  readonly open: (symbol: string) => void
  readonly unfolded: boolean
}) {
  const { news } = wall.feed
  const [latest] = news
  return (
    <details class="card news" id="news" open={unfolded}>
      <summary>
        <h2>{text.news}</h2>
        {latest !== undefined && <span class="latest">{say(wall, latest)}</span>}
      </summary>
      {latest === undefined && <p class="empty">{text.noNews}</p>}
      <ol>
        {news.slice(0, SHOWN).map((each) => (
          <li key={each.number} data-way={each.good ? 'up' : 'down'}>
            <span class="change" role="img" aria-label={each.good ? text.good : text.bad}>
              {each.good ? '▲' : '▼'}
            </span>
            <button
              type="button"
              class="link"
              onClick={() => (each.symbol === '' ? wall.choose({ sector: each.sector }) : open(each.symbol))}
            >
              {say(wall, each)}
            </button>
          </li>
        ))}
      </ol>
    </details>
  )
}

function say(wall: Wall, { kind, symbol, sector }: News): string {
  if (symbol === '') return headline(kind, sectors[sector] ?? sector)
  return headline(kind, wall.feed.rows.get(symbol)?.[language] || symbol)
}
