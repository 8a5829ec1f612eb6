import { useEffect, useReducer, useState } from 'preact/hooks'
import { language } from '../shell/language.ts'
import { homeNode } from '../shell/nodes.tsx'
import { inPlainWords } from '../shell/problems.ts'
import { Page, show } from '../shell/shell.tsx'
import { Breadth, Cost, Day } from './head.tsx'
import { MapBoard } from './map-board.tsx'
import { AccountCard } from './money.tsx'
import { NewsCard } from './news.tsx'
import { Panel } from './panel.tsx'
import type { Row } from './row.ts'
import { TileBoard } from './tile-board.tsx'
import { Toolbar } from './toolbar.tsx'
import { Wall } from './wall.ts'
import { text } from './words.ts'
import './style.css'

let redraw = (): void => {}
let asked = false
const wall = new Wall(() => {
  if (asked) return
  asked = true
  requestAnimationFrame(() => {
    asked = false
    redraw()
  })
})

const wide = matchMedia('(width >= 64rem)')
const time = new Intl.DateTimeFormat(language, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

function WallPage() {
  const [, count] = useReducer((n: number) => n + 1, 0)
  const [unfolded, setUnfolded] = useState(wide.matches)
  useEffect(() => {
    redraw = () => count(0)
    const turn = (): void => setUnfolded(wide.matches)
    wide.addEventListener('change', turn)
    return () => wide.removeEventListener('change', turn)
  }, [])
  const { feed, view, listed } = wall
  const rows = wall.rows()

  const choose = (row: Row, byKey: boolean): void => {
    wall.open(row)
    if (byKey || !wide.matches)
      requestAnimationFrame(() => document.getElementById(byKey ? 'quantity' : 'close')?.focus())
  }
  const open = (symbol: string): void => {
    const row = feed.rows.get(symbol)
    if (row !== undefined) choose(row, false)
  }
  const close = (): void => {
    wall.open(null)
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.boards [role="listbox"]')?.focus())
  }
  return (
    <Page name="wall" state={feed.state} node={feed.client.node}>
      <div class="lead">
        <div>
          <h1>{text.title}</h1>
          <p>{text.lead}</p>
          {homeNode() !== '' && feed.session !== null && feed.state === 'connected' && (
            <p id="where">{text.where(unbroken(feed.session.node), unbroken(feed.client.node))}</p>
          )}
        </div>
        <div class="market">
          <Day wall={wall} />
          <Breadth wall={wall} />
        </div>
      </div>
      {feed.problem !== null && (
        <p class="problem" role="alert">
          {inPlainWords(feed.problem)}
        </p>
      )}
      <Cost wall={wall} />
      <div class="wall" data-view={view} data-flow={flow()}>
        <div class="boards">
          <Toolbar wall={wall} shown={rows.length} />
          <Halt />
          {listed === 0 && <p class="empty">{text.loading}</p>}
          {listed > 0 && rows.length === 0 && (
            <p class="empty">
              {text.noneFound}{' '}
              <button type="button" class="quiet" onClick={() => wall.choose({ text: '', sector: '' })}>
                {text.showAll}
              </button>
            </p>
          )}
          {listed > 0 &&
            (view === 'map' ? (
              <MapBoard wall={wall} choose={choose} />
            ) : (
              <TileBoard wall={wall} choose={choose} />
            ))}
        </div>
        <aside class="side">
          <Panel wall={wall} close={close} />
          <AccountCard wall={wall} open={open} unfolded={unfolded} />
          <NewsCard wall={wall} open={open} unfolded={unfolded} />
        </aside>
      </div>
      <div class="toasts" id="toasts" role="status">
        {wall.toasts.map(({ id, good, text: said }) => (
          <p class="toast" key={id} data-good={good}>
            {said}
          </p>
        ))}
      </div>
    </Page>
  )
}

/** The name of a node on one line. */
const unbroken = (name: string): string => name.replaceAll('-', '\u2011')

const flow = (): 'live' | 'paused' | 'stale' =>
  wall.feed.paused ? 'paused' : wall.feed.stoppedAt === null ? 'live' : 'stale'

/** What is on the wall is not the latest, and why. */
function Halt() {
  const { paused, stoppedAt, latest, state } = wall.feed
  if (stoppedAt === null || (!paused && state === 'connected')) return null
  return (
    <p class="halt" id="halt">
      {paused && state === 'connected'
        ? text.pausedSince(((performance.now() - stoppedAt) / 1000).toFixed(0))
        : text.stale(time.format(latest))}
    </p>
  )
}

show(`${text.title} – RTMS`, <WallPage />)
