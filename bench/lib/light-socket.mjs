import { connect } from 'node:net'
import { ACCEPT, masked, nextAddress, upgradeOf } from './websocket.mjs'
import { now } from './clock.mjs'

const CLOSE = 8

/**
 * A `WebSocket` for the client library that costs as little as a `Sink`: with thousands of clients in one process, what
 * the usual one does for each connection would be most of what a machine does that has to move them. It knows when it
 * was made, open, first written to, and first heard.
 */
export class LightSocket {
  binaryType = 'arraybuffer'
  onopen = null
  onmessage = null
  onclose = null
  onerror = null
  made = now()
  opened = 0
  greeted = 0
  heard = 0
  #socket
  #rest = null
  #isClosed = false

  /** @param {string} url @param {string[]} protocols */
  constructor(url, [protocol]) {
    const { port, pathname, search } = new URL(url)
    this.#socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: nextAddress() })
    this.#socket.setNoDelay(true)
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#closed(1006))
    this.#socket.on('data', (chunk) => {
      const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
      this.#rest = null
      if (this.opened > 0) this.#feed(bytes)
      else this.#upgrade(bytes)
    })
    this.#socket.write(upgradeOf({ port, path: pathname + search, protocol }))
  }

  #upgrade(bytes) {
    const end = bytes.indexOf('\r\n\r\n')
    if (end === -1) {
      this.#rest = bytes
      return
    }
    const answer = bytes.latin1Slice(0, end)
    if (!answer.startsWith('HTTP/1.1 101') || !answer.includes(ACCEPT)) {
      this.#socket.destroy()
      return
    }
    this.opened = now()
    this.onopen?.()
    this.#feed(bytes.subarray(end + 4))
  }

  /** Heads of a server's messages, which come in one frame each. */
  #feed(bytes) {
    let at = 0
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1]
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (at + head > bytes.length) break
      const size = head === 2 ? short : head === 4 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6)
      const start = at + head
      if (start + size > bytes.length) break
      const opcode = bytes[at] & 0x0f
      at = start + size
      if (opcode === CLOSE) {
        this.#socket.end(masked(CLOSE, bytes.subarray(start, start + 2)))
        this.#closed(size < 2 ? 1005 : bytes.readUInt16BE(start))
        return
      }
      if (this.heard === 0) this.heard = now()
      this.onmessage?.({ data: bytes.subarray(start, at) })
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at)
  }

  #closed(code) {
    if (this.#isClosed) return
    this.#isClosed = true
    this.onclose?.({ code, reason: '' })
  }

  /** @param {Uint8Array} data */
  send(data) {
    if (this.greeted === 0) this.greeted = now()
    this.#socket.write(masked(2, data))
  }

  close(code = 1000) {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.opened === 0) {
      this.#socket.destroy()
      return
    }
    this.#socket.end(masked(CLOSE, Buffer.from([code >> 8, code & 0xff])))
    setTimeout(() => this.#socket.destroy(), 2_000).unref()
  }
}
