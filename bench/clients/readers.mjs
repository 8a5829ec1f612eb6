import { connect } from 'node:net'
import { serve } from '../lib/child.mjs'

/* Connections for HTTP that ask for a page's file again and again, and then leave, or read nothing. */

const GET = 'GET /large.js HTTP/1.1\r\nHost: localhost\r\n\r\n'

const open = new Set()
let timer
let addresses = 0
let left = 0

function dial(port) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.3.0.${1 + (addresses++ % 250)}` })
  open.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => open.delete(socket))
  return socket
}

serve({
  /**
   * Every so often one comes, asks so often at once, and leaves when the first answer begins, or when it is cut off.
   */
  begin({ server, everyMs, requests }) {
    const asked = GET.repeat(requests)
    timer = setInterval(() => {
      const socket = dial(server.port)
      socket.write(asked)
      socket.once('data', () => socket.resetAndDestroy())
      socket.on('close', () => left++)
    }, everyMs)
  },
  end() {
    clearInterval(timer)
    for (const socket of open) socket.destroy()
    return { left }
  },

  /** So many ask, and read nothing until they are told to leave. Resolves when all have asked. */
  async hold({ server, count, requests }) {
    await Promise.all(
      Array.from({ length: count }, () => {
        const socket = dial(server.port)
        socket.pause()
        return new Promise((resolve) => socket.write(GET.repeat(requests), resolve))
      }),
    )
  },
})
