import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP, SocketAddress } from 'node:net'
import { subscriberOf } from '../../core/index.ts'
import { rangeOf } from '../ground/address-range.ts'

const LOOPBACK = ['127.0.0.0/8', '::1']

/** An address as the system writes it; '' for what is none. */
function normal(text: string): string {
  const [address = ''] = text.split('%')
  const version = isIP(address)
  if (version !== 6) return version === 0 ? '' : address
  const { address: written } = new SocketAddress({ address, family: 'ipv6' })
  return written.startsWith('::ffff:') && written.includes('.') ? written.slice('::ffff:'.length) : written
}

/** The address of a hop, which may come with a port, in brackets and in quotes; '' where it names none. */
function addressIn(hop: string): string {
  const text = hop.trim().replaceAll('"', '')
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? []
  const [, plain = text] = /^([^:]*):\d+$/.exec(text) ?? []
  return normal(bracketed ?? plain)
}

/** For whom each proxy passed the request on, the nearest last. */
function hopsOf(headers: IncomingHttpHeaders): string[] {
  const passed = headers['x-forwarded-for']
  if (passed !== undefined) return String(passed).split(',')
  const { forwarded } = headers
  return forwarded === undefined
    ? []
    : forwarded.split(',').map((element) => /(?:^|;)\s*for=([^;]*)/i.exec(element)?.[1] ?? '')
}

/** Which peers pass on what others ask, and so whose a connection is. */
export class Proxies {
  readonly #trusted: BlockList = new BlockList()

  /** Of addresses, ranges (CIDR) and 'loopback'. */
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
   * What the connection of a request is counted by: its peer, or where that is trusted the last one, seen from here,
   * that is not. '' where all are trusted, so that it is not counted.
   */
  subscriberOf({ socket, headers }: IncomingMessage): string {
    // A peer without an address is of this machine: the server listens on a socket in the file system.
    const peer = normal(socket.remoteAddress ?? '')
    if (peer !== '' && !this.#trusts(peer)) return subscriberOf(peer)
    for (const hop of hopsOf(headers).toReversed()) {
      const address = addressIn(hop)
      // Who is not named here cannot be named truly by what stands before.
      if (address === '') return ''
      if (!this.#trusts(address)) return subscriberOf(address)
    }
    return ''
  }
}
