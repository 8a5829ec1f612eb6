import { describe, expect, it, vi } from 'vitest'
import type { ConnectOptions } from '../../../src/client/index.ts'
import { failure, type FakeSocket, joined, live, make, settle, useVirtualTime } from './fake-socket.ts'
import { joinedOf, textOf, welcomeOf } from './rig.ts'

useVirtualTime()

/** A client whose connection is gone and who finds no other for the time of a test. */
async function offline(options: Partial<ConnectOptions> = {}) {
  const setup = await live({}, options)
  const meeting = await joined(setup)
  setup.socket.onclose?.({ code: 1006, reason: '' })
  await settle()
  return { ...setup, meeting }
}

/** Back on the same session, with everything the node might answer to. */
async function back(sockets: FakeSocket[]): Promise<FakeSocket> {
  const socket = sockets.at(-1) as FakeSocket
  socket.onopen?.()
  await settle()
  socket.receive(welcomeOf({ resumed: true, calls: 1 }))
  await settle()
  socket.receive(joinedOf({ call: socket.takeOf('join')[0]?.call ?? 0, recovered: true }))
  await settle()
  return socket
}

const codes = async (calls: Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.all(calls.map(failure))).map((error) => (error as { code?: string }).code)

describe('Without a connection', () => {
  it('calls that are to refuse do so at once, and are never sent', async () => {
    const { client, sockets, meeting } = await offline()
    const refuse = { offline: 'refuse' } as const
    const calls = [client.request('r', 1, refuse), client.publish('t', 1, refuse), meeting.send('x', refuse)]
    expect(await codes(calls)).toEqual(['NOT_SENT', 'NOT_SENT', 'NOT_SENT'])
    expect(await failure(client.publish('t', 1, refuse))).toMatchObject({
      retry: 'later',
      message: expect.stringMatching(/disconnected.*refuse/) as string,
    })
    await vi.advanceTimersByTimeAsync(2_000)
    const socket = await back(sockets)
    expect(socket.sent.filter(({ type }) => ['request', 'publish', 'input'].includes(type))).toEqual([])
    void failure(client.publish('t', 1, refuse))
    await settle()
    expect(socket.takeOf('publish')).toHaveLength(1)
  })

  it('a client may refuse by default and a call ask to wait, and before the first connection too', async () => {
    const { client, sockets } = make({ offline: 'refuse' })
    expect(await codes([client.request('r'), client.publish('t', 1)])).toEqual(['NOT_SENT', 'NOT_SENT'])
    void failure(client.publish('t', 2, { offline: 'queue' }))
    await settle()
    sockets[0]?.onopen?.()
    await settle()
    sockets[0]?.receive(welcomeOf())
    await settle()
    expect(sockets[0]?.takeOf('publish').map(({ data }) => textOf(data))).toEqual(['2'])
    client.close()
    expect(await codes([client.request('r'), client.publish('t', 1)])).toEqual(['CLOSED', 'CLOSED'])
  })

  it('calls wait for ten seconds, or as long as they were told, are NOT_SENT then and never sent', async () => {
    const { client, sockets, meeting } = await offline()
    const ended: string[] = []
    const note = (name: string, call: Promise<unknown>): void =>
      void call.catch(({ code }: { code: string }) => ended.push(`${name} ${code}`))
    note('short publish', client.publish('t', 'late', { timeoutMs: 500 }))
    note('short send', meeting.send('late', { timeoutMs: 500 }))
    note('publish', client.publish('t', 'late'))
    note('send', meeting.send('late'))
    note('request', client.request('r', 'late'))
    const long = { timeoutMs: 60_000 }
    note('long publish', client.publish('t', 'in time', long))
    note('long send', meeting.send('in time', long))
    await vi.advanceTimersByTimeAsync(500)
    expect(ended.toSorted()).toEqual(['short publish NOT_SENT', 'short send NOT_SENT'])
    // No other connection is had either: it hangs.
    await vi.advanceTimersByTimeAsync(9_499)
    expect(ended).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(ended.slice(2).toSorted()).toEqual(['publish NOT_SENT', 'request NOT_SENT', 'send NOT_SENT'])
    await vi.advanceTimersByTimeAsync(6_000)
    const socket = await back(sockets)
    expect(socket.takeOf('publish').map(({ data }) => textOf(data))).toEqual(['"in time"'])
    expect(socket.takeOf('input').map(({ data }) => textOf(data))).toEqual(['"in time"'])
    expect(socket.takeOf('request')).toEqual([])
  })
})
