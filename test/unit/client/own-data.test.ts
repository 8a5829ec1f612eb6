import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { failure, joined, live, settle, useVirtualTime } from './fake-socket.ts'
import { framesOf, text } from './rig.ts'

useVirtualTime()

/* What can be sent arrives as it was, what cannot is refused with its place, and what is heard is the listener's own. */

describe('Bytes travel as bytes', () => {
  it('of every type, and of another realm', async () => {
    const { client, socket } = await live()
    const foreign = runInNewContext('[new Uint8Array([1, 2]), new Uint8Array([1, 2]).buffer]') as unknown[]
    const { buffer } = new Uint8Array([1, 2])
    const all = [
      new Uint8Array([1, 2]),
      Buffer.from([1, 2]),
      new Uint8Array([0, 1, 2, 3]).subarray(1, 3),
      new Uint8ClampedArray([1, 2]),
      new Uint16Array(buffer),
      new DataView(buffer),
      buffer,
      ...foreign,
    ]
    for (const each of all) void client.request('r', each).catch(() => {})
    await settle()
    const sent = socket.takeOf('request')
    expect(sent.map(({ data }) => [data.text, [...data.bytes]])).toEqual(all.map(() => [false, [1, 2]]))
  })
})

describe('What cannot travel', () => {
  it('is a TypeError that names its type and its place', async () => {
    const { client } = await live()
    for (const [data, message] of [
      [{ a: [0, { b: new Map() }] }, 'value.a.1.b is of type Map'],
      [new Map(), 'value is of type Map'],
      [runInNewContext('new Map()'), 'value is of type Map'],
      [new Set(), 'value is of type Set'],
      [{ soon: Promise.resolve() }, 'value.soon is of type Promise'],
      [[new Error('x')], 'value.0 is of type Error'],
      [new Blob([]), 'value is of type Blob'],
      [{ in: { bytes: new Uint8Array(1) } }, 'value.in.bytes is of type Uint8Array'],
      [{ in: Buffer.from('x') }, 'value.in is of type Uint8Array'],
      [{ in: new ArrayBuffer(1) }, 'value.in is of type ArrayBuffer'],
      [{ a: NaN }, 'value.a is NaN, which cannot be sent'],
      [[1, -Infinity], 'value.1 is -Infinity'],
      [Infinity, 'value is Infinity'],
      [1n, 'value is of type BigInt'],
      [{ n: 1n }, 'value.n is of type BigInt'],
      [{ on: () => {} }, 'value.on is of type Function'],
      [[Symbol('x')], 'value.0 is of type Symbol'],
      [undefined, 'undefined cannot be sent'],
    ] as const) {
      const error = await failure(client.publish('t', data))
      expect(error).toBeInstanceOf(TypeError)
      expect((error as Error).message).toContain(message)
    }
    const circle: { self?: unknown } = {}
    circle.self = circle
    expect(await failure(client.request('r', circle))).toMatchObject({
      message: expect.stringMatching(/circular/),
    })
  })

  it('does not concern what JSON has a form for', async () => {
    const { client, socket } = await live()
    class Point {
      x = 1
    }
    const fine = [
      { a: undefined, b: [undefined, null], c: new Date(0), d: new URL('http://x/') },
      new Point(),
      Object.assign(Object.create(null) as object, { a: 1 }),
      { toJSON: () => ({ a: 1 }) },
      [Object(1), Object('x'), Object(true)],
      runInNewContext('({ a: [1, { b: 2 }], d: new Date(0) })'),
    ]
    for (const each of fine) void client.request('r', each).catch(() => {})
    await settle()
    expect(socket.takeOf('request').map(({ data }) => new TextDecoder().decode(data.bytes))).toEqual(
      fine.map((each) => JSON.stringify(each)),
    )
  })
})

describe('What a listener gets is its own', () => {
  it('a push, a message, a frame and a gap', async () => {
    const setup = await live()
    const meeting = await joined(setup, { next: 3 })
    const heard: unknown[] = []
    for (const _ of [1, 2]) {
      setup.client.onPush<number[]>('p', (data) => void heard.push(['push', ...data.splice(0)]))
      meeting.onMessage((data) => void heard.push(['message', ...(data as number[]).splice(0)]))
      meeting.onFrame((frame) => {
        heard.push([frame.number, frame.inputs.length, frame.events.length])
        Object.assign(frame, { number: 0 })
        ;(frame.inputs as unknown[]).length = 0
      })
    }
    await settle()
    setup.socket.receive({ type: 'push', name: 'p', data: text('[1]') })
    setup.socket.receive({ type: 'direct', log: 5, data: text('[2]') })
    setup.socket.receive(framesOf(1, [[[0, 1]]]))
    expect(heard).toEqual([
      ['push', 1],
      ['push', 1],
      ['message', 2],
      ['message', 2],
      [1, 1, 0],
      [1, 1, 0],
    ])
    heard.length = 0
  })

  it('bytes, the seed and the members', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: number[][] = []
    for (const _ of [1, 2])
      setup.client.onPush<Uint8Array>('p', (data) => {
        heard.push([...data])
        data.fill(0)
      })
    setup.socket.receive({ type: 'push', name: 'p', data: { text: false, bytes: new Uint8Array([1, 2]) } })
    expect(heard).toEqual([
      [1, 2],
      [1, 2],
    ])
    meeting.seed.fill(9)
    meeting.members.length = 0
    expect([meeting.seed[0], meeting.members.length]).toEqual([0, 1])
  })
})

describe('Pushes that come before anybody listens', () => {
  it('wait for the first listener of their name, the last hundred of them', async () => {
    const { client, socket } = await live()
    for (let n = 0; n < 105; n++) socket.receive({ type: 'push', name: 'p', data: text(`${n}`) })
    const heard: unknown[] = []
    const off = client.onPush('p', (data) => {
      heard.push(data)
      if (data === 50) off()
    })
    client.onPush('q', () => heard.push('q'))
    expect(heard).toEqual([])
    await settle()
    expect(heard).toEqual(Array.from({ length: 46 }, (_, index) => index + 5))
  })
})
