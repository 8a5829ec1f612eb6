import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'

/*
 * What peers can make a node hold: each kind of hoarder does all it may. What the node counts is what its heap weighs,
 * it stays within `logBytes`, and it is given back.
 */

const options = readOptions({ clients: 16, mebibytes: 32, dist: '../dist' })
const MIB = 2 ** 20
const limit = options.mebibytes * MIB
/** What sockets, compiled code and the collector's own habits may add to each figure. */
const SLACK = 3 * MIB

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const hoarders = new Child('clients/hoarders.mjs')

/** The least of several looks, since the first ones collect what the others free. */
async function weigh() {
  let least = { held: Infinity }
  for (let look = 0; look < 6; look++) {
    await sleep(200)
    const { heapUsed, external, rss, log_bytes: counted } = await server.call('sample')
    const held = heapUsed + external
    if (held < least.held) least = { held, counted, rss }
  }
  return least
}

async function untilGone() {
  for (let tries = 0; tries < 100; tries++) {
    const { sessions, topics, log_bytes: counted } = await server.call('sample')
    if (sessions === 0 && topics === 0 && counted === 0) return
    await sleep(200)
  }
}

const { clients } = options
/** Name, number of clients, and what is done. @type {[string, number, (users: string[]) => Promise<unknown>][]} */
const attacks = [
  [
    'session logs that nobody acknowledges',
    4 * clients,
    async (users) => {
      const reading = hoarders.call('attack', { way: 'readOnly' })
      for (let turn = 0; turn < 10; turn++) {
        await server.call('push', { users, count: 100, bytes: 1_000 })
        await sleep(60)
      }
      await reading
    },
  ],
  [
    'one topic with very many keys',
    1,
    () => server.call('publish', { topic: 'hoard', keys: 8_000, bytes: 16_000 }),
  ],
  [
    'many topics with one small value each',
    1,
    () => server.call('publish', { topic: 'many.', topics: 10_000, keys: 1, bytes: 100 }),
  ],
  [
    'pages of a quiet meeting',
    clients,
    async () => {
      const world = await server.call('worldOf', { meeting: 'quiet' })
      await hoarders.call('attack', { way: 'pages', frames: 1_000, joins: 5, world })
    },
  ],
  [
    'requests of one byte in packets of 60 KiB',
    clients,
    () => hoarders.call('attack', { way: 'crumbs', requests: 50 }),
  ],
  ['requests of 16 KiB', clients, () => hoarders.call('attack', { way: 'loaves', requests: 50 })],
]

const measured = await withChildren([server, hoarders], async () => {
  const { dist } = options
  const limits = { logBytes: limit, sessionKeepMs: 1_000, topicIdleMs: 5_000, sessionsPerUser: 1_000 }
  const where = await server.call('start', { dist, limits })
  await hoarders.call('load', { dist })
  const results = []
  for (const [name, count, attack] of attacks) {
    const pages = name.startsWith('pages')
    const users = Array.from({ length: count }, (_, at) => `h${at}`)
    const run = async () => {
      const tokens = await server.call('tokens', { count, prefix: 'h' })
      if (pages) await server.call('openQuiet', { meeting: 'quiet' })
      await hoarders.call('connect', { server: where, tokens, meeting: pages ? 'quiet' : undefined })
      const before = await weigh()
      await attack(users)
      return { before, after: await weigh() }
    }
    const leave = async () => {
      await hoarders.call('leave')
      await server.call('closeMeeting', { meeting: 'quiet' })
      await untilGone()
    }
    // The first time costs code and buffers that stay.
    await run()
    await leave()
    const empty = await weigh()
    const { before, after } = await run()
    await leave()
    const gone = await weigh()
    results.push({
      name,
      held: after.held - before.held,
      counted: after.counted - before.counted,
      all: after.counted,
      kept: gone.held - empty.held,
      keptCounted: gone.counted,
      rss: after.rss - before.rss,
    })
    console.log(`${String(name)}: ${fixed((after.held - before.held) / MIB)} MiB held`)
  }
  return results
})

const promises = new Promises()
const mib = (bytes) => `${fixed(bytes / MIB)} MiB`
for (const { name, held, counted, all, kept, keptCounted, rss } of measured) {
  const most = 1.5 * counted + SLACK
  promises.check(name, `≤ 1.5 × counted (${mib(counted)}) + 3 MiB`, mib(held), held <= most)
  promises.check('… counted in all', `≤ logBytes (${options.mebibytes} MiB)`, mib(all), all <= limit * 1.02)
  promises.check(
    '… when they have gone',
    '≤ 3 MiB held, nothing counted',
    mib(kept),
    kept <= SLACK && keptCounted === 0,
  )
  promises.note('… resident memory', '', mib(rss))
}
await promises.end(`Weight: ${clients} clients and more, each doing all it may`, 'weight', options, {
  measured,
})
