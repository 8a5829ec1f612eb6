import { afterEach, describe, expect, it } from 'vitest'
import type { Rtms } from '../../src/server/index.ts'
import { publicationsOf } from '../../src/testing/index.ts'
import { join, Peer, stopAll, subscribe, tokenOf, upgrade } from '../integration/server/peer.ts'
import { Balancer, kinds, portsOf, threeNodes } from './balancer.ts'
import { freePort } from '../free-port.ts'

/* The files of `deploy/`: three nodes behind each load balancer. */

const forms = {
  query: (port: number) => `ws://127.0.0.1:${port}/rtms?route={node}`,
  path: (port: number) => `ws://127.0.0.1:${port}/n/{node}/rtms`,
}

let nodes: Rtms[]
let balancer: Balancer | null = null

async function behind(name: keyof typeof kinds, form: keyof typeof forms): Promise<number> {
  const port = await freePort()
  nodes = await threeNodes({ publicUrl: forms[form](port) })
  balancer = await Balancer.start(name, portsOf(nodes), port)
  return port
}

afterEach(async () => {
  await stopAll()
  await balancer?.stop()
  balancer = null
})

/** The node on which a client lands with a ticket of this one. */
async function landing(rtms: Rtms): Promise<{ node: string; peer: Peer }> {
  const { url, token } = await rtms.tickets.issue({ user: 'u1', topics: { read: ['*'] } })
  const peer = await Peer.connect(url, token)
  return { node: peer.all('welcome')[0]?.node ?? '', peer }
}

for (const name of Object.keys(kinds) as (keyof typeof kinds)[])
  describe(`Behind ${name}`, () => {
    it.each(['query', 'path'] as const)(
      'a ticket leads to its node by the %s; while that is gone, to another one, which serves it',
      async (form) => {
        await behind(name, form)
        for (const rtms of nodes)
          for (let n = 0; n < 3; n++) expect((await landing(rtms)).node).toBe(rtms.node)
        const [a, b] = nodes as [Rtms, Rtms, Rtms]
        const { url, token } = await b.tickets.issue({ user: 'u2', topics: { read: ['*'] } })
        await b.close({ timeoutMs: 100 })
        for (let n = 0; n < 4; n++) {
          const peer = await Peer.connect(url, token)
          expect(['rtms-0', 'rtms-2']).toContain(peer.all('welcome')[0]?.node)
          peer.send(subscribe(1, 't'))
          await peer.next('subscribed')
          await expect
            .poll(() => {
              a.topics.publish('t', 'hello')
              return publicationsOf(peer.all('publications')).length
            })
            .toBeGreaterThan(0)
          peer.ws.terminate()
        }
      },
    )

    it('a ticket of any node leads to the node that has the meeting', async () => {
      await behind(name, 'path')
      const [a, b, c] = nodes as [Rtms, Rtms, Rtms]
      await b.meetings.open('room')
      for (const rtms of [a, b, c]) {
        const { url, token } = await rtms.tickets.issue({ user: rtms.node, meetings: ['quiz.*', 'room'] })
        const peer = await Peer.connect(url, token)
        expect(peer.all('welcome')[0]?.node).toBe('rtms-1')
        peer.send(join(1, 'room'))
        await peer.next('joined')
      }
      const elsewhere = await a.tickets.issue({ user: 'u1', meetings: ['nobody.has.it'] })
      expect(elsewhere.url).toContain('/n/rtms-0/')
    })

    it('who names no node, or one that there is not, lands on any', async () => {
      const port = await behind(name, 'query')
      const token = await tokenOf(nodes[0] as Rtms)
      const seen = new Set<string>()
      for (const path of ['/rtms', '/rtms?route=', '/rtms?route=rtms-9', '/n/rtms-9/rtms', '/rtms?route=%2e'])
        for (let n = 0; n < 4; n++) {
          const peer = await Peer.connect(`ws://127.0.0.1:${port}${path}`, token)
          seen.add(peer.all('welcome')[0]?.node ?? '')
        }
      expect([...seen].sort()).toEqual(['rtms-0', 'rtms-1', 'rtms-2'])
    })

    it('what a client says of its own address is not believed', async () => {
      const port = await behind(name, 'query')
      const [rtms] = nodes as [Rtms, Rtms, Rtms]
      const lies = { forwarded: 'for=10.9.8.7', 'x-forwarded-for': '10.9.8.7' }
      const addresses = async (): Promise<string> =>
        /^rtms_addresses (\d+)$/m.exec(await rtms.metrics())?.[1] ?? ''
      // This machine is a trusted proxy itself, so its own address is not counted.
      expect((await upgrade(`ws://127.0.0.1:${port}/rtms?route=rtms-0`, lies)).status).toBe(101)
      expect(await addresses()).toBe('0')
      expect((await upgrade(rtms.address.url, lies)).status).toBe(101)
      expect(await addresses()).toBe('1')
    })
  })
