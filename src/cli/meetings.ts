import { NodeApi, nodeHelp, nodeOptions } from './node.ts'
import { type Command, parseCommand, print, printJson, UsageError } from './usage.ts'

const help = `List the meetings of a node, or show one with its members

Usage: rtms meetings [name] [options]

Options:
  --kind <kind>      Only those of this kind
${nodeHelp}  --json             Print JSON, one meeting a line
  --help             Print this
`

interface Facts {
  readonly name: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly frameRate: number
  readonly capacity: number
  readonly spectators: number
  readonly frame: number
}

interface Listed extends Facts {
  readonly members: number
}

interface Shown extends Facts {
  readonly members: readonly { slot: number; user: string; away: boolean; bot: boolean }[]
}

export const meetings: Command = {
  name: 'meetings',
  summary: 'List meetings, or show one',
  help,
  async run(args) {
    const parsed = parseCommand(this, args, { ...nodeOptions, kind: { type: 'string' } }, [0, 1])
    if (parsed === null) return
    const { values, positionals } = parsed
    const [name] = positionals
    if (name !== undefined && values.kind !== undefined)
      throw new UsageError('--kind is for the list: leave it or the name out')
    const api = NodeApi.from(values)
    if (name === undefined) await list(api, values.kind, values.json)
    else await show(api, name, values.json)
  },
}

/** Reads page by page, so a list of any length can be printed. */
async function list(api: NodeApi, kind: string | undefined, json: boolean): Promise<void> {
  let after: string | null = ''
  let count = 0
  while (after !== null) {
    const query = new URLSearchParams({ limit: '1000', ...(after === '' ? {} : { after }) })
    if (kind !== undefined) query.set('kind', kind)
    const page: { meetings: Listed[]; next: string | null } = await api.call('GET', `/meetings?${query}`)
    for (const meeting of page.meetings) {
      if (json) printJson(meeting)
      else print(line(meeting, meeting.members))
    }
    count += page.meetings.length
    after = page.next
  }
  if (count === 0 && !json)
    print(kind === undefined ? 'No meeting is open' : `No meeting of the kind ${kind} is open`)
}

function line({ name, kind, capacity, frameRate, frame, spectators }: Facts, members: number): string {
  const watched = spectators === 0 ? '' : `  ${spectators} watching`
  const ofKind = kind === '' ? '' : `  kind ${kind}`
  return `${name}  ${members}/${capacity} members${watched}  ${frameRate} Hz  frame ${frame}${ofKind}`
}

async function show(api: NodeApi, name: string, json: boolean): Promise<void> {
  const meeting = await api.call<Shown>('GET', `/meetings/${encodeURIComponent(name)}`)
  if (json) {
    printJson(meeting)
    return
  }
  print(line(meeting, meeting.members.length))
  if (Object.keys(meeting.metadata).length > 0) print(`  metadata ${JSON.stringify(meeting.metadata)}`)
  for (const { slot, user, away, bot } of meeting.members)
    print(`  slot ${slot}  ${user}${away ? '  away' : ''}${bot ? '  bot' : ''}`)
}
