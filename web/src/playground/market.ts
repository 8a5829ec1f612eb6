import type { Client } from 'rtms/client'
import { byId, inputById, make, oncePerRepaint } from './dom.ts'
import { inPlainWords } from '../shell/problems.ts'

interface Price {
  readonly price: number
}

/** The business server's answer to an order, and what it pushes when the order is filled. */
interface Order extends Price {
  readonly id: string
  readonly quantity: number
}

/** Points of the sparkline. */
const POINTS = 240
const WIDTH = 240
const HEIGHT = 64
const MARGIN = 4
const FILLED_SHOWN = 8
const TOASTS = 3
const TOAST_MS = 5_000

const money = (value: number): string => value.toFixed(2)

/** The moving price. */
export function showPrice(client: Client): void {
  const prices: number[] = []
  const draw = oncePerRepaint(() => drawPrice(prices))
  client.subscribe<Price>(
    'demo.price',
    ({ price }) => {
      prices.push(price)
      if (prices.length > POINTS) prices.shift()
      draw()
    },
    {
      conflate: true,
      maxHz: 10,
      onError: (error) => {
        const problem = byId('price-problem')
        problem.hidden = false
        problem.textContent = `The price cannot be shown. ${inPlainWords(error)}`
      },
    },
  )
}

function drawPrice(prices: readonly number[]): void {
  const latest = prices.at(-1)
  if (latest === undefined) return
  byId('price').textContent = money(latest)
  const since = latest - (prices[0] ?? latest)
  const change = byId('change')
  change.textContent = `${since < 0 ? '▼' : '▲'} ${money(Math.abs(since))}`
  change.className = since < 0 ? 'down' : 'up'

  const low = Math.min(...prices)
  // A price that hardly moves is a flat line, not noise blown up to the full height.
  const span = Math.max(Math.max(...prices) - low, latest * 0.002)
  const points = prices.map((price, i) => {
    const x = prices.length === 1 ? WIDTH : (i / (prices.length - 1)) * WIDTH
    const y = HEIGHT - MARGIN - ((price - low) / span) * (HEIGHT - 2 * MARGIN)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  const area = [`0,${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`]
  document.querySelector('#spark polyline')?.setAttribute('points', points.join(' '))
  document.querySelector('#spark polygon')?.setAttribute('points', area.join(' '))
}

/** The order form, its answers and the pushes that follow. */
export function takeOrders(client: Client): void {
  const button = byId('place')
  const reply = byId('reply')

  const order = async (): Promise<void> => {
    button.toggleAttribute('disabled', true)
    reply.className = 'reply'
    reply.textContent = 'Ordering…'
    try {
      const quantity = inputById('quantity').valueAsNumber
      const { id, price, ...placed } = await client.request<Order>('demo.order', { quantity })
      reply.textContent = `Order ${id}: ${placed.quantity} at ${money(price)}, ${money(placed.quantity * price)} in all.`
    } catch (error) {
      reply.classList.add('failed')
      reply.textContent = inPlainWords(error)
    }
    button.toggleAttribute('disabled', false)
  }
  byId('order').addEventListener('submit', (event) => {
    event.preventDefault()
    void order()
  })

  client.onPush<Order>('demo.filled', ({ id, quantity, price }) => {
    const text = `Order ${id} is filled: ${quantity} at ${money(price)}`
    byId('nothing-filled').hidden = true
    const list = byId('filled')
    list.prepend(make('li', '', text))
    while (list.children.length > FILLED_SHOWN) list.lastElementChild?.remove()
    toast(text)
  })
}

function toast(text: string): void {
  const toasts = byId('toasts')
  const shown = make('p', 'toast', text)
  toasts.append(shown)
  while (toasts.children.length > TOASTS) toasts.firstElementChild?.remove()
  setTimeout(() => shown.remove(), TOAST_MS)
}
