import type { Ticket, TicketRequest } from '../server/index.ts'
import { CommandError, UsageError } from './usage.ts'

const DEFAULT_URL = 'http://127.0.0.1:7788/rtms'
const SECRET_BYTES = 32
const TIMEOUT_MS = 15_000

/** The options by which every command reaches a node. */
export const nodeOptions = { url: { type: 'string' }, key: { type: 'string' } } as const

export const nodeHelp: string = `  --url <address>    Where the node is (default: RTMS_URL in the environment, else ${DEFAULT_URL})
  --key <text>       A key of its HTTP API (default: RTMS_KEY in the environment, which other users of this machine
                     cannot see in the list of processes)
`

/** The options for signing tickets without a node. */
export const secretOptions = {
  secret: { type: 'string' },
  issuer: { type: 'string' },
  audience: { type: 'string' },
} as const

export const secretHelp: string = `  --secret <text>    Sign the ticket here instead of asking the node for it (default: RTMS_SECRET in the environment)
  --issuer <name>    With --secret: what the node's option \`issuer\` says (default: rtms)
  --audience <name>  With --secret: what the node's option \`audience\` says (default: none)
`

/**
 * The URL of the node with its path: from `--url` (or the option named `called`), from RTMS_URL, or on this machine.
 */
export function nodeUrl(option: string | undefined, called = '--url'): URL {
  const given = option ?? (process.env['RTMS_URL'] || DEFAULT_URL)
  const from = option === undefined ? 'RTMS_URL' : called
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || !/^(?:http|ws)s?:$/.test(url.protocol))
    throw new UsageError(
      `${from} is ${JSON.stringify(given)}, but an address such as ${DEFAULT_URL} was expected`,
    )
  url.protocol = url.protocol.replace('ws', 'http')
  // `/v1` is where the HTTP API is, which `rtms serve` prints as well.
  url.pathname = url.pathname === '/' ? '/rtms' : url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')
  url.search = url.hash = ''
  return url
}

/** Calls the HTTP API of a node. */
export class NodeApi {
  readonly url: URL
  readonly #key: string

  constructor(url: URL, key: string) {
    this.url = url
    this.#key = key
  }

  /** Makes it from a command's options and the environment. */
  static from(values: { url?: string | undefined; key?: string | undefined }): NodeApi {
    const key = values.key ?? process.env['RTMS_KEY'] ?? ''
    if (key === '')
      throw new UsageError(
        'a key of the HTTP API is missing: give --key, or RTMS_KEY in the environment. It is one that the node was ' +
          'started with (rtms serve --api-key), or that rtms serve --dev has printed',
      )
    return new NodeApi(nodeUrl(values.url), key)
  }

  /** Rejects with a CommandError that says what to do. */
  async call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body)
    const text = await response.text()
    const parsed = parse(text)
    // All answers of the API are objects: whatever else listens there may answer any JSON.
    const isAnswer = parsed instanceof Object && !Array.isArray(parsed)
    const answer = isAnswer ? (parsed as { error?: { code?: string; message?: string } }) : undefined
    if (response.ok && answer !== undefined) return answer as T
    throw this.#refusal(response.status, answer?.error)
  }

  async #fetch(method: string, path: string, body: unknown): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    try {
      return await fetch(`${this.url.href}/v1${path}`, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
    } catch (error) {
      throw new CommandError(
        `nothing answers at ${this.url.href}: ${reasonOf(error)}. Is the node running, and is the address right? ` +
          `Try: rtms doctor ${this.url.href}`,
      )
    }
  }

  #refusal(status: number, error: { code?: string; message?: string } | undefined): CommandError {
    const { code = '', message = '' } = typeof error === 'object' ? error : {}
    if (status === 401) {
      const hint =
        this.#key.length < 32 ? ': it has 32 characters at least; that of a publication is --topic-key' : ''
      return new CommandError(
        `the key is not one of the node’s. Check --key or RTMS_KEY${hint}`,
        'UNAUTHENTICATED',
      )
    }
    if (code !== '') return new CommandError(`${message} (${code})`, code)
    return new CommandError(
      `${this.url.href} answered ${status} and is no HTTP API of RTMS. Check the path of the address, and that the node has ` +
        'keys (rtms serve --api-key)',
    )
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Why `fetch` failed, in short. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, message } = (error.cause ?? {}) as { code?: string; message?: string }
  return code ?? message ?? error.message
}

/**
 * Makes a ticket: signed here where there is a secret, else by the node. An option takes precedence over the
 * environment.
 */
export type IssueTicket = (request: TicketRequest) => Promise<Ticket>

export async function ticketIssuer(values: {
  readonly url?: string | undefined
  readonly key?: string | undefined
  readonly secret?: string | undefined
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
}): Promise<IssueTicket> {
  const secret = values.secret ?? (values.key === undefined ? (process.env['RTMS_SECRET'] ?? '') : '')
  if (secret !== '') return signer(secret, values, nodeUrl(values.url))
  if ((values.key ?? process.env['RTMS_KEY'] ?? '') === '')
    throw new UsageError(
      'a way to make tickets is missing: give --key (RTMS_KEY) to ask the node, or --secret (RTMS_SECRET) to sign here',
    )
  const api = NodeApi.from(values)
  return (request) => api.call<Ticket>('POST', '/tickets', { host: api.url.host, ...request })
}

async function signer(
  secret: string,
  {
    issuer = 'rtms',
    audience,
  }: { readonly issuer?: string | undefined; readonly audience?: string | undefined },
  url: URL,
): Promise<IssueTicket> {
  if (Buffer.byteLength(secret) < SECRET_BYTES)
    throw new UsageError(`the secret must have at least ${SECRET_BYTES} bytes, as the node's has`)
  const host = {
    url: (): string => url.href.replace('http', 'ws'),
    edges: (): string[] => [],
    revokedUntil: (): number => 0,
    revoke: (): Promise<number> => Promise.reject(new Error('nothing is revoked here')),
  }
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  // Loaded here: the commands that sign nothing are over sooner without it.
  const [{ defaultLimits }, { Tickets }] = await Promise.all([
    import('../server/ground/limits.ts'),
    import('../server/tickets/tickets.ts'),
  ])
  const tickets = await Tickets.create(
    { secret, keys: undefined, issuer, audience, limits: defaultLimits },
    host,
    silent,
  )
  return (request) => tickets.issue(request)
}

/** The address in a ticket as this machine reaches the node: by the URL that was given, with the ticket's route. */
export function reachable(ticketUrl: string, url: URL): string {
  const at = new URL(url)
  at.protocol = url.protocol.replace('http', 'ws')
  at.search = new URL(ticketUrl).search
  return at.href
}
