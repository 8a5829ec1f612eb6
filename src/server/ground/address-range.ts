import { isIP, SocketAddress } from 'node:net'

const MAPPED = '::ffff:'
const MAPPED_BITS = 96

/**
 * An address in the system's notation, an IPv4 address within IPv6 as what it is; '' for any other text. The answer is
 * a text of its own: a part of a header would hold all of it in memory.
 */
export function normalAddress(text: string): string {
  const [address = ''] = text.split('%')
  const version = isIP(address)
  if (version === 0) return ''
  const { address: written } = new SocketAddress({ address, family: `ipv${version as 4 | 6}` })
  return written.startsWith(MAPPED) && written.includes('.') ? written.slice(MAPPED.length) : written
}

/** Parses an entry of a list of proxies; null where it is neither an address nor a range of addresses. */
export function rangeOf(entry: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | null {
  const [address = '', bits, ...more] = entry.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return null
  const most = version === 4 ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity
  if (prefix > most) return null
  const normal = normalAddress(address)
  // Peers are looked for as what they are.
  if (version === 6 && isIP(normal) === 4 && prefix >= MAPPED_BITS)
    return { address: normal, prefix: prefix - MAPPED_BITS, family: 'ipv4' }
  return { address, prefix, family: `ipv${version as 4 | 6}` }
}

/** Whether it is a valid entry of the option `trustedProxies`. */
export function isProxy(value: unknown): boolean {
  return typeof value === 'string' && (value === 'loopback' || rangeOf(value) !== null)
}
