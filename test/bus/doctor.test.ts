import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { checkNodes } from '../../src/cli/doctor/nodes.ts'
import { type Finding, Report } from '../../src/cli/doctor/report.ts'
import { NodeApi } from '../../src/cli/node.ts'
import type { Rtms } from '../../src/server/index.ts'
import { inProcess } from '../../src/bus/in-process.ts'
import { endAll, rtms } from '../integration/cli-support.ts'
import { start, stopAll } from '../integration/server/peer.ts'
import { Balancer, portsOf, threeNodes } from './balancer.ts'
import { freePort } from '../free-port.ts'

/* `rtms doctor` in front of a cluster whose balancer is right, and of some that are not. */

const KEY = 'a-key-for-tests-which-is-long-enough'
const servers: Server[] = []
const sockets: Socket[] = []
let balancer: Balancer | null = null

afterEach(async () => {
  endAll()
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
  await balancer?.stop()
  balancer = null
  await stopAll()
})

const clustered = (publicUrl: string): Promise<Rtms[]> => threeNodes({ publicUrl, api: { keys: [KEY] } })

/** Leads each client to the next of these ports, whatever it asks for, and none of what it refuses. */
async function forwarder(at: number, ports: readonly number[], refuse?: RegExp): Promise<void> {
  let turn = 0
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', (head) => {
      if (refuse?.test(head.toString()) === true) {
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        return
      }
      const onward = connect(ports[turn++ % ports.length] ?? 0, '127.0.0.1')
      sockets.push(onward)
      onward.on('error', () => {})
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
  })
  servers.push(server)
  server.listen(at, '127.0.0.1')
  await once(server, 'listening')
}

/** What the doctor says of the nodes. */
async function examine(port: number, [rtms]: readonly Rtms[]): Promise<readonly Finding[]> {
  const report = new Report(true)
  const token = (await rtms?.tickets.issue({ user: 'rtms-doctor' }))?.token ?? ''
  await checkNodes(new NodeApi(new URL(`http://127.0.0.1:${port}/rtms`), KEY), token, report)
  return report.findings
}

