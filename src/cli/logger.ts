import { inspect, styleText } from 'node:util'
import type { Logger } from '../server/index.ts'
import { printable, printableJson, printableLines } from './printable.ts'
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
    const known = Object.entries({ time: new Date().toISOString(), level, message })
    const fields = [...known, ...fieldsOf(details)].map(
      ([name, value]) => `${JSON.stringify(name)}:${json(value)}`,
    )
    out.write(`${printableJson(`{${fields.join(',')}}`)}\n`)
  })
}

/** The value as JSON or, where it has none (a circular value, a BigInt, a getter that throws), as text. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value, plain) ?? 'null'
  } catch {
    return JSON.stringify(shown(value))
  }
}

function shown(value: unknown): string {
  try {
    return inspect(value, { breakLength: Infinity })
  } catch {
    return '[it cannot be shown]'
  }
}

function fieldsOf(details: object): [string, unknown][] {
  return Object.keys(details).map((name) => {
    try {
      return [name, Reflect.get(details, name)]
    } catch {
      return [name, '[it cannot be read]']
    }
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
  return fieldsOf(details).map(([name, value]) => `${name}=${readable(value)}`)
}

/** What an Error calls its text may be anything. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : shown(value)
}

function readable(value: unknown): string {
  try {
    if (value instanceof Error) return printableLines(text(value.stack ?? value.message))
  } catch {
    return printableLines(shown(value))
  }
  return printable(typeof value === 'string' ? value : json(value))
}
