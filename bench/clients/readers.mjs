import { connect } from 'node:net'
import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { Samples } from '../lib/samples.mjs'

/* Connections for HTTP that ask for a page's file again and again, and then leave, or read nothing. */

const GET = 'GET /large.js HTTP/1.1\r\nHost: localhost\r\n\r\n'
const PATIENCE_MS = 120_000

const open = new Set()
const lives = new Samples()
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
  /** Every so often one comes, asks so often at once, and leaves when the first answer begins, or when it is cut off. */
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

  /** So many ask and read nothing. Resolves when each has been cut off, with how long they lived. */
  async stop({ server, count, requests }) {
    lives.clear()
    const all = Array.from({ length: count }, () => {
      const begun = now()
      const socket = dial(server.port)
      socket.pause()
      socket.write(GET.repeat(requests))
      const patience = setTimeout(() => socket.destroy(), PATIENCE_MS)
      // A socket that reads nothing learns of its end only when it writes.
      const probe = setInterval(() => socket.write('GET'), 500)
      return new Promise((resolve) =>
        socket.on('close', () => {
          clearTimeout(patience)
          clearInterval(probe)
          lives.push(now() - begun)
          resolve()
        }),
      )
    })
    await Promise.all(all)
    return lives.summary()
  },
})
