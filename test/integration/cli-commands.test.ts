import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Rtms } from '../../src/server/index.ts'
import { KEY, startApi } from './api/support.ts'
import { endAll, printed, rtms, type Run } from './cli-support.ts'
import { eventually, join, Peer, refused, SECRET, stopAll, tokenOf } from './server/peer.ts'

/* The commands that talk to a node, against a real one. */

let node: Rtms
let env: Record<string, string>

beforeEach(async () => {
  node = await startApi()
  env = { RTMS_URL: `http://127.0.0.1:${node.address.port}/rtms`, RTMS_KEY: KEY }
})
afterEach(async () => {
  endAll()
  await stopAll()
})

/** Runs a command to its end and returns what it printed. */
async function out(args: string[], code = 0, input?: string): Promise<string> {
  const run = rtms(args, env, input)
  const ended = await run.ended
  expect([run.text(), ended]).toEqual([run.text(), code])
  return run.text()
}

const values = (run: Run): unknown[] => run.lines().map((line) => JSON.parse(line) as unknown)

describe('rtms publish', () => {
  it('publishes JSON, text, bytes, lines, and removes keys', async () => {
    expect(await out(['publish', 'a', '{"price":1}', '--topic-key', 'k'])).toContain(
      'Published to a; its pressure',
    )
    expect(JSON.parse(await out(['publish', 'a', 'hello', '--json']))).toEqual({ pressure: 0 })
    await out(['publish', 'a', 'AQID', '--base64'])
    await out(['publish', 'a', '-'], 0, 'from input\n')
    await out(['publish', 'a', '--remove', '--topic-key', 'k'])
    const lines = Array.from({ length: 1_200 }, (_, at) => String(at)).join('\n')
    expect(await out(['publish', 'b', '--lines'], 0, lines)).toContain('Published 1200 lines to b')
    const data = node.topics.history('a').map(({ key, removed, data }) => (removed ? `-${key}` : data))
    expect(data).toEqual([{ price: 1 }, 'hello', new Uint8Array([1, 2, 3]), 'from input', '-k'])
    expect(node.topics.history('b').at(-1)?.data).toBe(1_199)
  })

  it('takes the address with /v1 too, as serve prints it', async () => {
    for (const behind of ['/v1', '/v1/', '/']) {
      const at = { ...env, RTMS_URL: `${env['RTMS_URL']}${behind}` }
      const run = rtms(['publish', 'a', '1'], at)
      expect([behind, await run.ended, run.text()]).toEqual([
        behind,
        0,
        expect.stringContaining('Published to a'),
      ])
    }
  })

  it('warns where the data looks like JSON and is none', async () => {
    const warning = 'looks like JSON and is none'
    for (const [data, isWarned] of [
      ['{a:1}', true],
      ['[1,', true],
      ['{"a":1}', false],
      ['"{"', false],
      ['hello', false],
    ] as const) {
      const run = rtms(['publish', 'a', data], env)
      expect([data, await run.ended, run.text().includes(warning)]).toEqual([data, 0, isWarned])
    }
  })

  it('names each line that is refused, publishes the others, and says how many they were', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    const input = [
      '1',
      `"${'x'.repeat(40_000)}"`,
      '2',
      deep,
      '3',
      `"${'y'.repeat(1_500_000)}"`,
      '{a',
      '',
    ].join('\n')
    const text = await out(['publish', 'a', '--lines'], 1, input)
    const told = text.split('\n').filter((line) => line.includes('was not published:'))
    expect(told.map((line) => /line \d+/.exec(line)?.[0])).toEqual(['line 2', 'line 4', 'line 6', 'line 7'])
    expect(told[0]).toContain('(TOO_LARGE)')
    expect(told[3]).toContain('it looks like JSON and is none; publish text with --text (PROTOCOL)')
    expect(text).toContain('Published 3 lines to a; 4 were not published')
    expect(node.topics.history('a').map(({ data }) => data)).toEqual([1, 2, 3])
    // What only the node refuses.
    const run = rtms(['publish', 'a b', '--lines', '--json'], env, '1\n2\n')
    expect(await run.ended).toBe(1)
    expect(values(run)).toEqual([{ published: 0, refused: 2 }])
    expect(run.text()).toContain('{"line":2,"error":{"code":"BAD_TOPIC"')
  })

  it('publishes lines as text where it is told to, whatever they look like', async () => {
    const lines = ['[12:01] ann comes', '{a', '12', '"quoted"', 'plain']
    expect(await out(['publish', 'log', '--lines', '--text'], 0, lines.join('\n'))).toContain(
      'Published 5 lines',
    )
    expect(node.topics.history('log').map(({ data }) => data)).toEqual(lines)
    expect(await out(['publish', 'log', 'x', '--text'], 2)).toContain('--text goes with --lines')
  })

  it('says up to which line it came when the node has ended', async () => {
    node.topics.define('a', { entries: 1_000 })
    const run = rtms(['publish', 'a', '--lines'], env, null)
    run.child.stdin?.write('1\n'.repeat(501))
    await eventually(() => node.topics.history('a', { limit: 1_000 }).length === 500)
    // Once it has answered.
    await node.close()
    run.child.stdin?.end()
    expect(await run.ended).toBe(1)
    expect(run.text()).toContain('Before line 501, 500 lines were published and 0 were not')
  })

  it('says what the node refuses, and where there is none', async () => {
    expect(await out(['publish', 'a b', '1'], 1)).toContain('(BAD_TOPIC)')
    env['RTMS_KEY'] = 'wrong'
    expect(JSON.parse(await out(['publish', 'a', '1', '--json'], 1))).toMatchObject({
      error: { code: 'UNAUTHENTICATED', message: expect.stringContaining('Check --key') },
    })
    env['RTMS_URL'] = `http://127.0.0.1:${node.address.port}/elsewhere`
    expect(await out(['publish', 'a', '1'], 1)).toContain('is no HTTP API of RTMS')
    await node.close({ timeoutMs: 0 })
    expect(await out(['publish', 'a', '1'], 1)).toContain('rtms doctor')
  })

  it.each(['null', '[]', '"pong"', '7'])(
    'says where something else answers %s to everything',
    async (json) => {
      const other = createServer((_, response) => response.end(json)).listen(0, '127.0.0.1')
      await once(other, 'listening')
      env['RTMS_URL'] = `http://127.0.0.1:${(other.address() as AddressInfo).port}/rtms`
      expect(await out(['publish', 'a', '1'], 1)).toContain('is no HTTP API of RTMS')
      other.close()
    },
  )
})

