import { isIP } from 'node:net'

/** Parses an entry of a list of proxies; null where it is neither an address nor a range of addresses. */
export function rangeOf(entry: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | null {
  const [address = '', bits, ...more] = entry.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return null
  const most = version === 4 ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity
  return prefix > most ? null : { address, prefix, family: `ipv${version as 4 | 6}` }
}

/** Whether it is a valid entry of the option `trustedProxies`. */
export function isProxy(value: unknown): boolean {
  return typeof value === 'string' && (value === 'loopback' || rangeOf(value) !== null)
}
