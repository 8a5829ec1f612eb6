import { createServer } from 'node:net'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { feed } from '../lib/feed.mjs'
import { Meter } from '../lib/meter.mjs'
import { acceptOf, frameHead } from '../lib/websocket.mjs'

/*
 * The bound: Node's own sockets without any library. The messages of a burst are framed once into one buffer, which
 * is written once to each socket. What clients send is thrown away.
 */

const meter = new Meter()
const sockets = new Set()

const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('close', () => sockets.delete(socket))
  let request = ''
  const upgrade = (chunk) => {
    request += chunk.latin1Slice()
    if (!request.includes('\r\n\r\n')) return
    socket.off('data', upgrade)
    socket.resume()
    const [, key] = /sec-websocket-key: *(\S+)/i.exec(request)
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
    )
    sockets.add(socket)
  }
  socket.on('data', upgrade)
})

serve({
  async start() {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { kind: 'plain', port: server.address().port, path: '/', clockOffset }
  },
  begin: (options) => meter.begin(options),
  end: (name) => meter.end(name),
  subscribers: () => sockets.size,
  publish: (options) =>
    feed(options, (texts) => {
      const parts = texts.flatMap((text) => [frameHead(1, text.length), Buffer.from(text)])
      const framed = Buffer.concat(parts)
      for (const socket of sockets) socket.write(framed)
    }),
})
