import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { feed } from '../lib/feed.mjs'
import { Meter } from '../lib/meter.mjs'

/* Socket.IO with what its documentation recommends for speed: WebSocket only, no compression. */

const meter = new Meter()
const server = createServer()
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })

serve({
  async start() {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const path = '/socket.io/?EIO=4&transport=websocket'
    return { kind: 'socketio', port: server.address().port, path, clockOffset }
  },
  begin: (options) => meter.begin(options),
  end: (name) => meter.end(name),
  subscribers: () => io.sockets.sockets.size,
  publish: (options) =>
    feed(options, (texts) => {
      for (const text of texts) io.emit('m', text)
    }),
})
