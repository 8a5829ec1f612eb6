// The smallest room, without a framework: whoever opens the page is in, and all see the same frames.
import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Rtms } from 'rtms/server'

const page = new URL('index.html', import.meta.url)
const client = new URL('../page/client.js', import.meta.resolve('rtms/client'))

async function answer(path, host, res) {
  if (path === '/ticket') {
    const meeting = await rtms.meetings.open('room', { frameRate: 0 }) // no clock: sealed when somebody speaks
    // A guest, another one after a reload: examples/express keeps them.
    const ticket = await rtms.tickets.issue({ user: randomUUID(), meetings: [meeting], host })
    res.setHeader('content-type', 'application/json').end(JSON.stringify(ticket))
  } else {
    const isClient = path === '/rtms/client.js'
    const body = await readFile(isClient ? client : page)
    res.setHeader('content-type', isClient ? 'text/javascript' : 'text/html').end(body)
  }
}

const rtms = await Rtms.start({
  port: Number(process.env.PORT ?? 3000),
  secret: process.env.RTMS_SECRET ?? randomBytes(32).toString('hex'),
  handler: (req, res) => void answer(req.url, req.headers.host, res).catch(() => res.writeHead(500).end()),
})
console.log(`Open http://localhost:${rtms.address.port} in two windows`)
