import type { RawFrame } from '../client/machine/index.ts'
import type { ClientMessage, PublicationEntry, ServerMessage } from '../protocol/index.ts'
import type { ClientFacts, End, Observer } from './observer.ts'
import { textOf } from './text.ts'

const RECENT = 40

/** Writes down everything observed: a hash of all of it, the last lines, and how often each kind occurred. */
export class Trace implements Observer {
  static readonly kinds: readonly (keyof Observer)[] = [
    'up',
    'down',
    'write',
    'joining',
    'input',
    'inputEnded',
    'frame',
    'frameGap',
    'published',
    'publication',
    'subscribed',
    'topicGap',
    'request',
    'requestStarted',
    'requestEnded',
    'push',
    'disconnected',
    'fault',
    'rest',
  ]

  readonly counts: Map<string, number> = new Map()
  readonly #now: () => number
  readonly #print: ((line: string) => void) | undefined
  readonly #recent: string[] = []
  #hash = 0x811c9dc5

  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now
    this.#print = print
  }

  /** FNV-1a of all lines. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  get recent(): readonly string[] {
    return this.#recent
  }

  #line(kind: string, rest: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    const line = `${this.#now().toFixed(1).padStart(9)} ${kind} ${rest}`
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193)
    if (this.#recent.length === RECENT) this.#recent.shift()
    this.#recent.push(line)
    this.#print?.(line)
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    this.#line(`up:${message.type}`, `${client.id}/${connection} ${brief(message)}`)
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    this.#line(`down:${message.type}`, `${client.id}/${connection} ${brief(message)}`)
    if (message.type === 'gap')
      this.counts.set(`gap:${message.reason}`, (this.counts.get(`gap:${message.reason}`) ?? 0) + 1)
  }

  inputEnded(client: ClientFacts, _meeting: string, text: string, end: End): void {
    this.#line(end.ok ? 'input-framed' : `input-refused:${end.error.code}`, `${client.id} ${text}`)
  }

  frame(client: ClientFacts, meeting: string, epoch: number, frame: RawFrame): void {
    this.#line(
      'frame',
      `${client.id} ${meeting} ${epoch} ${frame.number} ${frame.events.length}+${frame.inputs.length}`,
    )
  }

  publication(client: ClientFacts, topic: string, _partial: boolean, entry: PublicationEntry): void {
    this.#line(
      'publication',
      `${client.id} ${topic} ${entry.publisher}/${entry.number} ${entry.key} ${textOf(entry.data)}`,
    )
  }

  topicGap(client: ClientFacts, topic: string): void {
    this.#line('topic-gap', `${client.id} ${topic}`)
  }

  requestEnded(client: ClientFacts, text: string, end: End): void {
    this.#line(end.ok ? 'reply' : `request-failed:${end.error.code}`, `${client.id} ${text}`)
  }

  push(client: ClientFacts, _name: string, text: string): void {
    this.#line('push', `${client.id} ${text}`)
  }

  disconnected(client: ClientFacts): void {
    this.#line('disconnected', `${client.id}`)
  }

  fault(what: string): void {
    this.#line('fault', what)
  }
}

/** A message's small fields. */
function brief(message: ClientMessage | ServerMessage): string {
  const shown: string[] = []
  for (const [name, value] of Object.entries(message)) {
    if (name === 'type' || name === 'token') continue
    if (typeof value !== 'object') shown.push(`${name}=${String(value)}`)
    else if (Array.isArray(value)) shown.push(`${name}=[${value.length}]`)
  }
  return shown.join(' ')
}
