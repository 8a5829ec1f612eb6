import { serve } from '../lib/child.mjs'
import { load, logger, SECRET } from '../lib/product.mjs'
import { sample } from '../lib/sample.mjs'

const TOPICS = 200
const MEETINGS = 50
let rtms

serve({
  async start({ dist }) {
    const { Rtms } = await load(dist, 'server')
    rtms = await Rtms.start({
      logger,
      port: 0,
      host: '127.0.0.1',
      secret: SECRET,
      limits: { sessionKeepMs: 5_000 },
    })
    rtms.onRequest('echo', ({ data }) => data)
    let count = 0
    setInterval(() => {
      count++
      // One a second, a second ahead of those who join it: it ends when the last of them has gone.
      if (count % 10 === 0) {
        const name = `m${(Math.floor(Date.now() / 1000) + 1) % MEETINGS}`
        void rtms.meetings.open(name, { frameRate: 10, capacity: 255, ttlMs: 3_000 })
      }
      rtms.topics.publish(`t${count % TOPICS}`, { count }, { key: `k${count % 7}` })
    }, 50)
    return { port: rtms.address.port, path: '/rtms' }
  },

  tokens: ({ count, from }) =>
    Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const user = `u${from + at}`
        return (await rtms.tickets.issue({ user, meetings: ['*'], topics: { read: ['*'] } })).token
      }),
    ),

  sample: () => sample(rtms),
})
