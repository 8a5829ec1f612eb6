import { randomInt } from 'node:crypto'
import * as v from 'valibot'
import { RtmsError } from '../protocol/index.ts'
import type { Meeting, Rtms } from '../server/index.ts'
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

const KIND = 'demo'
/** Whoever is alone in a room has company, which moves so often, and goes around once in so many frames. */
const GHOST = 'Ghost~ghost'
const GHOST_EVERY = 4
const ROUND = 240

export function playground(rtms: Rtms, fault: Fault): Part {
  rtms.meetings.define(KIND, {
    frameRate: 20,
    capacity: 50,
    onFrame: ({ number }, meeting) => haunt(meeting, number),
    // All that there is to know of a room is in its frames: it goes on anywhere.
    snapshot: () => null,
    restore: () => {},
  })
  const price = movePrice(rtms, fault)
  const stopOrders = takeOrders(rtms, () => price.now(), fault)
  return {
    async admit(wish) {
      const { room } = parse(wishSchema, wish)
      const meeting = await rtms.meetings.open(`demo.${room}`, { kind: KIND })
      return { meetings: [meeting], topics: { read: ['demo.*'] }, answer: { meeting: meeting.name } }
    },
    close() {
      price.stop()
      stopOrders()
    },
  }
}

function haunt(meeting: Meeting, frame: number): void {
  if (frame % GHOST_EVERY !== 0) return
  const people = meeting.members.filter(({ bot }) => !bot).length
  const [ghost] = meeting.bots
  if (people > 1) ghost?.leave()
  else if (ghost === undefined) meeting.addBot(GHOST)
  else {
    const turn = (frame / ROUND) * 2 * Math.PI
    ghost.send({ x: Math.round(500 + 330 * Math.cos(turn)), y: Math.round(500 + 280 * Math.sin(2 * turn)) })
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
