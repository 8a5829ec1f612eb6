import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Rtms } from '../../src/server/index.ts'

/* The client in runtimes that lack much: React Native has no page, mini programs hardly any global of browsers. */

/** What docs/runtimes.md says that the client needs; the language brings the rest. */
const needed = {
  WebSocket,
  setTimeout,
  clearTimeout,
  queueMicrotask,
  performance,
  TextEncoder,
  TextDecoder,
}

interface Found {
  readonly connect: typeof import('../../src/client/index.ts').connect
}

let code: string
let rtms: Rtms

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../../dist/client/index.js', import.meta.url))
  const options = {
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'rtms',
    target: 'es2022',
  } as const
  const { outputFiles } = await build({ ...options, entryPoints: [entry] })
  code = outputFiles[0]?.text ?? ''
  rtms = await Rtms.start({
    port: 0,
    host: '127.0.0.1',
    secret: 'a secret of the tests, which is long enough',
  })
  rtms.meetings.onMissing(() => ({ frameRate: 20 }))
  rtms.onRequest('echo', ({ data }) => data)
})

afterAll(() => rtms?.close())

/** The client in a runtime that has these globals and nothing else. */
function load(globals: object): Found {
  const context = vm.createContext({ ...globals })
  vm.runInContext(code, context)
  return vm.runInContext('rtms', context) as Found
}

const getTicket = () => rtms.tickets.issue({ user: 'ann', meetings: ['room'], topics: { read: ['news'] } })

describe('A runtime without a page, DOM events and AbortController', () => {
  it('is all that the client needs', async () => {
    const client = load(needed).connect({ getTicket })
    const room = await client.join('room')
    const framed = new Promise((resolve) =>
      room.onFrame(({ inputs }) => inputs.length > 0 && resolve(inputs[0]?.data)),
    )
    await room.send({ hit: 3 })
    expect(await framed).toEqual({ hit: 3 })
    expect(await client.request('echo', 'words')).toBe('words')
    const heard = new Promise((resolve) => client.subscribe('news', resolve, { history: 1 }))
    rtms.topics.publish('news', 'today')
    expect(await heard).toBe('today')
    client.close()
    expect(client.state).toBe('closed')
  })

  it('may have a socket of its own kind in the place of WebSocket', async () => {
    const { WebSocket: Socket, ...others } = needed
    const client = load(others).connect({
      getTicket,
      socket: (url, protocols) => new Socket(url, protocols) as never,
    })
    expect(await client.request('echo', 1)).toBe(1)
    client.close()
  })
})

describe('A runtime that lacks what the client needs', () => {
  it.each(['TextEncoder', 'TextDecoder', 'performance'])('is told at the start that it has no %s', (name) => {
    const { [name as 'performance']: _, ...others } = needed
    expect(() => load(others).connect({ getTicket }).close()).toThrow(name)
  })
})
