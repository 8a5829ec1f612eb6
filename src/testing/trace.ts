import type { RawFrame, Received } from '../client/machine/index.ts'
import type { Outcome, Question, Revoked, SealedFrame, Whereabouts } from '../core/index.ts'
import { type ClientMessage, type ErrorCode, RtmsError, type ServerMessage } from '../protocol/index.ts'
import type { ClientFacts, End, Observer, Phase } from './observer.ts'
import { textOf } from './text.ts'

const RECENT = 40

interface Line {
  readonly at: number
  readonly kind: string
  readonly rest: () => string
}

/** Records everything observed: a hash of all of it, the last lines, and how often each kind occurred. */
export class Trace implements Observer {
  readonly counts: Map<string, number> = new Map()
  readonly #now: () => number
  readonly #print: ((line: string) => void) | undefined
  /** A ring of recent events; they become text only when read. */
  readonly #recent: Line[] = []
  #next = 0
  #hash = 0x811c9dc5

  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now
    this.#print = print
  }

  /** FNV-1a of every packet that arrived, and of the kind and time of everything else. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  get recent(): readonly string[] {
    return [...this.#recent.slice(this.#next), ...this.#recent.slice(0, this.#next)].map(inWords)
  }

  count(kind: string, by = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + by)
  }

  #fold(byte: number): void {
    this.#hash = Math.imul(this.#hash ^ byte, 0x01000193)
  }

  #line(kind: string, rest: () => string): void {
    this.count(kind)
    const at = this.#now()
    this.#fold(Math.round(at * 1000))
    for (let i = 0; i < kind.length; i++) this.#fold(kind.charCodeAt(i))
    const line = { at, kind, rest }
    this.#recent[this.#next] = line
    this.#next = (this.#next + 1) % RECENT
    this.#print?.(inWords(line))
  }

  phase(phase: Phase): void {
    this.#line('phase', () => phase)
  }

  packet(client: ClientFacts, connection: number, bytes: Uint8Array): void {
    this.#fold(client.id)
    this.#fold(connection)
    for (let i = 0; i < bytes.length; i++) this.#fold(bytes[i] as number)
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    this.#line(`up:${message.type}`, () => `${client.id}/${connection} ${brief(message)}`)
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    this.#line(`down:${message.type}`, () => `${client.id}/${connection} ${brief(message)}`)
    const detail = detailOf(message)
    if (detail !== null) this.count(detail)
  }

  closed(client: ClientFacts, connection: number, code: number): void {
    this.#line(`closed:${code}`, () => `${client.id}/${connection}`)
  }

  inputEnded(client: ClientFacts, _meeting: string, text: string, end: End): void {
    this.#line(
      end instanceof RtmsError ? `input-refused:${end.code}` : 'input-framed',
      () => `${client.id} ${text}`,
    )
  }

  frame(client: ClientFacts, meeting: string, world: number, frame: RawFrame): void {
    this.#line(
      'frame',
      () => `${client.id} ${meeting} ${world} ${frame.number} ${frame.events.length}+${frame.inputs.length}`,
    )
    for (const event of frame.events) {
      this.count(event.type === 'leave' ? `event:leave ${event.reason}` : `event:${event.type}`)
    }
  }

  left(client: ClientFacts, meeting: string, code: ErrorCode): void {
    this.#line(`left:${code}`, () => `${client.id} ${meeting}`)
  }

  direct(client: ClientFacts, meeting: string, text: string): void {
    this.#line('direct', () => `${client.id} ${meeting} ${text}`)
  }

  published(
    { incarnation }: { readonly incarnation: number },
    topic: string,
    { number, text, key }: { readonly number: number; readonly text: string; readonly key: string },
  ): void {
    this.#line('published', () => `${topic} ${incarnation}/${number} ${key} ${text}`)
  }

  publishingEnded(client: ClientFacts, topic: string, text: string, end: End): void {
    this.#line(
      end instanceof RtmsError ? `publication-refused:${end.code}` : 'publication-taken',
      () => `${client.id} ${topic} ${text}`,
    )
  }

  publication(client: ClientFacts, topic: string, _partial: boolean, entry: Received): void {
    this.#line(
      'publication',
      () => `${client.id} ${topic} ${entry.publisher}/${entry.number} ${entry.key} ${textOf(entry.data)}`,
    )
  }

  topicGap(client: ClientFacts, topic: string, _anew: boolean, lost: number, reason: ErrorCode): void {
    this.#line('topic-gap', () => `${client.id} ${topic} ${lost} ${reason}`)
  }

  requestEnded(client: ClientFacts, text: string, end: End): void {
    this.#line(
      end instanceof RtmsError ? `request-failed:${end.code}` : 'reply',
      () => `${client.id} ${text}`,
    )
  }

  push(client: ClientFacts, _name: string, text: string): void {
    this.#line('push', () => `${client.id} ${text}`)
  }

  disconnected(client: ClientFacts): void {
    this.#line('disconnected', () => `${client.id}`)
  }

  ended(client: ClientFacts, code: number): void {
    this.#line(`ended:${code}`, () => `${client.id}`)
  }

  fault(what: string, client: number): void {
    this.#line(`fault:${what}`, () => `client ${client}`)
  }

  hostile(what: string): void {
    this.#line(`hostile:${what}`, () => '')
  }

  botInput(user: string, meeting: string, text: string): void {
    this.#line('bot-input', () => `${user} ${meeting} ${text}`)
  }

  hook(meeting: string, hook: string): void {
    this.#line(`hook:${hook}`, () => meeting)
  }

  sealed(node: number, meeting: string, _world: number, frame: SealedFrame): void {
    this.#line('sealed', () => `${node} ${meeting} ${frame.number}`)
  }

  clockSet(node: number, off: number): void {
    this.#line('clock-set', () => `${node} ${off}`)
  }

  located(node: number, name: string, outcome: Outcome<Whereabouts>, tookMs: number): void {
    const what = outcome.ok ? foundIn(outcome.value) : outcome.error.code
    this.#line(`located:${what}`, () => `${node} ${name} ${tookMs.toFixed(1)} ms`)
  }

  clustered(what: string, about: string): void {
    this.#line(`cluster:${what}`, () => about)
  }

  met(what: string): void {
    this.count(what)
  }

  settled(client: ClientFacts, promise: string): void {
    this.#line('settled', () => `${client.id} ${promise}`)
  }

  told(client: ClientFacts, stream: string, listener: number, event: string): void {
    this.#line('told', () => `${client.id} ${stream} ${listener} ${event}`)
  }

  answered({ user, action, name }: Question, allowed: boolean): void {
    this.#line(`authorize:${allowed ? 'yes' : 'no'}`, () => `${user} ${action} ${name}`)
  }

  revoked(node: number, revoked: Revoked): void {
    this.#line('revoked', () => `${node} ${JSON.stringify(revoked)}`)
  }
}

function inWords({ at, kind, rest }: Line): string {
  return `${at.toFixed(1).padStart(9)} ${kind} ${rest()}`
}

function foundIn({ owner, isNew }: Whereabouts): string {
  if (isNew) return 'new'
  return owner === 0 ? 'nowhere' : 'taken'
}

/** The parts of a message that are counted separately. */
function detailOf(message: ServerMessage): string | null {
  switch (message.type) {
    case 'gap':
      return `gap:${message.reason}`
    case 'joined':
    case 'subscribed':
      return `${message.type}:${message.recovered ? 'recovered' : message.reason}`
    case 'welcome':
      return `welcome:${message.resumed ? 'resumed' : 'new'}${message.reason === '' ? '' : ' with a loss'}`
    case 'failed':
    case 'nack':
    case 'ended':
      return `${message.type}:${message.error}`
    case 'goodbye':
      return `goodbye:${message.code}`
    default:
      return null
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
