import { useState } from 'preact/hooks'
import { MOST_SHARES } from '../../../src/demo/wall/desk.ts'
import { Choice } from '../shell/choice.tsx'
import { free } from './account.ts'
import { grouped, money, readMoney } from './format.ts'
import type { Row } from './row.ts'
import { phases } from './terms.ts'
import type { Wall } from './wall.ts'
import type { Side } from './texts.ts'
import { text } from './words.ts'

type Type = 'market' | 'limit'
const FIRST = '100'

/** Buys and sells: a request whose answer stands below, and pushes for what is filled. */
export function OrderForm({ wall, row }: { readonly wall: Wall; readonly row: Row }) {
  const [side, setSide] = useState<Side>('buy')
  const [type, setType] = useState<Type>('market')
  const [typed, setTyped] = useState(FIRST)
  const [typedLimit, setTypedLimit] = useState('')
  const { trading, feed } = wall
  const { account, reply, isOrdering } = trading
  const shares = /^\d{1,6}$/.test(typed.trim()) ? Number(typed) : 0
  const limit = readMoney(typedLimit)
  const isRight = shares >= 1 && shares <= MOST_SHARES
  const own = account === null ? 0 : free(account, row.symbol)
  const price = type === 'limit' ? (limit ?? 0) : row.last
  const phase = feed.session?.phase

  const order = (event: Event): void => {
    event.preventDefault()
    const common = { symbol: row.symbol, side, quantity: shares }
    if (!isRight) trading.complain(text.badQuantity(grouped(MOST_SHARES)))
    else if (type === 'market') void trading.place({ ...common, type })
    else if (limit === null) trading.complain(text.badLimit)
    else void trading.place({ ...common, type, limit })
  }
  return (
    <form class="order" id="order-form" data-side={side} noValidate onSubmit={order}>
      <div class="row">
        <Choice
          name="side"
          label={text.side}
          values={['buy', 'sell']}
          chosen={side}
          show={(each) => text.sides[each]}
          choose={setSide}
        />
        <Choice
          name="type"
          label={text.type}
          values={['market', 'limit']}
          chosen={type}
          show={(each) => text[each]}
          choose={(each) => {
            setType(each)
            if (typedLimit === '') setTypedLimit(money(row.last).replaceAll(',', ''))
          }}
        />
      </div>
      <div class="row">
        <label>
          {text.quantity}
          <span class="with">
            <input
              id="quantity"
              inputMode="numeric"
              autocomplete="off"
              value={typed}
              aria-invalid={!isRight}
              onInput={({ currentTarget }) => setTyped(currentTarget.value)}
            />
            {side === 'sell' && own > 0 && (
              <button
                type="button"
                class="quiet"
                onClick={() => setTyped(String(Math.min(own, MOST_SHARES)))}
              >
                {text.all}
              </button>
            )}
          </span>
        </label>
        {type === 'limit' && (
          <label>
            {text.limitPrice}
            <input
              id="limit"
              inputMode="decimal"
              autocomplete="off"
              value={typedLimit}
              aria-invalid={limit === null}
              onInput={({ currentTarget }) => setTypedLimit(currentTarget.value)}
            />
          </label>
        )}
      </div>
      <button type="submit" id="place" disabled={isOrdering || account === null}>
        {text.place(side, isRight ? grouped(shares) : '–', row.symbol)}
        {isRight && price > 0 && <small> {text.about(money(price * shares))}</small>}
      </button>
      {phase !== undefined && phases[phase].orders !== '' && <p class="hint">{phases[phase].orders}</p>}
      {feed.state !== 'connected' && <p class="hint">{text.noConnection}</p>}
      <p class="reply" id="reply" role="status" data-good={reply?.good}>
        {reply?.text}
      </p>
    </form>
  )
}
