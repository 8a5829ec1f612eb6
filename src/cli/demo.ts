import { createHash, randomBytes, randomInt } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import sirv from 'sirv'
import * as v from 'valibot'
import { RtmsError } from '../protocol/index.ts'
import { type Logger, Rtms, type RtmsOptions } from '../server/index.ts'

/*
 * The business server of the demo pages: what an application would write. It lets anybody in as a guest, so it is
 * for trying things out.
 */

const BODY_BYTES = 4_096
const PRICE_TOPIC = 'demo.price'
const PRICE_EVERY_MS = 200
const FILL_AFTER_MS = 1_000
/** Orders that wait to be filled. */
const OPEN_ORDERS = 10_000

const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; " +
    "form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

const NAME = 'name must be a string of 1 to 24 characters, without control characters'
const ROOM = 'room must be a string of 1 to 32 letters, digits, - and _'
const GUEST = 'guest must be what an earlier answer gave as guest, or be left out'

const ticketWish = v.object(
  {
    // eslint-disable-next-line no-control-regex
    name: v.optional(v.pipe(v.string(NAME), v.trim(), v.regex(/^[^\p{C}]{1,24}$/u, NAME)), 'Guest'),
    room: v.optional(v.pipe(v.string(ROOM), v.regex(/^[\p{L}\p{M}\p{N}_-]{1,32}$/u, ROOM)), 'lobby'),
    guest: v.optional(v.pipe(v.string(GUEST), v.regex(/^[\w-]{22}$/, GUEST))),
  },
  'the body must be a JSON object: {"name": "Ada", "room": "lobby"}',
)

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

/** A refusal with its HTTP status. */
class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

type Settings = Omit<RtmsOptions, 'handler' | 'server'>

/** The demo as it runs: a node and what moves on it. */
export interface Demo {
  readonly rtms: Rtms
  close(): Promise<void>
}

/** Starts a node that serves the demo; `pages` is the folder that `vite build web` made. */
export async function startDemo(settings: Settings, pages: string): Promise<Demo> {
  const files = sirv(pages, {
    etag: true,
    onNoMatch: (_req, res) => notFound(res),
    // Names under /assets/ change with their content.
    setHeaders: (res, path) =>
      res.setHeader(
        'cache-control',
        path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      ),
  })
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    const [path] = (req.url ?? '/').split('?')
    if (path === '/api/ticket') void answerTicket(rtms, req, res, settings.logger)
    else if (req.method === 'GET' || req.method === 'HEAD') files(req, res)
    else notFound(res)
  }
  const rtms: Rtms = await Rtms.start({ ...settings, handler })
  const price = movePrice(rtms)
  const stopOrders = takeOrders(rtms, () => price.now())
  return {
    rtms,
    close: () => {
      price.stop()
      stopOrders()
      return rtms.close()
    },
  }
}

// ---- tickets

async function answerTicket(
  rtms: Rtms,
  req: IncomingMessage,
  res: ServerResponse,
  logger: Logger | undefined,
): Promise<void> {
  try {
    if (req.method !== 'POST') {
      res.setHeader('allow', 'POST')
      throw new HttpError(405, 'ask for a ticket with POST')
    }
    sendJson(res, 200, await issueTicket(rtms, await readJson(req), req.headers.host))
  } catch (error) {
    // The visitor has gone away in the middle of the body.
    if (req.errored !== null) return
    const status = error instanceof HttpError ? error.status : error instanceof RtmsError ? 503 : 500
    if (status === 500) logger?.error({ error }, 'a ticket could not be issued')
    // The rest of a body that is refused is not waited for.
    if (!req.complete) res.setHeader('connection', 'close')
    sendJson(res, status, { error: status === 500 ? 'the server has failed' : (error as Error).message })
  }
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  // Not destroyed where the loop is left early: the refusal still has to go out on the same socket.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES) throw new HttpError(413, `the body must not be larger than ${BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    throw new HttpError(400, 'the body must be JSON: {"name": "Ada", "room": "lobby"}')
  }
}

async function issueTicket(rtms: Rtms, body: unknown, host: string | undefined): Promise<object> {
  const wish = v.safeParse(ticketWish, body)
  if (!wish.success) throw new HttpError(400, wish.issues[0].message)
  const { name, room, guest = randomBytes(16).toString('base64url') } = wish.output
  // Only who holds `guest` can be this user again; others in the room see what is made of it.
  const user = `${name}~${createHash('sha256').update(guest).digest('hex').slice(0, 12)}`
  const meeting = await rtms.meetings.open(`demo.${room}`, { frameRate: 20, capacity: 50 })
  const ticket = await rtms.tickets.issue({ user, meetings: [meeting], topics: { read: ['demo.*'] }, host })
  return { ...ticket, user, meeting: `demo.${room}`, guest }
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(JSON.stringify(body))
}

function notFound(res: ServerResponse): void {
  res.writeHead(404, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' })
  res.end(
    '<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>Not found</title>' +
      '<h1>Not found</h1><p>There is nothing at this address. <a href="/">Go to the demo</a></p></html>',
  )
}

// ---- the price and the orders

/** A price that wanders around 100 and moves only while somebody looks. */
function movePrice(rtms: Rtms): { now(): number; stop(): void } {
  let price = 100
  const timer = setInterval(() => {
    if (rtms.topics.subscribers(PRICE_TOPIC) === 0) return
    price += (Math.random() - 0.5) * 0.8 + (100 - price) * 0.01
    rtms.topics.publish(PRICE_TOPIC, { price: cents(price) })
  }, PRICE_EVERY_MS)
  return { now: () => cents(price), stop: () => clearInterval(timer) }
}

const cents = (price: number): number => Math.round(price * 100) / 100

/** Answers orders at the price of the moment and tells their user a second later that they are filled. */
function takeOrders(rtms: Rtms, price: () => number): () => void {
  const open = new Set<NodeJS.Timeout>()
  rtms.onRequest('demo.order', async ({ user, data }) => {
    const wish = v.safeParse(orderWish, data)
    if (!wish.success) throw new RtmsError('HANDLER_FAILED', wish.issues[0].message)
    if (open.size >= OPEN_ORDERS) throw new RtmsError('BUSY', 'Too many orders wait to be filled.')
    const order = { id: `A-${randomInt(1000, 10_000)}`, quantity: wish.output.quantity, price: price() }
    const timer = setTimeout(() => {
      open.delete(timer)
      void rtms.users.push(user, 'demo.filled', order)
    }, FILL_AFTER_MS)
    open.add(timer)
    return order
  })
  return () => {
    for (const timer of open) clearTimeout(timer)
  }
}
