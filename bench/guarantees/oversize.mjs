import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { Witnesses } from '../lib/witnesses.mjs'

/*
 * Messages larger than allowed and deflate bombs: each is refused when it is told how large it is, not when it is
 * there, and nothing of it stays.
 */

const options = readOptions({ each: 200, dist: '../dist' })
const MIB = 2 ** 20

const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
const clients = new Child('clients/oversize.mjs')
const witnesses = new Witnesses()

/**
 * Once what the attack has left is gone: the last of several looks, since the first ones collect what the others free.
 */
async function settled(sessions) {
  for (let tries = 0; tries < 300 && (await server.call('health')).sessions > sessions; tries++)
    await sleep(100)
  for (let look = 0; look < 3; look++) {
    await sleep(300)
    await server.call('sample')
  }
  return server.call('sample')
}

const results = await withChildren([server, clients, witnesses.child], async () => {
  const { dist, each } = options
  const where = await server.call('start', { dist, limits: { sessionKeepMs: 1_000, sessionsPerUser: 1_000 } })
  await witnesses.join(server, where, dist)
  const { sessions } = await server.call('health')
  const tokens = await server.call('tokens', { count: each, prefix: 'large' })
  const ways = await clients.call('load', { dist })
  const attack = (way) => clients.call('attack', { server: where, tokens, count: each, way })
  // The first time costs code and buffers that stay.
  for (const way of ways) await attack(way)
  const measured = []
  for (const way of ways) {
    const before = await settled(sessions)
    const codes = await attack(way)
    const after = await settled(sessions)
    const grown = (of) => (of(after) - of(before)) / MIB
    const held = grown(({ heapUsed, external }) => heapUsed + external)
    measured.push({
      way,
      codes,
      held,
      rss: grown(({ rss }) => rss),
      descriptors: [before.descriptors, after.descriptors],
    })
    console.log(
      `${way}: ${codes.map(([code, count]) => `${count} × ${code}`).join(', ')}; ${fixed(held)} MiB held`,
    )
  }
  return { measured, verified: await witnesses.verify(), faults: await server.call('faults') }
})

const { measured, verified, faults } = results
const promises = new Promises()
for (const { way, codes, held, descriptors } of measured) {
  // Compression is off: what is compressed is no message at all.
  const expected = way.includes('bomb') ? 1002 : 1009
  const shown = codes.map(([code, count]) => `${count} × ${code}`).join(', ')
  promises.check(way, `${options.each} × ${expected}`, shown, codes.length === 1 && codes[0][0] === expected)
  promises.check('… memory held afterwards', '≤ 1 MiB', `${fixed(held)} MiB`, held <= 1)
  const [before, after] = descriptors
  promises.check('… descriptors', `${before}`, `${after}`, after <= before)
}
promises.note(
  'resident memory, all together',
  '',
  `${fixed(measured.reduce((sum, { rss }) => sum + rss, 0))} MiB`,
)
Witnesses.check(promises, verified)
promises.check('errors that nobody caught', '0', `${faults.length}`, faults.length === 0)
await promises.end(
  `Oversize: ${options.each} clients send too much, in each of six ways`,
  'oversize',
  options,
  results,
)
