import type { Socket } from '../client/options.ts'

/** What a client of a test takes for its WebSocket; its listeners are called by whoever made it. */
export function clientSocket({ send, close }: Pick<Socket, 'send' | 'close'>): Socket {
  return { binaryType: '', onopen: null, onmessage: null, onclose: null, onerror: null, send, close }
}
