import { START_CASH } from '../../../src/demo/wall/desk.ts'
import { worth } from './account.ts'
import { gain, grouped, money } from './format.ts'
import type { Wall } from './wall.ts'
import { text } from './words.ts'

interface Props {
  readonly wall: Wall
  readonly open: (symbol: string) => void
}

/** What the visitor has, and what waits to be filled. */
export function AccountCard({ wall, open, unfolded }: Props & { readonly unfolded: boolean }) {
  const { account } = wall.trading
  if (account === null) return null
  const all = account.cash + worth(account.holdings, (symbol) => wall.priceOf(symbol))
  return (
    <details class="card account" id="account" data-cash={account.cash} open={unfolded}>
      <summary>
        <h2>{text.account}</h2>
        <span class="number">{grouped(all / 100)}</span>
        <Result value={all - START_CASH} />
      </summary>
      <dl class="numbers">
        <div>
          <dt>{text.cash}</dt>
          <dd class="number" id="cash">
            {money(account.cash)}
          </dd>
        </div>
        <div>
          <dt>{text.worth}</dt>
          <dd class="number">{money(all)}</dd>
        </div>
      </dl>
      <Orders wall={wall} open={open} />
      <Holdings wall={wall} open={open} />
      <p class="hint">{text.playMoney}</p>
    </details>
  )
}

function Result({ value }: { readonly value: number }) {
  return (
    <span class="change number" data-way={value === 0 ? 'flat' : value > 0 ? 'up' : 'down'}>
      {gain(value)}
    </span>
  )
}

function Orders({ wall, open }: Props) {
  const orders = wall.trading.account?.orders ?? []
  return (
    <>
      <h3>{text.openOrders}</h3>
      {orders.length === 0 && <p class="empty">{text.noOrders}</p>}
      <ul class="list" id="orders">
        {orders.map(({ id, side, symbol, filled, quantity, limit }) => (
          <li key={id} data-order={id}>
            <button type="button" class="link" onClick={() => open(symbol)}>
              {text.sides[side]} {symbol}
            </button>
            <span class="number">
              {text.progress(grouped(filled), grouped(quantity))}{' '}
              {limit !== undefined && text.at(money(limit))}
            </span>
            <button
              type="button"
              class="quiet"
              aria-label={text.cancelHint(id)}
              onClick={() => void wall.trading.cancel(id)}
            >
              {text.cancel}
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}

function Holdings({ wall, open }: Props) {
  const holdings = wall.trading.account?.holdings ?? []
  return (
    <>
      <h3>{text.holdings}</h3>
      {holdings.length === 0 && <p class="empty">{text.noHoldings}</p>}
      <ul class="list" id="holdings">
        {holdings.map(({ symbol, quantity, cost }) => (
          <li key={symbol} data-holding={symbol} data-quantity={quantity}>
            <button type="button" class="link" onClick={() => open(symbol)}>
              {symbol}
            </button>
            <span class="number">
              {text.shares(grouped(quantity))} <small>{text.paid(money(cost / quantity))}</small>
            </span>
            <Result value={worth([{ symbol, quantity, cost }], (each) => wall.priceOf(each)) - cost} />
          </li>
        ))}
      </ul>
    </>
  )
}
