import { type Client, connect } from '../client/node.ts'
import { RtmsError } from '../protocol/index.ts'
import {
  type IssueTicket,
  nodeHelp,
  nodeOptions,
  nodeUrl,
  reachable,
  secretHelp,
  secretOptions,
  ticketIssuer,
} from './node.ts'
import { JsonPrinter, type Printer, TextPrinter } from './tail-print.ts'
import { type Command, CommandError, parseCommand, parseCount, parseSeconds, UsageError } from './usage.ts'

const help = `Print the publications of a topic, or the frames of a meeting, as they happen

Usage: rtms tail <topic|meeting> [options]

A meeting is watched as a spectator. Where a meeting has the name, it is the meeting, else the topic.
Gaps, losses of the connection and reconnects are told. Ctrl-C ends it.

Options:
  --topic            It is a topic
  --meeting          It is a meeting
  --history <n>      Begin so many publications or frames back, as far as they are kept
  --since <time>     Begin so long ago: 30s, 5m, 2h, as far as it is kept
  --count <n>        End after so many
  --conflate         Of a topic: only the latest value of each key
  --max-hz <n>       Of a topic: at most so many updates a second
  --empty            Of a meeting: frames in which nothing happens too
  --user <name>      Whom to watch as (default: rtms-tail)
${secretHelp}${nodeHelp}  --json             Print JSON, one value a line
  --help             Print this
`

interface Wish {
  readonly name: string
  readonly history: number
  readonly sinceMs: number
  readonly count: number
  readonly conflate: boolean
  readonly maxHz: number
  readonly empty: boolean
}

export const tail: Command = {
  name: 'tail',
  summary: 'Print what happens in a topic or a meeting',
  help,
  async run(args) {
    const flag = { type: 'boolean', default: false } as const
    const text = { type: 'string' } as const
    const parsed = parseCommand(
      this,
      args,
      {
        ...nodeOptions,
        ...secretOptions,
        topic: flag,
        meeting: flag,
        history: text,
        since: text,
        count: text,
        conflate: flag,
        'max-hz': text,
        empty: flag,
        user: text,
      },
      [1, 1],
    )
    if (parsed === null) return
    const { values, positionals } = parsed
    if (values.topic && values.meeting) throw new UsageError('it is either a --topic or a --meeting')
    if (values.history !== undefined && values.since !== undefined)
      throw new UsageError('--history and --since say the same in two ways: give one of them')
    const wish: Wish = {
      name: positionals[0] as string,
      history: parseCount(values.history, '--history', 0) ?? 0,
      sinceMs: (parseSeconds(values.since, '--since') ?? 0) * 1000,
      count: parseCount(values.count, '--count') ?? Infinity,
      conflate: values.conflate,
      maxHz: parseCount(values['max-hz'], '--max-hz') ?? 0,
      empty: values.empty,
    }
    const issue = await ticketIssuer(values)
    const printer = values.json ? new JsonPrinter() : new TextPrinter()
    const follow = new Follow(wish, printer, issue, nodeUrl(values.url), values.user ?? 'rtms-tail')
    await follow.run(values.topic ? 'topic' : values.meeting ? 'meeting' : 'either')
  },
}

/** One run of `rtms tail`. It ends when it has printed enough, was told to stop, or is refused. */
class Follow {
  readonly #wish: Wish
  readonly #printer: Printer
  readonly #client: Client
  /** Why no ticket is available; retrying would not help. */
  #noTicket: unknown = null
  #left: number
  readonly #ended: Promise<void>
  #end: (error?: Error) => void = () => {}

