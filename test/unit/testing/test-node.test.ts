import { afterEach, describe, expect, it } from 'vitest'
import type { Contract } from '../../../src/protocol/index.ts'
import { createTestNode, type TestNode, type TestNodeOptions } from '../../../src/testing/index.ts'

const nodes: TestNode[] = []

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
})

async function start(options?: TestNodeOptions): Promise<TestNode> {
  const node = await createTestNode(options)
  nodes.push(node)
  return node
}

describe('A node in a test', () => {
  it('answers a request while it is awaited, and no time passes', async () => {
    const node = await start()
    node.rtms.onRequest('double', ({ data }) => 2 * (data as number))
    expect([await node.client('ann').request('double', 21), node.now]).toEqual([42, 0])
  })

  it('tells of members who leave, of connections and of publications', async () => {
    const node = await start()
    const { rtms } = node
    const heard: unknown[] = []
    rtms.onConnect(({ user }) => heard.push(`${user} comes`))
    rtms.onDisconnect(({ user, ended }) => heard.push(`${user} goes ${ended}`))
    rtms.topics.subscribe('t', (data) => heard.push(data))
    rtms.meetings.define('k', { onLeave: ({ user, reason }) => void heard.push(`${user} ${reason}`) })
    await rtms.meetings.open('m', { kind: 'k' })
    const ann = node.client('ann')
    ;(await ann.join('m')).leave()
    await ann.publish('t', 1)
    await node.advance(0)
    ann.close()
    await node.advance(100)
    expect(heard).toEqual(['ann comes', 'ann left', 1, 'ann goes true'])
  })

  it("runs the user's own hooks, and frames are sealed when the test moves time on", async () => {
    const node = await start()
    const seen: string[] = []
    node.rtms.meetings.define('quiz', {
      frameRate: 10,
      onJoin: ({ user }) => void seen.push(`${user} joins`),
      onInput: ({ user, data }) => (data === 'cheat' ? false : { user, data }),
      onFrame: (frame, meeting) => frame.number === 20 && meeting.close(),
      onClose: () => void seen.push(`closes at ${node.now}`),
    })
    await node.rtms.meetings.open('quiz-1', { kind: 'quiz' })
    const [ann, bob] = [node.client('ann'), node.client('bob')]
    const meeting = await ann.join('quiz-1')
    await bob.join('quiz-1')
    const heard: unknown[] = []
    meeting.onFrame(({ number, inputs }) => heard.push(...inputs.map(({ data }) => [number, data])))
    const sent = meeting.send('b')
    await expect(meeting.send('cheat')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await node.advance(100)
    expect(heard).toEqual([[await sent, { user: 'ann', data: 'b' }]])
    await node.advance(5_000)
    expect(seen).toEqual(['ann joins', 'bob joins', 'closes at 1962'])
  })

  it('breaks a connection, and the client comes back by itself', async () => {
    const node = await start()
    const seen: string[] = []
    node.rtms.onConnect(({ user, resumed }) => seen.push(`${user} ${resumed ? 'is back' : 'comes'}`))
    node.rtms.onDisconnect(({ reason }) => seen.push(reason))
    const ann = node.client('ann')
    ann.onState((state) => state === 'connecting' || seen.push(state))
    await node.advance(0)
    node.cut(ann)
    await node.advance(1_000)
    expect(seen).toEqual(['ann comes', 'connected', 'disconnected', 'LOST', 'ann is back', 'connected'])
  })

  it('holds one client away for a while, and lets it catch up once it is back', async () => {
    const node = await start()
    await node.rtms.meetings.open('m', { frameRate: 10 })
    const [ann, bob] = [node.client('ann'), node.client('bob')]
    const meeting = await ann.join('m')
    const other = await bob.join('m')
    const seen: unknown[] = []
    meeting.onFrame(({ number, events }) => seen.push(number, ...events.map(({ type }) => type)))
    meeting.onRejoin(({ recovered }) => seen.push(recovered))
    const isAway = (): unknown => other.members.map(({ away }) => away)
    await node.advance(200)
    node.away(ann)
    await node.advance(20_000)
    expect([isAway(), ann.state === 'connected', seen.filter(Number.isInteger).at(-1)]).toEqual([
      [true, false],
      false,
      2,
    ])
    node.back(ann)
    await node.advance(300)
    expect([isAway(), ann.state, seen.includes('back')]).toEqual([[false, false], 'connected', true])
    expect(seen.filter(Number.isInteger)).toEqual(Array.from({ length: 205 }, (_, n) => n + 1))
    expect(seen).toContain(true)
    node.back(ann)
  })

  it('ends the session of a client that is held away for too long', async () => {
    const node = await start({ limits: { sessionKeepMs: 1_000 } })
    const seen: unknown[] = []
    node.rtms.onDisconnect(({ reason, ended }) => seen.push([reason, ended]))
    const ann = node.client('ann')
    ann.onReconnect(({ recovered, reason }) => seen.push([recovered, reason]))
    await node.advance(0)
    node.away(ann)
    await node.advance(60_000)
    node.back(ann)
    await node.advance(500)
    expect(seen).toEqual([
      ['LOST', false],
      ['ABANDONED', true],
      [false, 'NOT_FOUND'],
    ])
  })

  it('lets hours pass at once: tickets are asked for anew, and sessions that stay away end', async () => {
    const node = await start()
    let tickets = 0
    const ann = node.connect({
      getTicket: () => {
        tickets++
        return node.rtms.tickets.issue({ user: 'ann', expiresIn: 600 })
      },
    })
    await node.advance(3 * 3_600_000)
    expect(ann.state).toBe('connected')
    expect(tickets).toBeGreaterThan(15)
    expect(tickets).toBeLessThan(40)
    ann.close()
    await node.advance(0)
    expect(await node.rtms.users.sessions('ann')).toMatchObject({ sessions: 0, connected: 0 })
  })

  it('times out what is not answered, in virtual time', async () => {
    const node = await start()
    node.rtms.onRequest('never', () => new Promise(() => {}))
    const ann = node.client('ann')
    const asked = expect(ann.request('never', null, { timeoutMs: 3_000 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    await node.advance(3_100)
    await asked
  })

  it('tells the test what a listener of a client throws', async () => {
    const node = await start()
    const ann = node.client('ann')
    ann.onPush('greeting', () => {
      throw new Error('a fault of the page')
    })
    await node.advance(0)
    await node.rtms.users.push('ann', 'greeting', 'hello')
    await expect(node.advance(0)).rejects.toThrow('a fault of the page')
  })

  it('is typed by a contract', async () => {
    interface Quiz extends Contract {
      readonly requests: { double: { input: number; output: number } }
    }
    const node = await createTestNode<Quiz>()
    node.rtms.onRequest('double', ({ data }) => 2 * data)
    expect(await node.client('ann').request('double', 2)).toBe(4)
    await node.close()
  })
})
