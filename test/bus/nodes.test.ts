import { afterEach, describe, expect, it } from 'vitest'
import type { BusConnector } from '../../src/bus/connector.ts'
import { inProcess } from '../../src/bus/in-process.ts'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import { encodeCluster } from '../../src/core/cluster/messages.ts'
import type { Rtms } from '../../src/server/index.ts'
import { Peer, start, subscribe, tokenOf } from '../integration/server/peer.ts'
import { publicationsOf } from '../../src/testing/index.ts'
import { endAll, eventually, natsServer, onNats } from './buses.ts'

afterEach(endAll)

/** Each makes the bus of one more node. */
const buses: Readonly<Record<string, () => Promise<() => BusConnector>>> = {
  'the memory bus': async () => {
    const bus = inProcess()
    return () => bus
  },
  'the bus of threads': async () => {
    const hub = new ThreadsHub()
    return () => threads(hub.seat())
  },
  NATS: onNats,
}

const isUp = async (rtms: Rtms): Promise<boolean> => /^rtms_bus_up 1$/m.test(await rtms.metrics())

/** Two nodes, and a reader of `t` on the second, which has heard the first. */
async function two(connector: () => BusConnector): Promise<[a: Rtms, b: Rtms, reader: Peer]> {
  const [a, b] = [await start({ bus: connector() }), await start({ bus: connector() })]
  for (const rtms of [a, b]) await eventually(() => isUp(rtms))
  const reader = await Peer.connect(b.address.url, await tokenOf(b))
  reader.send(subscribe(1, 't'))
  await reader.next('subscribed')
  await eventually(() => {
    a.topics.publish('t', 'hello')
    return reader.all('publications').length > 0
  })
  return [a, b, reader]
}

/** The numbers of `n…` that a reader has heard, with −1 for a gap. */
function numbersOf(reader: Peer): number[] {
  return reader.heard.flatMap((message) => {
    if (message.type === 'gap') return [-1]
    if (message.type !== 'publications') return []
    return publicationsOf([message]).flatMap(({ data }) => {
      const text = Buffer.from(data.bytes).toString()
      return text.startsWith('"n') ? [Number(text.slice(2, -1))] : []
    })
  })
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

for (const [name, make] of Object.entries(buses))
  describe(`Two nodes on ${name}`, () => {
    it('a publication on one reaches a reader on the other, in order and without a gap', async () => {
      const [a, b, reader] = await two(await make())
      for (let n = 0; n < 2_000; n++) {
        a.topics.publish('t', `n${n}`)
        // eslint-disable-next-line no-await-in-loop
        if (n % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await eventually(() => numbersOf(reader).length === 2_000)
      expect(numbersOf(reader)).toEqual(upTo(2_000))
      const text = await b.metrics()
      expect(text).toMatch(/^rtms_bus_strangers_total 0$/m)
      expect(text).toMatch(/^rtms_bus_dropped_total 0$/m)
    })
  })

describe('Two nodes on NATS', () => {
  it('are healthy without it, and make up for what was lost as soon as it is back', async () => {
    const [a, b, reader] = await two(await onNats())
    for (let n = 0; n < 5; n++) a.topics.publish('t', `n${n}`)
    await eventually(() => numbersOf(reader).length === 5)
    await natsServer()?.kill()
    for (const rtms of [a, b]) {
      await eventually(async () => !(await isUp(rtms)))
      const { status } = await fetch(`${rtms.address.url.replace('ws', 'http').replace('/rtms', '')}/healthz`)
      expect(status).toBe(200)
    }
    for (let n = 5; n < 10; n++) a.topics.publish('t', `n${n}`)
    expect(numbersOf(reader)).toEqual(upTo(5))
    await natsServer()?.start()
    await eventually(() => numbersOf(reader).length === 10)
    expect(numbersOf(reader)).toEqual(upTo(10))
    expect(await a.metrics()).toMatch(/^rtms_bus_dropped_total [1-9]/m)
  })
})

it('A node that the others count as ended says so, so that it is started anew', async () => {
  const bus = inProcess()
  const lines: object[] = []
  const logger = { debug() {}, info() {}, warn() {}, error: (details: object) => void lines.push(details) }
  const a = await start({ bus, logger })
  await eventually(() => isUp(a))
  const quiet = { message: () => {}, sent: () => {}, down: () => {}, back: () => {}, gone: () => {} }
  const other = bus.connect(77, quiet, { fault: () => {}, warn: () => {} })
  const { incarnation } = a.health()
  const message = { type: 'introduction', isSettled: true, living: [], ended: [incarnation] } as const
  for (let n = 0; n < 3; n++) other.send(incarnation, encodeCluster(message))
  await eventually(() => a.health().status === 'expelled')
  expect(a.ready().status).toBe('expelled')
  const { origin } = new URL(a.address.url.replace('ws', 'http'))
  for (const path of ['/healthz', '/readyz']) expect((await fetch(origin + path)).status).toBe(503)
  expect(lines).toHaveLength(1)
  await other.close()
})
