import { afterEach, expect, it } from 'vitest'
import { endAll, printed, rtms } from '../integration/cli-support.ts'
import { NatsServer } from './nats-server.ts'

let server: NatsServer | undefined

afterEach(async () => {
  endAll()
  await server?.stop()
})

it('rtms serve --nats: what is published on one node is printed by a tail on another', async () => {
  server = await NatsServer.start()
  const key = 'k'.repeat(32)
  const env = {
    RTMS_SECRET: 's'.repeat(32),
    RTMS_API_KEY: key,
    RTMS_NATS: server.url,
    RTMS_CLUSTER_SECRET: 'c'.repeat(32),
  }
  const nodes = [1, 2].map(() => rtms(['serve', '--port', '0', '--host', '127.0.0.1'], env))
  const urls: string[] = []
  for (const node of nodes) {
    const [, url = ''] = await printed(node, /HTTP API is at (http:\/\/\S+)\/v1/)
    urls.push(url)
    const { origin } = new URL(url)
    await expect.poll(async () => (await fetch(`${origin}/metrics`)).text()).toMatch(/^rtms_bus_up 1$/m)
  }
  const nodeAt = (n: number): Record<string, string> => ({ RTMS_URL: urls[n] ?? '', RTMS_KEY: key })
  const [here, there] = [nodeAt(0), nodeAt(1)]
  const tail = rtms(['tail', 'prices'], there)
  await expect
    .poll(
      async () => {
        expect(await rtms(['publish', 'prices', '{"price":7}'], here).ended).toBe(0)
        return tail.text()
      },
      { timeout: 20_000 },
    )
    .toContain('{"price":7}')
  for (const node of nodes) node.child.kill('SIGTERM')
  for (const node of nodes) expect(await node.ended).toBe(0)
})
