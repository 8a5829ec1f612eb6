import { get as getPlain, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import type { Watch, WatchedNode } from '../../core/index.ts'
import { withDeadline } from '../ground/deadline.ts'
import { serverLimits } from '../ground/limits.ts'

/**
 * Who is found at the address of a node: the node itself, another one (it was started anew, under another incarnation),
 * nobody though the host answers, or it cannot be told.
 */
type Found = 'itself' | 'another' | 'nobody' | 'unknown'

interface Known {
  health: string
  /** Whether the node itself was found there: only then does it mean something that it is not any more. */
  isProven: boolean
  isAsking: boolean
  /** It is being looked for until it was found once. */
  isSought: boolean
}

/**
 * Looks for proof that other nodes have ended, at the address that each tells: it listens there as long as it lives, so
 * one whose host refuses the connection, or where another node answers, has ended. A node that cannot be reached is no
 * proof of anything. Nor is an address at which it was never found: it may lead somewhere else from here.
 */
export class NodeWatch implements Watch {
  readonly #gone: (node: number) => void
  readonly #isThere: (node: number) => boolean
  readonly #expelled: () => void
  readonly #nodes: Map<number, Known> = new Map()
  /** The questions that have no answer yet. */
  readonly #asked: Set<AbortController> = new Set()
  /** The other nodes count this one as ended. */
  isExpelled = false

  /**
   * `gone`: called with each node that is proven to have ended. `isThere`: whether the cluster still counts with it.
   * `expelled`: called once, where the others do not count with this node any more.
   */
  constructor(
    gone: (node: number) => void,
    isThere: (node: number) => boolean,
    expelled: () => void = () => {},
  ) {
    this.#gone = gone
    this.#isThere = isThere
    this.#expelled = expelled
  }

  expelled(): void {
    if (!this.isExpelled) this.#expelled()
    this.isExpelled = true
  }

  met({ node, health }: WatchedNode): void {
    for (const other of this.#nodes.keys()) if (!this.#isThere(other)) this.#nodes.delete(other)
    if (!URL.canParse(health)) {
      this.#nodes.delete(node)
      return
    }
    const known = this.#nodes.get(node) ?? { health, isProven: false, isAsking: false, isSought: false }
    this.#nodes.set(node, Object.assign(known, { health, isProven: false }))
    // One that tells another address again and again is not asked more often.
    if (!known.isSought) void this.#find(node, known)
  }

  /** Looks for it until it was found there once; after that, only when it is silent. */
  async #find(node: number, known: Known): Promise<void> {
    known.isSought = true
    let { health } = known
    for (let pause = serverLimits.probeMs, tries = 0; tries < serverLimits.probeTries; tries++, pause *= 2) {
      if (health !== known.health) [health, tries, pause] = [known.health, 0, serverLimits.probeMs]
      // eslint-disable-next-line no-await-in-loop
      await this.#look(node, known)
      if (known.isProven || this.#nodes.get(node) !== known) break
      // eslint-disable-next-line no-await-in-loop
      await setTimeout(pause, undefined, { ref: false })
    }
    known.isSought = false
  }

  probe({ node }: WatchedNode): void {
    const known = this.#nodes.get(node)
    if (known !== undefined) void this.#look(node, known)
  }

  close(): void {
    for (const question of this.#asked) question.abort()
    this.#nodes.clear()
  }

  async #look(node: number, known: Known): Promise<void> {
    if (known.isAsking) return
    known.isAsking = true
    const { health } = known
    const question = new AbortController()
    this.#asked.add(question)
    const found = await ask(health, node, question.signal)
    this.#asked.delete(question)
    known.isAsking = false
    if (this.#nodes.get(node) !== known || known.health !== health) return
    if (found === 'itself') known.isProven = true
    else if (known.isProven && found !== 'unknown') {
      this.#nodes.delete(node)
      this.#gone(node)
    }
  }
}

async function ask(health: string, node: number, closing: AbortSignal): Promise<Found> {
  try {
    const text = await withDeadline(serverLimits.probeMs, closing, (signal) => read(health, signal))
    const body: unknown = JSON.parse(text)
    const incarnation: unknown = Reflect.get(Object(body) as object, 'incarnation')
    if (typeof incarnation !== 'number') return 'unknown'
    return incarnation === node ? 'itself' : 'another'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'nobody' : 'unknown'
  }
}

function read(health: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const take = async (response: IncomingMessage): Promise<void> => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) {
        text += String(chunk)
        if (text.length > serverLimits.probeBytes) throw new Error('too long for the health of a node')
      }
      resolve(text)
    }
    // Nothing secret is told or believed, and the certificate is made for the name by which clients come.
    const options = { signal, agent: false, rejectUnauthorized: false } as const
    const get = health.startsWith('https:') ? getSecure : getPlain
    get(health, options, (response) => void take(response).catch(reject)).on('error', reject)
  })
}
