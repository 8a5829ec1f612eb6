// @vitest-environment happy-dom
import { act, cleanup, configure, render, renderHook, waitFor } from '@testing-library/react'
import { createElement, type ReactNode } from 'react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Client, connect, type Frame, type Socket } from '../../src/client/index.ts'
import { RtmsProvider, useClient, useConnection, useMeeting, useTopic } from '../../src/react/index.ts'
import { Rtms } from '../../src/server/index.ts'

/* The hooks under StrictMode, which mounts everything twice, on a real node. */

const SECRET = 'a secret for this test only, of more than thirty-two bytes'

let rtms: Rtms
const clients: Client[] = []

configure({ reactStrictMode: true, asyncUtilTimeout: 20_000 })

beforeEach(async () => {
  rtms = await Rtms.start({ port: 0, host: '127.0.0.1', secret: SECRET })
})

afterEach(async () => {
  cleanup()
  for (const client of clients.splice(0)) client.close()
  await rtms.close({ timeoutMs: 100 })
})

/** `isOffline`: no connection can be opened now. */
function clientOf(user: string, isOffline = (): boolean => false): Client {
  const client = connect({
    getTicket: () =>
      rtms.tickets.issue({ user, meetings: ['room', 'room.*'], topics: { read: ['stock.*'] } }),
    socket: (url, protocols) => {
      if (isOffline()) throw new Error('offline')
      return new WebSocket(url, protocols) as unknown as Socket
    },
  })
  clients.push(client)
  return client
}

const wrapperOf =
  (client: Client) =>
  ({ children }: { children: ReactNode }) =>
    createElement(RtmsProvider, { client }, children)

const Price = (): ReactNode => useTopic<number>('stock.b').latest ?? '–'
const Room = ({ name }: { name: string }): ReactNode => useMeeting(name).state

describe('useConnection', () => {
  it('follows the state, and tells why the connection is over', async () => {
    const client = clientOf('ann')
    const { result } = renderHook(useConnection, { wrapper: wrapperOf(client) })
    expect(result.current).toEqual({ state: 'connecting', error: null, client })
    await waitFor(() => expect(result.current.state).toBe('connected'))
    await rtms.users.disconnect('ann', { final: true })
    await waitFor(() => expect(result.current.state).toBe('closed'))
    expect(result.current.error).toMatchObject({ code: 'CLOSED' })
  })

  it('says what is missing where there is no provider', () => {
    expect(() => renderHook(useConnection, { onCaughtError: () => {} })).toThrow(
      'useConnection needs an <RtmsProvider client={…}> above it',
    )
  })
})

describe('useClient', () => {
  it('has the client of the provider, with the contract that it was made with', () => {
    interface Desk {
      requests: { 'order.place': { input: number; output: string } }
    }
    const client = clientOf('ann') as unknown as Client<Desk>
    const { result } = renderHook(() => useClient<Desk>(), {
      wrapper: ({ children }: { children: ReactNode }) =>
        createElement(RtmsProvider<Desk>, { client }, children),
    })
    expect(result.current).toBe(client)
  })
})

