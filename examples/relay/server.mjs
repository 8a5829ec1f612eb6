// The smallest room, without a framework: whoever opens the page is in, and all see the same frames.
import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Rtms } from 'rtms/server'

const page = new URL('index.html', import.meta.url)
const library = new URL('..', import.meta.resolve('rtms/client'))

async function answer(path, host, res) {
  const [, module] = /^\/rtms\/((?:client|protocol)\/[\w/-]+\.js)$/.exec(path) ?? []
  if (path === '/ticket') {
    const meeting = await rtms.meetings.open('room', { frameRate: 0 }) // no clock: sealed when somebody speaks
    // A guest, another one after a reload: examples/express keeps them.
    const ticket = await rtms.tickets.issue({ user: randomUUID(), meetings: [meeting], host })
    res.setHeader('content-type', 'application/json').end(JSON.stringify(ticket))
  } else {
    const body = await readFile(module === undefined ? page : new URL(module, library))
    res.setHeader('content-type', module === undefined ? 'text/html' : 'text/javascript').end(body)
  }
}

const rtms = await Rtms.start({
  port: Number(process.env.PORT ?? 3000),
  secret: process.env.RTMS_SECRET ?? randomBytes(32).toString('hex'),
  handler: (req, res) => void answer(req.url, req.headers.host, res).catch(() => res.writeHead(500).end()),
})
console.log(`Open http://localhost:${rtms.address.port} in two windows`)
