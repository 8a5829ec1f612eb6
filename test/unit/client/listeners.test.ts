import { describe, expect, it } from 'vitest'
import type { Client } from '../../../src/client/index.ts'
import { Listeners } from '../../../src/client/events.ts'
import { joined, live, settle, type Setup, useVirtualTime } from './fake-socket.ts'
import { framesOf, positionOf, publicationsOf, subscribedOf, text } from './rig.ts'

useVirtualTime()

/* Listeners that are added and removed in the turn in which something comes. */

type Options = Parameters<Client['subscribe']>[2]

/** A listener of `t` whose subscription the node has answered, and what it heard. */
async function reading(setup: Setup, options: Options = {}): Promise<unknown[]> {
  const heard: unknown[] = []
  setup.client.subscribe('t', (data) => heard.push(data), options)
  await settle()
  const call = setup.socket.takeOf('subscribe')[0]?.call ?? 0
  setup.socket.receive(subscribedOf({ call, position: positionOf(1) }))
  return heard
}

describe('A late listener of a topic', () => {
  it('hears what comes in the turn in which it was added, once', async () => {
    for (const options of [{}, { conflate: true }]) {
      const setup = await live()
      const first = await reading(setup, options)
      const late: unknown[] = []
      setup.client.subscribe('t', (data) => late.push(data), options)
      setup.socket.receive(publicationsOf([{ number: 1, key: 'a' }]))
      await settle()
      expect([first, late]).toEqual([[1], [1]])
    }
  })

  it('hears nothing of before, unless there are latest values', async () => {
    const setup = await live()
    await reading(setup)
    setup.socket.receive(publicationsOf([{ number: 1 }]))
    const late: unknown[] = []
    setup.client.subscribe('t', (data) => late.push(data))
    await settle()
    expect(late).toEqual([])
  })
})

describe('The last listener of a topic', () => {
  it('ends the subscription once, not the one that came after it', async () => {
    const { client, socket } = await live()
    const unsubscribe = client.subscribe('t', () => {})
    unsubscribe()
    const heard: unknown[] = []
    client.subscribe('t', (data) => heard.push(data))
    unsubscribe()
    await settle()
    const subscribes = socket.takeOf('subscribe')
    expect(subscribes).toHaveLength(1)
    socket.receive(subscribedOf({ call: subscribes[0]?.call ?? 0 }), publicationsOf([{ number: 1 }]))
    expect([heard, client.position('t')?.numbers]).toEqual([[1], [[1, 1]]])
  })
})

describe('One of two listeners for pushes of a name', () => {
  it('leaves the other one there when it goes', async () => {
    const { client, socket } = await live()
    const heard: unknown[] = []
    const remove = client.onPush('a', () => heard.push('first'))
    client.onPush('a', () => heard.push('second'))
    remove()
    socket.receive({ type: 'push', name: 'a', data: text('1') })
    expect(heard).toEqual(['second'])
  })
})

describe('The first listener of a meeting', () => {
  it('hears frames in order, though more come before it has heard the earlier ones', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive(framesOf(1, [[], []]))
    const heard: number[] = []
    meeting.onFrame(({ number }) => heard.push(number))
    setup.socket.receive(framesOf(3, [[]]))
    await settle()
    setup.socket.receive(framesOf(4, [[]]))
    expect(heard).toEqual([1, 2, 3, 4])
  })

  it('hears private messages in order, though more come before it has heard the earlier ones', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const direct = (data: string): void =>
      setup.socket.receive({ type: 'direct', log: 5, data: text(`"${data}"`) })
    direct('one')
    const heard: unknown[] = []
    meeting.onMessage((data) => heard.push(data))
    direct('two')
    await settle()
    direct('three')
    expect(heard).toEqual(['one', 'two', 'three'])
  })

  it('that is removed at once leaves what came before to the next one', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive(framesOf(1, [[]]), { type: 'direct', log: 5, data: text('"one"') })
    meeting.onMessage(() => {})()
    meeting.onFrame(() => {})()
    await settle()
    const heard: unknown[] = []
    meeting.onMessage((data) => heard.push(data))
    meeting.onFrame(({ number }) => heard.push(number))
    await settle()
    expect(heard).toEqual([1, 'one'])
  })

  it('finds the members and the stable mark there', async () => {
    const setup = await live()
    const members = [{ slot: 4, user: 'bob', away: true }]
    const meeting = await joined(setup, { slot: 2, members, stable: 3, seed: Uint8Array.of(1, 2) })
    const { slot, stable, seed } = meeting
    expect([slot, stable, seed, meeting.members]).toEqual([2, 3, Uint8Array.of(1, 2), members])
  })
})

describe('A listener', () => {
  it('has come to its end before anybody hears of what it has caused', () => {
    const heard: string[] = []
    const listeners = new Listeners<[event: string]>((error) => heard.push(String(error)))
    listeners.add((event) => {
      heard.push(`one ${event}`)
      if (event === 'a') listeners.emit('b')
      heard.push(`one ${event} end`)
    })
    listeners.add((event) => heard.push(`two ${event}`))
    listeners.emit('a')
    expect(heard).toEqual(['one a', 'one a end', 'two a', 'one b', 'one b end', 'two b'])
  })
})
