import { createServer } from 'node:http'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import { SECRET, start } from '../integration/server/peer.ts'
import { endAll, eventually } from './buses.ts'

afterEach(endAll)

it('A node whose server was closed is not taken for ended: its address refuses connections, and it answers', async () => {
  const hub = new ThreadsHub()
  const server = createServer((_, response) => {
    asked++
    response.end(JSON.stringify(attached.health()))
  })
  let asked = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const attached = await start({ server, bus: threads(hub.seat()), nodeId: 'a', secret: SECRET })
  const other = await start({ bus: threads(hub.seat()), nodeId: 'b', host: '127.0.0.1', secret: SECRET })
  const statusOf = (): string | undefined => other.cluster.nodes().find(({ node }) => node === 'a')?.status
  await eventually(() => asked > 0 && statusOf() === 'alive')
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  // Longer than it is looked for after its connection broke off.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect([statusOf(), attached.health().status]).toEqual(['alive', 'ok'])
}, 30_000)
