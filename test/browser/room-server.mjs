// One room on one node, in a process of its own, so that it can be killed and started again: node room-server.mjs <port>
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Rtms } from '../../dist/server/index.js'

const port = Number(process.argv[2])
const server = createServer()
const rtms = await Rtms.start({
  logger: null,
  server,
  secret: 'a secret of the tests, of more than 32 bytes',
  origins: '*',
})
let asked = 0
rtms.meetings.define('pair', { onJoin: () => void asked++ })

/** What is looked at by the test rather than by the page. */
const facts = async () => ({
  asked,
  resumed: rtms.stats.sessionsResumed,
  members: (await rtms.meetings.list()).flatMap(({ members }) =>
    members.map(({ user, away }) => (away ? `${user} (away)` : user)),
  ),
})

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://here')
  const json = (value) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(value))
  response.setHeader('Access-Control-Allow-Origin', '*')
  if (pathname === '/ticket') {
    const meeting = await rtms.meetings.open('room', { kind: 'pair', frameRate: 20, capacity: 2 })
    json(
      await rtms.tickets.issue({
        user: searchParams.get('user') || randomUUID(),
        meetings: [meeting],
        host: `127.0.0.1:${port}`,
      }),
    )
  } else if (pathname === '/facts') json(await facts())
  else if (pathname.startsWith('/dist/') && pathname.endsWith('.js')) {
    response.setHeader('Content-Type', 'text/javascript')
    response.end(await readFile(new URL(`../..${pathname}`, import.meta.url)).catch(() => ''))
  } else if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(await readFile(new URL('room.html', import.meta.url)))
  } else if (pathname === '/elsewhere')
    response.setHeader('Content-Type', 'text/html').end('<p>Elsewhere</p>')
  else if (!pathname.startsWith('/rtms')) response.writeHead(404).end()
}

server.on('request', (request, response) => void answer(request, response))
process.on('SIGTERM', () => void rtms.close().then(() => process.exit(0)))
server.listen(port, '127.0.0.1', () => process.stdout.write('listening\n'))
