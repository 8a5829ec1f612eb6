import { type Client, connect, type Meeting, type MeetingEvent, RtmsError, type State } from 'rtms/client'
import { api } from '../node/node.ts'
import { inOneLine } from '../numbers/value.ts'
import { format } from '../words/common.ts'
import { problemText } from '../words/problems.ts'
import { text } from '../words/rooms.ts'
import { Feed, type Line } from './feed.ts'

/** Whom the dashboard connects as. */
export const SELF = 'rtms-dashboard'

/** A meeting or a topic that is followed as it happens, as a client with a right to look at that alone. */
export abstract class Follow {
  readonly feed = new Feed((count) => text.skipped(format.whole(count)))
  state: State = 'connecting'
  /** Why it has ended; null while it goes on. */
  problem: string | null = null
  protected readonly client: Client
  protected readonly name: string
  readonly #changed: () => void

  constructor(name: string, rights: object, changed: () => void) {
    this.name = name
    this.#changed = changed
    this.client = connect({ getTicket: () => api.ticket(SELF, rights), maxBackoffMs: 3_000 })
    this.client.onState((state, error) => {
      this.state = state
      if (state === 'closed' && error !== null) this.end(error)
      changed()
    })
  }

  stop(): void {
    this.client.close()
  }

  pause(isPaused: boolean): void {
    this.feed.pause(isPaused)
    this.#changed()
  }

  protected add(line: Line): void {
    this.feed.add(line, performance.now())
    this.#changed()
  }

  protected gap(lost: number, reason: string): void {
    const count = lost > 0 ? format.whole(lost) : text.unknown
    this.add({ kind: 'gap', at: '', who: '', text: text.gap(count, reason) })
  }

  protected end(error: unknown): void {
    const { code, message } = error instanceof RtmsError ? error : { code: 'PAGE', message: '' }
    this.problem = code === 'UNAUTHENTICATED' ? text.again : problemText({ code, message })
    this.client.close()
    this.#changed()
  }
}

/** From a spectator's seat. */
export class MeetingFollow extends Follow {
  /** Frames in which nothing happened are shown too. */
  withEmpty = false
  readonly #users = new Map<number, string>()

  constructor(name: string, changed: () => void) {
    super(name, { meetings: [{ name, role: 'spectator' }] }, changed)
    void this.#join()
  }

  async #join(): Promise<void> {
    try {
      this.#listen(await this.client.join(this.name, { spectator: true, timeoutMs: Infinity }))
    } catch (error) {
      this.end(error)
    }
  }

  #listen(meeting: Meeting): void {
    for (const { slot, user } of meeting.members) this.#users.set(slot, user)
    const first = meeting.headAtJoin + 1
    meeting.onGap(({ from, to, reason }) => {
      if (to > first) this.gap(to - Math.max(from, first), reason)
    })
    meeting.onEnd((error) => {
      this.end(error)
      if (error.code === 'CLOSED' || error.code === 'NOT_FOUND') this.problem = text.over
    })
    meeting.onFrame(({ number, events, inputs }) => {
      for (const event of events) if (event.type === 'join') this.#users.set(event.slot, event.user)
      // What was before is told to whoever joins, and is of no interest here.
      if (number < first) return
      const at = `#${format.whole(number)}`
      for (const event of events) this.#event(at, event)
      for (const { slot, data } of inputs)
        this.add({ kind: 'input', at, who: this.#who(slot), text: inOneLine(data) })
      if (this.withEmpty && events.length + inputs.length === 0)
        this.add({ kind: 'event', at, who: '', text: '–' })
    })
  }

  #who(slot: number): string {
    return this.#users.get(slot) ?? `${text.slot} ${slot}`
  }

  #event(at: string, { type, ...fields }: MeetingEvent): void {
    const who = 'slot' in fields ? this.#who(fields.slot) : text.system
    const reason = 'reason' in fields && fields.reason !== '' ? ` (${fields.reason})` : ''
    const said = 'data' in fields ? `: ${inOneLine(fields.data)}` : ''
    this.add({ kind: 'event', at, who, text: `${text.events[type]}${reason}${said}` })
  }
}

export class TopicFollow extends Follow {
  constructor(name: string, changed: () => void) {
    super(name, { topics: { read: [name] } }, changed)
    this.client.subscribe(
      name,
      (data, { key, removed, time }) =>
        this.add({
          kind: removed ? 'event' : 'publication',
          at: format.clock(time),
          who: key,
          text: removed ? text.removed : inOneLine(data),
        }),
      { onGap: ({ lost, reason }) => this.gap(lost, reason), onError: (error) => this.end(error) },
    )
  }
}
