#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { serve } from './serve.ts'
import { UsageError } from './usage.ts'

const help = `RTMS: real-time message service

Usage: rtms <command> [options]

Commands:
  serve       Run a node; with --dev the demo too. See: rtms serve --help

Options:
  --version   Print the version
  --help      Print this
`

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

async function run([command, ...args]: string[]): Promise<void> {
  switch (command) {
    case 'serve':
      return serve(args)
    case '--version':
    case '-v':
      process.stdout.write(`${version()}\n`)
      return
    case '--help':
    case '-h':
      process.stdout.write(help)
      return
    case undefined:
      throw new UsageError('a command is missing. See: rtms --help')
    default:
      throw new UsageError(`there is no command ${JSON.stringify(command)}. See: rtms --help`)
  }
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  const known = error instanceof UsageError
  process.stderr.write(`rtms: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`)
  process.exitCode = known ? 2 : 1
}
