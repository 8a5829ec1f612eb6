import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { live, make, settle, useVirtualTime } from './fake-socket.ts'

useVirtualTime()

/* The browser's page around a client. */

class Page extends EventTarget {
  hidden = false
}

const before = { document: globalThis.document, listen: globalThis.addEventListener }
let page: Page
let window: EventTarget

beforeEach(() => {
  page = new Page()
  window = new EventTarget()
  Object.assign(globalThis, {
    document: page,
    addEventListener: window.addEventListener.bind(window),
  })
})

afterEach(() => {
  Object.assign(globalThis, { document: before.document, addEventListener: before.listen })
})

function show(hidden: boolean): void {
  page.hidden = hidden
  page.dispatchEvent(new Event('visibilitychange'))
}

const listeners = (): number[] => [
  ...['pagehide', 'pageshow', 'online'].map((type) => getEventListeners(window, type).length),
  getEventListeners(page, 'visibilitychange').length,
]

describe('A page', () => {
  it('that is hidden keeps its connection', async () => {
    const { client, socket } = await live()
    show(true)
    expect([client.state, socket.closed]).toEqual(['connected', undefined])
  })

  it('that is left gives up its connection when it is hidden, and its session is kept', async () => {
    const { client, socket } = await live()
    window.dispatchEvent(new Event('pagehide'))
    expect(client.state).toBe('connected')
    show(true)
    expect([client.state, socket.closed]).toEqual(['disconnected', 3_000])
  })

  it('that was shown again since it was to be left is not left when it is hidden', async () => {
    const { client } = await live()
    window.dispatchEvent(new Event('pagehide'))
    show(false)
    show(true)
    expect(client.state).toBe('connected')
  })

  it.each(['visible', 'pageshow', 'online'])(
    'that is back (%s) asks its connection whether it lives',
    async (how) => {
      const { client, socket } = await live()
      await settle()
      socket.sent.length = 0
      if (how === 'visible') show(false)
      else window.dispatchEvent(new Event(how))
      await settle()
      expect(socket.takeOf('ping')).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(5_000)
      expect(client.state).toBe('disconnected')
    },
  )

  it('is not listened to by a client that has closed', async () => {
    const { client } = await live()
    expect(listeners()).toEqual([1, 1, 1, 1])
    client.close()
    expect(listeners()).toEqual([0, 0, 0, 0])
  })
})

describe('A client outside of a page', () => {
  it('lives without one', async () => {
    Object.assign(globalThis, { document: undefined })
    const { client } = make()
    await settle()
    expect(client.state).toBe('connecting')
  })
})

describe('A timer of the client', () => {
  it('is never set further than a timer can wait', async () => {
    const waits: number[] = []
    const set = globalThis.setTimeout
    globalThis.setTimeout = ((action: () => void, ms = 0) => {
      waits.push(ms)
      return set(action, ms)
    }) as typeof setTimeout
    const { client } = make({ connectTimeoutMs: 2 ** 40 })
    await vi.advanceTimersByTimeAsync(10)
    // The virtual timers, which would not be taken away otherwise.
    globalThis.setTimeout = set
    expect([client.state, Math.max(...waits)]).toEqual(['connecting', 2 ** 31 - 1])
  })
})
