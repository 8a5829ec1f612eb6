import * as v from 'valibot'
import { RtmsError } from '../../protocol/index.ts'
import { MOST_SHARES, type Wish } from './desk.ts'

/* What clients ask for, checked. */

const SYMBOL = 'symbol must be five capital letters.'
const QUANTITY = `quantity must be a whole number from 1 to ${MOST_SHARES}.`
const LIMIT = 'limit must be a price in whole cents, from 1 to 100000000.'
/** Prices in one answer: it has to fit into a message. */
const PRICES = 3_000
const POINTS = 'points must be a whole number from 1 to 240.'

const symbol = v.pipe(v.string(SYMBOL), v.regex(/^[A-Z]{5}$/, SYMBOL))
const whole = (most: number, message: string) =>
  v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(most, message))
const common = {
  symbol,
  side: v.picklist(['buy', 'sell'], 'side must be buy or sell.'),
  quantity: whole(MOST_SHARES, QUANTITY),
}

const orderSchema = v.variant(
  'type',
  [
    v.object({ ...common, type: v.literal('market') }),
    v.object({ ...common, type: v.literal('limit'), limit: whole(100_000_000, LIMIT) }),
  ],
  'An order is an object with symbol, side, quantity and a type, market or limit.',
)

const CANCEL = 'To cancel takes an object with the id of an order.'
const cancelSchema = v.object({ id: v.number(CANCEL) }, CANCEL)

const SYMBOLS = 'symbols must be a list of 1 to 64 symbols.'
const trailsSchema = v.pipe(
  v.object(
    {
      symbols: v.pipe(v.array(symbol, SYMBOLS), v.minLength(1, SYMBOLS), v.maxLength(64, SYMBOLS)),
      points: whole(240, POINTS),
    },
    'Trails are asked for by an object with symbols and points.',
  ),
  v.check(
    ({ symbols, points }) => symbols.length * points <= PRICES,
    `symbols times points must be at most ${PRICES}.`,
  ),
)

/** Throws HANDLER_FAILED with the first fault; the text is for whoever writes a client. */
function checked<T extends v.GenericSchema>(schema: T, data: unknown): v.InferOutput<T> {
  const wish = v.safeParse(schema, data)
  if (!wish.success) throw new RtmsError('HANDLER_FAILED', wish.issues[0].message)
  return wish.output
}

export const checkOrder = (data: unknown): Wish => checked(orderSchema, data)
export const checkCancel = (data: unknown): { readonly id: number } => checked(cancelSchema, data)
export const checkTrails = (data: unknown): { readonly symbols: string[]; readonly points: number } =>
  checked(trailsSchema, data)
