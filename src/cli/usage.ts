import { parseArgs, type ParseArgsConfig } from 'node:util'
import { meant } from '../spelling/meant.ts'
import { printable, printableJson } from './printable.ts'

/** The command was called wrongly. The message goes to the terminal; the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command failed. The message says why and what to do; the exit code is 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** An error code of RTMS, where there is one. */
  readonly code: string

  constructor(message: string, code = '') {
    super(message)
    this.code = code
  }
}

/** One command of `rtms`. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  readonly help: string
  run(args: string[]): Promise<void>
}

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values']

/** The options that every command has. */
const always = {
  help: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

/** The options and arguments of a command; null where its help was asked for and has been printed. */
export function parseCommand<const O extends Options>(
  { name, help }: Pick<Command, 'name' | 'help'>,
  args: string[],
  options: O,
  [least, most]: readonly [least: number, most: number],
): { values: Values<O & typeof always>; positionals: string[] } | null {
  const see = `See: rtms ${name} --help`
  let parsed
  try {
    parsed = parseArgs({ args, options: { ...options, ...always }, allowPositionals: true })
  } catch (error) {
    // Node appends advice about option arguments that look like options, which does not apply here.
    const [message = ''] = error instanceof Error ? error.message.split('. ') : []
    const [, unknown] = /^Unknown option '--([^']+)'/.exec(message) ?? []
    const near = unknown && meant(unknown, Object.keys({ ...options, ...always }))
    const advice = near
      ? `Did you mean --${near}? `
      : /'-[\d.]/.test(message)
        ? 'Put -- in front of data that begins with -. '
        : ''
    throw new UsageError(`${message}. ${advice}${see}`)
  }
  if ((parsed.values as { help?: boolean }).help === true) {
    process.stdout.write(help)
    return null
  }
  const { positionals } = parsed
  if (positionals.length < least) {
    const [, usage = ''] = /^Usage: rtms \w+ (.*)$/m.exec(help) ?? []
    const missing = usage.match(/<[^>]+>/g)?.[positionals.length]
    throw new UsageError(`${missing} is missing. ${see}`)
  }
  const tooMany = positionals[most]
  if (tooMany !== undefined) throw new UsageError(`Unexpected argument ${JSON.stringify(tooMany)}. ${see}`)
  return parsed
}

/** A port number in decimal; `from` names where it was given. */
export function parsePort(text: string, from: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  if (port <= 65_535) return port
  throw new UsageError(
    `${from} is ${JSON.stringify(text)}, but a port is a number from 0 to 65535 (0: any free one)`,
  )
}

/** A whole number of an option; undefined where it was not given. */
export function parseCount(text: string | undefined, option: string, least = 1): number | undefined {
  if (text === undefined) return undefined
  const count = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  if (count >= least) return count
  throw new UsageError(
    `${option} is ${JSON.stringify(text)}, but a whole number of at least ${least} was expected`,
  )
}

const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** Seconds of a time such as 90, 30s, 5m, 2h or 1d; undefined where it was not given. */
export function parseSeconds(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  const seconds = Number(number) * UNITS[unit as keyof typeof UNITS]
  if (seconds > 0) return seconds
  throw new UsageError(
    `${option} is ${JSON.stringify(text)}, but a time such as 30s, 5m, 2h or 1d was expected`,
  )
}

/** One line of JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value))}\n`)
}

/** A line for people; `label`, which may be in colour, stands before it. */
export function print(line: string, label = ''): void {
  process.stdout.write(`${label}${printable(line)}\n`)
}

/** A line for people that is no result. */
export function hint(line: string): void {
  process.stderr.write(`${printable(line)}\n`)
}

/** Whether a stream wants colours. */
export function isColorful(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env['NO_COLOR'] === undefined
}
