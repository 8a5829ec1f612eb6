import { createInterface } from 'node:readline'
import { dataHelp, payloadOf, valueOf } from './data.ts'
import { NodeApi, nodeHelp, nodeOptions } from './node.ts'
import { type Command, CommandError, parseCommand, print, printJson, UsageError } from './usage.ts'

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
  --lines            Publish each line of standard input
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
      return publishLines(NodeApi.from(values), topic, keyed, values.json)
    }
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

async function publishLines(api: NodeApi, topic: string, keyed: object, json: boolean): Promise<void> {
  let count = 0
  let items: object[] = []
  let bytes = 0
  const send = async (): Promise<void> => {
    if (items.length === 0) return
    const { results } = await api.call<{ results: Result[] }>('POST', '/publish/batch', { items })
    const failed = results.findIndex(({ error }) => error !== undefined)
    const error = results[failed]?.error
    if (error !== undefined)
      throw new CommandError(
        `line ${count + failed + 1} was not published: ${error.message} (${error.code})`,
        error.code,
      )
    count += results.length
    items = []
    bytes = 0
  }
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (items.length === BATCH || bytes + line.length > BATCH_BYTES) await send()
    items.push({ topic, data: valueOf(line), ...keyed })
    bytes += line.length
  }
  await send()
  if (json) printJson({ published: count })
  else print(`Published ${count} lines to ${topic}`)
}
