import { createHash } from 'node:crypto'
import { connect } from 'node:net'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const KEY = 'cnRtcyBiZW5jaCBzaW5rIQ=='

export const acceptOf = (key) =>
  createHash('sha1')
    .update(key + GUID)
    .digest('base64')

export const ACCEPT = acceptOf(KEY)

/** The head of a message that a server sends: unmasked, in one frame. */
export function frameHead(opcode, length) {
  if (length < 126) return Buffer.from([0x80 | opcode, length])
  if (length < 65_536) return Buffer.from([0x80 | opcode, 126, length >> 8, length & 0xff])
  const head = Buffer.alloc(10)
  head[0] = 0x80 | opcode
  head[1] = 127
  head.writeUIntBE(length, 4, 6)
  return head
}

/** A message that a client sends. Masked with zeros, which costs the server what any mask does. */
export function masked(opcode, bytes) {
  const head = bytes.length < 126 ? 6 : 8
  if (bytes.length > 65_535) throw new Error('a sink sends short messages only')
  const framed = Buffer.alloc(head + bytes.length)
  framed[0] = 0x80 | opcode
  if (head === 6) framed[1] = 0x80 | bytes.length
  else {
    framed[1] = 0x80 | 126
    framed.writeUInt16BE(bytes.length, 2)
  }
  framed.set(bytes, head)
  return framed
}

let addresses = 0

/** Clients come from many places: a node counts them by address. All of 127.0.0.0/8 is this machine. */
export function nextAddress() {
  addresses = (addresses + 1) % 1_000
  return `127.1.${Math.floor(addresses / 250)}.${1 + (addresses % 250)}`
}

/** The request of a WebSocket client, which expects {@link ACCEPT}. */
export function upgradeOf({ port, path, protocol }) {
  const offer = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${offer}\r\n`
  )
}

/**
 * The cheapest WebSocket client that still sees every message: a TCP socket, the upgrade by hand, and a walk over
 * the heads of the frames. Nothing is copied unless a message was cut in two by the socket.
 */
export class Sink {
  /** @type {(buffer: Buffer, start: number, end: number) => void} */
  onMessage = () => {}
  /** @type {(why: string) => void} */
  onEnd = () => {}
  /** Of WebSocket messages, without their heads. */
  bytes = 0
  messages = 0
  #socket
  #rest = null
  #upgraded = false
  #ended = false

  /** @param {{ port: number, path: string, protocol?: string }} where */
  constructor({ port, path, protocol }) {
    this.#socket = connect({ port, host: '127.0.0.1', localAddress: nextAddress() })
    this.#socket.setNoDelay(true)
    this.#socket.on('error', (error) => this.#end(error.message))
    this.#socket.on('close', () => this.#end('the server closed the socket'))
    this.#socket.write(upgradeOf({ port, path, protocol }))
    this.upgraded = new Promise((resolve, reject) => {
      this.onEnd = (why) => reject(new Error(why))
      this.#socket.on('data', (chunk) => {
        if (this.#upgraded) this.#feed(chunk)
        else this.#upgrade(chunk, resolve, reject)
      })
    })
  }

  #upgrade(chunk, resolve, reject) {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end === -1) {
      this.#rest = bytes
      return
    }
    const answer = bytes.latin1Slice(0, end)
    if (!answer.startsWith('HTTP/1.1 101') || !answer.includes(ACCEPT)) {
      reject(new Error(`not upgraded: ${answer}`))
      return
    }
    this.#upgraded = true
    this.#rest = null
    resolve()
    // Whoever waits for the upgrade sets its handlers first.
    const first = bytes.subarray(end + 4)
    if (first.length > 0) setImmediate(() => this.#feed(first))
  }

  #feed(chunk) {
    const buffer = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = null
    const { length } = buffer
    let at = 0
    while (at + 2 <= length) {
      let size = buffer[at + 1] & 0x7f
      let head = 2
      if (size === 126) {
        if (at + 4 > length) break
        size = buffer.readUInt16BE(at + 2)
        head = 4
      } else if (size === 127) {
        if (at + 10 > length) break
        size = buffer.readUIntBE(at + 4, 6)
        head = 10
      }
      const start = at + head
      if (start + size > length) break
      at = start + size
      if ((buffer[start - head] & 0x0f) > 2) continue
      this.messages++
      this.bytes += size
      this.onMessage(buffer, start, at)
    }
    if (at < length) this.#rest = buffer.subarray(at)
  }

  #end(why) {
    if (this.#ended) return
    this.#ended = true
    this.onEnd(why)
  }

  /** @param {Uint8Array} bytes */
  sendBinary(bytes) {
    this.#socket.write(masked(2, bytes))
  }

  /** @param {string} text */
  sendText(text) {
    this.#socket.write(masked(1, Buffer.from(text)))
  }

  pause() {
    this.#socket.pause()
  }

  resume() {
    this.#socket.resume()
  }

  /** Port of this end, by which the server's end can be told. */
  get localPort() {
    return this.#socket.localPort
  }

  /** Says that it closes for good, and goes. */
  close() {
    this.#ended = true
    this.#socket.end(masked(8, Buffer.from([0x03, 0xe8])))
    setTimeout(() => this.#socket.destroy(), 1_000).unref()
  }

  destroy() {
    this.#ended = true
    this.#socket.destroy()
  }

  /** Any bytes, whatever they mean. @param {Uint8Array | string} bytes */
  sendRaw(bytes) {
    this.#socket.write(bytes)
  }
}

/**
 * Runs `open` for each of 0 … count − 1, at most 64 at a time.
 *
 * @template T
 * @param {number} count
 * @param {(index: number) => Promise<T>} open
 * @returns {Promise<T[]>}
 */
export async function openMany(count, open) {
  const opened = Array.from({ length: count })
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next++
      opened[index] = await open(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(64, count) }, worker))
  return opened
}
