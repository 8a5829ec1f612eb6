import { connect } from 'node:net'
import { deflateRawSync } from 'node:zlib'
import { serve } from '../lib/child.mjs'
import { load } from '../lib/product.mjs'
import { openMany } from '../lib/websocket.mjs'

/* Clients that are welcomed and then send more than anybody may: each in one way, until the node closes it. */

const KIB = 1_024
/** What a socket sends at most, and how long it waits to be closed. */
const MOST = 8 * KIB * KIB
const PATIENCE_MS = 20_000

let codec

const UPGRADE =
  'GET /rtms HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: cnRtcyBiZW5jaCBzaW5rIQ==\r\nSec-WebSocket-Protocol: rtms.v1\r\n' +
  'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n'

/** The head of a frame, masked with zeros. */
function head(first, length) {
  const bytes = Buffer.alloc(14)
  bytes[0] = first
  bytes[1] = 0xff
  bytes.writeBigUInt64BE(BigInt(length), 2)
  return bytes
}

const part = Buffer.alloc(16 * KIB)
const bomb = deflateRawSync(Buffer.alloc(32 * KIB * KIB), { level: 9 })

/** What is sent behind the welcome, piece by piece. */
const ways = {
  *'a byte over 64 KiB'() {
    yield head(0x82, 64 * KIB + 1)
    for (let sent = 0; sent <= 64 * KIB; sent += part.length) yield part
  },
  *'8 MiB in one frame'() {
    yield head(0x82, MOST)
    for (let sent = 0; sent < MOST; sent += part.length) yield part
  },
  *'a frame that claims 2^53 bytes'() {
    yield head(0x82, Number.MAX_SAFE_INTEGER)
    for (let sent = 0; sent < MOST; sent += part.length) yield part
  },
  *'fragments without end'() {
    yield head(0x02, part.length)
    yield part
    for (let sent = 0; sent < MOST; sent += part.length) {
      yield head(0x00, part.length)
      yield part
    }
  },
  *'a deflate bomb of 32 MiB'() {
    yield head(0xc2, bomb.length)
    yield bomb
  },
  *'a deflate bomb in fragments'() {
    yield head(0x42, bomb.length >> 1)
    yield bomb.subarray(0, bomb.length >> 1)
    yield head(0x80, bomb.length - (bomb.length >> 1))
    yield bomb.subarray(bomb.length >> 1)
  },
}

/** The code of the close frame among what came behind the welcome, or why there is none. */
function closeCode(heard) {
  let at = heard.indexOf('\r\n\r\n') + 4
  while (at + 4 <= heard.length) {
    if (heard[at] === 0x88) return heard.readUInt16BE(at + 2)
    const length = heard[at + 1] & 0x7f
    at += length < 126 ? 2 + length : 4 + heard.readUInt16BE(at + 2)
  }
  return 'none'
}

async function send(socket, bytes) {
  if (socket.destroyed || socket.write(bytes)) return
  await new Promise((resolve) => {
    socket.once('drain', resolve)
    socket.once('close', resolve)
  })
}

async function one(port, token, way, at) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.4.0.${1 + (at % 250)}` })
  let heard = Buffer.alloc(0)
  /** @type {(() => void) | null} */
  let onData = null
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    heard = Buffer.concat([heard, chunk])
    onData?.()
  })
  const closed = new Promise((resolve) => socket.on('close', resolve))
  const cut = setTimeout(() => socket.destroy(), PATIENCE_MS)
  const some = () => Promise.race([closed, new Promise((resolve) => (onData = resolve))])
  socket.write(UPGRADE)
  await some()
  const hello = codec.encode([
    { type: 'hello', version: 1, client: 'o', token, session: '', received: 0, window: 0, moves: 0 },
  ])
  socket.write(Buffer.concat([head(0x82, hello.length), hello]))
  await some()
  for (const piece of ways[way]()) {
    if (socket.destroyed || closeCode(heard) !== 'none') break
    await send(socket, piece)
  }
  // Answers the close as a client has to, so that the node need not wait for it.
  if (!socket.destroyed && closeCode(heard) === 'none') await some()
  socket.destroy()
  await closed
  clearTimeout(cut)
  return closeCode(heard)
}

serve({
  async load({ dist }) {
    codec = (await load(dist, 'protocol')).binaryCodec
    return Object.keys(ways)
  },
  /** How often each close code was the answer. */
  async attack({ server, tokens, count, way }) {
    const codes = new Map()
    const all = await openMany(count, (at) => one(server.port, tokens[at % tokens.length], way, at))
    for (const code of all) codes.set(code, (codes.get(code) ?? 0) + 1)
    return [...codes]
  },
})
