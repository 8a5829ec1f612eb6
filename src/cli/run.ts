import { meant } from '../spelling/meant.ts'
import { version } from '../server/ground/version.ts'
import { type Command, UsageError } from './usage.ts'

/** Each is loaded when it is called, so that none waits for what only another one needs. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve/command.ts')).serve,
  token: async () => (await import('./token.ts')).token,
  tail: async () => (await import('./tail.ts')).tail,
  publish: async () => (await import('./publish.ts')).publish,
  push: async () => (await import('./push.ts')).push,
  meetings: async () => (await import('./meetings.ts')).meetings,
  cluster: async () => (await import('./cluster.ts')).cluster,
  drain: async () => (await import('./drain.ts')).drain,
  doctor: async () => (await import('./doctor/command.ts')).doctor,
}

const helpOn = (all: readonly Command[]): string => `RTMS: real-time message service

Usage: rtms <command> [options]

Commands:
${all.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`).join('\n')}

Options:
  --version   Print the version
  --help      Print this; rtms <command> --help prints more of one
  --json      With each command: print JSON, one value a line; errors as JSON too

serve needs RTMS_SECRET; the others reach a node by RTMS_URL and RTMS_KEY.
`

/** Runs a command with its arguments, as they are written behind `rtms`. Throws `UsageError` where they are wrong. */
export async function run([name, ...args]: readonly string[]): Promise<void> {
  if (name === '--version' || name === '-v') process.stdout.write(`${version()}\n`)
  else if (name === '--help' || name === '-h')
    process.stdout.write(helpOn(await Promise.all(Object.values(commands).map((load) => load()))))
  else if (name === undefined) throw new UsageError('a command is missing. See: rtms --help')
  else {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (load === undefined) {
      const near = meant(name, Object.keys(commands))
      const advice = near === undefined ? '' : `Did you mean ${near}? `
      throw new UsageError(`there is no command ${JSON.stringify(name)}. ${advice}See: rtms --help`)
    }
    await (await load()).run(args)
  }
}
