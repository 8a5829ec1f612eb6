import {
  Agent as PlainAgent,
  type ClientRequest,
  type IncomingMessage,
  request as requestPlain,
} from 'node:http'
import { Agent as SecureAgent, request as requestSecure } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import type { Watch, WatchedNode } from '../../core/index.ts'
import { withDeadline } from '../ground/deadline.ts'
import { serverLimits } from '../ground/limits.ts'

/**
 * Who is found at the address of a node: the node itself, another one (it was started anew, under another incarnation),
 * nobody though the host answers, or it cannot be told.
 */
type Found = 'itself' | 'another' | 'nobody' | 'unknown'

/** The connection that has brought an answer, and stays open. */
interface Line {
  /** When it breaks off: the process at its other end may have ended. */
  readonly broken: Promise<void>
  close(): void
}

interface Answer {
  readonly found: Found
  /** Null where the other side did not keep the connection open. */
  readonly line: Line | null
}

interface Known {
  health: string
  /** Whether the node itself was found there: only then does it mean something that it is not any more. */
  isProven: boolean
  isAsking: boolean
  /** It is looked for until it is found, and again when the connection to it breaks off. */
  isFollowed: boolean
  line: Line | null
}

/**
 * Looks for proof that other nodes have ended, at the address that each tells: it listens there as long as it lives, so
 * one whose host refuses the connection, or where another node answers, has ended. A node that cannot be reached is no
 * proof of anything. Nor is an address at which it was never found: it may lead somewhere else from here.
 *
 * The connection of an answer is kept open, as a keep-alive connection of HTTP. When a process ends, however it does,
 * its host closes the connection within a millisecond, and the node is asked for at once. Nobody has found it silent by
 * then, as is the case otherwise, so that it has to leave a question on the bus unanswered as well: a server may be
 * closed, and its node live.
 */
export class NodeWatch implements Watch {
  readonly #gone: (node: number) => void
  readonly #isThere: (node: number) => boolean
  readonly #expelled: () => void
  readonly #answers: (node: number) => Promise<boolean>
  readonly #nodes: Map<number, Known> = new Map()
  /** The questions that have no answer yet. */
  readonly #asked: Set<AbortController> = new Set()
  /** The other nodes count this one as ended. */
  isExpelled = false

  /**
   * `gone`: called with each node that is proven to have ended. `isThere`: whether the cluster still counts with it.
   * `expelled`: called once, where the others do not count with this node any more. `answers`: whether a node answers
   * on the bus at once, or it cannot be told.
   */
  constructor(
    gone: (node: number) => void,
    isThere: (node: number) => boolean,
    expelled: () => void = () => {},
    answers: (node: number) => Promise<boolean> = () => Promise.resolve(false),
  ) {
    this.#gone = gone
    this.#isThere = isThere
    this.#expelled = expelled
    this.#answers = answers
  }

  expelled(): void {
    if (!this.isExpelled) this.#expelled()
    this.isExpelled = true
  }

