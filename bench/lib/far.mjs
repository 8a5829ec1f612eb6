import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * A long way to a port of this machine: what is sent arrives, in both directions, so many milliseconds later. The first
 * bytes of a connection wait for a round trip more, as they do for TCP's handshake, which here is over at once.
 */
export class Far {
  /** Bytes that have gone this way, there and back. */
  bytes = 0
  #server
  #sockets = new Set()

  static async open(target, delayMs) {
    const far = new Far()
    far.#server = createServer((near) => far.#carry(near, connect(target, '127.0.0.1'), delayMs))
    far.#server.listen(0, '127.0.0.1')
    await once(far.#server, 'listening')
    return far
  }

  get port() {
    return this.#server.address().port
  }

  #carry(near, there, delayMs) {
    for (const socket of [near, there]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    this.#pass(near, there, delayMs, 2 * delayMs)
    this.#pass(there, near, delayMs, 0)
  }

  #pass(from, to, delayMs, handshakeMs) {
    /** In order: when each is due, and the bytes, or null for the end. */
    const waiting = []
    const established = performance.now() + handshakeMs
    let timer
    const flush = () => {
      timer = undefined
      while (waiting.length > 0 && waiting[0].due <= performance.now()) {
        const { data } = waiting.shift()
        if (data === null) to.destroy()
        else to.write(data)
      }
      if (waiting.length > 0) timer = setTimeout(flush, Math.max(1, waiting[0].due - performance.now()))
    }
    const push = (data) => {
      waiting.push({ due: Math.max(performance.now(), established) + delayMs, data })
      timer ??= setTimeout(flush, delayMs)
    }
    from.on('data', (data) => {
      this.bytes += data.length
      push(data)
    })
    from.on('close', () => push(null))
  }

  close() {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
