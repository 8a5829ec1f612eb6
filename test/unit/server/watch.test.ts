import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NodeWatch } from '../../../src/server/edge/watch.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'

const NODE = 7

let watch: NodeWatch | null = null
const servers: Server[] = []

afterEach(async () => {
  watch?.close()
  for (const server of servers.splice(0)) await stop(server)
})

async function stop(server: Server): Promise<void> {
  if (!server.listening) return
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** Something that answers as a node of this incarnation does, or as `body` says; null: never. */
async function listen(
  body: (url: string) => unknown,
  port = 0,
  headers: Record<string, string> = {},
): Promise<{ server: Server; url: string; asked: () => number }> {
  let asked = 0
  const server = createServer(({ url = '' }, response) => {
    asked++
    const answer = body(url)
    if (answer !== null) response.writeHead(503, headers).end(JSON.stringify(answer))
  })
  servers.push(server)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`
  return { server, url, asked: () => asked }
}

/** A watch, and the nodes that it has found to have ended. */
function watching(): { met: (health: string) => void; probe: () => void; gone: number[] } {
  const gone: number[] = []
  const made = (watch = new NodeWatch(
    (node) => gone.push(node),
    () => true,
  ))
  let at = ''
  return {
    met: (health) => made.met({ node: NODE, health: (at = health) }),
    probe: () => made.probe({ node: NODE, health: at }),
    gone,
  }
}

const until = (is: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(is()).toBe(true), { interval: 10, timeout: 10_000 })

const connectionsOf = (server: Server): Promise<number> =>
  new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  )

const itself = () => ({ status: 'ok', incarnation: NODE })

describe('A node that is silent', () => {
  /** Asks until so many questions have come; each is asked when the one before has ended. */
  const asks = (probe: () => void, asked: () => number, count: number): Promise<void> =>
    until(() => {
      probe()
      return asked() >= count
    })

  it('has ended where its host refuses connections to its address', async () => {
    const { server, url, asked } = await listen(itself)
    const { met, probe, gone } = watching()
    met(url)
    await asks(probe, asked, 3)
    expect(gone).toEqual([])
    await stop(server)
    await until(() => {
      probe()
      return gone.length > 0
    })
    probe()
    expect(gone).toEqual([NODE])
  })

  it('has ended where another one answers at its address: it was started anew', async () => {
    let incarnation = NODE
    const { url, asked } = await listen(() => ({ incarnation }))
    const { met, probe, gone } = watching()
    met(url)
    await asks(probe, asked, 2)
    incarnation = 8
    await until(() => {
      probe()
      return gone.length > 0
    })
    expect(gone).toEqual([NODE])
  })

  it('has not ended for all that this node knows where it hangs, or something else answers', async () => {
    let body: unknown = itself()
    const { url, asked } = await listen(() => body)
    const { met, probe, gone } = watching()
    met(url)
    await asks(probe, asked, 2)
    // null: it takes the question and does not answer.
    for (const answer of [{ error: 'x' }, 'text', { incarnation: '8' }, 'x'.repeat(5_000), null]) {
      body = answer
      // eslint-disable-next-line no-await-in-loop
      await asks(probe, asked, asked() + 2)
    }
    expect(gone).toEqual([])
    body = { incarnation: 8 }
    await until(() => {
      probe()
      return gone.length > 0
    })
  })

  it('has not ended where it was never found: its address may lead somewhere else from here', async () => {
    const { server, url, asked } = await listen(() => ({ incarnation: 8 }))
    const { met, probe, gone } = watching()
    met(url)
    await asks(probe, asked, 3)
    await stop(server)
    probe()
    const { asked: again } = await listen(() => ({ incarnation: 8 }), Number(new URL(url).port))
    await asks(probe, again, 2)
    expect(gone).toEqual([])
    for (const health of ['', 'nonsense']) {
      met(health)
      probe()
    }
    expect(gone).toEqual([])
  })

  it('is not asked more often for telling another address again and again, and is found at the last one', async () => {
    const { server, url, asked } = await listen(itself)
    const { met, probe, gone } = watching()
    for (let n = 0; n < 200; n++) met(`${url}?${n}`)
    await until(() => asked() > 0)
    for (let n = 0; n < 200; n++) met(`${url}?again${n}`)
    expect(asked()).toBeLessThan(5)
    await asks(probe, asked, 4)
    expect(asked()).toBeLessThan(8)
    await stop(server)
    await until(() => {
      probe()
      return gone.length > 0
    })
  })
})

describe('The connection to a node', () => {
  it('tells that its process has ended as soon as it breaks off: nobody has to find it silent', async () => {
    const { server, url } = await listen(itself)
    const { met, gone } = watching()
    met(url)
    await until(() => watch?.lines === 1)
    const since = performance.now()
    await stop(server)
    await until(() => gone.length > 0)
    expect(performance.now() - since).toBeLessThan(500)
    expect([gone, watch?.lines]).toEqual([[NODE], 0])
  })

  it('proves nothing where its server was closed and it lives: it answers on the bus', async () => {
    const { server, url } = await listen(itself)
    const gone: number[] = []
    let lives = true
    let asked = 0
    const made = (watch = new NodeWatch(
      (node) => gone.push(node),
      () => true,
      () => {},
      async (node) => {
        expect(node).toBe(NODE)
        asked++
        return lives
      },
    ))
    made.met({ node: NODE, health: url })
    await until(() => made.lines === 1)
    await stop(server)
    await until(() => asked > 1)
    expect(gone).toEqual([])
    lives = false
    await until(() => gone.length > 0)
    expect(gone).toEqual([NODE])
  })

  it('proves nothing by breaking off: the node is asked, and found again', async () => {
    const { server, url, asked } = await listen(itself)
    const { met, gone } = watching()
    met(url)
    for (let times = 1; times <= 3; times++) {
      // eslint-disable-next-line no-await-in-loop
      await until(() => watch?.lines === 1 && asked() === times)
      server.closeAllConnections()
    }
    await until(() => watch?.lines === 1 && asked() === 4)
    expect(gone).toEqual([])
  })

  it('is not made again and again where the other side closes it after each answer', async () => {
    const { url, asked } = await listen(itself, 0, { Connection: 'close' })
    const { met } = watching()
    met(url)
    await until(() => asked() === serverLimits.probeTries)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect([asked(), watch?.lines]).toEqual([serverLimits.probeTries, 0])
  })

  it('is kept open to some nodes of many, and closed with the watch', async () => {
    const { server, asked } = await listen((url) => ({ incarnation: Number(url.split('?')[1]) }))
    const { port } = server.address() as AddressInfo
    const made = (watch = new NodeWatch(
      () => {},
      () => true,
    ))
    const many = serverLimits.lines + 10
    for (let node = 0; node < many; node++)
      made.met({ node, health: `http://127.0.0.1:${port}/healthz?${node}` })
    await until(() => asked() >= many)
    await until(() => made.lines === serverLimits.lines)
    // The others are not asked again and again for want of one.
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(asked()).toBe(many)
    made.close()
    expect(made.lines).toBe(0)
    await vi.waitFor(async () => expect(await connectionsOf(server)).toBe(0), { timeout: 10_000 })
  })
})

