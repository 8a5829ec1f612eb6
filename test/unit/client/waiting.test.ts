import { describe, expect, it, vi } from 'vitest'
import { joined, live, settle, type Setup, useVirtualTime } from './fake-socket.ts'
import { framesOf, joinedOf, welcomeOf } from './rig.ts'

useVirtualTime()

const paused = (isPaused: boolean) => ({ type: 'paused', log: 5, paused: isPaused }) as const

/** The client is connected again, and its meeting joined with this answer. */
async function comeBack({ sockets }: Setup): Promise<void> {
  await vi.advanceTimersByTimeAsync(2_000)
  const socket = sockets.at(-1)
  socket?.onopen?.()
  await settle()
  socket?.receive(welcomeOf({ resumed: true }))
  await settle()
  socket?.receive(joinedOf({ call: socket.takeOf('join').at(-1)?.call ?? 0, recovered: true }))
  await settle()
}

describe('A meeting', () => {
  it('says that it waits while the node says that no frames come', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: boolean[] = []
    meeting.onWaiting((isWaiting) => heard.push(isWaiting))
    expect(meeting.isWaiting).toBe(false)
    setup.socket.receive(paused(true))
    expect(meeting.isWaiting).toBe(true)
    await settle()
    setup.socket.receive(framesOf(1, [[]]), paused(false))
    await settle()
    expect([meeting.isWaiting, heard]).toEqual([false, [true, false]])
  })

  it('tells nothing where it was over at once, nor the same twice', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: boolean[] = []
    meeting.onWaiting((isWaiting) => heard.push(isWaiting))
    setup.socket.receive(paused(false), paused(true), paused(false))
    await settle()
    setup.socket.receive(paused(true), paused(true))
    await settle()
    expect(heard).toEqual([true])
  })

  it('waits from the end of a connection until it is joined again, whatever it was told before', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: unknown[] = []
    meeting.onWaiting((isWaiting) => heard.push(isWaiting))
    meeting.onRejoin(({ recovered }) => heard.push({ recovered, isWaiting: meeting.isWaiting }))
    setup.socket.receive(paused(true))
    await settle()
    setup.socket.onclose?.({ code: 1006, reason: '' })
    await settle()
    expect([meeting.isWaiting, heard]).toEqual([true, [true]])
    await comeBack(setup)
    expect([meeting.isWaiting, heard.slice(1)]).toEqual([
      false,
      [{ recovered: true, isWaiting: false }, false],
    ])
  })

  it('lets a listener close the client, leave, or be removed', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: string[] = []
    const remove = meeting.onWaiting(() => heard.push('removed'))
    meeting.onWaiting(() => {
      remove()
      setup.client.close()
      heard.push(setup.client.state)
    })
    setup.socket.onclose?.({ code: 1006, reason: '' })
    remove()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([heard, setup.client.state, setup.sockets.length, vi.getTimerCount()]).toEqual([
      ['closed'],
      'closed',
      1,
      0,
    ])
  })

  it('does not wait before it is joined, nor for what comes behind its end', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: boolean[] = []
    meeting.onWaiting((isWaiting) => heard.push(isWaiting))
    setup.socket.receive({ type: 'ended', log: 5, error: 'CLOSED', message: '' }, paused(true))
    setup.socket.onclose?.({ code: 1006, reason: '' })
    await settle()
    expect([meeting.isWaiting, heard]).toEqual([false, []])
  })
})
