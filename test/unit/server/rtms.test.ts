import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { RtmsError } from '../../../src/protocol/index.ts'
import type { Host } from '../../../src/server/host.ts'
import { Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'
import { closeAll, Cluster, listening, open, SECRET, stop } from './virtual-cluster.ts'

/* What a node is made of, as the business sees it: without sockets, and in virtual time, unless a test is about them. */

afterEach(closeAll)

async function alone(options: Parameters<typeof createTestNode>[0] = {}): Promise<TestNode> {
  const node = await createTestNode(options)
  open.push(node)
  return node
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

  it('says once a minute that clients have fallen silent, and how many', async () => {
    const { cluster, rtms, warnings } = await warned()
    for (const user of ['ann', 'bob']) await cluster.client(rtms, user, { answers: false })
    await cluster.pass(9_000)
    expect(warnings).toEqual([])
    await cluster.pass(2_000)
    const text = expect.stringContaining('a connection was closed as SILENT, since nothing came')
    expect(warnings).toEqual([{ session: expect.stringMatching(/^.{8}$/), count: 1, text }])
    await cluster.pass(60_000)
    await cluster.client(rtms, 'cid', { answers: false })
    await cluster.pass(11_000)
    expect(warnings.slice(1)).toMatchObject([{ count: 2, text }])
  })

  it('names both configurations where a client has another one than its meeting', async () => {
    const { cluster, rtms, warnings } = await warned()
    await cluster.within(rtms.meetings.open('m', { config: 'rules 2' }))
    for (const user of ['ann', 'bob'])
      (await cluster.client(rtms, user)).peer.join('m', { config: 'rules 1' })
    await cluster.pass(10)
    const why = 'the client has the configuration "rules 1", the meeting has "rules 2"'
    expect(warnings).toMatchObject([{ meeting: 'm', why, count: 1 }])
  })

  it('does not say so of clients that leave', async () => {
    const { cluster, rtms, warnings } = await warned()
    const ann = await cluster.client(rtms, 'ann')
    ann.leave()
    await cluster.pass(30_000)
    expect([rtms.health().sessions, warnings]).toEqual([0, []])
  })

  it('has the handlers that did not answer in time, of authorize and of onMissing', async () => {
    const cluster = new Cluster()
    const rtms = await cluster.start('a', { bus: undefined })
    rtms.authorize(({ name }) => name !== 'm' || new Promise(() => {}))
    rtms.meetings.onMissing(() => new Promise(() => {}))
    const { peer } = await cluster.client(rtms, 'ann')
    peer.join('m')
    await cluster.pass(5_100)
    peer.join('n')
    await cluster.pass(10_000)
    expect(cluster.lines).toEqual([
      'the handler of authorize did not answer in time',
      'the handler of onMissing did not answer in time',
    ])
  })

  it('has what a socket throws, which costs its connection alone', async () => {
    const cluster = new Cluster()
    const rtms = await cluster.start('a', { bus: undefined })
    const [ann, bob] = [await cluster.client(rtms, 'ann'), await cluster.client(rtms, 'bob')]
    ann.transport.write = () => {
      throw new Error('gone')
    }
    for (const { peer } of [ann, bob]) peer.request('x')
    await cluster.pass(10)
    expect(cluster.lines).toEqual([expect.stringContaining('a fault of RTMS itself; the node goes on')])
    expect(bob.peer.all('failed')).toMatchObject([{ error: 'NO_HANDLER' }])
  })

  it('has what its bus warns of', async () => {
    const cluster = new Cluster()
    await cluster.start('a')
    cluster.reports[0]?.warn({}, 'the connection was lost')
    expect(cluster.lines).toEqual(['the connection was lost'])
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

  it('counts the time since it was started', async () => {
    const cluster = new Cluster()
    await cluster.pass(1_000)
    const rtms = await cluster.start('a', { bus: undefined })
    await cluster.pass(250)
    expect(rtms.uptime()).toBe(250)
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
  it('may have a part of the contract: it is the same node', async () => {
    const { rtms } = await alone()
    expect(rtms.part()).toBe(rtms)
  })

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

  it('gives up a request whose client leaves', async () => {
    const node = await alone()
    const { rtms } = node
    const seen: string[] = []
    rtms.onRequest('slow', ({ signal }) => {
      signal.addEventListener('abort', () => seen.push('given up'))
      return new Promise(() => {})
    })
    const ann = node.client('ann')
    const asked = ann.request('slow').catch(() => {})
    await node.advance(10)
    expect(seen).toEqual([])
    ann.close()
    await node.advance(10)
    await asked
    expect(seen).toEqual(['given up'])
  })

  it('may be at a URL, for the methods that it names', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(String(request.method))
      response.setHeader('content-type', 'application/json').end('{"data":"from the URL"}')
    })
    await listening(server)
    const { port } = server.address() as AddressInfo
    const cluster = new Cluster()
    // How long the URL has to answer is reckoned in real time.
    cluster.clock.runTo(performance.now())
    const url = `http://127.0.0.1:${port}/`
    const requests = { url, secret: SECRET, methods: ['far'] }
    const rtms = await cluster.start('a', { bus: undefined, requests })
    const { peer } = await cluster.client(rtms, 'ann')
    for (const method of ['far', 'near']) peer.request(method)
    await cluster.until(() => peer.all('reply').length > 0)
    expect(asked).toEqual(['POST'])
    expect(peer.all('failed')).toMatchObject([{ error: 'NO_HANDLER' }])
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
    const [ann, bob] = [node.client('ann'), node.client('bob')]
    const meeting = await ann.join('m')
    const heard: unknown[] = []
    ;(await bob.join('m')).onFrame(({ inputs }) => heard.push(...inputs.map(({ data }) => data)))
    meeting.send('x').catch(() => {})
    await node.advance(200)
    // What the hook has let through came first.
    expect([revoked, heard]).toEqual([[1], ['x']])
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

  it('wait until listeners of topics have heard all that was published, and may still publish', async () => {
    const rtms = await Rtms.start({ secret: SECRET, server: false, publicUrl: 'ws://n.invalid/rtms' })
    const heard: unknown[] = []
    rtms.topics.subscribe('t', (data) => {
      // It takes a millisecond of real time.
      for (const end = performance.now() + 1; performance.now() < end;);
      rtms.topics.publish('answers', data)
      heard.push(data)
    })
    const all = Array.from({ length: 40 }, (_, n) => n)
    for (const n of all) rtms.topics.publish('t', n)
    await rtms.close()
    expect(heard).toEqual(all)
  })

  it('are not done with an option that there is not, and the rejection says which one was meant', async () => {
    const { rtms } = await alone()
    const slip = { timeoutMS: 1 } as object
    await expect(rtms.drain(slip)).rejects.toThrow(
      'drain: timeoutMS: it is not an option; did you mean timeoutMs',
    )
    await expect(rtms.close(slip)).rejects.toThrow(
      'close: timeoutMS: it is not an option; did you mean timeoutMs',
    )
    expect(rtms.health().status).toBe('ok')
    const steps: unknown[] = []
    await rtms.drain({ timeoutMs: 1, onProgress: ({ meetings }) => steps.push(meetings) })
    expect(steps).toEqual([0])
  })

  it('end together: a drain is over once the node is closed', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a', 'b')) as [Rtms]
    await cluster.client(a, 'ann')
    let isDrained = false
    void a.drain({ timeoutMs: 25_000 }).then(() => (isDrained = true))
    await cluster.pass(200)
    expect(isDrained).toBe(false)
    await cluster.within(a.close({ timeoutMs: 0 }))
    await cluster.pass(200)
    expect(isDrained).toBe(true)
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

  it('of another node, or of itself, is asked for by name', async () => {
    const cluster = new Cluster()
    const [a, b] = (await cluster.settled('a', 'b')) as [Rtms, Rtms]
    await cluster.within(a.cluster.drain('b', { timeoutMs: 5_000 }))
    expect([b.health().status, a.health().status]).toEqual(['draining', 'ok'])
    await cluster.within(a.cluster.drain('a', { timeoutMs: 5_000 }))
    expect(a.health().status).toBe('draining')
  })

  it('leave nothing behind where a node could not listen: it has left the bus', async () => {
    const taken = createServer()
    await listening(taken)
    const { port } = taken.address() as AddressInfo
    const cluster = new Cluster()
    const [other] = (await cluster.settled('a')) as [Rtms]
    await expect(cluster.start('b', { port, host: '127.0.0.1' })).rejects.toThrow('EADDRINUSE')
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

  it('waits for one that has been silent, for a while, when it revokes', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a', 'b')) as [Rtms]
    const [, b] = cluster.hosts as [Host, Host]
    cluster.cut.add(b.node.incarnation)
    await cluster.pass(5_000)
    expect(a.cluster.nodes().map(({ status }) => status)).toEqual(['self', 'silent'])
    const revoking = a.tickets.revoke({ user: 'ann' })
    cluster.cut.clear()
    expect(await cluster.within(revoking)).toBe(0)
    expect(b.node.revokedUntil('ann')).toBeGreaterThan(0)
  })

  it('revokes for as long as a ticket of a clock that is ahead may be valid, here and elsewhere', async () => {
    const cluster = new Cluster()
    const limits = { tokenMs: 60_000 }
    const [a] = [await cluster.start('a', { limits }), await cluster.start('b', { limits })]
    await cluster.pass(4_000)
    await cluster.within(a.tickets.revoke({ user: 'ann' }))
    // One is forgotten when another one comes.
    const known = async (other: string): Promise<boolean[]> => {
      await cluster.within(a.tickets.revoke({ user: other }))
      return cluster.hosts.map(({ node }) => node.revokedUntil('ann') > 0)
    }
    await cluster.pass(64_500)
    expect(await known('bob')).toEqual([true, true])
    await cluster.pass(1_000)
    expect(await known('cid')).toEqual([false, false])
  })

  it('revokes nowhere what it has no room for', async () => {
    const cluster = new Cluster()
    const [a] = [await cluster.start('a', { limits: { revocations: 1 } }), await cluster.start('b')]
    await cluster.pass(4_000)
    await cluster.within(a.tickets.revoke({ user: 'ann' }))
    await expect(cluster.within(a.tickets.revoke({ user: 'bob' }))).rejects.toMatchObject({ code: 'LIMIT' })
    await cluster.pass(1_000)
    const revoked = ['ann', 'bob'].map((user) => cluster.hosts.map(({ node }) => node.revokedUntil(user) > 0))
    expect(revoked).toEqual([
      [true, true],
      [false, false],
    ])
  })

  it('takes a ticket that was issued after its user was revoked, at once', async () => {
    const cluster = new Cluster()
    const [a] = (await cluster.settled('a', 'b')) as [Rtms]
    await cluster.within(a.tickets.revoke({ user: 'ann' }))
    const { peer } = await cluster.client(a, 'ann')
    await cluster.pass(10)
    expect(peer.all('welcome')).toHaveLength(1)
  })

  it('has its clients move to the others as it drains, by the name under which they reached it', async () => {
    const cluster = new Cluster()
    const movedFor = async (publicUrl: string, host: string): Promise<unknown> => {
      const [a] = [await cluster.start('a'), await cluster.start('b', { publicUrl })]
      await cluster.pass(4_000)
      const { peer } = await cluster.client(a, 'ann', { host })
      void a.drain({ timeoutMs: 5_000 })
      await cluster.pass(3_000)
      await closeAll(cluster)
      return peer.all('move')[0]?.url
    }
    expect(await movedFor('ws://b.invalid/rtms', '')).toBe('ws://b.invalid/rtms?route=b')
    expect(await movedFor('ws://{host}:7/rtms', 'here:80')).toBe('ws://here:7/rtms?route=b')
    // It cannot be told from what this client calls the host.
    expect(await movedFor('ws://{host}:7/rtms', 'no host')).toBeUndefined()
    expect(await movedFor('ws://{host}:7/rtms', '')).toBeUndefined()
  })

  it('evens out its clients with a node that has come anew, where its options let it', async () => {
    const moved = async (moves: RtmsOptions['moves']): Promise<boolean> => {
      const cluster = new Cluster()
      const a = await cluster.start('a', { moves })
      const clients = []
      for (let n = 0; n < 12; n++) clients.push(await cluster.client(a, `u${n}`))
      await cluster.start('b')
      await cluster.pass(6_000)
      return clients.some(({ peer }) => peer.all('move').length > 0)
    }
    expect([await moved(undefined), await moved('all'), await moved(false)]).toEqual([true, true, false])
  })

  it('gives members what they need to have their meeting go on, where the nodes share a secret', async () => {
    const charters = async (options: Partial<RtmsOptions>): Promise<number> => {
      const cluster = new Cluster()
      const [a] = [await cluster.start('a', options), await cluster.start('b', options)]
      await cluster.pass(4_000)
      await cluster.within(a.meetings.open('m'))
      const { peer } = await cluster.client(a, 'ann')
      peer.join('m')
      await cluster.pass(2_000)
      return peer.all('charter').length
    }
    expect(await charters({})).toBe(1)
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const keys = { algorithm: 'EdDSA', sign: privateKey, verify: publicKey } as const
    expect(await charters({ secret: undefined, keys })).toBe(0)
  })

  describe('that is attached to a server', () => {
    /** A node that answers at a server for how it is. */
    async function attached(cluster: Cluster, name: string): Promise<{ rtms: Rtms; server: Server }> {
      const server = createServer((_, response) => void response.end(JSON.stringify(rtms.health())))
      await listening(server)
      const rtms = await cluster.start(name, { server })
      return { rtms, server }
    }

    /** One node, and another one, attached, about which the first has asked. */
    async function watched() {
      const cluster = new Cluster()
      const a = await cluster.start('a')
      const { rtms: b, server } = await attached(cluster, 'b')
      let [asked, lines] = [0, 0]
      server.on('request', (_, response) => response.on('finish', () => asked++))
      server.on('connection', (socket) => {
        lines++
        socket.on('close', () => lines--)
      })
      await cluster.until(() => asked > 0)
      // Its watch has read the answer.
      await cluster.pass(1_000)
      await new Promise((resolve) => setTimeout(resolve, 20))
      const names = (): string[] => a.cluster.nodes().map(({ node }) => node)
      return { cluster, b, server, names, linesOpen: () => lines }
    }

    it('is known to have ended as soon as its host refuses connections and it does not answer', async () => {
      const { cluster, server, names } = await watched()
      await attached(cluster, 'c')
      await cluster.pass(1_000)
      expect(names()).toEqual(['a', 'b', 'c'])
      // The first node has to find out by itself.
      for (const number of cluster.incarnations.slice(1)) cluster.cut.add(number)
      await stop(server)
      await cluster.until(() => names().length === 2)
      expect(names()).toEqual(['a', 'c'])
    })

    it('lives on for the others where that server alone has ended: it answers', async () => {
      const { cluster, b, server, names } = await watched()
      const answered = (): number => {
        const { traffic } = b.cluster.bus()
        return traffic.find(({ direction, kind }) => direction === 'out' && kind === 'links')?.messages ?? 0
      }
      const before = answered()
      await stop(server)
      await cluster.until(() => answered() > before)
      await cluster.pass(1_000)
      expect(names()).toEqual(['a', 'b'])
    })

    it('is not asked any more once it has said goodbye', async () => {
      const { cluster, b, linesOpen } = await watched()
      expect(linesOpen()).toBe(1)
      await cluster.within(b.close({ timeoutMs: 0 }))
      await attached(cluster, 'c')
      await cluster.until(() => linesOpen() === 0)
    })
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
    const isCut = (): boolean => cluster.lines.includes('cut off the bus for a while, as was asked for')
    for (const by of [a, b]) {
      cluster.lines.length = 0
      await cluster.within(by.cluster.cut('b', { ms: 1 }))
      await cluster.until(isCut)
    }
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
