import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The side of the child: answers calls of the process that started it, and ends with it. */
export function serve(methods) {
  const answer = async ({ id, method, args }) => {
    try {
      process.send({ id, result: await methods[method](args) })
    } catch (error) {
      process.send({ id, error: error instanceof Error ? error.stack : String(error) })
    }
  }
  process.on('message', (call) => void answer(call))
  process.on('disconnect', () => process.exit(0))
}

/** A child process whose methods can be called. A child that ends by itself fails every call. */
export class Child {
  #process
  #calls = new Map()
  #last = 0
  #exited
  #gone = null

  /**
   * @param {string} file relative to the bench's folder
   * @param {string[]} execArgv options for Node
   */
  constructor(file, execArgv = []) {
    this.#process = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), [], {
      execArgv,
      serialization: 'advanced',
    })
    this.#process.on('message', ({ id, result, error }) => {
      const call = this.#calls.get(id)
      this.#calls.delete(id)
      if (error === undefined) call?.resolve(result)
      else call?.reject(new Error(`${file}: ${error}`))
    })
    this.#exited = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
        this.#gone = new Error(`${file} ended (${code ?? signal})`)
        for (const { reject } of this.#calls.values()) reject(this.#gone)
        resolve()
      })
    })
  }

  /**
   * Calls a method. Rejects where it throws, or takes longer than `timeoutMs`: nothing here may run for ever.
   *
   * @param {string} method
   * @param {unknown} [args]
   */
  async call(method, args, timeoutMs = 120_000) {
    if (this.#gone !== null) throw this.#gone
    const id = ++this.#last
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }))
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${method} took more than ${timeoutMs} ms`)), timeoutMs)
    })
    this.#process.send({ id, method, args })
    try {
      return await Promise.race([answer, late])
    } finally {
      clearTimeout(timer)
    }
  }

  get pid() {
    return this.#process.pid
  }

  /** Sends a signal: SIGSTOP and SIGCONT halt the process, and let it go on. @param {NodeJS.Signals} name */
  signal(name) {
    this.#process.kill(name)
  }

  /** Ends it as a crash does. */
  async kill() {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  async stop() {
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000)
    await this.#exited
    clearTimeout(timer)
  }
}

/**
 * Runs `work` with children that are gone afterwards, whatever happens.
 *
 * @template T
 * @param {Child[]} children
 * @param {() => Promise<T>} work
 */
export async function withChildren(children, work) {
  try {
    return await work()
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}
