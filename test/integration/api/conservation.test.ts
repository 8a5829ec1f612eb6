import { afterEach, describe, expect, it } from 'vitest'
import { join, Peer, stopAll } from '../server/peer.ts'
import { type Call, caller, startApi } from './support.ts'

/* What the HTTP API opened is given back when it has ended, and what it refused has left nothing behind. */

afterEach(stopAll)

const gauges = [
  'rtms_connections',
  'rtms_sessions',
  'rtms_meetings',
  'rtms_upstream_queue_bytes',
  'rtms_unacknowledged_bytes',
  'rtms_connections_stalled',
  'rtms_handlers_running',
  'rtms_handshakes',
  'rtms_timers',
  'rtms_topics',
]

async function held(call: Call): Promise<Record<string, number>> {
  const { body } = await call('GET', '/metrics')
  const { metrics } = body as { metrics: { name: string; values: { value: number }[] }[] }
  const found = metrics.filter(({ name }) => gauges.includes(name))
  return Object.fromEntries(found.map(({ name, values }) => [name, values[0]?.value ?? 0]))
}

/** Everything that the API offers, each operation also in a way that is refused, and all of it ended. */
async function useAll(call: Call, round: number): Promise<Set<number>> {
  const statuses = new Set<number>()
  const ask = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await call(method, path, body, headers)
    statuses.add(answer.status)
    return answer
  }
  const meeting = `room-${round}`
  await ask('POST', '/meetings', { name: meeting, frameRate: 20, capacity: 2 })
  await ask('POST', '/meetings', { name: 'not a name' })
  const ticket = await ask('POST', '/tickets', {
    user: 'ann',
    meetings: [meeting],
    topics: { read: ['t.*'] },
  })
  await ask('POST', '/tickets', { user: '' })
  const { url, token } = ticket.body as { url: string; token: string }
  const ann = await Peer.connect(url, token)
  ann.send(join(1, meeting))
  const { slot } = await ann.next('joined')
  await ask('POST', '/push', { user: 'ann', name: 'p', data: 1 })
  await ask('POST', '/push', { user: 'nobody', name: 'p', data: 1 })
  await ask('POST', `/meetings/${meeting}/send`, { slot, data: 1 })
  await ask('POST', `/meetings/${meeting}/send`, { slot: 200, data: 1 })
  const again = { 'idempotency-key': `key-${round}` }
  for (let i = 0; i < 2; i++) await ask('POST', '/publish', { topic: 't.1', key: 'k', data: 1 }, again)
  await ask('POST', '/publish', { topic: 't.1', key: 'k', tombstone: true })
  await ask('POST', '/publish', { topic: 'a b', data: 1 })
  await ask('POST', '/publish', 'no JSON')
  for (const path of [
    '/meetings',
    `/meetings/${meeting}`,
    '/meetings/none',
    '/users/ann',
    '/sessions',
    '/info',
    '/none',
  ])
    await ask('GET', path)
  await ask('POST', `/meetings/${meeting}/kick`, { slot })
  await ask('POST', '/users/ann/disconnect', { final: true })
  await ask('POST', '/revocations', { user: `old-${round}` })
  await ask('DELETE', `/meetings/${meeting}`)
  await ask('DELETE', `/meetings/${meeting}`)
  await ask('GET', '/info', undefined, { authorization: 'Bearer wrong' })
  await ann.closed
  return statuses
}

describe('The HTTP API', () => {
  it('leaves nothing behind, however often everything it offers is used', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    const statuses = await useAll(call, 0)
    expect([200, 400, 401, 404].filter((status) => !statuses.has(status))).toEqual([])
    const settled = () =>
      expect.poll(() => held(call), { timeout: 20_000 }).toMatchObject({ rtms_sessions: 0, rtms_meetings: 0 })
    await settled()
    const first = await held(call)
    for (let round = 1; round < 5; round++) await useAll(call, round)
    // A reader that was kicked may have its last frames for a few seconds yet.
    await expect.poll(() => held(call), { timeout: 20_000 }).toEqual(first)
  })
})