  constructor(wish: Wish, printer: Printer, issue: IssueTicket, url: URL, user: string) {
    this.#wish = wish
    this.#printer = printer
    this.#left = wish.count
    this.#ended = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error))
    })
    // The promise is awaited later; until then a rejection must not end the process.
    this.#ended.catch(() => {})
    this.#client = connect({
      getTicket: async () => {
        try {
          const { name } = wish
          const ticket = await issue({
            user,
            meetings: [{ name, role: 'spectator' }],
            topics: { read: [name] },
          })
          return { ...ticket, url: reachable(ticket.url, url) }
        } catch (error) {
          this.#noTicket ??= error
          throw error
        }
      },
    })
    this.#client.onState((state, error) => this.#state(state, error))
  }

  async run(kind: 'topic' | 'meeting' | 'either'): Promise<void> {
    const stop = (): void => this.#end()
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    try {
      if (kind === 'topic') this.#topic()
      else await Promise.race([this.#meeting(kind === 'either'), this.#ended])
      await this.#ended
    } finally {
      this.#client.close()
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    }
  }

  #state(state: string, error: RtmsError | null): void {
    const had = this.#printer.isConnected
    if (state === 'connected') this.#printer.connected()
    // Before the first connection somebody is waiting at the terminal, and a wrong ticket will not become right by
    // itself.
    else if (!had && this.#noTicket !== null) this.#end(this.#noTicket as Error)
    else if (state === 'closed' && error?.code === 'UNAUTHENTICATED' && !had)
      this.#end(
        new CommandError(
          `The node refused the token. Where --secret or RTMS_SECRET signs the ticket: is it the node's, and --issuer and --audience too?`,
          error.code,
        ),
      )
    else if (state === 'closed') this.#end(error ?? new CommandError('the connection was closed', 'CLOSED'))
    else if (state === 'disconnected') this.#printer.lost(error)
  }

  #one(print: () => void): void {
    if (this.#left <= 0) return
    print()
    if (--this.#left === 0) this.#end()
  }

  #topic(): void {
    const { name, history, sinceMs, conflate, maxHz } = this.#wish
    const from = sinceMs === 0 ? 0 : Date.now() - sinceMs
    this.#client.subscribe(
      name,
      (data, publication) => {
        if (publication.time >= from) this.#one(() => this.#printer.publication(data, publication))
      },
      {
        conflate,
        maxHz,
        // With `--since` as a time: asks for everything kept, and skips what is too old.
        history: sinceMs === 0 ? history : Number.MAX_SAFE_INTEGER,
        onGap: ({ lost, reason }) => this.#printer.gap(lost === 0 ? null : lost, reason),
        onError: (error) => this.#end(error),
      },
    )
  }

  async #meeting(orTopic: boolean): Promise<void> {
    const { name, history, sinceMs, empty } = this.#wish
    let meeting
    try {
      meeting = await this.#client.join(name, { spectator: true })
    } catch (error) {
      if (!(error instanceof RtmsError) || this.#noTicket !== null) throw this.#noTicket ?? error
      if (error.code === 'NOT_FOUND' && orTopic) {
        this.#printer.hint(`No meeting is called ${name}: watching the topic`)
        return this.#topic()
      }
      throw error.code === 'NOT_FOUND'
        ? new CommandError(`no meeting of the name ${name} is open on this node`, 'NOT_FOUND')
        : error
    }
    if (sinceMs > 0 && meeting.frameRate === 0)
      throw new UsageError('the frames of this meeting have no rate: use --history instead of --since')
    const back = sinceMs === 0 ? history : Math.ceil((sinceMs / 1000) * meeting.frameRate)
    const first = meeting.headAtJoin + 1 - back
    for (const { slot, user } of meeting.members) this.#printer.member(slot, user)
    // Frames that were not asked for are not missing.
    meeting.onGap(({ from, to, reason }) => {
      if (to > first) this.#printer.gap(to - Math.max(from, first), reason)
    })
    meeting.onRejoin(({ recovered, reason }) => this.#printer.rejoined(recovered, reason))
    meeting.onEnd((error) => this.#end(new CommandError(`the meeting is over: ${error.message}`, error.code)))
    meeting.onFrame((frame) => {
      this.#printer.seen(frame.events)
      if (frame.number < first) return
      if (empty || frame.events.length + frame.inputs.length > 0) this.#one(() => this.#printer.frame(frame))
    })
  }
}
