import { parseArgs, type ParseArgsConfig } from 'node:util'

/** The command was called wrongly: its message is for the terminal, the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values']

/** Options only; what does not parse is told with the help that would have said so. */
export function parseOptions<const O extends Options>(args: string[], options: O, help: string): Values<O> {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    // Node adds advice on option arguments that look like options, which is not about ours.
    const [message = ''] = error instanceof Error ? error.message.split('. ') : []
    throw new UsageError(`${message}. See: ${help}`)
  }
}

/** A port number in decimal; `from` names where it was given. */
export function parsePort(text: string, from: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  if (port <= 65_535) return port
  throw new UsageError(
    `${from} is ${JSON.stringify(text)}, but a port is a number from 0 to 65535 (0: any free one)`,
  )
}
