import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { load, logger, SECRET } from '../lib/product.mjs'

/*
 * A node whose business can be kept busy: a handler that takes its time and heeds no cancel, a URL elsewhere that does
 * the same, questions before everything, and meetings that are opened when somebody wants to join them.
 */

const PATH = '/rtms'
const rights = { meetings: ['*'], topics: { read: ['*'], write: ['*'] } }

const faults = []
process.on('uncaughtException', (error) => faults.push(`exception: ${error.stack}`))
process.on('unhandledRejection', (why) => faults.push(`rejection: ${String(why)}`))

let rtms

serve({
  async start({ dist, limits, url, concurrency, slowMs }) {
    const { Rtms } = await load(dist, 'server')
    const requests = { url, secret: SECRET, methods: ['hook.*'], concurrency }
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
    rtms.onRequest('slow', () => sleep(slowMs))
    rtms.authorize(async ({ name }) => {
      if (name.startsWith('slow.')) await sleep(slowMs)
      return true
    })
    rtms.meetings.onMissing(async (name) => {
      if (name.startsWith('slow.')) await sleep(slowMs)
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
  /** Waits until nothing is left of what sessions have asked for that have gone. Their time is 60 s. */
  async settled() {
    for (const end = performance.now() + 70_000; performance.now() < end; await sleep(100)) {
      const text = await rtms.metrics()
      if (/^rtms_handlers_running 0$/m.test(text) && /^rtms_upstream_queue_bytes 0$/m.test(text)) return
    }
    throw new Error('the node is never done')
  },
  refused: () => [...rtms.stats.connectionsRefused],
  faults: () => faults,
})
