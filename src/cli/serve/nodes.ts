import { type MessagePort, Worker } from 'node:worker_threads'
import { ThreadsHub } from '../../bus/threads.ts'
import type { Address, Logger } from '../../server/index.ts'
import type { LogStyle } from '../logger.ts'
import { CommandError, UsageError } from '../usage.ts'
import type { ClusterOptions } from './cluster.ts'
import type { NodeSettings } from './node.ts'
import type { NodeReport, NodeTask } from './worker.ts'

/** The wait before a node that has ended by itself is started anew; twice as long each time, until one lasts. */
const RESTART_MS = 1_000
const LONGEST_RESTART_MS = 30_000
/** A node that ran for so long has lasted. */
const LASTING_MS = 60_000

/** The settings of one node of several. */
export type NamedSettings = NodeSettings & { readonly nodeId: string }

/** What the nodes of one process have in common. */
interface Shared {
  readonly cluster: ClusterOptions
  readonly style: LogStyle
  readonly logger: Logger
}

/** Several nodes in one process, each in a thread of its own: a cluster that needs no other server. */
export class Nodes {
  readonly addresses: readonly (readonly [name: string, address: Address])[]
  readonly #keepers: readonly Keeper[]

  private constructor(keepers: readonly Keeper[], addresses: readonly Address[]) {
    this.#keepers = keepers
    this.addresses = addresses.map((address, at) => [keepers[at]?.name ?? '', address])
  }

  /** Starts a node for each of the settings. Rejects where one of them cannot start, and ends the others. */
  static async start(all: readonly NamedSettings[], shared: Shared): Promise<Nodes> {
    const hub = new ThreadsHub()
    const keepers = all.map((settings) => new Keeper(settings, shared, () => hub.seat()))
    try {
      return new Nodes(keepers, await Promise.all(keepers.map((keeper) => keeper.start())))
    } catch (error) {
      await Promise.all(keepers.map((keeper) => keeper.close()))
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#keepers.map((keeper) => keeper.close()))
  }
}

/** Keeps one node running: a thread that ends by itself is told of, and replaced by a new one. */
class Keeper {
  readonly name: string
  readonly #shared: Shared
  readonly #seat: () => MessagePort
  #settings: NodeSettings
  #thread: Thread | null = null
  #waitMs = RESTART_MS
  #timer: NodeJS.Timeout | undefined
  #isClosing = false

  constructor(settings: NamedSettings, shared: Shared, seat: () => MessagePort) {
    this.name = settings.nodeId
    this.#settings = settings
    this.#shared = shared
    this.#seat = seat
  }

  /** Rejects with the reason where it cannot start. */
  async start(): Promise<Address> {
    const { cluster, style } = this.#shared
    const log = { ...style, node: this.name }
    const thread = new Thread({ seat: this.#seat(), settings: this.#settings, cluster, log })
    this.#thread = thread
    const address = await thread.started
    // Tickets that were given out name the port, so the next thread is to have it again.
    this.#settings = { ...this.#settings, port: address.port }
    const startedAt = performance.now()
    void thread.ended.then((why) => this.#ended(why, performance.now() - startedAt))
    return address
  }

  #ended(why: unknown, ranMs: number): void {
    if (this.#isClosing) return
    if (ranMs >= LASTING_MS) this.#waitMs = RESTART_MS
    this.#startLater({ error: why }, 'has ended by itself')
  }

  #startLater(details: object, what: string): void {
    const waitMs = this.#waitMs
    this.#waitMs = Math.min(2 * waitMs, LONGEST_RESTART_MS)
    const { logger } = this.#shared
    logger.error(details, `${this.name} ${what}; it is started anew in ${waitMs / 1_000} s`)
    this.#timer = setTimeout(() => {
      this.start().then(
        () => logger.info({}, `${this.name} is up again`),
        (error: unknown) => {
          if (!this.#isClosing) this.#startLater({ error }, 'cannot start')
        },
      )
    }, waitMs)
  }

  async close(): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#timer)
    await this.#thread?.close()
  }
}

/** A thread with a node in it, from its start to its end. */
class Thread {
  /** Where its node listens. */
  readonly started: Promise<Address>
  /** Resolves with the reason once the thread has ended, or its node has closed. */
  readonly ended: Promise<unknown>
  readonly #worker: Worker

  constructor(task: NodeTask) {
    const worker = new Worker(new URL('worker.js', import.meta.url), {
      workerData: task,
      transferList: [task.seat],
      name: task.log.node ?? '',
    })
    this.#worker = worker
    this.started = new Promise((resolve, reject) => {
      worker.on('message', (report: NodeReport) => {
        if ('address' in report) resolve(report.address)
        else if ('fault' in report) {
          const { message, isUsage } = report.fault
          reject(isUsage ? new UsageError(message) : new CommandError(message))
          void worker.terminate()
        }
      })
      worker.on('error', reject)
      worker.on('exit', (code) => reject(ending(code)))
    })
    this.ended = new Promise((resolve) => {
      worker.on('message', (report: NodeReport) => {
        if ('isClosed' in report) resolve(undefined)
      })
      worker.on('error', resolve)
      worker.on('exit', (code) => resolve(ending(code)))
    })
  }

  /** Resolves once its node has closed, or has ended. */
  async close(): Promise<void> {
    this.#worker.postMessage('close')
    await this.ended
  }
}

const ending = (code: number): Error => new Error(`its thread ended with code ${code}`)
