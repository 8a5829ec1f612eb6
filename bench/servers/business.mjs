import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../lib/child.mjs'

/* A business server that answers requests at its URL, the method `hook.slow` late. */

async function answer(request, response, slowMs) {
  let body = ''
  for await (const chunk of request) body += chunk
  if (JSON.parse(body).method === 'hook.slow') await sleep(slowMs)
  response.writeHead(200, { 'content-type': 'application/json' }).end('1')
}

serve({
  async start({ slowMs }) {
    // A delivery that was aborted cannot be answered.
    const server = createServer((request, response) => void answer(request, response, slowMs).catch(() => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${server.address().port}/`
  },
})