describe('useTopic', () => {
  it('has the latest value of each key, and the same object while nothing changes', async () => {
    rtms.topics.publish('stock.a', 1, { key: 'x' })
    rtms.topics.publish('stock.a', 2, { key: 'y' })
    const wrapper = wrapperOf(clientOf('ann'))
    const { result, rerender, unmount } = renderHook(() => useTopic<number>('stock.a'), { wrapper })
    expect(result.current).toEqual({ latest: undefined, values: new Map(), recent: [], error: null })
    await waitFor(() => expect(result.current.values.size).toBe(2))
    const { current } = result
    rerender()
    expect(result.current).toBe(current)
    rtms.topics.publish('stock.a', 3, { key: 'x' })
    rtms.topics.publish('stock.a', null, { key: 'y', tombstone: true })
    await waitFor(() => expect(Object.fromEntries(result.current.values)).toEqual({ x: 3 }))
    expect(Object.fromEntries(current.values)).toEqual({ x: 1, y: 2 })
    unmount()
    await waitFor(() => expect(rtms.topics.get('stock.a')?.subscribers ?? 0).toBe(0))
  })

  it('keeps the last publications where it is asked to, those of before included', async () => {
    for (const price of [1, 2, 3]) rtms.topics.publish('stock.trades', price)
    const wrapper = wrapperOf(clientOf('ann'))
    const { result } = renderHook(() => useTopic<number>('stock.trades', { history: 2 }), { wrapper })
    await waitFor(() => expect(result.current.recent).toEqual([2, 3]))
    rtms.topics.publish('stock.trades', 4)
    await waitFor(() => expect(result.current).toMatchObject({ latest: 4, recent: [3, 4] }))
  })

  it('takes of each key what was published last, in whichever order nodes pass it on', async () => {
    let tell: (data: unknown, about: { key: string; removed: boolean; time: number }) => void = () => {}
    let gap: (about: { lost: number; reason: string }) => void = () => {}
    const subscribe = (_: string, listener: typeof tell, options: { onGap: typeof gap }): (() => void) => {
      tell = listener
      gap = options.onGap
      return () => {}
    }
    const wrapper = wrapperOf({ subscribe } as never)
    const { result } = renderHook(() => useTopic<number>('stock.c', { history: 5 }), { wrapper })
    const hear = (key: string, time: number, data?: number): Promise<void> =>
      act(() => Promise.resolve(tell(data, { key, removed: data === undefined, time })))
    const values = (): object => Object.fromEntries(result.current.values)
    await hear('x', 20, 2)
    await hear('x', 10, 1)
    await hear('x', 10)
    expect([values(), result.current.latest, result.current.recent]).toEqual([{ x: 2 }, 2, [2, 1]])
    await hear('x', 20, 3)
    await hear('y', 30, 4)
    await hear('y', 40)
    await hear('y', 35, 5)
    expect([values(), result.current.latest]).toEqual([{ x: 3 }, undefined])
    await hear('y', 40, 6)
    expect(values()).toEqual({ x: 3, y: 6 })
    await hear('z', 100)
    await hear('w', 60_099)
    await hear('z', 99, 7)
    expect(values()).toEqual({ x: 3, y: 6 })
    await hear('w', 60_100)
    await hear('z', 99, 8)
    expect(values()).toEqual({ x: 3, y: 6, z: 8 })
    await act(() => Promise.resolve(gap({ lost: 1, reason: 'BUS' })))
    await act(() => Promise.resolve(gap({ lost: 1, reason: 'SLOW' })))
    expect(values()).toEqual({ x: 3, y: 6, z: 8 })
    await act(() => Promise.resolve(gap({ lost: 0, reason: 'NEW_EPOCH' })))
    expect([values(), result.current.latest]).toEqual([{}, undefined])
    await hear('x', 5, 9)
    expect(values()).toEqual({ x: 9 })
  })

  it('renders once for all that a packet brings', async () => {
    let renders = 0
    const wrapper = wrapperOf(clientOf('ann'))
    const { result } = renderHook(() => (renders++, useTopic<number>('stock.many')), { wrapper })
    await waitFor(() => expect(rtms.topics.get('stock.many')?.subscribers ?? 0).toBe(1))
    const before = renders
    for (let value = 1; value <= 200; value++)
      rtms.topics.publish('stock.many', value, { key: String(value) })
    await waitFor(() => expect(result.current.values.size).toBe(200))
    // Twice for StrictMode, and a few packets at most.
    expect(renders - before).toBeLessThan(20)
  })

  it('shares one subscription, which ends with the last component', async () => {
    const client = clientOf('ann')
    const page = (count: number): ReactNode =>
      createElement(
        RtmsProvider,
        { client },
        Array.from({ length: count }, (_, key) => createElement(Price, { key })),
      )
    const { container, rerender } = render(page(3))
    await waitFor(() => expect(rtms.topics.get('stock.b')?.subscribers ?? 0).toBe(1))
    rtms.topics.publish('stock.b', 7)
    await waitFor(() => expect(container.textContent).toBe('777'))
    rerender(page(1))
    rtms.topics.publish('stock.b', 8)
    await waitFor(() => expect(container.textContent).toBe('8'))
    expect(rtms.topics.get('stock.b')?.subscribers ?? 0).toBe(1)
    rerender(page(0))
    await waitFor(() => expect(rtms.topics.get('stock.b')?.subscribers ?? 0).toBe(0))
  })

  it('tells why a subscription is refused', async () => {
    const wrapper = wrapperOf(clientOf('ann'))
    const refused = renderHook(() => useTopic('secret'), { wrapper })
    await waitFor(() => expect(refused.result.current.error).toMatchObject({ code: 'FORBIDDEN' }))
  })

  it('gives components that want different things of one topic what they want', async () => {
    const wrapper = wrapperOf(clientOf('ann'))
    const all = ['x', 'y', 'z']
    for (const [value, key] of all.entries()) rtms.topics.publish('stock.c', value, { key })
    const { result, rerender } = renderHook(
      ({ shown }) => ({
        slow: useTopic<number>('stock.c', { maxHz: 1 }),
        x: useTopic<number>('stock.c', { keys: ['x'] }),
        other: useTopic<number>('stock.c', { keys: [shown] }),
      }),
      { wrapper, initialProps: { shown: 'y' } },
    )
    const values = (): unknown =>
      Object.values(result.current).map((topic) =>
        [...topic.values].map(([key, value]) => `${key}${value}`).join(' '),
      )
    await waitFor(() => expect(values()).toEqual(['x0 y1 z2', 'x0', 'y1']), { timeout: 5_000 })
    rerender({ shown: 'z' })
    await waitFor(() => expect(values()).toEqual(['x0 y1 z2', 'x0', 'z2']), { timeout: 5_000 })
    rtms.topics.publish('stock.c', 9, { key: 'x' })
    await waitFor(() => expect(values()).toEqual(['x9 y1 z2', 'x9', 'z2']), { timeout: 5_000 })
  })

  it('subscribes anew when the keys change, not when only the array does', async () => {
    rtms.topics.publish('stock.d', 1, { key: 'x' })
    rtms.topics.publish('stock.d', 2, { key: 'y' })
    const wrapper = wrapperOf(clientOf('ann'))
    const { result, rerender } = renderHook(({ key }) => useTopic('stock.d', { keys: [key] }), {
      wrapper,
      initialProps: { key: 'x' },
    })
    await waitFor(() => expect([...result.current.values]).toEqual([['x', 1]]))
    const { current } = result
    rerender({ key: 'x' })
    expect(result.current).toBe(current)
    rerender({ key: 'y' })
    await waitFor(() => expect([...result.current.values]).toEqual([['y', 2]]))
  })
})

