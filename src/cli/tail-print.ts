import type { Frame, MeetingEvent, Publication } from '../client/index.ts'
import type { RtmsError } from '../protocol/index.ts'
import { fieldsOf, show } from './data.ts'
import { hint, print, printJson } from './usage.ts'

/** The output of `rtms tail`. */
export abstract class Printer {
  #connections = 0
  readonly users: Map<number, string> = new Map()

  get isConnected(): boolean {
    return this.#connections > 0
  }

  connected(): void {
    this.state({ type: 'connected' }, this.#connections === 0 ? 'Connected' : 'Connected again')
    this.#connections++
  }

  lost(error: RtmsError | null): void {
    const { code, message } = error ?? { code: 'LOST', message: 'the connection was lost' }
    const how = this.isConnected ? 'Disconnected' : 'Not connected'
    this.state({ type: 'disconnected', code, message }, `${how} (${message}); trying again`)
  }

  gap(lost: number | null, reason: string): void {
    this.state({ type: 'gap', lost, reason }, `GAP: ${lost ?? 'an unknown number'} missing (${reason})`)
  }

  rejoined(recovered: boolean, reason: string): void {
    const text = recovered
      ? 'Joined again; nothing was missed'
      : `Joined again, with something missed (${reason})`
    this.state({ type: 'rejoined', recovered, reason }, text)
  }

  member(slot: number, user: string): void {
    this.users.set(slot, user)
  }

  /** Learns who holds each slot from frames that are not printed. */
  seen(events: readonly MeetingEvent[]): void {
    for (const event of events) if (event.type === 'join') this.users.set(event.slot, event.user)
  }

  /** For people only. */
  abstract hint(text: string): void
  abstract publication(data: unknown, publication: Publication): void
  abstract frame(frame: Frame): void
  protected abstract state(value: object, text: string): void
}

/** One value a line. */
export class JsonPrinter extends Printer {
  publication(data: unknown, { topic, key, removed, time }: Publication): void {
    printJson({ type: 'publication', topic, key, removed, time, ...fieldsOf(data) })
  }

  frame({ number, events, inputs }: Frame): void {
    const shown = inputs.map(({ slot, seq, data }) => ({
      slot,
      user: this.users.get(slot),
      seq,
      ...fieldsOf(data),
    }))
    const told = events.map((event) =>
      event.type === 'say' ? { type: event.type, ...fieldsOf(event.data) } : event,
    )
    printJson({ type: 'frame', number, events: told, inputs: shown })
  }

  hint(): void {}

  protected state(value: object): void {
    printJson(value)
  }
}

/** The time of day; a node may claim one that is none. */
function timeOf(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '??:??:??.???' : date.toISOString().slice(-13, -1)
}

/** For people: events go to standard output, the state of the connection to standard error. */
export class TextPrinter extends Printer {
  publication(data: unknown, { key, removed, time }: Publication): void {
    const at = timeOf(time)
    print([at, ...(key === '' ? [] : [key]), removed ? 'removed' : show(data)].join('  '))
  }

  frame({ number, events, inputs }: Frame): void {
    const lines = [
      ...events.map((event) => this.#event(event)),
      ...inputs.map(({ slot, data }) => `${this.#who(slot)}  ${show(data)}`),
    ]
    for (const line of lines.length === 0 ? ['–'] : lines) print(`#${number}  ${line}`)
  }

  #who(slot: number): string {
    return `slot ${slot} (${this.users.get(slot) ?? '?'})`
  }

  #event({ type, ...fields }: MeetingEvent): string {
    if ('data' in fields) return `the business says  ${show(fields.data)}`
    if ('user' in fields) return `${fields.user} joined as slot ${fields.slot}`
    if ('slot' in fields) {
      const reason = 'reason' in fields ? `: ${fields.reason}` : ''
      return `${this.#who(fields.slot)} ${type}${reason}`
    }
    return [type, ...Object.entries(fields).map(([name, value]) => `${name} ${value}`)].join('  ')
  }

  hint(text: string): void {
    hint(text)
  }

  protected state(_: object, text: string): void {
    this.hint(text)
  }
}
