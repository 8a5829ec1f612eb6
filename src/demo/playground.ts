import { randomInt } from 'node:crypto'
import * as v from 'valibot'
import { RtmsError } from '../protocol/index.ts'
import type { Rtms } from '../server/index.ts'
import { parse } from './guests.ts'
import { every, type Fault, type Part, Post } from './part.ts'

/* The playground: a shared room, a moving price, an order and its push. */

const PRICE_TOPIC = 'demo.price'
/** Whoever holds it moves the price. */
const TICKER = 'demo.ticker'
const PRICE_EVERY_MS = 200
const FILL_AFTER_MS = 1_000
/** Orders that wait to be filled. */
const OPEN_ORDERS = 10_000

const ROOM = 'room must be a string of 1 to 32 letters, digits, - and _'

const wishSchema = v.object({
  room: v.optional(v.pipe(v.string(ROOM), v.regex(/^[\p{L}\p{M}\p{N}_-]{1,32}$/u, ROOM)), 'lobby'),
})

const QUANTITY = 'The quantity must be a whole number from 1 to 1000.'
const orderWish = v.object(
  {
    quantity: v.pipe(
      v.number(QUANTITY),
      v.integer(QUANTITY),
      v.minValue(1, QUANTITY),
      v.maxValue(1000, QUANTITY),
    ),
  },
  'An order is an object with a quantity.',
)

export function playground(rtms: Rtms, fault: Fault): Part {
  const price = movePrice(rtms, fault)
  const stopOrders = takeOrders(rtms, () => price.now(), fault)
  return {
    async admit(wish) {
      const { room } = parse(wishSchema, wish)
      const meeting = await rtms.meetings.open(`demo.${room}`, { frameRate: 20, capacity: 50 })
      return { meetings: [meeting], topics: { read: ['demo.*'] }, answer: { meeting: meeting.name } }
    },
    close() {
      price.stop()
      stopOrders()
    },
  }
}

/** A price that wanders around 100 and moves only while somebody looks, or may look on another node. */
function movePrice(rtms: Rtms, fault: Fault): { now(): number; stop(): void } {
  let price = 100
  const ticker = new Post(rtms, TICKER, fault)
  const move = (): void => {
    if ((rtms.topics.get(PRICE_TOPIC)?.subscribers ?? 0) > 0) ticker.keep()
    else if (!ticker.isForOthers) return
    if (!ticker.isHere) return
    price += (Math.random() - 0.5) * 0.8 + (100 - price) * 0.01
    rtms.topics.publish(PRICE_TOPIC, { price: cents(price) })
  }
  // Where another node moves it, this one has it as its readers do.
  const told = (): number => {
    const [last] = rtms.topics.history(PRICE_TOPIC, { limit: 1 })
    return (last?.data as { price: number } | undefined)?.price ?? cents(price)
  }
  return { now: () => (ticker.isHere ? cents(price) : told()), stop: every(PRICE_EVERY_MS, move, fault) }
}

const cents = (price: number): number => Math.round(price * 100) / 100

/** Answers orders at the price of the moment and tells their user a second later that they are filled. */
function takeOrders(rtms: Rtms, price: () => number, fault: Fault): () => void {
  const open = new Set<NodeJS.Timeout>()
  rtms.onRequest('demo.order', async ({ user, data }) => {
    const wish = v.safeParse(orderWish, data)
    if (!wish.success) throw new RtmsError('HANDLER_FAILED', wish.issues[0].message)
    if (open.size >= OPEN_ORDERS) throw new RtmsError('BUSY', 'Too many orders wait to be filled.')
    const order = { id: `A-${randomInt(1000, 10_000)}`, quantity: wish.output.quantity, price: price() }
    const timer = setTimeout(() => {
      open.delete(timer)
      rtms.users.push(user, 'demo.filled', order).catch(fault)
    }, FILL_AFTER_MS)
    open.add(timer)
    return order
  })
  return () => {
    for (const timer of open) clearTimeout(timer)
  }
}
