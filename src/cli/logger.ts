import { styleText } from 'node:util'
import type { Logger } from '../server/index.ts'
import { isColorful } from './usage.ts'

const colors = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const

/** Lines for people: time, level, message, details. Debug lines only where the environment asks: RTMS_LOG=debug. */
export function terminalLogger(out: NodeJS.WriteStream = process.stderr): Logger {
  const colorful = isColorful(out)
  const log =
    (level: keyof typeof colors) =>
    (details: object, message: string): void => {
      const time = new Date().toTimeString().slice(0, 8)
      const label = level.toUpperCase().padEnd(5)
      const shown = colorful ? styleText(colors[level], label) : label
      out.write(`${time} ${shown} ${[message, ...render(details)].join('  ')}\n`)
    }
  return leveled(log)
}

/** Lines of JSON, for programs. */
export function jsonLogger(out: NodeJS.WriteStream = process.stderr): Logger {
  return leveled((level) => (details, message) => {
    const line = { time: new Date().toISOString(), level, message, ...details }
    out.write(`${JSON.stringify(line, plain)}\n`)
  })
}

/** An Error has no JSON form, so it becomes a plain object. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack } : value
}

type Log = (details: object, message: string) => void

function leveled(log: (level: keyof typeof colors) => Log): Logger {
  const debug = process.env['RTMS_LOG'] === 'debug' ? log('debug') : (): void => {}
  return { debug, info: log('info'), warn: log('warn'), error: log('error') }
}

function render(details: object): string[] {
  return Object.entries(details).map(([name, value]: [string, unknown]) => {
    if (value instanceof Error) return `${name}=${value.stack ?? value.message}`
    return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
  })
}
