#!/usr/bin/env node
import { RtmsError } from '../protocol/index.ts'
import { version } from '../server/ground/version.ts'
import { doctor } from './doctor/command.ts'
import { meetings } from './meetings.ts'
import { publish } from './publish.ts'
import { printableLines } from './printable.ts'
import { push } from './push.ts'
import { serve } from './serve/command.ts'
import { tail } from './tail.ts'
import { token } from './token.ts'
import { type Command, CommandError, UsageError } from './usage.ts'

const commands: readonly Command[] = [serve, token, tail, publish, push, meetings, doctor]

const help = `RTMS: real-time message service

Usage: rtms <command> [options]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`).join('\n')}

Options:
  --version   Print the version
  --help      Print this; rtms <command> --help prints more of one
  --json      With each command: print JSON, one value a line; errors as JSON too

serve needs RTMS_SECRET; the others reach a node by RTMS_URL and RTMS_KEY.
`

async function run([name, ...args]: string[]): Promise<void> {
  if (name === '--version' || name === '-v') process.stdout.write(`${version()}\n`)
  else if (name === '--help' || name === '-h') process.stdout.write(help)
  else if (name === undefined) throw new UsageError('a command is missing. See: rtms --help')
  else {
    const command = commands.find((one) => one.name === name)
    if (command === undefined)
      throw new UsageError(`there is no command ${JSON.stringify(name)}. See: rtms --help`)
    await command.run(args)
  }
}

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
  // What a node or another program said may be in it; of a wrong call, all of it is ours.
  const shown = error instanceof UsageError ? message : printableLines(message)
  process.stderr.write(
    args.includes('--json') ? `${JSON.stringify({ error: { code, message } })}\n` : `rtms: ${shown}\n`,
  )
  process.exitCode = error instanceof UsageError ? 2 : 1
}
