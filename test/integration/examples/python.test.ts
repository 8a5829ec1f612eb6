import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { startDemo } from '../../../src/demo/index.ts'
import { type Client, connect, type Frame } from '../../../src/client/node.ts'
import { Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import { Proxy } from '../../browser/proxy.ts'
import { PythonClient, type PythonFrame, startPython } from './python.ts'

/* examples/python, a client written from PROTOCOL.md, next to the TypeScript client and its other encoding. */

const SECRET = 'a secret for this test only, of more than thirty-two bytes'

let rtms: Rtms
let proxy: Proxy
let port: number
const clients: Client[] = []
const pythons: PythonClient[] = []
const connections: boolean[] = []

/** A node, and a proxy in front of it. */
async function start(limits: RtmsOptions['limits'] = {}): Promise<void> {
  rtms = await Rtms.start({
    port: 0,
    host: '127.0.0.1',
    secret: SECRET,
    limits: { reconnectMinMs: 20, reconnectMaxMs: 100, ...limits },
  })
  rtms.onConnect(({ user, resumed }) => user === 'python' && connections.push(resumed))
  proxy = new Proxy(rtms.address.port)
  port = Number(new URL(await proxy.listen()).port)
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const python of pythons.splice(0)) python.kill()
  connections.length = 0
  await proxy?.close()
  await rtms?.close({ timeoutMs: 100 })
})

/** A program of its own takes its time on a busy machine. */
const until = <T>(get: () => T): ReturnType<typeof expect.poll<T>> => expect.poll(get, { timeout: 20_000 })

const rights = { meetings: ['*'], topics: { read: ['*'], write: ['*'] } }

function typescript(): Client {
  const client = connect({ getTicket: () => rtms.tickets.issue({ user: 'typescript', ...rights }) })
  clients.push(client)
  return client
}

/** Connected through the proxy. */
async function python(): Promise<PythonClient> {
  const { url, token } = await rtms.tickets.issue({ user: 'python', ...rights })
  const there = new URL(url)
  there.port = String(port)
  const client = new PythonClient({ url: there.href, token })
  pythons.push(client)
  return client
}

/** A frame as both clients would print it. */
function asPython({ number, events, inputs }: Frame): PythonFrame {
  return {
    number,
    events: events.map(({ type, ...fields }) => ({ event: type, ...fields })),
    inputs: inputs.map(({ slot, seq, data }) => ({
      slot,
      seq,
      data: data instanceof Uint8Array ? { bytes: Buffer.from(data).toString('base64') } : data,
    })),
  }
}

/** Both have seen the same frames, from 1 up to one that is still to come, each once. */
async function expectSame(seen: readonly Frame[], other: PythonClient): Promise<PythonFrame[]> {
  const last = (seen.at(-1)?.number ?? 0) + 10
  await until(() => seen.length).toBeGreaterThanOrEqual(last)
  await until(() => other.frames.length).toBeGreaterThanOrEqual(last)
  const frames = other.frames.slice(0, last)
  expect(frames.map(({ number }) => number)).toEqual(Array.from({ length: last }, (_, index) => index + 1))
  expect(frames).toEqual(seen.slice(0, last).map(asPython))
  return frames
}

const inputsOf = (frames: readonly PythonFrame[], slot: number): unknown[] =>
  frames.flatMap(({ inputs }) => inputs).flatMap((input) => (input.slot === slot ? [input.data] : []))

