import { jwtVerify, SignJWT } from 'jose'
import { WebSocketServer } from 'ws'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { feed } from '../lib/feed.mjs'
import { Meter } from '../lib/meter.mjs'
import { SECRET } from '../lib/product.mjs'

/*
 * `ws` as its documentation has it: a loop of `send` over the clients, each message made into a buffer once. With
 * `verify` the first message of a client is a token, checked by `jose` and answered.
 */

const meter = new Meter()
const key = new TextEncoder().encode(SECRET)
const issuer = 'rtms'
/** @type {WebSocketServer} */
let server
let welcomed = 0

async function welcome(socket, token) {
  await jwtVerify(token.toString(), key, { algorithms: ['HS256'], issuer })
  welcomed++
  socket.send('welcome')
}

serve({
  async start({ verify = false } = {}) {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data) => {
        if (verify) void welcome(socket, data)
      })
    })
    await new Promise((resolve) => server.on('listening', resolve))
    return { kind: verify ? 'verified' : 'plain', port: server.address().port, path: '/', clockOffset }
  },

  /** Tokens with the claims that a ticket has. */
  tokens: ({ count, from = 0 }) =>
    Promise.all(
      Array.from({ length: count }, (_, at) =>
        new SignJWT({ m: [['*', 'member']], r: ['*'], w: [] })
          .setProtectedHeader({ alg: 'HS256', typ: 'rtms+jwt' })
          .setSubject(`u${from + at}`)
          .setIssuer(issuer)
          .setIssuedAt()
          .setExpirationTime('1h')
          .sign(key),
      ),
    ),

  begin: (options) => meter.begin(options),
  end: (name) => meter.end(name),
  subscribers: () => server.clients.size,
  health: () => ({ connections: server.clients.size, sessions: welcomed }),
  publish: (options) =>
    feed(options, (texts) => {
      for (const text of texts) {
        const message = Buffer.from(text)
        for (const client of server.clients) client.send(message, { binary: false })
      }
    }),

  memory() {
    globalThis.gc?.()
    return process.memoryUsage()
  },
})
