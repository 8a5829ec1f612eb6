import { afterEach, describe, expect, it } from 'vitest'
import { type Client, connect } from '../../src/client/node.ts'
import { RtmsError } from '../../src/protocol/index.ts'
import { Rtms } from '../../src/server/index.ts'

/* What the business throws reaches the client: its code, its words, and a reason of its own. */

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

const refusal = new RtmsError('LIMIT', 'One answer each.', { reason: 'answered', retryAfterMs: 40 })
const told = { code: 'LIMIT', message: 'One answer each.', reason: 'answered', retryAfterMs: 40 }

function refuse(): never {
  throw refusal
}

async function start(): Promise<{ rtms: Rtms; client: Client }> {
  const rtms = await Rtms.start({
    port: 0,
    host: '127.0.0.1',
    secret: 'a secret for this test only, of more than thirty-two bytes',
  })
  const client = connect({
    getTicket: () =>
      rtms.tickets.issue({ user: 'ann', meetings: ['*'], topics: { read: ['*'], write: ['*'] } }),
  })
  open.push(rtms, client)
  return { rtms, client }
}

describe('What the business throws', () => {
  it('from onInput and onJoin rejects send and join', async () => {
    const { rtms, client } = await start()
    rtms.meetings.define('quiz', { onInput: refuse })
    rtms.meetings.define('closed', { onJoin: refuse })
    await rtms.meetings.open('q', { kind: 'quiz' })
    await rtms.meetings.open('c', { kind: 'closed' })
    const meeting = await client.join('q')
    await expect(meeting.send(1)).rejects.toMatchObject(told)
    await expect(client.join('c')).rejects.toMatchObject(told)
  })

  it('from a request handler rejects the request, with the usual words where it gives none', async () => {
    const { rtms, client } = await start()
    rtms.onRequest('answer', refuse)
    rtms.onRequest('full', () => {
      throw new RtmsError('FULL')
    })
    await expect(client.request('answer')).rejects.toMatchObject(told)
    await expect(client.request('full')).rejects.toMatchObject({
      code: 'FULL',
      message: 'The meeting has reached its capacity.',
      reason: '',
    })
  })

  it('from authorize rejects what was asked for', async () => {
    const { rtms, client } = await start()
    rtms.authorize(refuse)
    await rtms.meetings.open('m')
    await expect(client.join('m')).rejects.toMatchObject(told)
    await expect(client.publish('t', 1)).rejects.toMatchObject(told)
    const error = await new Promise((resolve) => {
      client.subscribe('t', () => {}, { onError: resolve })
    })
    expect(error).toMatchObject(told)
  })
})

describe('A join from now', () => {
  it('hears no frame of before, as member and as spectator', async () => {
    const { rtms, client } = await start()
    const opened = await rtms.meetings.open('m', { frameRate: 60 })
    const first = await client.join('m')
    await expect.poll(() => first.stable + first.headAtJoin, { timeout: 5_000 }).toBeGreaterThan(10)
    for (const spectator of [false, true]) {
      const other = connect({
        getTicket: () => rtms.tickets.issue({ user: `bob${spectator}`, meetings: ['*'] }),
      })
      open.push(other)
      const meeting = await other.join('m', { from: 'now', spectator })
      const numbers: number[] = []
      const gaps: unknown[] = []
      meeting.onFrame(({ number }) => numbers.push(number))
      meeting.onGap((gap) => gaps.push(gap))
      await expect.poll(() => numbers.length).toBeGreaterThan(3)
      expect(numbers[0]).toBe(meeting.headAtJoin + 1)
      expect([gaps, meeting.headAtJoin > 10]).toEqual([[], true])
    }
    expect(opened.name).toBe('m')
  })
})