describe('examples/python', () => {
  it('sees the same frames as the TypeScript client in one meeting, with the inputs of both', async () => {
    await start()
    await rtms.meetings.open('room')
    const other = await python()
    expect(await other.do('join', { meeting: 'room' })).toMatchObject({ slot: 0 })
    const meeting = await typescript().join('room')
    const seen: Frame[] = []
    meeting.onFrame((frame) => seen.push(frame))
    const values = [{ hit: 3 }, 'frühlingsfest 年兽 🐲', null, { bytes: 'AP/+' }]
    const numbers = await Promise.all([
      ...values.map((data) => other.do('send', { meeting: 'room', data })),
      meeting.send({ hit: 4 }),
      meeting.send(new Uint8Array([0, 255])),
      meeting.send('plain'),
    ])
    const frames = await expectSame(seen, other)
    expect(inputsOf(frames, 0)).toEqual(values)
    expect(inputsOf(frames, 1)).toEqual([{ hit: 4 }, { bytes: 'AP8=' }, 'plain'])
    // What awaiting an input gives is the frame that holds it.
    for (const [index, data] of values.entries())
      expect(frames[(numbers[index] as number) - 1]?.inputs.map((input) => input.data)).toContainEqual(data)
    expect(frames.flatMap(({ events }) => events)).toEqual([
      { event: 'join', slot: 0, user: 'python' },
      { event: 'join', slot: 1, user: 'typescript' },
    ])
    await other.do('leave', { meeting: 'room' })
    await until(() => seen.flatMap(({ events }) => events).at(-1)).toMatchObject({ type: 'leave', slot: 0 })
    expect(await other.do('send', { meeting: 'room', data: 1 })).toBe('NOT_JOINED')
  })

  it('hears publications and pushes, publishes, asks, and is told why something is refused', async () => {
    await start()
    rtms.onRequest('double', async ({ data }) => (data as number) * 2)
    const other = await python()
    await other.do('subscribe', { topic: 'news', options: {} })
    await other.do('push', { name: 'order.filled' })
    rtms.topics.publish('news', { title: 'one' })
    const client = typescript()
    await client.publish('news', new Uint8Array([1, 2]), { key: 'k' })
    await until(() => other.told('publication')).toEqual([
      { told: 'publication', key: '', removed: false, data: { title: 'one' } },
      { told: 'publication', key: 'k', removed: false, data: { bytes: 'AQI=' } },
    ])
    const heard: unknown[] = []
    client.subscribe('board', (data, { key }) => heard.push([key, data]), { conflate: true })
    await other.do('publish', { topic: 'board', key: 'x', data: { v: 1 } })
    await until(() => heard).toEqual([['x', { v: 1 }]])
    // A later subscriber of a topic with keys gets their latest values.
    await other.do('subscribe', { topic: 'board', options: { conflate: true, max_hz: 10 } })
    await until(() => other.told('publication').length).toBe(3)
    expect(await other.do('request', { method: 'double', data: 21 })).toBe(42)
    expect(await other.do('request', { method: 'treble', data: 21 })).toBe('NO_HANDLER')
    expect(await other.do('join', { meeting: 'nowhere' })).toBe('NOT_FOUND')
    expect(await other.do('request', { method: 'double', data: 'x'.repeat(32_767) })).toBe('TOO_LARGE')
    await rtms.users.push('python', 'order.filled', { id: 1 })
    await until(() => other.told('push')).toEqual([{ told: 'push', data: { id: 1 } }])
    await other.do('unsubscribe', { topic: 'news' })
    expect(rtms.topics.get('news')?.subscribers ?? 0).toBe(0)
    expect(await other.close()).toBe(0)
    expect(other.complaints()).toBe('')
    expect(await rtms.users.sessions('python')).toMatchObject({ sessions: 0 })
  })

  it('after a forced disconnect resumes its session with no frame, input, publication or push missing or doubled', async () => {
    await start()
    await rtms.meetings.open('room')
    const other = await python()
    await other.do('join', { meeting: 'room' })
    await other.do('subscribe', { topic: 'count', options: {} })
    await other.do('push', { name: 'note' })
    const meeting = await typescript().join('room')
    const seen: Frame[] = []
    meeting.onFrame((frame) => seen.push(frame))
    const sent: Promise<unknown>[] = []
    let count = 0
    const act = (): void => {
      count++
      sent.push(other.do('send', { meeting: 'room', data: count }))
      void meeting.send({ theirs: count })
      rtms.topics.publish('count', count)
      void rtms.users.push('python', 'note', count)
    }
    for (let times = 0; times < 3; times++) {
      const begun = other.frames.length
      for (let index = 0; index < 5; index++) act()
      await until(() => other.frames.length).toBeGreaterThan(begun + 5)
      act()
      proxy.cut()
      await until(() => other.states.at(-1)).toBe('connecting')
      for (let index = 0; index < 5; index++) act()
      const missed = seen.length + 10
      await until(() => seen.length).toBeGreaterThan(missed)
      proxy.mend()
      await until(() => other.states.at(-1)).toBe('connected')
    }
    const frames = await Promise.all(sent)
    expect(frames.every((frame) => typeof frame === 'number')).toBe(true)
    const all = await expectSame(seen, other)
    const counted = Array.from({ length: count }, (_, index) => index + 1)
    expect(inputsOf(all, 0)).toEqual(counted)
    expect(inputsOf(all, 1)).toEqual(counted.map((theirs) => ({ theirs })))
    await until(() => other.told('publication').map((one) => (one as { data: unknown }).data)).toEqual(
      counted,
    )
    await until(() => other.told('push').map((one) => (one as { data: unknown }).data)).toEqual(counted)
    const rejoin = { told: 'rejoin', recovered: true, reason: '' }
    expect(other.told('rejoin')).toEqual([rejoin, rejoin, rejoin])
    expect(connections).toEqual([false, true, true, true])
    expect(other.told('gap')).toEqual([])
    expect(other.complaints()).toBe('')
  })

  it('acknowledges what it takes: more than a window of publications, and than a session log of answers, goes through', async () => {
    await start({ sessionLogEntries: 90 })
    rtms.onRequest('echo', async ({ data }) => data)
    const other = await python()
    await other.do('subscribe', { topic: 'load', options: {} })
    const text = 'x'.repeat(30_000)
    for (let index = 0; index < 30; index++) {
      rtms.topics.publish('load', { index, text })
      await until(() => other.told('publication').length).toBe(index + 1)
    }
    for (let index = 0; index < 150; index++)
      expect(await other.do('request', { method: 'echo', data: index })).toBe(index)
    expect(other.states).toEqual(['connected'])
  })

  it('answers the pings of a node that hears nothing else, and notices a connection that is dead', async () => {
    await start({ heartbeatMs: 1_000 })
    await rtms.meetings.open('room')
    const other = await python()
    await other.do('join', { meeting: 'room' })
    // Five seconds: more than twice what a node waits for a client that does not answer.
    await until(() => other.frames.length).toBeGreaterThan(100)
    expect(other.states).toEqual(['connected'])
    proxy.stall()
    await until(() => other.states).toEqual(['connected', 'connecting', 'connected'])
    expect(connections).toEqual([false, true])
  })

  it('goes on in a new session when its own is gone, and ends where the node says so for good', async () => {
    await start({ sessionKeepMs: 50 })
    await rtms.meetings.open('room')
    const other = await python()
    await other.do('join', { meeting: 'room' })
    rtms.onRequest('late', async () => 'answered')
    proxy.cut()
    await until(() => other.states.at(-1)).toBe('connecting')
    const input = other.do('send', { meeting: 'room', data: 1 })
    const request = other.do('request', { method: 'late', data: null })
    await until(async () => (await rtms.users.sessions('python')).sessions).toBe(0)
    proxy.mend()
    // Whether the input belongs to a seat that is gone nobody can tell; the request had never been sent.
    expect([await input, await request]).toEqual(['UNKNOWN', 'answered'])
    expect(other.told('rejoin')).toEqual([{ told: 'rejoin', recovered: true, reason: '' }])
    expect(await other.do('send', { meeting: 'room', data: 2 })).toBeGreaterThan(0)
    expect(connections).toEqual([false, false])
    await rtms.users.disconnect('python', { final: true })
    await until(() => other.states.at(-1)).toBe('closed')
    expect(other.told('end')).toEqual([{ told: 'end', code: 'CLOSED' }])
    expect(await other.do('request', { method: 'anything', data: null })).toBe('CLOSED')
    expect(await other.close()).toBe(0)
  })

  it('hears what the business said while it was away, and that it was kicked', async () => {
    await start()
    const room = await rtms.meetings.open('room')
    const other = await python()
    await other.do('join', { meeting: 'room' })
    proxy.cut()
    await until(() => room.info.members).toMatchObject([{ away: true }])
    room.sendTo(0, 'while you were away')
    proxy.mend()
    await until(() => other.told('message')).toEqual([{ told: 'message', data: 'while you were away' }])
    await until(() => room.info.members).toMatchObject([{ away: false }])
    proxy.cut()
    await until(() => room.info.members).toMatchObject([{ away: true }])
    room.kick(0)
    proxy.mend()
    await until(() => other.told('end')).toEqual([{ told: 'end', code: 'CLOSED' }])
    expect(await other.do('request', { method: 'none', data: null })).toBe('NO_HANDLER')
    expect(room.info.members).toEqual([])
  })

  it('asks for one fresh ticket where the meeting it was in is not found, and joins it again', async () => {
    await start()
    await rtms.meetings.open('room')
    const other = await python()
    await other.do('join', { meeting: 'room' })
    const { port: same } = rtms.address
    await rtms.close({ timeoutMs: 100 })
    rtms = await Rtms.start({ port: same, host: '127.0.0.1', secret: SECRET })
    let asked = 0
    // Whoever issues the fresh ticket opens it.
    rtms.meetings.onMissing(async () => (++asked === 1 ? null : {}))
    await until(() => other.told('rejoin')).toEqual([
      { told: 'rejoin', recovered: false, reason: 'NEW_EPOCH' },
    ])
    expect(asked).toBe(2)
    expect(await other.do('send', { meeting: 'room', data: 1 })).toBeGreaterThan(0)
    expect(other.told('end')).toEqual([])
    expect(other.complaints()).toBe('')
  })

  it('room.py walks about in the demo', async () => {
    const demo = await startDemo({ port: 0, host: '127.0.0.1', secret: SECRET }, 'dist/web')
    const file = fileURLToPath(new URL('../../../examples/python/room.py', import.meta.url))
    const { child, complaints } = startPython([file, `http://127.0.0.1:${demo.rtms.address.port}`])
    const lines: string[] = []
    createInterface(child.stdout).on('line', (line) => lines.push(line))
    const ended = new Promise((resolve) => child.on('close', resolve))
    // A ghost keeps it company, and comes in between.
    const moves = (): string[] => lines.filter((line) => line.includes('Python moves'))
    await until(() => moves().length + complaints().length).toBeGreaterThan(1)
    expect(lines[0]).toBe('connected')
    expect(lines[1]).toBe('frame 1: Python join')
    expect(moves()[0]).toMatch(/^frame \d+: Python moves to \{'x': \d+, 'y': \d+\}$/)
    child.kill('SIGINT')
    await ended
    expect(complaints()).toBe('')
    await demo.close()
  })
})
