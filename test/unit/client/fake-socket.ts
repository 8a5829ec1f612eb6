import { afterEach, beforeEach, vi } from 'vitest'
import {
  type Client,
  connect,
  type ConnectOptions,
  type Meeting,
  type Socket,
} from '../../../src/client/index.ts'
import {
  binaryCodec,
  type ClientMessage,
  type MessageOf,
  type MessageType,
  type ServerMessage,
} from '../../../src/protocol/index.ts'
import { joinedOf, welcomeOf } from './rig.ts'

/* The real client on sockets and timers that are the test's. */

/** A socket in the test's hands. */
export class FakeSocket implements Socket {
  binaryType = 'blob'
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: ((event: { error?: unknown; message?: unknown }) => void) | null = null
  readonly sent: ClientMessage[] = []
  packets = 0
  closed: number | undefined

  send(data: Uint8Array): void {
    this.packets++
    this.sent.push(...(binaryCodec.decode(data, 'client') as ClientMessage[]))
  }

  close(code?: number): void {
    this.closed = code
  }

  receive(...messages: ServerMessage[]): void {
    this.onmessage?.({ data: binaryCodec.encode(messages).slice().buffer })
  }

  takeOf<T extends MessageType>(type: T): MessageOf<T>[] {
    const found = this.sent.filter((message) => message.type === (type as string))
    for (const message of found) this.sent.splice(this.sent.indexOf(message), 1)
    return found as unknown as MessageOf<T>[]
  }
}

/** Promises and microtasks settle; the clock stands still. */
export const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

export interface Setup {
  readonly client: Client
  readonly sockets: FakeSocket[]
  readonly socket: FakeSocket
}

const clients: Client[] = []

export function make(options: Partial<ConnectOptions> = {}): { client: Client; sockets: FakeSocket[] } {
  const sockets: FakeSocket[] = []
  const client = connect({
    getTicket: () => ({ url: 'ws://x', token: 'tok', expiresAt: 10_000_000_000 }),
    socket: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    ...options,
  })
  clients.push(client)
  return { client, sockets }
}

export async function live(
  parts: Partial<MessageOf<'welcome'>> = {},
  options: Partial<ConnectOptions> = {},
): Promise<Setup> {
  const { client, sockets } = make(options)
  await settle()
  const [socket] = sockets as [FakeSocket]
  socket.onopen?.()
  await settle()
  socket.receive(welcomeOf(parts))
  await settle()
  socket.sent.length = 0
  return { client, sockets, socket }
}

export async function joined(setup: Setup, parts: Partial<MessageOf<'joined'>> = {}): Promise<Meeting> {
  const joining = setup.client.join('m')
  await settle()
  const call = setup.socket.takeOf('join').at(-1)?.call ?? 0
  setup.socket.receive(joinedOf({ call, ...parts }))
  return joining
}

/** The client loses its connection, and has its session again. Returns the new socket. */
export async function reconnect({ sockets }: Setup): Promise<FakeSocket> {
  sockets.at(-1)?.onclose?.({ code: 1006, reason: '' })
  await vi.advanceTimersByTimeAsync(3_000)
  const socket = sockets.at(-1) as FakeSocket
  socket.onopen?.()
  await settle()
  socket.receive(welcomeOf({ resumed: true }))
  await settle()
  return socket
}

/** The error a promise is rejected with. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  )

/** For each test of a file: timers that stand still until told, and no client left behind. */
export function useVirtualTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  })

  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
    vi.useRealTimers()
  })
}
