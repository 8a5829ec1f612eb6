import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP, SocketAddress } from 'node:net'
import { subscriberOf } from '../../core/index.ts'
import { rangeOf } from '../ground/address-range.ts'

const LOOPBACK = ['127.0.0.0/8', '::1']

/** An address in the system's notation; '' for any other text. */
function normal(text: string): string {
  const [address = ''] = text.split('%')
  const version = isIP(address)
  if (version !== 6) return version === 0 ? '' : address
  const { address: written } = new SocketAddress({ address, family: 'ipv6' })
  return written.startsWith('::ffff:') && written.includes('.') ? written.slice('::ffff:'.length) : written
}

/** The address of a hop, which may have a port, brackets and quotes; '' where it names none. */
function addressIn(hop: string): string {
  const text = hop.trim().replaceAll('"', '')
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? []
  const [, plain = text] = /^([^:]*):\d+$/.exec(text) ?? []
  return normal(bracketed ?? plain)
}

/** The client that each proxy names, the nearest proxy last. */
function hopsOf(headers: IncomingHttpHeaders): string[] {
  const passed = headers['x-forwarded-for']
  if (passed !== undefined) return String(passed).split(',')
  const { forwarded } = headers
  return forwarded === undefined
    ? []
    : forwarded.split(',').map((element) => /(?:^|;)\s*for=([^;]*)/i.exec(element)?.[1] ?? '')
}

/** Knows the trusted proxies, and so to whom a connection belongs. */
export class Proxies {
  readonly #trusted: BlockList = new BlockList()

  /** `trusted`: addresses, ranges (CIDR) and 'loopback'. */
  constructor(trusted: readonly string[]) {
    for (const entry of trusted.flatMap((each) => (each === 'loopback' ? LOOPBACK : each))) {
      const range = rangeOf(entry)
      if (range !== null) this.#trusted.addSubnet(range.address, range.prefix, range.family)
    }
  }

  #trusts(address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }

  /**
   * The address that a request's connection is counted by: its peer or, where that is trusted, the nearest hop that is
   * not. '' where all are trusted: the connection is not counted.
   */
  subscriberOf({ socket, headers }: IncomingMessage): string {
    // A peer without an address is on this machine: the server listens on a socket in the file system.
    const peer = normal(socket.remoteAddress ?? '')
    if (peer !== '' && !this.#trusts(peer)) return subscriberOf(peer)
    for (const hop of hopsOf(headers).toReversed()) {
      const address = addressIn(hop)
      // An unnamed hop ends the search: earlier entries cannot be trusted.
      if (address === '') return ''
      if (!this.#trusts(address)) return subscriberOf(address)
    }
    return ''
  }
}
