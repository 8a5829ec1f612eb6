#!/usr/bin/env node
import { RtmsError } from '../protocol/index.ts'
import { printable, printableJson, printableLines } from './printable.ts'
import { run } from './run.ts'
import { CommandError, UsageError } from './usage.ts'

/** The printed form of an error; an unexpected error is printed in full. */
function told(error: unknown): { code: string; message: string } {
  if (error instanceof UsageError) return { code: '', message: error.message }
  if (error instanceof CommandError || error instanceof RtmsError)
    return { code: error.code, message: error.message }
  return { code: '', message: (error as Error).stack ?? String(error) }
}

const args = process.argv.slice(2)
// The reader has closed the pipe, as in `rtms tail … | head`.
process.stdout.on('error', () => process.exit(0))
// The reader of the log has gone; a node goes on without it.
process.stderr.on('error', () => {})
try {
  await run(args)
} catch (error) {
  const { code, message } = told(error)
  // What a node, a file or an issuer of keys said may be in it; of a wrong call, the lines are ours.
  const shown =
    error instanceof UsageError ? message.split('\n').map(printable).join('\n') : printableLines(message)
  process.stderr.write(
    args.includes('--json')
      ? `${printableJson(JSON.stringify({ error: { code, message } }))}\n`
      : `rtms: ${shown}\n`,
  )
  process.exitCode = error instanceof UsageError ? 2 : 1
}
