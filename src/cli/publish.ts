import { createInterface } from 'node:readline'
import { payloadLength, RtmsError } from '../protocol/index.ts'
import { payloadOf as payloadOfValue } from '../server/ground/check.ts'
import { dataHelp, isBroken, payloadOf, valueOf } from './data.ts'
import { NodeApi, nodeHelp, nodeOptions } from './node.ts'
import { printableJson } from './printable.ts'
import { type Command, CommandError, hint, parseCommand, print, printJson, UsageError } from './usage.ts'

/** Publications of `--lines` per request: below a batch's limit, since a batch is limited in bytes as well. */
const BATCH = 500
const BATCH_BYTES = 500_000

const help = `Publish to a topic

Usage: rtms publish <topic> <data> [options]
       rtms publish <topic> --lines [options] < file

${dataHelp}
Options:
  --topic-key <key>  Become the latest value of this key
  --remove           Remove that key
  --base64           The data is bytes, in base64
  --lines            Publish each line of standard input; those that are refused are named, and the rest goes on.
                     One that begins with { or [ and is no JSON is refused
  --text             With --lines: each line is the text that it is, also where it reads as JSON
${nodeHelp}  --json             Print the answer as JSON
  --help             Print this
`

export const publish: Command = {
  name: 'publish',
  summary: 'Publish to a topic',
  help,
  async run(args) {
    const parsed = parseCommand(
      this,
      args,
      {
        ...nodeOptions,
        'topic-key': { type: 'string' },
        remove: { type: 'boolean', default: false },
        base64: { type: 'boolean', default: false },
        lines: { type: 'boolean', default: false },
        text: { type: 'boolean', default: false },
      },
      [1, 2],
    )
    if (parsed === null) return
    const { values, positionals } = parsed
    const [topic = '', data] = positionals
    const key = values['topic-key']
    if (values.remove && key === undefined)
      throw new UsageError('--remove removes a key: name it by --topic-key')
    const keyed = key === undefined ? {} : { key, ...(values.remove ? { tombstone: true } : {}) }
    if (values.lines) {
      if (data !== undefined || values.base64)
        throw new UsageError('with --lines the data is on standard input, as lines of JSON or text')
      return publishLines(NodeApi.from(values), topic, keyed, values)
    }
    if (values.text) throw new UsageError('--text goes with --lines')
    if (data === undefined && !values.remove)
      throw new UsageError('the data is missing. See: rtms publish --help')
    const api = NodeApi.from(values)
    const item = { topic, ...(await payloadOf(data ?? 'null', values.base64)), ...keyed }
    const answer = await api.call<{ pressure: number }>('POST', '/publish', item)
    if (values.json) printJson(answer)
    else print(`Published to ${topic}; its pressure is ${answer.pressure.toFixed(2)}`)
  },
}

interface Result {
  readonly pressure?: number
  readonly error?: { readonly code: string; readonly message: string }
}

interface Line {
  readonly number: number
  readonly item: object
}

/** Publishes line by line: one that is refused is told and does not hold up the others. */
async function publishLines(
  api: NodeApi,
  topic: string,
  keyed: object,
  { json, text: isText }: { readonly json: boolean; readonly text: boolean },
): Promise<void> {
  let read = 0
  let published = 0
  let refused = 0
  let lines: Line[] = []
  let bytes = 0
  const refuse = (line: number, code: string, message: string): void => {
    refused++
    if (json) process.stderr.write(`${printableJson(JSON.stringify({ line, error: { code, message } }))}\n`)
    else hint(`rtms: line ${line} was not published: ${message}${code === '' ? '' : ` (${code})`}`)
  }
  const send = async (): Promise<void> => {
    const [first] = lines
    if (first === undefined) return
    const items = lines.map(({ item }) => item)
    const { results } = await api
      .call<{ results: Result[] }>('POST', '/publish/batch', { items })
      .catch((error: unknown) => {
        throw stopped(error, first.number, published, refused)
      })
    for (const [at, { number }] of lines.entries()) {
      const error = results[at]?.error
      if (error === undefined) published++
      else refuse(number, error.code, error.message)
    }
    lines = []
    bytes = 0
  }
  for await (const text of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    read++
    const data = isText ? text : valueOf(text)
    if (!isText && isBroken(text, data)) {
      refuse(read, 'PROTOCOL', 'it looks like JSON and is none; publish text with --text')
      continue
    }
    let length: number
    try {
      length = payloadLength(payloadOfValue(data))
    } catch (error) {
      // Not sent: it would have the whole batch refused.
      refuse(read, error instanceof RtmsError ? error.code : '', (error as Error).message)
      continue
    }
    if (lines.length === BATCH || bytes + length > BATCH_BYTES) await send()
    lines.push({ number: read, item: { topic, data, ...keyed } })
    bytes += length
  }
  await send()
  if (json) printJson({ published, refused })
  else
    print(`Published ${published} lines to ${topic}${refused === 0 ? '' : `; ${refused} were not published`}`)
  if (refused > 0) process.exitCode = 1
}

/** Says how far it came when the call itself failed. Without an answer, the node may have published the lines. */
function stopped(error: unknown, line: number, published: number, refused: number): unknown {
  if (!(error instanceof CommandError)) return error
  const doubt = error.code === '' ? ', which the node may have got before it failed' : ''
  const before = `Before line ${line}, ${published} lines were published and ${refused} were not`
  return new CommandError(`${error.message}. ${before}. Go on with line ${line}${doubt}`, error.code)
}
