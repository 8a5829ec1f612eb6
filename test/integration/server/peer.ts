import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ClientOptions, WebSocket } from 'ws'
import {
  binaryCodec,
  type ClientMessage,
  type Codec,
  type MessageOf,
  type Payload,
  toPayload,
} from '../../../src/protocol/index.ts'
import { Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import { messages, SocketPeer } from '../../../src/testing/index.ts'

export const SECRET = 'a secret for tests, which is long enough'

const running: Rtms[] = []

/** A node on a free port of the loopback. */
export async function start(options: Partial<RtmsOptions> = {}): Promise<Rtms> {
  const place = options.server === undefined ? { port: 0, host: '127.0.0.1' } : {}
  const key = options.keys === undefined ? { secret: SECRET } : {}
  const rtms = await Rtms.start({ ...place, ...key, ...options })
  running.push(rtms)
  return rtms
}

/** For `afterEach`. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((rtms) => rtms.close({ timeoutMs: 100 })))
}

export const { hello } = messages

export const join = (call: number, meeting: string, spectator = false): MessageOf<'join'> =>
  messages.join(call, meeting, { spectator })

export const subscribe = (call: number, ...topics: string[]): MessageOf<'subscribe'> =>
  messages.subscribe(call, ...topics)

export const request = (call: number, method: string, data: unknown = null, timeout = 0): ClientMessage =>
  messages.request(call, method, toPayload(data), timeout)

export const json = (payload: Payload): unknown => JSON.parse(new TextDecoder().decode(payload.bytes))

/** A peer on a WebSocket of `ws`. It answers nothing by itself. */
export class Peer extends SocketPeer {
  readonly ws: WebSocket

  constructor(url: string, codec: Codec = binaryCodec, options: ClientOptions = {}) {
    const ws = new WebSocket(url, codec.subprotocol, options)
    super(ws, { codec, answers: false })
    this.ws = ws
  }

  /** Connects, says hello and waits for the welcome. */
  static async connect(url: string, token: string, codec?: Codec, window = 0): Promise<Peer> {
    const peer = await new Peer(url, codec).opened()
    peer.hello(token, { window })
    await peer.next('welcome')
    return peer
  }
}

/** The close code and GOODBYE that a hello with this token brings. */
export async function refused(url: string, token: string): Promise<{ code: number; reason: string }> {
  const peer = await new Peer(url).opened()
  peer.send(hello(token))
  const { code } = await peer.closed
  return { code, reason: peer.all('goodbye')[0]?.reason ?? '' }
}

/** A ticket's token for a user who may do everything. */
export async function tokenOf(rtms: Rtms, user = 'u1'): Promise<string> {
  const { token } = await rtms.tickets.issue({
    user,
    meetings: ['*'],
    topics: { read: ['*'], write: ['*'] },
  })
  return token
}

/** The status and body with which an upgrade is answered: 101 where it succeeds. */
export async function upgrade(
  url: string,
  headers: Record<string, string> = {},
  protocols: string[] = ['rtms.v1'],
): Promise<{ status: number; body: string }> {
  const ws = new WebSocket(url, protocols, { headers })
  ws.on('error', () => {})
  return new Promise((resolve) => {
    ws.on('open', () => {
      resolve({ status: 101, body: ws.protocol })
      ws.terminate()
    })
    ws.on('unexpected-response', (_, response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
  })
}

/** A raw TCP connection that has sent `bytes`, and all that came back until it was closed. */
export async function raw(
  port: number,
  bytes: string | Uint8Array,
): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let heard = ''
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')))
  socket.on('error', () => {})
  const answer = new Promise<string>((resolve) => socket.on('close', () => resolve(heard)))
  socket.write(bytes)
  return { socket, answer }
}

/** Waits, turn by turn of the event loop, until `is` holds. The test's own time-out ends it otherwise. */
export async function eventually(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 1))
}
