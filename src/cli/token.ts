import { nodeHelp, nodeOptions, secretHelp, secretOptions, ticketIssuer } from './node.ts'
import { type Command, parseCommand, parseSeconds, print, printJson, UsageError } from './usage.ts'

const help = `Issue a ticket for a user, and print its token

Usage: rtms token <user> [options]

Options:
  --meeting <name>   May join it as a member: a name, a prefix and .*, or *. Can be given again, as the next three
  --watch <name>     May join it as a spectator
  --read <topic>     May subscribe to it
  --write <topic>    May publish to it
  --expires <time>   How long it is good: 90, 30s, 5m, 2h, 30d (default: 1h)
${secretHelp}${nodeHelp}  --json             Print the whole ticket: url, token, expiresAt, id
  --help             Print this
`

const many = { type: 'string', multiple: true } as const

export const token: Command = {
  name: 'token',
  summary: 'Issue a ticket for a user',
  help,
  async run(args) {
    const parsed = parseCommand(
      this,
      args,
      {
        ...nodeOptions,
        ...secretOptions,
        meeting: many,
        watch: many,
        read: many,
        write: many,
        expires: { type: 'string' },
      },
      [1, 1],
    )
    if (parsed === null) return
    const { values, positionals } = parsed
    const expiresIn = parseSeconds(values.expires, '--expires')
    const issue = await ticketIssuer(values)
    const ticket = await issue({
      user: positionals[0] as string,
      meetings: [
        ...(values.meeting ?? []),
        ...(values.watch ?? []).map((name) => ({ name, role: 'spectator' as const })),
      ],
      topics: { read: values.read ?? [], write: values.write ?? [] },
      expiresIn,
    }).catch((error: unknown) => {
      // The token is signed here, so only the time can be out of range.
      if (error instanceof RangeError) throw new UsageError(`--expires ${values.expires}: ${error.message}`)
      throw error
    })
    if (values.json) printJson(ticket)
    else print(ticket.token)
  },
}
