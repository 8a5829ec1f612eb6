import { inspect, styleText } from 'node:util'
import type { Logger } from '../server/index.ts'
import { printable, printableJson, printableLines } from './printable.ts'

const colors = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const

/** How log lines look. */
export interface LogStyle {
  readonly json: boolean
  /** With colours: a thread cannot see whether its lines go to a terminal. */
  readonly colorful: boolean
  /** The node that the lines are of, where a process has several. */
  readonly node?: string
}

export function loggerOf(style: LogStyle, out: NodeJS.WritableStream = process.stderr): Logger {
  return style.json ? jsonLogger(style, out) : terminalLogger(style, out)
}

/**
 * Lines for people: time, level, node, message, details. Debug lines only where the environment asks: RTMS_LOG=debug.
 */
function terminalLogger({ colorful, node }: LogStyle, out: NodeJS.WritableStream): Logger {
  const log =
    (level: keyof typeof colors) =>
    (details: object, message: string): void => {
      const time = new Date().toTimeString().slice(0, 8)
      const label = level.toUpperCase().padEnd(5)
      const shown = colorful ? styleText(colors[level], label) : label
      const of = node === undefined ? '' : `${node}: `
      out.write(`${time} ${shown} ${of}${[message, ...render(details)].join('  ')}\n`)
    }
  return leveled(log)
}

/** Lines of JSON, for programs. */
function jsonLogger({ node }: LogStyle, out: NodeJS.WritableStream): Logger {
  return leveled((level) => (details, message) => {
    const of = node === undefined ? {} : { node }
    const known = Object.entries({ time: new Date().toISOString(), level, ...of, message })
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
