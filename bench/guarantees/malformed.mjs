import { Child, withChildren } from '../lib/child.mjs'
import { sleep } from '../lib/clock.mjs'
import { readOptions } from '../lib/options.mjs'
import { Promises } from '../lib/promises.mjs'
import { fixed } from '../lib/report.mjs'
import { Witnesses } from '../lib/witnesses.mjs'

/*
 * Whatever comes, the process lives, nothing is left uncaught, and honest clients are not disturbed: sockets that send
 * noise and damage, then damaged packets straight through both decoders. The same seed sends the same.
 */

const options = readOptions({ sockets: 20_000, packets: 10_000_000, seed: 1, dist: '../dist' })
const PORTION = 50_000
const WAIT_MS = 600_000

/** A vandal may be welcomed, and make a topic: its session, and the topic behind it, are looked after so long. */
const KEPT_MS = 5_000

/**
 * The node when it has cut off who said half of something, and forgotten the sessions and topics of who was welcomed.
 */
async function settled(server, before) {
  let sample
  for (let tries = 0; tries < 60; tries++) {
    sample = await server.call('sample')
    if (['sessions', 'descriptors', 'timers'].every((name) => sample[name] <= before[name])) break
    await sleep(500)
  }
  return sample
}

async function throughSockets() {
  const server = new Child('servers/guarantee.mjs', ['--expose-gc'])
  const vandals = new Child('clients/vandals.mjs')
  const witnesses = new Witnesses()
  return withChildren([server, vandals, witnesses.child], async () => {
    const { dist, sockets: count, seed } = options
    const where = await server.call('start', {
      dist,
      limits: { sessionKeepMs: KEPT_MS, topicIdleMs: KEPT_MS },
    })
    await witnesses.join(server, where, dist)
    await vandals.call('load', { dist })
    const tokens = await server.call('tokens', { count: 2_000, prefix: 'vandal' })
    await sleep(2_000)
    const before = await server.call('sample')
    const { result, lateness } = await witnesses.during(() =>
      vandals.call('attack', { server: where, tokens, count, seed }, WAIT_MS),
    )
    const after = await settled(server, before)
    const verified = await witnesses.verify()
    return { before, after, lateness, verified, faults: await server.call('faults'), ...result }
  })
}

/** Both encodings at once, half of the packets each. */
async function throughDecoders() {
  const encodings = ['binary', 'json']
  const children = encodings.map(() => new Child('clients/decoder.mjs'))
  const totals = { decoded: 0, refused: 0, wrong: [], slowest: 0 }
  return withChildren(children, async () => {
    await Promise.all(
      encodings.map(async (encoding, at) => {
        await children[at].call('load', { dist: options.dist })
        const count = Math.ceil(options.packets / 2)
        for (let done = 0; done < count; done += PORTION) {
          const portion = { encoding, count: Math.min(PORTION, count - done), seed: options.seed + done }
          const { decoded, refused, wrong, slowest } = await children[at].call('run', portion, WAIT_MS)
          totals.decoded += decoded
          totals.refused += refused
          totals.wrong.push(...wrong.map((one) => ({ encoding, ...one })))
          totals.slowest = Math.max(totals.slowest, slowest)
          if ((done / PORTION) % 20 === 19) console.log(`${encoding}: ${done + PORTION} packets`)
        }
      }),
    )
    return totals
  })
}

console.log(`seed ${options.seed}`)
const sockets = await throughSockets()
console.log(`${sockets.sockets} sockets with ${sockets.packets} damaged packets among what they sent`)
const decoders = await throughDecoders()

const promises = new Promises()
promises.check(
  'sockets that sent noise and damage; the process lives',
  `${options.sockets}`,
  `${sockets.sockets}`,
  sockets.sockets >= options.sockets,
)
promises.check('errors that nobody caught', '0', `${sockets.faults.length}`, sockets.faults.length === 0)
Witnesses.check(promises, sockets.verified)
promises.note(
  'their frames came late by, p99 and most',
  '',
  `${fixed(sockets.lateness.p99)} and ${fixed(sockets.lateness.max)} ms`,
)
for (const name of ['connections', 'sessions', 'descriptors', 'timers'])
  promises.check(
    `${name} afterwards`,
    `${sockets.before[name]}`,
    `${sockets.after[name]}`,
    sockets.after[name] <= sockets.before[name],
  )
const packets = decoders.decoded + decoders.refused
promises.check(
  'damaged packets decoded, or refused with PROTOCOL',
  `${options.packets}`,
  `${packets}`,
  packets >= options.packets,
)
promises.check('anything else thrown', '0', `${decoders.wrong.length}`, decoders.wrong.length === 0)
promises.note('the slowest of them', '', `${fixed(decoders.slowest, 1)} ms`)
promises.note('of them decoded', '', `${fixed((decoders.decoded / packets) * 100, 1)} %`)
for (const one of [...decoders.wrong, ...sockets.faults].slice(0, 10)) console.log(one)
await promises.end(`Malformed, seed ${options.seed}`, 'malformed', options, { sockets, decoders })