/** Something that answers each question when the test says so. */
async function desk(): Promise<{
  server: Server
  url: string
  asked: () => number
  answer: (incarnation?: number) => void
}> {
  const waiting: ((incarnation: number) => void)[] = []
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    waiting.push((incarnation) => response.end(JSON.stringify({ incarnation })))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`
  return { server, url, asked: () => asked, answer: (incarnation = NODE) => waiting.shift()?.(incarnation) }
}

const connections = (server: Server, count: number): Promise<void> =>
  vi.waitFor(async () => expect(await connectionsOf(server)).toBe(count), { interval: 10, timeout: 10_000 })

describe('A node that is looked for', () => {
  it('is asked one question at a time', async () => {
    const { url, asked, answer, server } = await desk()
    const { met, probe, gone } = watching()
    met(url)
    for (let n = 0; n < 5; n++) probe()
    await until(() => asked() === 1)
    for (let n = 0; n < 5; n++) probe()
    answer()
    await until(() => watch?.lines === 1)
    expect(asked()).toBe(1)
    // Where there is a connection already, the one of another answer is closed.
    probe()
    await until(() => asked() === 2)
    answer()
    await connections(server, 1)
    expect([watch?.lines, gone]).toEqual([1, []])
  })

  it('that tells another address meanwhile is asked there, and what the first one answers counts for nothing', async () => {
    const [first, second] = [await desk(), await desk()]
    const { met, gone } = watching()
    met(first.url)
    await until(() => first.asked() === 1)
    met(second.url)
    first.answer()
    await until(() => second.asked() === 1)
    await connections(first.server, 0)
    expect(watch?.lines).toBe(0)
    second.answer()
    await until(() => watch?.lines === 1)
    await stop(first.server)
    expect([gone, first.asked(), second.asked()]).toEqual([[], 1, 1])
  })

  it('leaves no connection open where another one is found, or none can be told', async () => {
    for (const body of [{ incarnation: 8 }, { status: 'ok' }]) {
      // eslint-disable-next-line no-await-in-loop
      const { server, url, asked } = await listen(() => body)
      const { met } = watching()
      met(url)
      // eslint-disable-next-line no-await-in-loop
      await until(() => asked() > 0)
      // eslint-disable-next-line no-await-in-loop
      await connections(server, 0)
      expect(watch?.lines).toBe(0)
      watch?.close()
    }
  })

  it('is followed again where a question finds it that had been given up, or was about to be', async () => {
    for (const isGivenUp of [true, false]) {
      const headers: Record<string, string> = { Connection: 'close' }
      // eslint-disable-next-line no-await-in-loop
      const { server, url, asked } = await listen(itself, 0, headers)
      const { met, probe, gone } = watching()
      met(url)
      // eslint-disable-next-line no-await-in-loop
      await until(() => asked() === serverLimits.probeTries)
      // eslint-disable-next-line no-await-in-loop
      await connections(server, 0)
      // eslint-disable-next-line no-await-in-loop
      if (isGivenUp) await new Promise((resolve) => setTimeout(resolve, 500))
      delete headers['Connection']
      probe()
      // eslint-disable-next-line no-await-in-loop
      await until(() => watch?.lines === 1)
      expect(asked()).toBe(serverLimits.probeTries + 1)
      // eslint-disable-next-line no-await-in-loop
      await stop(server)
      // eslint-disable-next-line no-await-in-loop
      await until(() => gone.length > 0)
      expect([gone, watch?.lines]).toEqual([[NODE], 0])
      watch?.close()
    }
  })

  it('is forgotten where the cluster does not count with it any more, once another one has come', async () => {
    const { server, url } = await listen(itself)
    const there = new Set([NODE])
    const gone: number[] = []
    const made = (watch = new NodeWatch(
      (node) => gone.push(node),
      (node) => there.has(node),
    ))
    made.met({ node: NODE, health: url })
    await until(() => made.lines === 1)
    made.met({ node: 9, health: '' })
    expect(made.lines).toBe(1)
    there.delete(NODE)
    made.met({ node: 9, health: '' })
    expect(made.lines).toBe(0)
    await connections(server, 0)
    await stop(server)
    made.probe({ node: NODE, health: url })
    expect(gone).toEqual([])
  })
})

describe('A node that nobody finds at its address any more', () => {
  /** A watch that asks the bus, where the test answers. */
  function asking(): { made: NodeWatch; gone: number[]; asks: ((lives: boolean) => void)[] } {
    const gone: number[] = []
    const asks: ((lives: boolean) => void)[] = []
    const made = (watch = new NodeWatch(
      (node) => gone.push(node),
      () => true,
      () => {},
      () => new Promise((resolve) => asks.push(resolve)),
    ))
    return { made, gone, asks }
  }

  it('has not ended where it is forgotten while the bus is asked', async () => {
    const { server, url } = await listen(itself)
    const { made, gone, asks } = asking()
    made.met({ node: NODE, health: url })
    await until(() => made.lines === 1)
    await stop(server)
    await until(() => asks.length === 1)
    made.met({ node: NODE, health: '' })
    asks[0]?.(false)
    await Promise.resolve()
    expect(gone).toEqual([])
  })

  it('has ended without a word of the bus where it was silent', async () => {
    const { server, url, asked } = await listen(itself, 0, { Connection: 'close' })
    const { made, gone, asks } = asking()
    made.met({ node: NODE, health: url })
    await until(() => asked() === serverLimits.probeTries)
    await connections(server, 0)
    await stop(server)
    await until(() => {
      made.probe({ node: NODE, health: url })
      return gone.length > 0
    })
    expect([gone, asks]).toEqual([[NODE], []])
  })

  it('has ended where another one says so in as many bytes as an answer may have, and not in more', async () => {
    let length = 0
    const bodyOf = (): unknown => {
      if (length === 0) return itself()
      const frame = JSON.stringify({ incarnation: 8, pad: '' }).length
      return { incarnation: 8, pad: 'x'.repeat(length - frame) }
    }
    const { url, asked } = await listen(bodyOf, 0, { Connection: 'close' })
    const { met, probe, gone } = watching()
    met(url)
    await until(() => asked() === serverLimits.probeTries)
    length = serverLimits.probeBytes + 1
    const before = asked()
    await until(() => {
      probe()
      return asked() >= before + 3
    })
    expect(gone).toEqual([])
    length = serverLimits.probeBytes
    await until(() => {
      probe()
      return gone.length > 0
    })
  })
})

it('That the others count with this node no more is told once', () => {
  let told = 0
  watch = new NodeWatch(
    () => {},
    () => true,
    () => told++,
  )
  expect(watch.isExpelled).toBe(false)
  watch.expelled()
  expect([watch.isExpelled, told]).toEqual([true, 1])
  watch.expelled()
  expect([watch.isExpelled, told]).toEqual([true, 1])
})