describe('rtms doctor, of a cluster', () => {
  it('finds that each ticket lands on its node', async () => {
    const port = await freePort()
    const nodes = await clustered(`ws://127.0.0.1:${port}/rtms?route={node}`)
    balancer = await Balancer.start('haproxy', portsOf(nodes), port)
    const run = rtms(['doctor', `http://127.0.0.1:${port}/rtms`, '--json'], { RTMS_KEY: KEY })
    expect(await run.ended).toBe(0)
    const { checks } = JSON.parse(run.lines()[0] ?? '') as { checks: readonly Finding[] }
    const found = checks.filter(({ check }) => check === 'nodes' || check === 'route')
    expect(found.map(({ status, text }) => `${status} ${text}`.replace(/: rtms-.*/, ''))).toEqual([
      'PASS 3 nodes',
      ...[0, 1, 2].map(() => expect.stringMatching(/^PASS A ticket that leads to rtms-\d lands there$/)),
    ])
    // It has asked for nothing that stays.
    for (const node of nodes) expect(node.health()).toMatchObject({ sessions: 0, meetings: 0, topics: 0 })
  })

  it('finds a balancer that does not look at the query', async () => {
    const port = await freePort()
    const nodes = await clustered(`ws://127.0.0.1:${port}/rtms?route={node}`)
    await forwarder(port, portsOf(nodes).slice(0, 1))
    const found = await examine(port, nodes)
    expect(found.map(({ status }) => status).sort()).toEqual(['FAIL', 'FAIL', 'PASS', 'PASS'])
    const failed = found.filter(({ status }) => status === 'FAIL')
    for (const { text, fix } of failed) {
      expect(text).toMatch(/^A ticket that leads to rtms-[12] lands on rtms-0: ws:/)
      expect(fix).toMatch(/by the query parameter route: HAProxy .* nginx .* Envoy .* its \/readyz$/)
    }
  })

  it('finds a balancer that takes turns, though a client lands right now and then', async () => {
    const port = await freePort()
    const nodes = await clustered(`ws://127.0.0.1:${port}/n/{node}/rtms`)
    await forwarder(port, portsOf(nodes))
    const found = await examine(port, nodes)
    const [first] = found.filter(({ status }) => status === 'FAIL')
    expect(first?.fix).toContain('by the path /n/<node>/')
  })

  it('finds a balancer that knows nothing of the path, and a port at which nobody listens', async () => {
    const port = await freePort()
    const nodes = await clustered(`ws://127.0.0.1:${port}/n/{node}/rtms`)
    await forwarder(port, portsOf(nodes).slice(0, 1), /^GET \/n\//)
    const found = await examine(port, nodes)
    const routes = found.filter(({ check }) => check === 'route')
    expect(routes.map(({ status }) => status)).toEqual(['FAIL', 'FAIL', 'FAIL'])
    expect(routes[0]).toMatchObject({
      text: expect.stringContaining('lands nowhere: Unexpected server response: 404: ws:'),
      fix: expect.stringContaining('pass /n/<node>/… on as it is'),
    })
    await stopAll()
    const nobody = await freePort()
    const lost = await clustered(`ws://127.0.0.1:${nobody}/rtms`)
    const direct = await examine(portsOf(lost)[0] ?? 0, lost)
    expect(direct.at(-1)).toMatchObject({
      text: expect.stringContaining('ECONNREFUSED'),
      fix: expect.stringContaining('correct the port in publicUrl'),
    })
  })

  it('finds a node that refuses the tickets of another one', async () => {
    const port = await freePort()
    const bus = inProcess()
    const nodes = await Promise.all(
      ['s', 't'].map((letter, n) =>
        start({
          bus,
          nodeId: `rtms-${n}`,
          secret: letter.repeat(32),
          publicUrl: 'ws://127.0.0.1:{port}/rtms?route={node}',
          api: { keys: [KEY] },
        }),
      ),
    )
    await forwarder(port, portsOf(nodes))
    await expect.poll(() => nodes.every((rtms) => rtms.cluster.nodes().length === 2)).toBe(true)
    const found = await examine(port, nodes)
    expect(found.map(({ status }) => status)).toEqual(['PASS', 'PASS', 'FAIL'])
    expect(found.at(-1)).toMatchObject({
      text: expect.stringContaining('A ticket that leads to rtms-1 lands nowhere: 4401'),
      fix: expect.stringContaining('give all nodes the same RTMS_SECRET'),
    })
  })

  /** What it says where the balancer leads to these nodes in turn, each of which tells so of its cluster. */
  async function told(
    ...views: readonly {
      readonly up?: boolean
      readonly nodes: readonly string[]
      readonly silent?: string
    }[]
  ): Promise<readonly Finding[]> {
    let turn = 0
    const url = new URL('http://127.0.0.1:1/rtms')
    const call = async (): Promise<object> => {
      const { up = true, nodes, silent } = views[turn++ % views.length] as (typeof views)[number]
      return {
        bus: { up },
        nodes: nodes.map((node, n) => ({
          node,
          address: '',
          status: n === 0 ? 'self' : node === silent ? 'silent' : 'alive',
        })),
      }
    }
    const report = new Report(true)
    const token = views.some(({ silent }) => silent !== undefined) ? 'token' : null
    await checkNodes({ url, call } as unknown as NodeApi, token, report)
    return report.findings
  }

  it('finds nodes that do not know one another, and one that does not reach the bus', async () => {
    const apart = await told({ nodes: ['a', 'b'] }, { nodes: ['b', 'a'] }, { nodes: ['c'] })
    expect(apart.map(({ check, status, text }) => `${check} ${status} ${text}`)).toEqual([
      'bus FAIL a does not know c, though both are behind this address',
      'bus FAIL b does not know c, though both are behind this address',
      'bus FAIL c does not know a, b, though both are behind this address',
      'nodes PASS 3 nodes: a, b, c',
    ])
    expect(apart[0]?.fix).toContain('RTMS_CLUSTER_SECRET')
    const down = await told({ nodes: ['a', 'b'] }, { up: false, nodes: ['b'] })
    expect(down.map(({ status, text }) => `${status} ${text}`)).toEqual([
      'FAIL b does not reach the bus, and through it no other node',
      'PASS 2 nodes: a, b',
    ])
    expect(down[0]?.fix).toContain('Start the NATS server')
    expect(await told({ nodes: ['a', 'b'] })).toHaveLength(1)
    // Of one that hangs it says so, and does not blame the balancer.
    const hangs = await told({ nodes: ['a', 'b'], silent: 'b' })
    expect(hangs.map(({ status, text }) => `${status} ${text}`)).toEqual([
      'WARN 2 nodes: a, b; nothing is heard of b',
      'WARN a has not said where its clients connect',
      'SKIP Nothing is heard of b',
    ])
    expect(await told({ nodes: ['a'] })).toEqual([])
  })
})
