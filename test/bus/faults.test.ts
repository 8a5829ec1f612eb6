import { afterEach, describe, expect, it, vi } from 'vitest'
import { inProcess } from '../../src/bus/in-process.ts'
import { connect } from '../../src/client/node.ts'
import type { Rtms, RtmsOptions } from '../../src/server/index.ts'
import { start } from '../integration/server/peer.ts'
import { endAll, eventually } from './buses.ts'

afterEach(endAll)

/** Nodes a and b that know each other. */
async function two(options: Partial<RtmsOptions> = {}): Promise<[a: Rtms, b: Rtms]> {
  const bus = inProcess()
  const nodes = await Promise.all(['a', 'b'].map((nodeId) => start({ bus, nodeId, ...options })))
  await eventually(() => nodes.every((rtms) => rtms.cluster.nodes().length === 2))
  return nodes as [Rtms, Rtms]
}

describe('A node with faults', () => {
  it('is cut off by another one for a while, keeps its clients, and makes up for what it missed', async () => {
    const [a, b] = await two({ faults: true })
    const heard: unknown[] = []
    const client = connect({ getTicket: () => b.tickets.issue({ user: 'ann', topics: { read: ['t'] } }) })
    client.subscribe('t', (data) => heard.push(data))
    await eventually(() => b.topics.get('t')?.subscribers === 1)
    await a.cluster.cut('b', { ms: 400 })
    await eventually(() => !b.cluster.bus().isUp)
    expect(a.cluster.bus().isUp).toBe(true)
    a.topics.publish('t', 'meanwhile')
    await eventually(() => b.cluster.bus().isUp)
    await eventually(() => heard.length > 0)
    expect(heard).toEqual(['meanwhile'])
    expect([client.state, b.stats.connectionsOpened]).toEqual(['connected', 1])
    client.close()
    // It may be asked for a fault of its own as well.
    await b.cluster.cut('b', { ms: 1 })
    await expect(a.cluster.cut('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    for (const ms of [0, 600_001, Number.NaN])
      // eslint-disable-next-line no-await-in-loop
      await expect(a.cluster.cut('b', { ms })).rejects.toThrow(RangeError)
  })

  it('is asked for times of any length, and the answer is the same', async () => {
    const [a, b] = await two()
    for (const withinMs of [1, 2 ** 60, Infinity])
      // eslint-disable-next-line no-await-in-loop
      expect(await a.cluster.successions({ withinMs })).toEqual(await b.cluster.successions())
    for (const withinMs of [0, Number.NaN])
      // eslint-disable-next-line no-await-in-loop
      await expect(a.cluster.successions({ withinMs })).rejects.toThrow(RangeError)
    expect((await a.cluster.drain('b', { timeoutMs: Infinity })).state).toBe('draining')
    await eventually(() => b.ready().status === 'draining')
  })

  it('is killed as by kill -9', async () => {
    const [a] = await two({ faults: true })
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
    try {
      await a.cluster.kill('b')
      await eventually(() => kill.mock.calls.length > 0)
      expect(kill.mock.calls).toEqual([[process.pid, 'SIGKILL']])
    } finally {
      kill.mockRestore()
    }
  })

  it('is the only one that has any: another one refuses', async () => {
    const [a, b] = await two()
    for (const node of ['a', 'b']) {
      // eslint-disable-next-line no-await-in-loop
      await expect(a.cluster.cut(node)).rejects.toMatchObject({ code: 'FORBIDDEN' })
      // eslint-disable-next-line no-await-in-loop
      await expect(a.cluster.kill(node)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    }
    expect([a.cluster.hasFaults, b.cluster.hasFaults]).toEqual([false, false])
  })
})

describe('The successions of a cluster', () => {
  it('are told by every node: which meeting has gone from which node to which', async () => {
    const [a, b] = await two()
    await a.meetings.open('m')
    expect(await b.cluster.successions()).toEqual([])
    await a.drain({ timeoutMs: 10_000 })
    for (const rtms of [a, b]) {
      // eslint-disable-next-line no-await-in-loop
      const [only, ...others] = await rtms.cluster.successions({ withinMs: 60_000 })
      expect(others).toEqual([])
      expect(only).toMatchObject({ meeting: 'm', node: 'b', from: 'a', how: 'handover', frame: 1 })
      expect(only?.agoMs).toBeLessThan(60_000)
    }
    await expect(a.cluster.successions({ withinMs: 0 })).rejects.toThrow(RangeError)
  })
})