describe('useMeeting', () => {
  it('joins once, hears every frame once, sends, and leaves with the component', async () => {
    const room = await rtms.meetings.open('room')
    const frames: Frame<number>[] = []
    const wrapper = wrapperOf(clientOf('ann'))
    const { result, unmount } = renderHook(
      () => useMeeting<number>('room', { onFrame: (frame) => frames.push(frame) }),
      { wrapper },
    )
    expect(result.current).toMatchObject({ state: 'joining', slot: null, members: [] })
    await expect(result.current.send(0)).rejects.toMatchObject({ code: 'NOT_JOINED' })
    await waitFor(() => expect(result.current.state).toBe('joined'))
    expect(result.current).toMatchObject({ slot: 0, members: [{ slot: 0, user: 'ann', away: false }] })
    const { current } = result
    const number = await act(() => current.send(42))
    await waitFor(() => expect(frames.length).toBeGreaterThan(number + 5))
    expect(frames.map(({ number }) => number)).toEqual(frames.map((_, index) => index + 1))
    expect(frames.flatMap(({ events }) => events)).toEqual([{ type: 'join', slot: 0, user: 'ann' }])
    expect(frames[number - 1]?.inputs).toMatchObject([{ slot: 0, data: 42 }])
    // Frames render nothing.
    expect(result.current).toBe(current)
    unmount()
    await waitFor(() => expect(room.members).toEqual([]))
    await expect(current.send(1)).rejects.toMatchObject({ code: 'NOT_JOINED' })
  })

  it('keeps the list of members true, whoever comes, goes or is away', async () => {
    await rtms.meetings.open('room')
    const early = clientOf('bob')
    const other = await early.join('room')
    await other.send('before')
    const { result } = renderHook(() => useMeeting('room'), { wrapper: wrapperOf(clientOf('ann')) })
    const users = (): string[] => result.current.members.map(({ user }) => user)
    await waitFor(() => expect(users()).toEqual(['bob', 'ann']))
    let offline = false
    const third = await clientOf('cid', () => offline).join('room')
    await waitFor(() => expect(users()).toEqual(['bob', 'ann', 'cid']))
    other.leave()
    await waitFor(() => expect(users()).toEqual(['ann', 'cid']))
    offline = true
    await rtms.users.disconnect('cid')
    await waitFor(() => expect(result.current.members[1]?.away).toBe(true))
    offline = false
    await waitFor(() => expect(result.current.members[1]?.away).toBe(false))
    expect(third.slot).toBe(2)
  })

  it('says while no frames come', async () => {
    await rtms.meetings.open('room')
    let offline = false
    const wrapper = wrapperOf(clientOf('ann', () => offline))
    const { result } = renderHook(() => useMeeting('room'), { wrapper })
    await waitFor(() => expect(result.current).toMatchObject({ state: 'joined', isWaiting: false }))
    offline = true
    await rtms.users.disconnect('ann')
    await waitFor(() => expect(result.current).toMatchObject({ state: 'joined', isWaiting: true }))
    offline = false
    await waitFor(() => expect(result.current.isWaiting).toBe(false))
  })

  it('calls the latest callbacks, and shares one seat between components', async () => {
    const room = await rtms.meetings.open('room', { frameRate: 0 })
    const heard: string[] = []
    const client = clientOf('ann')
    const Listener = ({ name }: { name: string }): ReactNode => {
      useMeeting('room', {
        onFrame: ({ inputs }) => inputs.forEach(({ data }) => heard.push(`${name} ${String(data)}`)),
        onMessage: (data) => heard.push(`${name} alone ${String(data)}`),
      })
      return null
    }
    const page = (...names: string[]): ReactNode =>
      createElement(
        RtmsProvider,
        { client },
        names.map((name, key) => createElement(Listener, { key, name })),
      )
    const { rerender } = render(page('a', 'b'))
    await waitFor(() => expect(room.members.length).toBe(1))
    const bot = room.addBot('bot')
    bot.send(1)
    await waitFor(() => expect(heard).toEqual(['a 1', 'b 1']))
    rerender(page('c'))
    bot.send(2)
    await waitFor(() => expect(heard.slice(2)).toEqual(['c 2']))
    room.sendTo(0, 'hello')
    await waitFor(() => expect(heard.slice(3)).toEqual(['c alone hello']))
    expect(room.members.filter((member) => !member.bot).length).toBe(1)
  })

  it('keeps its seat where a component moves in the tree, and changes it with the name', async () => {
    const [first, second] = [await rtms.meetings.open('room.1'), await rtms.meetings.open('room.2')]
    const joins: string[] = []
    rtms.authorize(async ({ name }) => joins.push(name) > 0)
    const client = clientOf('ann')
    const page = (name: string, parent: string): ReactNode =>
      createElement(RtmsProvider, { client }, createElement(parent, {}, createElement(Room, { name })))
    const { container, rerender, unmount } = render(page('room.1', 'div'))
    await waitFor(() => expect(container.textContent).toBe('joined'))
    rerender(page('room.1', 'p'))
    expect(container.textContent).toBe('joined')
    rerender(page('room.2', 'p'))
    await waitFor(() => expect([first.members.length, second.members.length]).toEqual([0, 1]))
    expect(joins).toEqual(['room.1', 'room.2'])
    unmount()
    await waitFor(() => expect(second.members.length).toBe(0))
  })

  it('leaves nothing behind where the component is gone before it was seated', async () => {
    const log: string[] = []
    rtms.meetings.define('watched', {
      onJoin: ({ user }) => log.push(`${user} came`) > 0,
      onLeave: () => void log.push('and went'),
    })
    await rtms.meetings.open('room', { kind: 'watched' })
    const answer: ((allowed: boolean) => void)[] = []
    const allowed = new Promise<boolean>((resolve) => void answer.push(resolve))
    const asked = new Promise<void>((resolve) =>
      rtms.authorize(() => {
        resolve()
        return allowed
      }),
    )
    const { unmount } = renderHook(() => useMeeting('room'), { wrapper: wrapperOf(clientOf('ann')) })
    await asked
    unmount()
    // The component's release is a microtask; the answer comes after it.
    setTimeout(() => answer[0]?.(true))
    await waitFor(() => expect(log).toEqual(['ann came', 'and went']))
  })

  it('tells why a seat is refused or over', async () => {
    const room = await rtms.meetings.open('room')
    const wrapper = wrapperOf(clientOf('ann'))
    const refused = renderHook(() => useMeeting('room.none'), { wrapper })
    await waitFor(() => expect(refused.result.current.error).toMatchObject({ code: 'NOT_FOUND' }))
    const { result } = renderHook(() => useMeeting('room'), { wrapper })
    await waitFor(() => expect(result.current.state).toBe('joined'))
    room.kick(0)
    await waitFor(() => expect(result.current.state).toBe('ended'))
    expect(result.current).toMatchObject({
      slot: null,
      members: [],
      error: { code: 'CLOSED' },
      meeting: null,
    })
  })
})
