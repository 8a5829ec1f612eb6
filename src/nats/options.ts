import type { TlsOptions } from '@nats-io/transport-node'
import { type Names, notAnOption } from '../spelling/meant.ts'

/** What {@link nats} takes. */
export interface NatsOptions {
  /** URLs of NATS servers, `nats://host:port` or `tls://host:port`; the node connects to one of them. */
  readonly servers: string | readonly string[]
  /**
   * The cluster's secret, at least 32 bytes, the same on all its nodes: messages are authenticated with it, so that
   * whoever else can reach NATS cannot speak for a node. Not the secret that signs tickets.
   */
  readonly secret: string
  /** Name of the cluster, where one NATS carries several: 1–64 of A–Z a–z 0–9 _ -. Begins every subject. Default 'rtms'. */
  readonly cluster?: string | undefined
  /** TLS to the server, and a certificate of this node's own where the server wants one. Default: as the server asks. */
  readonly tls?: TlsOptions | undefined
  readonly user?: string | undefined
  readonly pass?: string | undefined
  readonly token?: string | undefined
  /** The content of a `.creds` file. */
  readonly credentials?: string | Uint8Array | undefined
  /** The seed of an NKey. */
  readonly nkey?: string | undefined
}

const SECRET_BYTES = 32
const names: Names<NatsOptions> = {
  servers: true,
  secret: true,
  cluster: true,
  tls: true,
  user: true,
  pass: true,
  token: true,
  credentials: true,
  nkey: true,
}
const known = Object.keys(names)
const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

/** Options as given by code without types; each check has the sentence for when it fails. */
function faultsOf(options: Partial<Record<keyof NatsOptions, unknown>>): string[] {
  const faults = Object.keys(options)
    .filter((name) => !known.includes(name))
    .map((name) => `${name}: ${notAnOption(name, known)}`)
  const expect = (name: keyof NatsOptions, holds: (value: unknown) => boolean, expected: string): void => {
    if (!holds(options[name])) faults.push(`${name}: expected ${expected}`)
  }
  const optional = (name: keyof NatsOptions, holds: (value: unknown) => boolean, expected: string): void =>
    expect(name, (value) => value === undefined || holds(value), expected)
  expect(
    'servers',
    (value) => (Array.isArray(value) ? value.length > 0 && value.every(isServer) : isServer(value)),
    "a URL such as 'nats://10.0.0.1:4222', or several; put user and password into options of their own",
  )
  expect(
    'secret',
    (value) => typeof value === 'string' && Buffer.byteLength(value) >= SECRET_BYTES,
    `a string of at least ${SECRET_BYTES} bytes, the same on all nodes; make one with \`openssl rand -hex 32\``,
  )
  optional(
    'cluster',
    (value) => typeof value === 'string' && /^[\w-]{1,64}$/.test(value),
    "1 to 64 letters, digits, _ or -; leave it out for 'rtms'",
  )
  optional(
    'tls',
    (value) => typeof value === 'object' && value !== null,
    'an object with any of caFile, certFile, keyFile, ca, cert, key',
  )
  for (const name of ['user', 'pass', 'token', 'nkey'] as const)
    optional(name, isText, 'a string that is not empty; leave it out where the server wants none')
  optional(
    'credentials',
    (value) => isText(value) || value instanceof Uint8Array,
    'the content of a .creds file, as `readFile` returns it',
  )
  return faults
}

function isServer(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, hostname, username, password } = new URL(value)
  return /^(?:nats|tls):$/.test(protocol) && hostname !== '' && username === '' && password === ''
}

/** Throws an Error that lists every invalid option. */
export function checkOptions(options: NatsOptions): void {
  const given: unknown = options
  const faults =
    typeof given === 'object' && given !== null ? faultsOf(given) : ['options: expected { servers, secret }']
  if (faults.length > 0)
    throw new Error(`The NATS bus cannot start:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
}
