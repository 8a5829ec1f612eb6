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
    made.close()
    expect(made.lines).toBe(0)
    await vi.waitFor(async () => expect(await connectionsOf(server)).toBe(0), { timeout: 10_000 })
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
  watch.expelled()
  expect([watch.isExpelled, told]).toEqual([true, 1])
})
