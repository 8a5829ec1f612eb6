import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/* The built command, as a user runs it. */

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const running: ChildProcess[] = []

export interface Run {
  readonly child: ChildProcess
  /** Everything printed so far, of both streams. */
  text(): string
  /** Of standard output, the lines so far that are complete. */
  lines(): string[]
  readonly ended: Promise<number | null>
}

/** Runs `rtms`, with nothing of RTMS in its environment but `env`. `input` null: the test writes it. */
export function rtms(args: string[], env: Record<string, string> = {}, input?: string | null): Run {
  const rest = Object.entries(process.env).filter(([name]) => !name.startsWith('RTMS_') && name !== 'PORT')
  const child = spawn(process.execPath, [main, ...args], { env: { ...Object.fromEntries(rest), ...env } })
  running.push(child)
  let text = ''
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += String(chunk)
    out += String(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => (text += String(chunk)))
  if (input !== null) child.stdin.end(input)
  return {
    child,
    text: () => text,
    lines: () => out.split('\n').slice(0, -1),
    ended: new Promise((resolve) => child.on('close', resolve)),
  }
}

export async function printed(run: Run, pattern: RegExp): Promise<RegExpExecArray> {
  await expect.poll(() => run.text(), { timeout: 10_000 }).toMatch(pattern)
  return pattern.exec(run.text()) as RegExpExecArray
}

/** For `afterEach`. */
export function endAll(): void {
  for (const child of running.splice(0)) child.kill('SIGKILL')
}
