// The `node` condition of `rtms/client`: the same API, on `ws`, which tells why a connection failed.
import { WebSocket } from 'ws'
import type { Contract } from '../protocol/index.ts'
import type { Client } from './client.ts'
import { connect as connectAnywhere } from './connect.ts'
import type { ConnectOptions, Socket } from './options.ts'

export * from './index.ts'

/** How long a peer has to answer a close before the socket is cut: it keeps the process alive. */
const CLOSE_MS = 1_000

/** See `connect` of the browser entry. */
export function connect<C extends Contract = Contract>(options: ConnectOptions): Client<C> {
  // Without options, or with an address in their place, the error names what is missing.
  const given: Partial<ConnectOptions> = typeof options === 'object' ? options : {}
  return connectAnywhere({ ...given, socket: given?.socket ?? dial } as ConnectOptions)
}

function dial(url: string, protocols: string[]): Socket {
  const socket = new WebSocket(url, protocols)
  const close = socket.close.bind(socket)
  socket.close = (code, reason) => {
    close(code, reason)
    setTimeout(() => socket.terminate(), CLOSE_MS).unref()
  }
  return socket as unknown as Socket
}
