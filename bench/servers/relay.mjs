import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { serve } from '../lib/child.mjs'
import { clockOffset } from '../lib/clock.mjs'
import { Meter } from '../lib/meter.mjs'
import { frameHead } from '../lib/websocket.mjs'

/*
 * Rooms without RTMS. All read by `ws`. As `ticks` a room collects the inputs of one interval and writes them, framed
 * once, to the socket of each member: the bare form of what RTMS does, without sequence checks, limits, credit,
 * resuming or a log. As `ws` each input goes to each member by `send`, at once.
 */

const meter = new Meter()
/**
 * @type {Map<number, { members: { ws: import('ws').WebSocket, socket: import('node:net').Socket }[], inputs: Buffer[]
 * }>}
 */
const rooms = new Map()

function roomOf(number) {
  let room = rooms.get(number)
  if (room === undefined) rooms.set(number, (room = { members: [], inputs: [] }))
  return room
}

function tick(room) {
  if (room.inputs.length === 0) return
  const bytes = Buffer.concat(room.inputs)
  room.inputs = []
  const framed = Buffer.concat([frameHead(2, bytes.length), bytes])
  for (const { socket } of room.members) socket.write(framed)
}

serve({
  async start({ mode, rate, meetings }) {
    const server = createServer()
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
    server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        const { searchParams } = new URL(request.url, 'ws://localhost')
        const room = roomOf(Number(searchParams.get('room')))
        room.members.push({ ws, socket })
        ws.on('error', () => {})
        ws.on('message', (data) => {
          if (mode === 'ticks') room.inputs.push(data)
          else for (const member of room.members) member.ws.send(data)
        })
      })
    })
    if (mode === 'ticks') {
      for (let room = 0; room < meetings; room++) {
        const interval = 1000 / rate
        // Spread over the interval, as RTMS does.
        setTimeout(() => setInterval(() => tick(roomOf(room)), interval), (room * interval) / meetings)
      }
    }
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { kind: 'plain', port: server.address().port, path: '/', clockOffset }
  },
  begin: (options) => meter.begin(options),
  end: (name) => meter.end(name),
})
