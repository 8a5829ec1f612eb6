// The `node` condition of `rtms/client`: the same API, with `ws` where this Node has no WebSocket.
import { WebSocket as WsSocket } from 'ws'
import type { Contract } from '../protocol/index.ts'
import type { Client } from './client.ts'
import { connect as connectAnywhere } from './connect.ts'
import type { ConnectOptions, Socket } from './options.ts'

export * from './index.ts'

/** See `connect` of the browser entry. */
export function connect<C extends Contract = Contract>(options: ConnectOptions): Client<C> {
  if ('WebSocket' in globalThis || options.socket !== undefined) return connectAnywhere(options)
  return connectAnywhere({
    ...options,
    socket: (url, protocols) => new WsSocket(url, protocols) as unknown as Socket,
  })
}
