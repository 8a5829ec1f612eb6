import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const driver = fileURLToPath(new URL('driver.py', import.meta.url))

function findPython(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, 'python3'), constants.X_OK)
      return join(folder, 'python3')
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(
    'the tests of examples/python need python3, and there is none in PATH. Install it: npm run setup',
  )
}

/** Runs a Python program; whatever it prints to stderr, warnings included, is a failure for `complaints`. */
export function startPython(args: readonly string[]): {
  readonly child: ChildProcessWithoutNullStreams
  readonly complaints: () => string
} {
  // -X dev warns of what was never awaited or closed; -B leaves no __pycache__ in the checkout.
  const child = spawn(findPython(), ['-X', 'dev', '-B', ...args])
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints += String(chunk)))
  return { child, complaints: () => complaints }
}

interface Told {
  readonly told: string
  readonly [field: string]: unknown
}

export interface PythonFrame {
  readonly number: number
  readonly events: unknown[]
  readonly inputs: { readonly slot: number; readonly seq: number; readonly data: unknown }[]
}

interface Answer {
  readonly answer: number
  readonly value?: unknown
  readonly code?: string
}

/** The client of examples/python in a process of its own. */
export class PythonClient {
  readonly #child: ChildProcessWithoutNullStreams
  readonly complaints: () => string
  readonly #answers: Map<number, (answer: Answer) => void> = new Map()
  readonly #told: Told[] = []
  readonly ended: Promise<number | null>
  #last = 0

  constructor(ticket: { readonly url: string; readonly token: string }) {
    const { child, complaints } = startPython([driver, JSON.stringify(ticket)])
    this.#child = child
    this.complaints = complaints
    this.ended = new Promise((resolve) => child.on('close', resolve))
    createInterface(child.stdout).on('line', (line) => {
      const message = JSON.parse(line) as Told | Answer
      if ('told' in message) this.#told.push(message)
      else this.#answers.get(message.answer)?.(message)
    })
  }

  /** What it told of one kind, in order. */
  told<T>(kind: string): T[] {
    return this.#told.filter(({ told }) => told === kind) as T[]
  }

  get frames(): PythonFrame[] {
    return this.told<PythonFrame & Told>('frame').map(({ number, events, inputs }) => ({
      number,
      events,
      inputs,
    }))
  }

  get states(): unknown[] {
    return this.told<{ state: string }>('state').map(({ state }) => state)
  }

  /** Runs a command of driver.py; resolves with its value, or with the code of the RtmsError it raised. */
  async do(what: string, fields: object = {}): Promise<unknown> {
    const id = ++this.#last
    const answered = new Promise<Answer>((resolve) => this.#answers.set(id, resolve))
    this.#child.stdin.write(`${JSON.stringify({ do: what, id, ...fields })}\n`)
    const { value, code } = await answered
    return code ?? value
  }

  /** Ends its input, which closes the client in good order. */
  async close(): Promise<number | null> {
    this.#child.stdin.end()
    return this.ended
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
