import { TOO_DEEP, writable } from '../server/ground/writable.ts'
import { hint, UsageError } from './usage.ts'

/** A payload as the HTTP API takes it. */
export interface Payload {
  readonly data?: unknown
  readonly base64?: string
}

export const dataHelp = `<data> is JSON where it reads as JSON, else the text that it is; - reads it from standard input.
`

/** The payload of an argument; `isBytes`: the argument is base64. */
export async function payloadOf(text: string, isBytes: boolean): Promise<Payload> {
  const given = text === '-' ? await readInput() : text
  if (!isBytes) {
    const data = valueOf(given)
    if (isBroken(given, data))
      hint('rtms: the data looks like JSON and is none, so it goes as the text that it is')
    return { data }
  }
  const base64 = given.trim()
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(base64) && base64.length % 4 === 0) return { base64 }
  throw new UsageError('with --base64, the data must be base64 with its padding')
}

/** The parsed value where the text is JSON, else the text itself. */
export function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text.replace(/\r?\n$/, '')
  }
}

/** Whether a text was meant as JSON, by how it begins, but `value` is the text itself. */
export function isBroken(text: string, value: unknown): boolean {
  return typeof value === 'string' && /^\s*[{[]/.test(text)
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The fields of a payload in a line of JSON. */
export function fieldsOf(value: unknown): Payload {
  return value instanceof Uint8Array
    ? { base64: Buffer.from(value).toString('base64') }
    : { data: writable(value, TOO_DEEP) }
}

/** A payload as a person reads it. */
export function show(value: unknown): string {
  return value instanceof Uint8Array
    ? `${value.length} bytes ${Buffer.from(value).toString('base64')}`
    : JSON.stringify(writable(value, TOO_DEEP))
}
