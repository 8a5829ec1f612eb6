import type { Ticket } from 'rtms/client'
import type { Access } from './answers.ts'

const KEY = 'rtms.admin.key'
const TIMEOUT_MS = 10_000

/** Why a call was not answered. `AWAY`: nothing answers there; `OFF`: what answers is no HTTP API. */
export class CallError extends Error {
  readonly code: string

  constructor(code: string, message = '') {
    super(message)
    this.code = code
  }
}

/** Asks the node that this page is from. Every method rejects with a {@link CallError}. */
export class NodeApi {
  access: Access = { node: '', path: '/rtms', hasKeys: false, needsKey: null }
  /** Of this window only, and never in an address. */
  #key = sessionStorage.getItem(KEY) ?? ''

  get hasKey(): boolean {
    return this.#key !== ''
  }

  /** Whether it is worth asking. */
  get isOpen(): boolean {
    return this.access.needsKey === null || this.hasKey
  }

  setKey(key: string): void {
    this.#key = key
    if (key === '') sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, key)
  }

  /** Where the node is, and whether it wants a key. */
  async find(): Promise<void> {
    const response = await this.#fetch('/admin/access.json', { headers: { 'x-rtms-admin': '1' } })
    if (!response.ok) throw new CallError('OFF')
    this.access = (await this.#json(response)) as Access
  }

  get<T>(path: string): Promise<T> {
    return this.#call('GET', path)
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#call('POST', path, body)
  }

  delete<T>(path: string): Promise<T> {
    return this.#call('DELETE', path)
  }

  /** To connect as the dashboard's own user; by the address that this page is reached by, be it a tunnel's. */
  async ticket(user: string, rights: object): Promise<Ticket> {
    const ticket = await this.post<Ticket>('/tickets', { user, host: location.host, ...rights })
    const url = new URL(
      `${location.protocol.replace('http', 'ws')}//${location.host}${this.access.path || '/'}`,
    )
    url.search = new URL(ticket.url).search
    return { ...ticket, url: url.href }
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { 'x-rtms-admin': '1' }
    if (this.hasKey) headers['authorization'] = `Bearer ${this.#key}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    // Behind a balancer, what is asked next is to reach the same node.
    const route = `${path.includes('?') ? '&' : '?'}route=${encodeURIComponent(this.access.node)}`
    const response = await this.#fetch(`${this.access.path}/v1${path}${route}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = (await this.#json(response)) as { error?: { code: string; message: string } }
    if (response.ok) return answer as T
    if (answer.error === undefined) throw new CallError(response.status >= 500 ? 'AWAY' : 'OFF')
    throw new CallError(answer.error.code, answer.error.message)
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      return await fetch(path, { ...init, cache: 'no-store', signal })
    } catch {
      throw new CallError('AWAY')
    }
  }

  async #json(response: Response): Promise<unknown> {
    try {
      return await response.json()
    } catch {
      // A proxy whose node is away answers with a page of its own.
      if (response.status < 500) return {}
      throw new CallError('AWAY')
    }
  }
}

/** A name in a path. */
export function inPath(name: string): string {
  if (!/^(?:\.|%(?:25)*2e){1,2}$/i.test(name)) return encodeURIComponent(name)
  // A browser would take it for a step in the path, so it is encoded once more.
  return encodeURIComponent(name.replaceAll('%', '%25').replaceAll('.', '%2E'))
}
