import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import { subscriberOf } from '../../core/index.ts'
import { normalAddress, rangeOf } from '../ground/address-range.ts'
import { serverLimits } from '../ground/limits.ts'

const LOOPBACK = ['127.0.0.0/8', '::1']

/** The address of a hop, which may have a port and brackets; '' where it names none. */
function addressIn(hop: string): string {
  const text = hop.trim()
  const [, bracketed] = /^\[([^\]]*)\](?::\w+)?$/.exec(text) ?? []
  const [, plain = text] = /^([^:]*):\w+$/.exec(text) ?? []
  return normalAddress(bracketed ?? plain)
}

/**
 * The parts of a text between separators outside quoted strings, the last part first: what the nearest proxy wrote is
 * well formed, and stands behind whatever a client wrote. Most callers need no more than the first few.
 */
function* unquotedParts(text: string, separator: string): Generator<string> {
  let isQuoted = false
  let end = text.length
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === '"' && !isEscaped(text, at)) isQuoted = !isQuoted
    if (isQuoted || text[at] !== separator) continue
    yield text.slice(at + 1, end)
    end = at
  }
  yield text.slice(0, end)
}

function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text[first - 1] === '\\') first--
  return (at - first) % 2 === 1
}

/** The client that an element of a Forwarded header (RFC 7239) names; '' where it names none. */
function clientIn(element: string): string {
  let client = ''
  for (const parameter of unquotedParts(element, ';')) {
    // Trimmed beforehand: white space that several parts of the expression match would take quadratic time.
    const [, quoted, token] = /^for=(?:"((?:[^"\\]|\\.)*)"|([^"]*))$/i.exec(parameter.trim()) ?? []
    client = quoted?.replaceAll(/\\(.)/g, '$1') ?? token ?? client
  }
  return client
}

function* clientsIn(forwarded: string): Generator<string> {
  for (const element of unquotedParts(forwarded, ',')) yield clientIn(element)
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

  /** The address that a socket is counted by; '' for a trusted proxy, and for a peer on this machine without one. */
  addressOf({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
    const peer = normalAddress(remoteAddress)
    return peer === '' || this.#trusts(peer) ? '' : subscriberOf(peer)
  }

  /**
   * The address that a request's connection is counted by: its peer or, where that is trusted, the nearest hop that is
   * not. '' where all are trusted: the connection is not counted. Proxies write one of two headers and pass the other
   * on as the client sent it; where both are there and differ, one of them is a lie, and all who lie count as one.
   */
  subscriberOf({ socket, headers }: IncomingMessage): string {
    const peer = this.addressOf(socket)
    if (peer !== '') return peer
    const { forwarded, 'x-forwarded-for': passed } = headers
    const named = [
      ...(passed === undefined ? [] : [String(passed).split(',').toReversed()]),
      ...(forwarded === undefined ? [] : [clientsIn(forwarded)]),
    ].map((hops) => this.#nearest(hops))
    const [first = '', second = first] = named
    return first === second ? first : subscriberOf(normalAddress(socket.remoteAddress ?? '') || '::1')
  }

  /** The first hop that is no trusted proxy, of hops of which the nearest comes first. */
  #nearest(hops: Iterable<string>): string {
    let left: number = serverLimits.hops
    for (const hop of hops) {
      const address = addressIn(hop)
      // An unnamed hop ends the search: earlier entries cannot be trusted.
      if (address === '' || left-- === 0) return ''
      if (!this.#trusts(address)) return subscriberOf(address)
    }
    return ''
  }
}
