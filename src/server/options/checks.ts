import { KeyObject } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'

/** A URL with `.` or `..` in its path leads elsewhere, so nobody could connect. */
export function isPath(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\/[\w\-./~]*$/.test(value)) return false
  return new URL(`ws://x${value}`).pathname === value
}

const THIS_MACHINE = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** Keys must come over TLS or from this machine; otherwise they could be anybody's. */
export function isJwksUrl(value: unknown): boolean {
  const text = value instanceof URL ? value.href : value
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && THIS_MACHINE.test(hostname))
}

/** What stands for all names below a host, in front of it. */
const BELOW = '*.'
const NAMES = /^[\w.-]+$/
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^/\s?#@*]+$/
/** What browsers send for pages that have no origin: files, and frames in a sandbox. */
const NO_ORIGINS = new Set<unknown>(['null', 'file://'])

/**
 * An origin as a browser writes it, or one with `*.` in front of its host. For schemes other than the web's, only the
 * form can be checked.
 */
export function isOrigin(value: unknown): boolean {
  if (NO_ORIGINS.has(value)) return true
  if (typeof value !== 'string' || !ORIGIN.test(value)) return false
  const origin = value.replace(BELOW, '')
  return !/^https?:/.test(value) || (URL.canParse(origin) && new URL(origin).origin === origin)
}

/** Whether an origin is an allowed one; `https://*.example.com` allows those of all names below `example.com`. */
export function isAllowed(origin: string, allowed: string): boolean {
  const [scheme = '', host] = allowed.split(BELOW)
  if (host === undefined) return origin === allowed
  const below = `.${host}`
  return (
    origin.startsWith(scheme) &&
    origin.endsWith(below) &&
    NAMES.test(origin.slice(scheme.length, -below.length))
  )
}

/** What is wrong with an origin that is none, and what to write, where that can be told; else ''. */
export function whyNoOrigin(value: unknown): string {
  if (typeof value !== 'string') return ''
  const isBelow = value.includes(`//${BELOW}`)
  const text = isBelow ? value.replace(BELOW, '') : value
  if (!/^https?:\/\//i.test(text))
    return URL.canParse(`https://${value}`) && !value.includes('//')
      ? `, without a scheme: write "https://${value}"`
      : ''
  if (!URL.canParse(text)) return ''
  const { origin, username, pathname, search, hash } = new URL(text)
  const write = isBelow ? origin.replace('//', `//${BELOW}`) : origin
  // Only what is right then is recommended.
  if (!isOrigin(write)) return ''
  const isMore = username !== '' || search !== '' || hash !== '' || pathname !== '/' || text.endsWith('/')
  return isMore
    ? `, and an origin ends behind the host and its port: write ${JSON.stringify(write)}`
    : `, which browsers write ${JSON.stringify(write)}`
}

export function isLogger(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return ['debug', 'info', 'warn', 'error'].every((level) => typeof Reflect.get(value, level) === 'function')
}

/** Node takes what is missing or empty for no certificate, and then no client can connect. */
function isThere(part: unknown): boolean {
  return Array.isArray(part) ? part.some(isThere) : Boolean(part)
}

export function isTls(value: unknown): value is SecureContextOptions {
  if (typeof value !== 'object' || value === null) return false
  const { pfx, key, cert } = value as SecureContextOptions
  return isThere(pfx) || (isThere(key) && isThere(cert))
}

/** Why a server cannot speak TLS with these, or null where it can. */
export function tlsFault(tls: SecureContextOptions): string | null {
  try {
    createSecureContext(tls)
    return null
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it was refused'
    return `tls: its key and certificate cannot be used (${why}); expected a pair that belongs together, in PEM; check both, and the passphrase`
  }
}

/** Requires a key with a public half: a shared secret would be accepted as the public key of an attacker's token. */
export function isKey(value: unknown): boolean {
  if (value instanceof KeyObject) return value.type !== 'secret'
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof globalThis.CryptoKey) return value.type !== 'secret'
  const kty: unknown = Reflect.get(value, 'kty')
  return typeof kty === 'string' && kty !== 'oct'
}

export function isKeys(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 && value.every(isKey) : isKey(value)
}
