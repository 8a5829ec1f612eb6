import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { load, SECRET } from '../lib/product.mjs'
import { sample } from '../lib/sample.mjs'

/*
 * A node whose business can be kept busy: a handler that takes its time and heeds no cancel, a URL that does the same,
 * questions before everything, and meetings that are opened when somebody wants to join them.
 */

const PATH = '/rtms'
const SLOW_MS = 500
const rights = { meetings: ['*'], topics: { read: ['*'], write: ['*'] } }

const faults = []
process.on('uncaughtException', (error) => faults.push(`exception: ${error.stack}`))
process.on('unhandledRejection', (why) => faults.push(`rejection: ${String(why)}`))

let rtms

async function answer(request, response) {
  let body = ''
  for await (const chunk of request) body += chunk
  if (JSON.parse(body).method === 'hook.slow') await sleep(SLOW_MS)
  response.writeHead(200, { 'content-type': 'application/json' }).end('1')
}

async function hooks() {
  // A delivery that was aborted cannot be answered.
  const server = createServer((request, response) => void answer(request, response).catch(() => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}/`
}

serve({
  async start({ dist, limits }) {
    const { Rtms } = await load(dist, 'server')
    const requests = { url: await hooks(), secret: SECRET, methods: ['hook.*'] }
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    rtms = await Rtms.start({
      port: 0,
      host: '127.0.0.1',
      path: PATH,
      secret: SECRET,
      limits,
      requests,
      logger,
      trustedProxies: [],
    })
    rtms.onRequest('echo', ({ data }) => data)
    rtms.onRequest('slow', () => sleep(SLOW_MS))
    rtms.authorize(async ({ name }) => {
      if (name.startsWith('slow.')) await sleep(SLOW_MS)
      return true
    })
    rtms.meetings.onMissing(async (name) => {
      if (name.startsWith('slow.')) await sleep(SLOW_MS)
      return name.startsWith('slow.') ? null : { frameRate: 20, capacity: 255 }
    })
    return { kind: 'rtms', port: rtms.address.port, path: PATH, clockOffset }
  },
  tokens: ({ count, prefix }) =>
    Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const { token } = await rtms.tickets.issue({ user: `${prefix}${at}`, ...rights })
        return token
      }),
    ),
  sample: () => sample(rtms),
  refused: () => [...rtms.stats.connectionsRefused],
  faults: () => faults,
})