describe('rtms drain', () => {
  it('drains the node that answers, shows how far it is, and waits for its end', async () => {
    const peer = await Peer.connect(node.address.url, await tokenOf(node, 'u1'))
    const shown = await out(['drain'])
    expect(shown.trim().split('\n').at(-1)).toBe(`${node.node} is empty`)
    await eventually(() => peer.all('goodbye').length === 1)
    expect(node.ready().status).toBe('draining')
    // Once more: it is asked only.
    const [line] = (await out(['drain', node.node, '--json'])).trim().split('\n')
    expect(JSON.parse(line ?? '')).toEqual({
      node: node.node,
      state: 'drained',
      meetings: 0,
      staying: 0,
      connections: 0,
      requests: 0,
      // There is nobody whom it could go to.
      sessions: 1,
    })
  })

  it('tells of meetings that end with the node, and of nodes that are not known', async () => {
    await node.meetings.open('m')
    expect(await out(['drain', '--timeout', '5s'])).toContain('1 meeting cannot move, and will end with it')
    expect(await out(['drain', 'nowhere'], 1)).toContain('no node "nowhere" is known (NOT_FOUND)')
    expect(await out(['drain', '--timeout', 'soon'], 2)).toContain('--timeout is "soon"')
  })
})

describe('rtms cluster', () => {
  it('shows the node as it is, and says what makes a cluster of it', async () => {
    const shown = await out(['cluster'])
    const [, line = ''] = shown.split('\n')
    expect(line.split(/ {2,}/)).toEqual([
      node.node,
      'core',
      'self',
      '0',
      '0',
      '0',
      '0',
      '0',
      '0 B',
      '0 B',
      expect.stringContaining(`route=${node.node}`),
    ])
    expect(shown).toContain('rtms serve --nodes 3')
    expect(JSON.parse(await out(['cluster', '--json']))).toMatchObject({
      nodes: [{ node: node.node, role: 'core', status: 'self', heardMs: 0 }],
      bus: { up: true, traffic: [] },
    })
  })
})

