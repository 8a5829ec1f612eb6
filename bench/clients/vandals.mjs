import { connect } from 'node:net'
import { serve } from '../lib/child.mjs'
import { mutate, noise, valid } from '../lib/mutate.mjs'
import { load } from '../lib/product.mjs'
import { randomFrom } from '../lib/random.mjs'

/* Sockets that send what nobody should: noise, broken upgrades, broken frames, damaged packets before and after the welcome. */

/** A socket the node has not closed by then is cut, one in two with a reset. */
const LIFE_MS = 400
const AT_ONCE = 100

const upgrade = (subprotocol) =>
  Buffer.from(
    'GET /rtms HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: cnRtcyBiZW5jaCBzaW5rIQ==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
  )

const WORDS = Buffer.from(
  '\r\n\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\r\nContent-Length: -1\r\n',
)
const toNode = valid.filter(({ from }) => from === 'client')

let codecs
const counts = { sockets: 0, packets: 0, closedByNode: 0 }

/** One frame, masked with zeros; a good one of a message where nothing else is said. */
function frame(bytes, first = 0x82) {
  const { length } = bytes
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xfe, (length >> 8) & 255, length & 255]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes])
}

function damagedPacket(random, isText) {
  const bytesOf = ({ hex, json }) => (isText ? Buffer.from(json) : Buffer.from(hex, 'hex'))
  const pick = () => bytesOf(toNode[random(toNode.length)])
  counts.packets++
  return random(8) === 0 ? noise(random, random(100)) : mutate(pick(), pick(), random)
}

/** What a socket sends: the first piece at once, each other one a moment later. */
function piecesOf(random, token) {
  const isText = random(2) === 0
  const codec = isText ? codecs.jsonCodec : codecs.binaryCodec
  const opcode = isText ? 0x81 : 0x82
  const good = upgrade(codec.subprotocol)
  const hello = {
    type: 'hello',
    version: 1,
    client: 'v',
    token,
    session: '',
    received: 0,
    window: 65_536,
    moves: 0,
  }
  const damaged = () => frame(damagedPacket(random, isText), opcode)
  switch (random(6)) {
    case 0:
      return [noise(random, 1 + random(500))]
    case 1:
      return [mutate(good, WORDS, random), noise(random, random(100))]
    case 2:
      return [good, noise(random, 1 + random(300))]
    case 3:
      return [good, mutate(frame(codec.encode([hello]), opcode), noise(random, 20), random)]
    case 4:
      return [good, damaged()]
    default:
      return [good, frame(codec.encode([hello]), opcode), ...Array.from({ length: 1 + random(8) }, damaged)]
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function vandalise(port, pieces, resets) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.3.0.${1 + (counts.sockets % 250)}` })
  counts.sockets++
  let isCut = false
  socket.on('error', () => {})
  socket.resume()
  const closed = new Promise((resolve) => socket.on('close', resolve))
  const cut = setTimeout(() => {
    isCut = true
    if (resets) socket.resetAndDestroy()
    else socket.destroy()
  }, LIFE_MS)
  for (const piece of pieces) {
    socket.write(piece)
    await pause(2)
  }
  await closed
  clearTimeout(cut)
  if (!isCut) counts.closedByNode++
}

serve({
  async load({ dist }) {
    codecs = await load(dist, 'protocol')
  },
  async attack({ server, tokens, count, seed }) {
    const random = randomFrom(seed)
    let left = count
    const worker = async () => {
      while (left-- > 0)
        await vandalise(server.port, piecesOf(random, tokens[random(tokens.length)]), random(2) === 0)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return counts
  },
})
