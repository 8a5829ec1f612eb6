import { connect } from 'node:net'

const DEFAULT_PORT = 4222

/**
 * Resolves to the first of these servers that says a word, as a NATS server does when it is connected to. Rejects, where
 * none does in time, with the reason of one. The client library leaves a socket open for each attempt that timed out.
 */
export async function firstToSpeak(servers: readonly string[], ms: number): Promise<string> {
  try {
    return await Promise.any(servers.map((server) => speaks(server, ms)))
  } catch (error) {
    throw (error as AggregateError).errors[0]
  }
}

function speaks(server: string, ms: number): Promise<string> {
  const { hostname, port } = new URL(server)
  return new Promise((resolve, reject) => {
    // An IPv6 address stands in brackets in a URL.
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const socket = connect({ host, port: Number(port || DEFAULT_PORT) })
    const timer = setTimeout(() => socket.destroy(new Error(`${server} does not answer`)), ms)
    socket.once('data', () => {
      resolve(server)
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => {
      clearTimeout(timer)
      reject(new Error(`${server} closes the connection`))
    })
  })
}
