import { expect, it } from 'vitest'
import type { MessageOf } from '../../../src/protocol/index.ts'
import { live, settle, useVirtualTime } from './fake-socket.ts'
import { text } from './rig.ts'

useVirtualTime()

const push = (name: string, value: string): MessageOf<'push'> => ({
  type: 'push',
  name,
  data: text(JSON.stringify(value)),
})

it('What is pushed before there is a listener waits for one of its name, and is heard once', async () => {
  const { client, socket } = await live()
  const heard: string[] = []
  socket.receive(push('a', 'a1'), push('b', 'b1'), push('a', 'a2'))
  client.onPush('a', (data) => heard.push(`1 ${String(data)}`))
  client.onPush('a', (data) => heard.push(`2 ${String(data)}`))
  await settle()
  expect(heard.filter((each) => each.startsWith('1'))).toEqual(['1 a1', '1 a2'])
  expect(heard.some((each) => each.includes('b'))).toBe(false)
  heard.length = 0
  client.onPush('b', (data) => heard.push(`3 ${String(data)}`))
  client.onPush('a', (data) => heard.push(`4 ${String(data)}`))
  await settle()
  expect(heard).toEqual(['3 b1'])
})

it('What is pushed when the last listener of its name has gone waits for the next one', async () => {
  const { client, socket } = await live()
  const heard: string[] = []
  const off = client.onPush('a', (data) => heard.push(`1 ${String(data)}`))
  socket.receive(push('a', 'a1'))
  await settle()
  off()
  socket.receive(push('a', 'a2'))
  client.onPush('a', (data) => heard.push(`2 ${String(data)}`))
  await settle()
  expect(heard).toEqual(['1 a1', '2 a2'])
})

it('What waits for a listener comes before what arrives with the message in whose handler it was added', async () => {
  const { client, socket } = await live()
  const heard: string[] = []
  socket.receive(push('a', 'a1'), push('other', 'o1'), push('a', 'a2'))
  client.onPush('x', () => void client.onPush('a', (data) => heard.push(String(data))))
  socket.receive(push('x', 'x1'), push('a', 'a3'), push('other', 'o2'))
  await settle()
  client.onPush('other', (data) => heard.push(String(data)))
  await settle()
  expect(heard).toEqual(['a1', 'a2', 'a3', 'o1', 'o2'])
})

it('A meeting is joined from now on where that is asked for, and from its start otherwise', async () => {
  const { client, socket } = await live()
  for (const [at, options] of [{ from: 'now' }, { from: 'start' }, {}].entries())
    void client.join(`m${at}`, options as { from?: 'now' | 'start' }).catch(() => {})
  await settle()
  expect(socket.takeOf('join').map(({ next }) => next)).toEqual([1, 0, 0])
})
