import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { BusConnector } from '../../../src/bus/connector.ts'
import { MemoryBus } from '../../../src/bus/memory.ts'
import type { Connection } from '../../../src/core/index.ts'
import { binaryCodec, RtmsError } from '../../../src/protocol/index.ts'
import type { Outside } from '../../../src/server/ground/outside.ts'
import type { Host } from '../../../src/server/host.ts'
import { Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import { createTestNode, Peer, Random, type TestNode, VirtualClock } from '../../../src/testing/index.ts'

/* What a node is made of, as the business sees it: without sockets, and in virtual time, unless a test is about them. */

const SECRET = 'a secret for tests, which is long enough'
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function alone(options: Parameters<typeof createTestNode>[0] = {}): Promise<TestNode> {
  const node = await createTestNode(options)
  open.push(node)
  return node
}

/** Nodes on one bus, in virtual time. */
class Cluster implements Outside {
  readonly clock: VirtualClock = new VirtualClock()
  readonly #random: Random = new Random(1)
  /** Of each node, by the order in which they were started. */
  readonly incarnations: number[] = []
  /** Nodes that hear nothing, and are not heard. */
  readonly cut: Set<number> = new Set()
  readonly bus: MemoryBus = new MemoryBus(
    () => void this.clock.after(0, () => this.bus.deliver()),
    (from, to) => (this.cut.has(from) || this.cut.has(to) ? 'lost' : 'arrives'),
  )
  readonly lines: string[] = []
  readonly hosts: Host[] = []
  /** Milliseconds by which what is to be done at once comes late. */
  lateMs = 0
  closedBuses = 0

  now(): number {
    return this.clock.now
  }

  wallNow(): number {
    return 1_900_000_000_000 + this.clock.now
  }

  random(bytes: number): Uint8Array {
    return this.#random.bytes(bytes)
  }

  soon(action: () => void): () => void {
    return this.clock.after(this.lateMs, action)
  }

  after(ms: number, action: () => void): () => void {
    return this.clock.after(ms, action)
  }

  wait<T>(work: Promise<T>): Promise<T> {
    return work
  }

  get connector(): BusConnector {
    return {
      connect: (incarnation, listener) => {
        this.incarnations.push(incarnation)
        const port = this.bus.connect(incarnation, listener)
        const close = async (): Promise<void> => {
          this.closedBuses++
          port.close()
        }
        return { ...port, stats: { dropped: 0, strangers: 0 }, close }
      },
    }
  }

  async start(nodeId: string, options: Partial<RtmsOptions> = {}): Promise<Rtms> {
    const note = (_: object, text: string): void => void this.lines.push(text)
    const logger = { debug() {}, info: note, warn: note, error: note }
    const publicUrl = `ws://${nodeId}.invalid/rtms`
    const place = options.port === undefined ? { server: false as const } : {}
    const given = { nodeId, bus: this.connector, secret: SECRET, publicUrl, logger, ...place, ...options }
    const { rtms, host } = await Rtms.startIn(this, given)
    this.hosts.push(host)
    open.push({ close: () => rtms.close({ timeoutMs: 0 }) })
    return rtms
  }

  /** Time passes, instant by instant; what is awaited in one of them goes on in it. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.now + ms
    for (let { next } = this.clock; next <= until; { next } = this.clock) {
      this.clock.runNext()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.clock.runTo(until)
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** The result of something that takes time. */
  async within<T>(work: Promise<T>): Promise<T> {
    const done = { is: false }
    const ended = work.finally(() => (done.is = true))
    ended.catch(() => {})
    while (!done.is) await this.pass(10)
    return ended
  }

  async settled(...names: string[]): Promise<Rtms[]> {
    const nodes: Rtms[] = []
    for (const name of names) nodes.push(await this.start(name))
    await this.pass(4_000)
    return nodes
  }
}

describe('The log of a node', () => {
  /** A node, with what it warns of. */
  async function warned(): Promise<{ cluster: Cluster; rtms: Rtms; warnings: object[] }> {
    const warnings: object[] = []
    const nothing = (): void => {}
    const warn = (details: object, text: string): void => void warnings.push({ ...details, text })
    const cluster = new Cluster()
    const logger = { debug: nothing, info: nothing, warn, error: nothing }
    return { cluster, rtms: await cluster.start('a', { bus: undefined, logger }), warnings }
  }

  /** A client that says so much, and then nothing. */
  async function say(cluster: Cluster, rtms: Rtms, user: string, more?: (peer: Peer) => void): Promise<void> {
    const host = cluster.hosts[0] as Host
    const { token } = await rtms.tickets.issue({ user, meetings: ['*'] })
    const transport = { write: () => true, pause() {}, resume() {}, close() {} }
    const connection = host.handle((node, now) => node.handleOpen(transport, binaryCodec, now)) as Connection
    const peer = new Peer((packet) => host.handle((node, now) => node.handlePacket(connection, packet, now)))
    peer.hello(token)
    // Its token is checked in real time.
    while (connection.session === null) await cluster.pass(1)
    more?.(peer)
    await cluster.pass(10)
  }

  it('says once a minute that clients have fallen silent, and how many', async () => {
    const { cluster, rtms, warnings } = await warned()
    for (const user of ['ann', 'bob']) await say(cluster, rtms, user)
    await cluster.pass(9_000)
    expect(warnings).toEqual([])
    await cluster.pass(2_000)
    const text = expect.stringContaining('a connection was closed as SILENT, since nothing came')
    expect(warnings).toEqual([{ session: expect.stringMatching(/^.{8}$/), count: 1, text }])
    await cluster.pass(60_000)
    await say(cluster, rtms, 'cid')
    await cluster.pass(11_000)
    expect(warnings.slice(1)).toMatchObject([{ count: 2, text }])
  })

  it('names both configurations where a client has another one than its meeting', async () => {
    const { cluster, rtms, warnings } = await warned()
    await cluster.within(rtms.meetings.open('m', { config: 'rules 2' }))
    for (const user of ['ann', 'bob'])
      await say(cluster, rtms, user, (peer) => peer.join('m', { config: 'rules 1' }))
    const why = 'the client has the configuration "rules 1", the meeting has "rules 2"'
    expect(warnings).toMatchObject([{ meeting: 'm', why, count: 1 }])
  })
})

describe('The health of a node', () => {
  it('names it, and counts what it has', async () => {
    const node = await alone({ nodeId: 'n7' })
    const { rtms } = node
    await rtms.meetings.open('m')
    const ann = node.client('ann')
    ann.subscribe('t', () => {})
    await node.advance(0)
    expect(rtms.health()).toMatchObject({
      status: 'ok',
      node: 'n7',
      connections: 1,
      sessions: 1,
      meetings: 1,
      topics: 1,
    })
    expect([rtms.node, rtms.uptime(), rtms.stats.connectionsOpened]).toEqual(['n7', 0, 1])
    await node.advance(250)
    expect(rtms.uptime()).toBe(250)
    ann.close()
  })

  it('says that it drains from the moment on in which it drains or is closed, and so does its readiness', async () => {
    for (const how of ['drain', 'close'] as const) {
      const { rtms } = await alone()
      expect([rtms.health().status, rtms.ready().status]).toEqual(['ok', 'ready'])
      const ending = how === 'drain' ? rtms.drain({ timeoutMs: 1 }) : rtms.close({ timeoutMs: 0 })
      expect([rtms.health().status, rtms.ready().status]).toEqual(['draining', 'draining'])
      if (how === 'close') await ending
    }
  })

  it('is ready, but late for five seconds after a sweep that was too late', async () => {
    const cluster = new Cluster()
    const rtms = await cluster.start('a', { limits: { readyLatenessMs: 80 }, bus: undefined })
    const publishLate = async (ms: number): Promise<string> => {
      cluster.lateMs = ms
      rtms.topics.publish('t', 1)
      await cluster.pass(ms)
      cluster.lateMs = 0
      return `${rtms.ready().status} ${rtms.ready().latenessMs}`
    }
    await cluster.pass(4_000)
    expect(await publishLate(80)).toBe('ready 80')
    expect(await publishLate(81)).toBe('late 81')
    await cluster.pass(6_000)
    expect(rtms.ready()).toEqual({ status: 'ready', node: 'a', latenessMs: 0 })
    expect(await publishLate(81)).toBe('late 81')
    void rtms.drain({ timeoutMs: 1 })
    expect(rtms.ready().status).toBe('draining')
  })

  it('is not ready, as an edge, while it hears no node that has meetings', async () => {
    const cluster = new Cluster()
    const edge = await cluster.start('e', { role: 'edge' })
    await cluster.pass(4_000)
    expect([edge.health().status, edge.ready().status]).toEqual(['ok', 'cut-off'])
    await cluster.start('a')
    await cluster.pass(2_000)
    expect(edge.ready().status).toBe('ready')
  })

  it('is expelled where another node has come in its place while it was not heard, and it says so once', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a', 'b')) as [Rtms]
    cluster.cut.add(cluster.incarnations[0] as number)
    await cluster.pass(2_000)
    await cluster.start('a')
    await cluster.pass(4_000)
    cluster.cut.clear()
    await cluster.pass(2_000)
    expect([a.health().status, a.ready().status]).toEqual(['expelled', 'expelled'])
    const expelled = cluster.lines.filter((line) => line.includes('count this one as ended'))
    expect(expelled.length).toBeGreaterThan(0)
  })
})

