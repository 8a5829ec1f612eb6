import { describe, it } from 'vitest'
import { nats } from '../../src/nats/index.ts'
import { type BusUnderTest, busContract } from '../../src/testing/index.ts'
import { freePort } from '../free-port.ts'
import { NatsServer } from './nats-server.ts'

const secret = 's'.repeat(32)
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Nodes that are spread over these servers. */
function underTest(servers: readonly NatsServer[]): BusUnderTest {
  const ports: { close(): Promise<void> }[] = []
  return {
    connect: (node, listener, fault) => {
      const server = servers[ports.length % servers.length] as NatsServer
      const port = nats({ servers: server.url, secret }).connect(node, listener, { fault, warn: () => {} })
      ports.push(port)
      return port
    },
    wait: () => sleep(5),
    outage: {
      begin: async () => {
        await Promise.all(servers.map((server) => server.kill()))
      },
      end: async () => {
        await Promise.all(servers.map((server) => server.start()))
      },
    },
    stop: async () => {
      await Promise.all(ports.map((port) => port.close()))
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

async function startAll(servers: readonly NatsServer[]): Promise<BusUnderTest> {
  await Promise.all(servers.map((server) => server.start()))
  return underTest(servers)
}

const ports = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => freePort()))

/** A cluster of servers, each with these lines more. */
async function clusterOf(count: number, name: string, more = ''): Promise<NatsServer[]> {
  const [clients, routes] = [await ports(count), await ports(count)]
  const urls = routes.map((port) => `nats://127.0.0.1:${port}`).join(', ')
  return clients.map(
    (port, n) =>
      new NatsServer(
        port,
        `server_name: ${name}${n}\ncluster { name: ${name}, listen: "127.0.0.1:${routes[n]}", routes: [${urls}] }\n${more}`,
      ),
  )
}

const topologies: Readonly<Record<string, () => Promise<BusUnderTest>>> = {
  'one server': async () => underTest([await NatsServer.start()]),
  'a cluster of three servers': async () => startAll(await clusterOf(3, 'c')),
  'two clusters with a gateway': async () => {
    const [a, b] = (await ports(2)) as [number, number]
    const gateways = `gateways: [{ name: a, url: "nats://127.0.0.1:${a}" }, { name: b, url: "nats://127.0.0.1:${b}" }]`
    const gateway = (name: string, port: number): string =>
      `gateway { name: ${name}, listen: "127.0.0.1:${port}", ${gateways} }`
    return startAll([
      ...(await clusterOf(1, 'a', gateway('a', a))),
      ...(await clusterOf(1, 'b', gateway('b', b))),
    ])
  },
  'a server with a leaf node': async () => {
    const [leaf] = (await ports(1)) as [number]
    const hub = await NatsServer.start(`server_name: hub\nleafnodes { listen: "127.0.0.1:${leaf}" }`)
    const edge = await NatsServer.start(
      `server_name: edge\nleafnodes { reconnect: 1, remotes: [{ url: "nats://127.0.0.1:${leaf}" }] }`,
    )
    return underTest([hub, edge])
  },
}

for (const [name, make] of Object.entries(topologies))
  describe(`The NATS bus on ${name}`, () => {
    for (const contract of busContract(make, { outage: true, proof: false }))
      it(contract.name, () => contract.run())
  })
