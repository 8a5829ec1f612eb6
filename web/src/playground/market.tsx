import type { Client } from 'rtms/client'
import { useEffect, useState } from 'preact/hooks'
import { inPlainWords } from '../shell/problems.ts'
import { text } from './words.ts'

interface Props {
  readonly client: Client
}

interface Quote {
  readonly price: number
}

/** The business server's answer to an order, and what it pushes when the order is filled. */
interface Placed extends Quote {
  readonly id: string
  readonly quantity: number
}

/** Points of the line. */
const POINTS = 240
const WIDTH = 240
const HEIGHT = 64
const MARGIN = 4
const FILLS_SHOWN = 8

const money = (value: number): string => value.toFixed(2)

/** The moving price. */
export function Price({ client }: Props) {
  const [prices, setPrices] = useState<readonly number[]>([])
  const [error, setError] = useState<unknown>(null)
  useEffect(
    () =>
      client.subscribe<Quote>(
        'demo.price',
        ({ price }) => setPrices((before) => [...before, price].slice(-POINTS)),
        { conflate: true, maxHz: 10, onError: setError },
      ),
    [client],
  )
  const latest = prices.at(-1)
  const change = (latest ?? 0) - (prices[0] ?? 0)
  return (
    <>
      <div class="price">
        <output id="price" aria-labelledby="topic-title" aria-live="off">
          {latest === undefined ? '–' : money(latest)}
        </output>
        {latest !== undefined && (
          <span class={change < 0 ? 'down' : 'up'}>
            {change < 0 ? '▼' : '▲'} {money(Math.abs(change))}
          </span>
        )}
      </div>
      <Line prices={prices} />
      {error !== null && (
        <p class="problem" role="status">
          {inPlainWords(error)}
        </p>
      )}
    </>
  )
}

function Line({ prices }: { readonly prices: readonly number[] }) {
  const low = Math.min(...prices)
  const high = Math.max(...prices)
  // A price that hardly moves is a flat line, not noise blown up to the full height.
  const span = Math.max(high - low, high * 0.002)
  const points = prices.map((price, i) => {
    const x = prices.length === 1 ? WIDTH : (i / (prices.length - 1)) * WIDTH
    const y = HEIGHT - MARGIN - ((price - low) / span) * (HEIGHT - 2 * MARGIN)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  return (
    <svg
      class="line"
      id="line"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={text.line}
    >
      {prices.length > 0 && <polygon points={[`0,${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`].join(' ')} />}
      <polyline points={points.join(' ')} />
    </svg>
  )
}

interface Reply {
  readonly state: 'none' | 'waiting' | 'placed' | 'failed'
  readonly said: string
}

/** A request and its reply. */
export function Order({ client }: Props) {
  const [{ state, said }, setReply] = useState<Reply>({ state: 'none', said: '' })
  const order = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const quantity = Number(new FormData(event.currentTarget as HTMLFormElement).get('quantity'))
    setReply({ state: 'waiting', said: text.ordering })
    try {
      const { id, price, ...placed } = await client.request<Placed>('demo.order', { quantity })
      setReply({ state: 'placed', said: text.placed(id, placed.quantity, money(price)) })
    } catch (error) {
      setReply({ state: 'failed', said: inPlainWords(error) })
    }
  }
  return (
    <>
      <form class="with-button" id="order" onSubmit={(event) => void order(event)}>
        <label>
          {text.quantity}
          <input name="quantity" id="quantity" type="number" min={1} max={1000} defaultValue="10" required />
        </label>
        <button type="submit" id="place" disabled={state === 'waiting'}>
          {text.order}
        </button>
      </form>
      <p class={`reply ${state}`} id="reply" role="status">
        {said}
      </p>
    </>
  )
}

/** What the server says unasked, to this user alone. */
export function Fills({ client }: Props) {
  const [fills, setFills] = useState<readonly Placed[]>([])
  useEffect(
    () =>
      client.onPush<Placed>('demo.filled', (fill) =>
        setFills((before) => [fill, ...before].slice(0, FILLS_SHOWN)),
      ),
    [client],
  )
  return (
    <div role="log" aria-labelledby="push-title">
      <ul class="fills" id="filled">
        {fills.map(({ id, quantity, price }) => (
          <li key={id}>{text.filled(id, quantity, money(price))}</li>
        ))}
      </ul>
      {fills.length === 0 && <p class="empty">{text.noFills}</p>}
    </div>
  )
}