describe('rtms push, token and meetings', () => {
  it('push to who is there, let somebody in, and show rooms', async () => {
    const peer = await Peer.connect(node.address.url, await tokenOf(node, 'u1'))
    expect(await out(['push', 'u1', 'order.filled', '{"id":1}'])).toContain('Reached 1 session of u1')
    expect((await peer.next('push')).name).toBe('order.filled')
    expect(JSON.parse(await out(['push', 'u2', 'n', '1', '--json']))).toEqual({ sessions: 0 })

    await node.meetings.open('duel', { capacity: 2, metadata: { level: 3 } })
    node.meetings.get('duel')?.addBot('robot')
    await node.meetings.open('other')
    expect(await out(['meetings'])).toMatch(/^duel {2}1\/2 members .*\nother {2}0\/50 members/)
    expect(await out(['meetings', 'duel'])).toMatch(/metadata \{"level":3\}\n {2}slot 0 {2}robot {2}bot/)
    const listed = (await out(['meetings', '--json'])).trim().split('\n')
    expect(listed.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(['duel', 'other'])
    expect(await out(['meetings', '--kind', 'k'])).toContain('No meeting of the kind k is open')
    expect(await out(['meetings', 'nope'], 1)).toContain('NOT_FOUND')
  })

  it('a token of the node or of the secret is good for what it says', async () => {
    const asked = (await out(['token', 'u1', '--meeting', 'm', '--expires', '30s'])).trim()
    await node.meetings.open('m')
    const peer = await Peer.connect(node.address.url, asked)
    peer.send(join(1, 'm'))
    await peer.next('joined')
    delete env['RTMS_KEY']
    env['RTMS_SECRET'] = SECRET
    const ticket = JSON.parse(await out(['token', 'u2', '--read', 'a.*', '--watch', 'm', '--json'])) as {
      url: string
      token: string
      expiresAt: number
    }
    expect(ticket.url).toBe(`ws://127.0.0.1:${node.address.port}/rtms`)
    expect(ticket.expiresAt * 1000 - Date.now()).toBeGreaterThan(3_000_000)
    expect((await Peer.connect(ticket.url, ticket.token)).all('welcome')[0]?.user).toBe('u2')
    env['RTMS_SECRET'] = `another ${SECRET}`
    const forged = (await out(['token', 'u3'])).trim()
    expect((await refused(node.address.url, forged)).code).toBe(4401)
  })
})

describe('rtms tail', () => {
  it('prints what a topic keeps and what comes, across a lost connection', async () => {
    for (const data of ['old', 'kept', 'last']) node.topics.publish('a', data)
    const run = rtms(['tail', 'a', '--history', '2', '--count', '4', '--json'], env)
    await eventually(() => run.lines().length === 3)
    node.topics.publish('a', new Uint8Array([1, 2, 3]))
    await eventually(() => run.lines().length === 4)
    await node.users.disconnect('rtms-tail')
    await eventually(() => run.lines().length === 5)
    node.topics.publish('a', 'while away', { key: 'k' })
    expect(await run.ended).toBe(0)
    const publication = { type: 'publication', topic: 'a', key: '', removed: false, time: expect.any(Number) }
    expect(values(run)).toEqual([
      { type: 'connected' },
      { ...publication, data: 'kept' },
      { ...publication, data: 'last' },
      { ...publication, base64: 'AQID' },
      { type: 'disconnected', code: 'EXPIRED', message: expect.any(String) },
      { type: 'connected' },
      { ...publication, key: 'k', data: 'while away' },
    ])
  })

  it('prints the frames of a meeting in which something happens, and that it is over', async () => {
    await node.meetings.open('m', { frameRate: 60 })
    const peer = await Peer.connect(node.address.url, await tokenOf(node, 'u1'))
    peer.send(join(1, 'm'))
    await peer.next('joined')
    const run = rtms(['tail', 'm', '--json', '--history', '10000'], env)
    await eventually(() => values(run).length === 2)
    node.meetings.get('m')?.addBot('robot').send({ move: 1 })
    await eventually(() => run.text().includes('move'))
    const [, first, ...rest] = values(run)
    expect(first).toMatchObject({ type: 'frame', number: 1, events: [{ type: 'join', slot: 0, user: 'u1' }] })
    expect(rest).toContainEqual(
      expect.objectContaining({ inputs: [{ slot: 1, user: 'robot', seq: 1, data: { move: 1 } }] }),
    )
    node.meetings.close('m')
    expect(await run.ended).toBe(1)
    expect(run.text()).toContain('the meeting is over')
  })

  it('is for people without --json, with a secret instead of a key, and ends at Ctrl-C', async () => {
    const run = rtms(['tail', 'a'], { RTMS_URL: env['RTMS_URL'] as string, RTMS_SECRET: SECRET })
    await eventually(() => node.topics.get('a')?.subscribers === 1)
    expect(run.text()).toContain('No meeting is called a: watching the topic')
    node.topics.publish('a', { price: 1 }, { key: 'k' })
    await printed(run, /^\d\d:\d\d:\d\d\.\d{3} {2}k {2}\{"price":1\}$/m)
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(0)
  })

  it('passes over what is older than --since, and ends where nobody may watch', async () => {
    node.topics.publish('a', 1)
    const run = rtms(['tail', 'a', '--since', '1h', '--count', '1', '--json'], env)
    expect(await run.ended).toBe(0)
    expect(values(run)).toMatchObject([{ type: 'connected' }, { data: 1 }])
    expect(await out(['tail', 'nope', '--meeting'], 1)).toContain('no meeting of the name nope')
    const wrong = await out(['tail', 'a', '--key', 'wrong'], 1)
    expect(wrong).toContain('the key is not one of the node’s')
    expect(wrong).toContain('that of a publication is --topic-key')
    expect(await out(['tail', 'a', '--secret', 'x'.repeat(32)], 1)).toMatch(
      /Not connected \(the token was refused\).+--secret or RTMS_SECRET signs the ticket: is it the node's/s,
    )
    const forged = { RTMS_URL: env['RTMS_URL'] as string, RTMS_SECRET: `another ${SECRET}` }
    const refused = rtms(['tail', 'a'], forged)
    expect(await refused.ended).toBe(1)
    expect(refused.text()).toContain('rtms: ')
  })
})
