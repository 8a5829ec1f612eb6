import { describe, expect, it } from 'vitest'
import { type LogStyle, loggerOf } from '../../../src/cli/logger.ts'

const circular: { self?: unknown; name: string } = { name: 'ring' }
circular.self = circular

const boom = (): never => {
  throw new Error('boom')
}
const odd = new Error('odd')
odd.cause = odd
const unreadable = new Error('unreadable')
for (const name of ['stack', 'message', 'cause']) Object.defineProperty(unreadable, name, { get: boom })
const { proxy, revoke } = Proxy.revocable({}, {})
revoke()

const values: [string, unknown, RegExp][] = [
  ['a BigInt', 7n, /7n/],
  ['a BigInt within', { at: { count: 7n } }, /count: 7n/],
  ['a circle', circular, /ring/],
  ['an object whose toJSON throws', { toJSON: boom, kept: 1 }, /kept/],
  ['a getter that throws', Object.defineProperty({}, 'bad', { get: boom, enumerable: true }), /bad/],
  ['an Error that is its own cause', odd, /odd/],
  ['an Error that cannot be read', unreadable, /./],
  ['a revoked proxy', proxy, /./],
  ['an Error whose stack is no text', Object.assign(new Error('x'), { stack: 7n }), /7/],
  ['a symbol', Symbol('sign'), /./],
  ['a function', boom, /./],
  ['nothing', undefined, /./],
  ['null', null, /null/],
  ['a text', 'plain text', /plain text/],
]

/** What a logger writes. */
function written(style: Partial<LogStyle>, details: object): string {
  let text = ''
  const out = { write: (chunk: string) => (text += chunk) } as unknown as NodeJS.WriteStream
  loggerOf({ json: false, colorful: false, ...style }, out).error(details, 'something failed')
  return text
}

describe('The loggers of the command', () => {
  it.each(values)('write %s, whatever it is', (_, value, pattern) => {
    const line = written({}, { err: value, other: 'kept' })
    expect(line).toMatch(/ERROR something failed {2}err=/)
    expect(line).toMatch(pattern)
    expect(line).toMatch(/other=kept\n$/)
    const parsed = JSON.parse(written({ json: true }, { err: value, other: 'kept' })) as Record<
      string,
      unknown
    >
    expect(parsed).toMatchObject({ level: 'error', message: 'something failed', other: 'kept' })
  })

  it('write nothing that a terminal obeys, and no line that passes for another', () => {
    const evil = 'a\u001b[2Jb\u009b31mc\u202ed\u007f\r\n12:00:00 INFO  all is well'
    const lines = written({}, { err: new Error(evil), name: evil, list: [evil] })
    // eslint-disable-next-line no-control-regex
    expect(lines.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    expect(lines).toContain(
      'name=a\\u{1b}[2Jb\\u{9b}31mc\\u{202e}d\\u{7f}\\u{d}\\u{a}12:00:00 INFO  all is well',
    )
    expect(lines.split('\n').slice(1, -1)).toEqual(expect.arrayContaining([expect.stringMatching(/^ +at /)]))
    expect(lines).not.toMatch(/^12:00:00 INFO {2}all/m)
    const json = written({ json: true }, { name: evil })
    expect(json.trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    expect(JSON.parse(json)).toMatchObject({ name: evil })
  })

  it('name the node, where a process has several', () => {
    expect(written({ node: 'node-2' }, {})).toMatch(/ ERROR node-2: something failed\n$/)
    expect(JSON.parse(written({ json: true, node: 'node-2' }, {}))).toMatchObject({
      node: 'node-2',
      message: 'something failed',
    })
  })

  it('write a line although a detail cannot be read', () => {
    const details = Object.defineProperty({ kept: 1 }, 'bad', { get: boom, enumerable: true })
    expect(written({}, details)).toContain('kept=1  bad=[it cannot be read]')
    expect(JSON.parse(written({ json: true }, details))).toMatchObject({
      kept: 1,
      bad: '[it cannot be read]',
    })
  })
})