  /** Number of nodes to which a connection is kept open. */
  get lines(): number {
    let lines = 0
    for (const { line } of this.#nodes.values()) if (line !== null) lines++
    return lines
  }

  met({ node, health }: WatchedNode): void {
    for (const other of this.#nodes.keys()) if (!this.#isThere(other)) this.#forget(other)
    if (!URL.canParse(health)) {
      this.#forget(node)
      return
    }
    const known = this.#nodes.get(node) ?? {
      health,
      isProven: false,
      isAsking: false,
      isFollowed: false,
      line: null,
    }
    this.#nodes.set(node, Object.assign(known, { health, isProven: false }))
    known.line?.close()
    // One that tells another address again and again is not asked more often.
    if (!known.isFollowed) void this.#follow(node, known)
  }

  /**
   * Looks for a node until it was found once, and again whenever the connection to it breaks off. Where that is soon,
   * or there is none, it pauses, and leaves it in the end at looking when the node is silent.
   */
  async #follow(node: number, known: Known): Promise<void> {
    const { probeMs, probeTries, probeAgainMs } = serverLimits
    known.isFollowed = true
    let { health } = known
    for (let tries = 0; tries < probeTries && this.#nodes.get(node) === known;) {
      if (health !== known.health) [health, tries] = [known.health, 0]
      // eslint-disable-next-line no-await-in-loop
      if (known.line === null) await this.#look(node, known, known.isProven)
      if (known.line === null && known.isProven && this.lines >= serverLimits.lines) break
      const since = performance.now()
      // eslint-disable-next-line no-await-in-loop
      await known.line?.broken
      known.line = null
      if (performance.now() - since >= probeMs) tries = 0
      // eslint-disable-next-line no-await-in-loop
      else
        await setTimeout((known.isProven ? probeAgainMs : probeMs) * 2 ** tries++, undefined, { ref: false })
    }
    known.isFollowed = false
    // A question has found it during the last pause.
    if (known.line !== null && this.#nodes.get(node) === known) void this.#follow(node, known)
  }

  probe({ node }: WatchedNode): void {
    const known = this.#nodes.get(node)
    if (known !== undefined) void this.#look(node, known)
  }

  close(): void {
    for (const question of this.#asked) question.abort()
    for (const node of this.#nodes.keys()) this.#forget(node)
  }

  #forget(node: number): void {
    this.#nodes.get(node)?.line?.close()
    this.#nodes.delete(node)
  }

  /** `suddenly`: it was not found to be silent. */
  async #look(node: number, known: Known, suddenly = false): Promise<void> {
    if (known.isAsking) return
    known.isAsking = true
    const { health } = known
    const question = new AbortController()
    this.#asked.add(question)
    const { found, line } = await ask(health, node, question.signal)
    this.#asked.delete(question)
    known.isAsking = false
    const isAbout = this.#nodes.get(node) === known && known.health === health
    if (!isAbout || found !== 'itself' || known.line !== null || this.lines >= serverLimits.lines)
      line?.close()
    else known.line = line
    if (!isAbout) return
    if (found === 'itself') {
      known.isProven = true
      if (known.line !== null && !known.isFollowed) void this.#follow(node, known)
    } else if (known.isProven && found !== 'unknown') {
      const lives = suddenly && (await this.#answers(node))
      if (lives || this.#nodes.get(node) !== known) return
      this.#forget(node)
      this.#gone(node)
    }
  }
}

async function ask(health: string, node: number, closing: AbortSignal): Promise<Answer> {
  const isSecure = health.startsWith('https:')
  // One for each connection: it is not used again.
  const agent = isSecure ? new SecureAgent({ keepAlive: true }) : new PlainAgent({ keepAlive: true })
  let line: Line | null = null
  const found = (is: Found): Answer => {
    if (is !== 'itself') agent.destroy()
    return { found: is, line: is === 'itself' ? line : null }
  }
  try {
    const text = await withDeadline(serverLimits.probeMs, closing, (signal) => {
      // Nothing secret is told or believed, and the certificate is made for the name by which clients come.
      const options = { signal, agent, rejectUnauthorized: false } as const
      const request = isSecure ? requestSecure(health, options) : requestPlain(health, options)
      request.once('socket', (socket) => {
        const broken = new Promise<void>((resolve) => socket.once('close', () => resolve()))
        line = { broken, close: () => agent.destroy() }
      })
      return read(request)
    })
    const body: unknown = JSON.parse(text)
    const incarnation: unknown = Reflect.get(Object(body) as object, 'incarnation')
    if (typeof incarnation !== 'number') return found('unknown')
    return found(incarnation === node ? 'itself' : 'another')
  } catch (error) {
    return found((error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'nobody' : 'unknown')
  }
}

function read(request: ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const take = async (response: IncomingMessage): Promise<void> => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) {
        text += String(chunk)
        if (text.length > serverLimits.probeBytes) throw new Error('too long for the health of a node')
      }
      resolve(text)
    }
    request.once('response', (response) => void take(response).catch(reject))
    request.on('error', reject)
    request.end()
  })
}
