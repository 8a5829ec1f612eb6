import { dataHelp, payloadOf } from './data.ts'
import { NodeApi, nodeHelp, nodeOptions } from './node.ts'
import { type Command, parseCommand, print, printJson } from './usage.ts'

const help = `Push to every session of a user

Usage: rtms push <user> <name> <data> [options]

${dataHelp}
Options:
  --base64           The data is bytes, in base64
${nodeHelp}  --json             Print the answer as JSON
  --help             Print this
`

export const push: Command = {
  name: 'push',
  summary: 'Push to every session of a user',
  help,
  async run(args) {
    const parsed = parseCommand(
      this,
      args,
      { ...nodeOptions, base64: { type: 'boolean', default: false } },
      [3, 3],
    )
    if (parsed === null) return
    const { values, positionals } = parsed
    const [user = '', name = '', data = ''] = positionals
    const api = NodeApi.from(values)
    const body = { user, name, ...(await payloadOf(data, values.base64)) }
    const answer = await api.call<{ sessions: number }>('POST', '/push', body)
    if (values.json) printJson(answer)
    else if (answer.sessions === 0) print(`Reached nobody: ${user} has no session on this node`)
    else print(`Reached ${answer.sessions} ${answer.sessions === 1 ? 'session' : 'sessions'} of ${user}`)
  },
}