describe('The metrics of a node', () => {
  it('are a text and objects, and those of the process too where it has a server of its own', async () => {
    const { rtms } = await alone()
    const text = await rtms.metrics()
    expect(text).toContain('rtms_sessions 0')
    expect(text).not.toContain('process_cpu_seconds_total')
    const names = (await rtms.measure()).map(({ name }) => name)
    expect(names).toContain('rtms_sessions')
    const own = await Rtms.start({ port: 0, host: '127.0.0.1', secret: SECRET })
    open.push({ close: () => own.close({ timeoutMs: 0 }) })
    expect(await own.metrics()).toContain('process_cpu_seconds_total')
    expect((await own.measure()).map(({ name }) => name)).not.toContain('process_cpu_seconds_total')
  })

  it('of the past are kept with a dashboard alone', async () => {
    const cluster = new Cluster()
    const [plain, shown] = [await cluster.start('a'), await cluster.start('b', { admin: 'loopback' })]
    await cluster.pass(10_500)
    expect(plain.past()).toEqual({ metrics: [], agoMs: [], series: [] })
    const { metrics, agoMs } = shown.past()
    expect(metrics).toContain('rtms_sessions')
    expect(agoMs.length).toBeGreaterThan(0)
  })
})

describe('The business of a node', () => {
  it('answers requests, and with a schema those that it has checked alone', async () => {
    const node = await alone()
    const { rtms } = node
    const isNumber = (value: unknown) =>
      typeof value === 'number' ? { value } : { issues: [{ message: 'a number was expected' }] }
    const schema = { '~standard': { version: 1, vendor: 'test', validate: isNumber } } as const
    rtms.onRequest('double', schema as never, (({ data }: { data: number }) => 2 * data) as never)
    const off = rtms.onRequest('echo', ({ data }) => data)
    const ann = node.client('ann')
    expect([await ann.request('double', 4), await ann.request('echo', 'x')]).toEqual([8, 'x'])
    await expect(ann.request('double', 'x')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    off()
    await expect(ann.request('echo', 'x')).rejects.toMatchObject({ code: 'NO_HANDLER' })
    // A schema that is missing by mistake leaves nothing unchecked.
    expect(() => rtms.onRequest('other', undefined as never, (() => 1) as never)).toThrow(TypeError)
  })

  it('hears of connections and their ends, and decides who may join', async () => {
    const node = await alone()
    const { rtms } = node
    const heard: unknown[] = []
    rtms.onConnect(({ user, resumed }) => heard.push(`${user} ${resumed}`))
    rtms.onDisconnect(({ user, reason, ended }) => heard.push(`${user} ${reason} ${ended}`))
    rtms.authorize(({ user }) => user === 'ann')
    await rtms.meetings.open('m')
    await node.client('ann').join('m')
    // Only now: two tickets that are verified at once are done in any order.
    const bob = node.client('bob')
    await expect(bob.join('m')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    bob.close()
    await node.advance(0)
    expect(heard).toEqual(['ann false', 'bob false', 'bob LEFT true'])
  })

  it('has meetings opened for whoever joins one that is missing', async () => {
    const node = await alone()
    node.rtms.meetings.onMissing((name) => (name === 'm' ? { frameRate: 10 } : null))
    const ann = node.client('ann')
    await expect(ann.join('n')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await ann.join('m')).toBeDefined()
  })

  it('may listen to topics, and change what clients publish', async () => {
    const node = await alone()
    const { topics } = node.rtms
    const heard: unknown[] = []
    topics.subscribe('t', (data) => heard.push(data))
    topics.onPublish('t', ({ data }) => (data === 'bad' ? false : { said: data }))
    const ann = node.client('ann', { topics: { read: ['*'], write: ['*'] } })
    await ann.publish('t', 'hello')
    await expect(ann.publish('t', 'bad')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await node.advance(10)
    expect(heard).toEqual([{ said: 'hello' }])
  })

  it('revokes users and tickets, also in the middle of a hook', async () => {
    const node = await alone()
    const { rtms } = node
    const revoked: unknown[] = []
    rtms.meetings.define('k', {
      onInput: ({ data }) => {
        void rtms.tickets.revoke({ user: 'ann' }).then((count) => revoked.push(count))
        return data
      },
    })
    await rtms.meetings.open('m', { kind: 'k', frameRate: 10 })
    const ann = node.client('ann')
    const meeting = await ann.join('m')
    meeting.send('x').catch(() => {})
    await node.advance(200)
    expect(revoked).toEqual([1])
  })
})

describe('Draining and closing a node', () => {
  it('are each done once, however often they are asked for', async () => {
    const { rtms } = await alone()
    const draining = rtms.drain({ timeoutMs: 1 })
    expect(rtms.drain()).toBe(draining)
    const closing = rtms.close({ timeoutMs: 0 })
    expect(rtms.close()).toBe(closing)
    await closing
    expect(() => rtms.topics.publish('t', 1)).toThrow(RtmsError)
  })

  it('end the meetings, tell their business, and leave the bus', async () => {
    const cluster = new Cluster()
    const [a, b] = (await cluster.settled('a', 'b')) as [Rtms, Rtms]
    const closed: string[] = []
    a.meetings.define('k', { onClose: ({ name }) => void closed.push(name) })
    await cluster.within(a.meetings.open('m', { kind: 'k' }))
    expect(b.cluster.nodes().map(({ node }) => node)).toEqual(['b', 'a'])
    await cluster.within(a.close({ timeoutMs: 0 }))
    expect([closed, cluster.closedBuses]).toEqual([['m'], 1])
    // It has said goodbye.
    expect(b.cluster.nodes().map(({ node }) => node)).toEqual(['b'])
  })

  it('of another node is asked for by name', async () => {
    const cluster = new Cluster()
    const [a, b] = (await cluster.settled('a', 'b')) as [Rtms, Rtms]
    await cluster.within(a.cluster.drain('b', { timeoutMs: 5_000 }))
    expect([b.health().status, a.health().status]).toEqual(['draining', 'ok'])
  })

  it('leave nothing behind where a node could not listen: it has left the bus', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const cluster = new Cluster()
    const [other] = (await cluster.settled('a')) as [Rtms]
    await expect(cluster.start('b', { port, host: '127.0.0.1' })).rejects.toThrow('EADDRINUSE')
    taken.close()
    await cluster.pass(1_000)
    expect([cluster.closedBuses, other.cluster.nodes().length]).toEqual([1, 1])
  })
})

describe('A node of a cluster', () => {
  it('leads a ticket to the node that has the meeting, and to itself where nobody has it', async () => {
    const cluster = new Cluster()
    const [a, b] = (await cluster.settled('a', 'b')) as [Rtms, Rtms]
    await cluster.within(b.meetings.open('m'))
    const urlOf = async (meetings: readonly string[]): Promise<string> =>
      (await cluster.within(a.tickets.issue({ user: 'ann', meetings }))).url
    expect([await urlOf(['m']), await urlOf(['n']), await urlOf([])]).toEqual([
      'ws://b.invalid/rtms?route=b',
      'ws://a.invalid/rtms?route=a',
      'ws://a.invalid/rtms?route=a',
    ])
  })

  it('names edges in tickets, and a node alone names none', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a')) as [Rtms]
    await cluster.start('e', { role: 'edge' })
    await cluster.pass(2_000)
    const { urls } = await a.tickets.issue({ user: 'ann' })
    expect(urls).toEqual(['ws://a.invalid/rtms?route=a', 'ws://e.invalid/rtms?route=e'])
    const { rtms } = await alone()
    expect((await rtms.tickets.issue({ user: 'ann' })).urls).toBeUndefined()
  })

  it('revokes on all nodes, also on one that is not heard for a while', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a', 'b', 'c')) as [Rtms]
    const isRevoked = (): boolean[] => cluster.hosts.map(({ node }) => node.revokedUntil('ann') > 0)
    cluster.cut.add(cluster.incarnations[2] as number)
    await cluster.pass(100)
    const revoking = a.tickets.revoke({ user: 'ann' }).catch(({ code }: RtmsError) => code)
    await cluster.pass(3_000)
    expect(isRevoked()).toEqual([true, true, false])
    cluster.cut.clear()
    await cluster.pass(3_000)
    expect([isRevoked(), await cluster.within(revoking)]).toEqual([[true, true, true], 'UNKNOWN'])
  })

  it('calls the business of a meeting of another node, and closes it', async () => {
    const cluster = new Cluster()
    const [a, b] = (await cluster.settled('a', 'b')) as [Rtms, Rtms]
    b.meetings.define('k', { onCall: ({ method, data }) => `${method} ${String(data)}` })
    await cluster.within(b.meetings.open('m', { kind: 'k' }))
    const meeting = await cluster.within(a.meetings.find('m'))
    expect(await cluster.within(meeting?.call('score', 3) ?? Promise.resolve())).toBe('score 3')
    a.meetings.close('m')
    await cluster.pass(100)
    expect(b.health().meetings).toBe(0)
  })

  it('hands its meetings over when it drains, with their business', async () => {
    const cluster = new Cluster()
    const [a, b] = (await cluster.settled('a', 'b')) as [Rtms, Rtms]
    const seen: unknown[] = []
    for (const rtms of [a, b])
      rtms.meetings.define('k', {
        snapshot: () => 'state',
        restore: (state: unknown) => void seen.push(state),
      })
    await cluster.within(a.meetings.open('m', { kind: 'k' }))
    const draining = a.drain({ timeoutMs: 5_000 })
    await cluster.pass(5_100)
    expect([(await draining).meetings, b.health().meetings, seen]).toEqual([0, 1, ['state']])
  })

  it('is cut off the bus on demand where it was started for that, and is not otherwise', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a')) as [Rtms]
    const b = await cluster.start('b', { faults: true })
    await cluster.pass(4_000)
    await expect(cluster.within(a.cluster.cut('a'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(cluster.within(b.cluster.cut('a'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect([a.cluster.hasFaults, b.cluster.hasFaults]).toEqual([false, true])
    await cluster.within(a.cluster.cut('b', { ms: 1_000 }))
  })

  it('tells no address that is longer than nodes read, or that nobody knows yet', async () => {
    const cluster = new Cluster()
    const long = `ws://${'x'.repeat(1_100)}.invalid/rtms`
    const [a] = [await cluster.start('a'), await cluster.start('b', { publicUrl: long })]
    const c = await cluster.start('c', { publicUrl: 'ws://c.invalid:{port}/rtms' })
    await cluster.pass(4_000)
    expect(c.cluster.nodes()[0]?.address).toBe('')
    const addresses = a.cluster.nodes({ host: 'here' }).map(({ node, address }) => `${node} ${address}`)
    expect(addresses).toEqual([
      'a ws://a.invalid/rtms?route=a',
      'b ws://here/rtms?route=b',
      'c ws://here/rtms?route=c',
    ])
    expect(() => a.cluster.nodes({ host: 'no host' })).toThrow(TypeError)
  })
})
