import { errorTexts, keyWords, nameWords, RtmsError } from '../protocol/index.ts'
import type { Client } from './client.ts'
import type { Meeting } from './meeting.ts'
import type { CallOptions, ConnectOptions, JoinOptions, SendOptions, SubscribeOptions } from './options.ts'

/*
 * What a client tells of mistakes, in development alone: a bundler that builds for production leaves this module out.
 * Types tell of a misspelt option too, but not to whoever writes JavaScript.
 */

/** The names that options may have: all of them, or it does not compile. */
type Names<T> = Readonly<Record<keyof T, true>>

const send: Names<SendOptions> = { offline: true, timeoutMs: true }
const call: Names<CallOptions> = { ...send, signal: true }
const join: Names<JoinOptions> = { ...call, spectator: true, config: true, from: true }
const connect: Names<ConnectOptions> = {
  getTicket: true,
  window: true,
  socket: true,
  connectTimeoutMs: true,
  maxBackoffMs: true,
  keepBytes: true,
  autoConnect: true,
  offline: true,
}
const subscribe: Names<SubscribeOptions> = {
  conflate: true,
  maxHz: true,
  keys: true,
  policy: true,
  history: true,
  since: true,
  onSubscribed: true,
  onGap: true,
  onError: true,
}

type Method = 'connect' | 'join' | 'subscribe' | 'request' | 'publish' | 'send'

/** By method, the names of its options. */
export const optionNames: Readonly<Record<Method, Readonly<Record<string, true>>>> = {
  connect,
  join,
  subscribe,
  request: call,
  publish: { ...call, key: true, remove: true },
  send,
}

/** Options of `connect` that are numbers: whether each is one that can be meant, and what was expected. */
const numbers: readonly (readonly [keyof ConnectOptions, (value: number) => boolean, string])[] = [
  [
    'window',
    (value) => value >= 0 && (value < 2 ** 32 || value === Infinity),
    'from 0 to 4294967295, or Infinity',
  ],
  ['connectTimeoutMs', (value) => value > 0, 'above 0'],
  ['maxBackoffMs', (value) => value > 0, 'above 0'],
  ['keepBytes', (value) => value >= 0, 'of at least 0'],
]

function checkNumber(
  what: string,
  value: unknown,
  isMeant: (value: number) => boolean = () => true,
  expected = '',
): void {
  if (value === undefined || (typeof value === 'number' && isMeant(value))) return
  const given = typeof value === 'number' ? String(value) : JSON.stringify(value)
  throw new RangeError(`${what} is ${given}; expected a number ${expected}`.trim())
}

type Call = (...args: unknown[]) => unknown

function refuse(code: 'BAD_NAME' | 'BAD_TOPIC', words: string): void {
  if (words !== '') throw new RtmsError(code, words)
}

/** What is called later, and would be an error of the runtime by then, far from where it was given. */
function checkListener(call: string, listener: unknown): void {
  if (typeof listener !== 'function')
    throw new Mistake(`${call} needs a function as listener; ${JSON.stringify(listener)} was given`)
}

/** By method, what it is about: throws where its name, or a key, is not valid. */
const checks: Partial<
  Record<Method, (subject: unknown, options: Readonly<Record<string, unknown>>, second: unknown) => void>
> = {
  join(name, { config = '' }) {
    refuse('BAD_NAME', nameWords('meeting', name))
    refuse('BAD_NAME', keyWords('config', config))
  },
  subscribe(topics, { keys = [] }, listener) {
    checkListener("subscribe('topic', listener, options)", listener)
    for (const topic of Array.isArray(topics) ? topics : [topics])
      refuse('BAD_TOPIC', nameWords('topic', topic))
    if (Array.isArray(keys)) for (const key of keys) refuse('BAD_NAME', keyWords('key', key))
  },
  request: (method) => refuse('BAD_NAME', nameWords('method', method)),
  publish(topic, { key = '' }) {
    refuse('BAD_TOPIC', nameWords('topic', topic))
    refuse('BAD_NAME', keyWords('key', key))
  },
}

const meetingEvents: readonly (keyof Meeting)[] = [
  'onFrame',
  'onGap',
  'onMembers',
  'onMessage',
  'onRefused',
  'onRejoin',
  'onWaiting',
  'onEnd',
]

const EVERY_MS = 60_000
const EXAMPLE =
  "a function that returns a ticket or what fetch resolves with: () => fetch('/ticket', { method: 'POST' })"

/** What cannot work, and is thrown at once. */
export class Mistake extends TypeError {}

/** The refused inputs of one meeting, of which each code is told once a minute. */
class Refusals {
  readonly #meeting: string
  readonly #now: () => number
  readonly #told: Map<string, { at: number; untold: number }> = new Map()

  constructor(meeting: string, now: () => number) {
    this.#meeting = meeting
    this.#now = now
  }

  note(error: RtmsError): void {
    const now = this.#now()
    // Data that cannot be sent is a TypeError.
    const code = error.code ?? error.name
    const { at, untold } = this.#told.get(code) ?? { at: -Infinity, untold: 0 }
    const isDue = now - at >= EVERY_MS
    this.#told.set(code, isDue ? { at: now, untold: 0 } : { at, untold: untold + 1 })
    if (!isDue) return
    const what =
      untold === 0
        ? `an input to ${this.#meeting} was refused`
        : `${untold + 1} inputs to ${this.#meeting} were refused since this was last said`
    // The node says no more of an input that is over the rate, since there may be thousands.
    const words = error.message === code ? `: ${errorTexts[error.code]}` : ''
    console.warn(`${what}, and nobody heard of it: ${String(error)}${words}`)
  }
}

/** Calls of one client, and the mistakes that the console was told. */
class Mistakes {
  readonly #told: Set<string> = new Set()

  tell(text: string): void {
    if (this.#told.has(text)) return
    this.#told.add(text)
    console.warn(text)
  }

  check(method: Method, options: unknown): void {
    if (typeof options !== 'object' || options === null) return
    const known = Object.keys(optionNames[method])
    for (const name of Object.keys(options))
      if (!known.includes(name)) this.tell(`${method} has no option ${name}: it has ${known.join(', ')}`)
  }

  /** Checks that methods which add a listener, the last of their arguments, get one. */
  watchEvents(object: object, names: readonly string[]): void {
    const methods = object as Record<string, Call>
    for (const name of names) {
      const plain = methods[name] as Call
      methods[name] = (...args) => {
        checkListener(
          name === 'onPush' ? "onPush('name', listener)" : `${name}(listener)`,
          args[plain.length - 1],
        )
        return plain.apply(object, args)
      }
    }
  }

  /** Checks the options of a method, which stand `at` this place of its arguments; `done` gets what it returns. */
  watch(object: object, method: Method, at: number, done = (result: unknown): unknown => result): void {
    const methods = object as Record<Method, Call>
    const plain = methods[method]
    methods[method] = (...args) => {
      this.check(method, args[at])
      const options = (args[at] ?? {}) as Readonly<Record<string, unknown>>
      try {
        for (const name of ['timeoutMs', 'maxHz', 'history']) checkNumber(name, options[name])
        checks[method]?.(args[0], options, args[1])
      } catch (error) {
        // Calls reject, and never throw.
        if (method !== 'subscribe') return Promise.reject(error)
        throw error
      }
      return done(plain.apply(object, args))
    }
  }
}

/**
 * Throws a {@link Mistake} where there is no `getTicket`, and a RangeError for a number that cannot be meant. From then
 * on, refused names are told with the character that is not allowed, misspelt options once of each call, and refused
 * inputs that nobody hears of once a minute of each meeting and code. `now`: monotonic milliseconds.
 */
export function tellMistakes(client: Client, options: ConnectOptions, now: () => number): void {
  const mistakes = new Mistakes()
  mistakes.check('connect', options)
  const getTicket: unknown = options.getTicket
  if (typeof getTicket !== 'function') {
    client.close()
    throw new Mistake(`connect needs getTicket, ${EXAMPLE}; ${JSON.stringify(getTicket)} was given`)
  }
  try {
    for (const [name, isMeant, expected] of numbers)
      checkNumber(`connect: ${name}`, options[name] ?? undefined, isMeant, expected)
  } catch (error) {
    client.close()
    throw error
  }
  mistakes.watchEvents(client, ['onState', 'onReconnect', 'onPush'])
  for (const method of ['subscribe', 'request', 'publish'] as const) mistakes.watch(client, method, 2)
  mistakes.watch(client, 'join', 1, async (joining) => {
    const meeting = (await joining) as Meeting
    const leave = meeting.leave.bind(meeting)
    const refusals = new Refusals(meeting.name, now)
    let isLeft = false
    meeting.leave = () => {
      isLeft = true
      leave()
    }
    meeting.unheard = (error) => {
      // Whoever leaves or closes with inputs under way knows.
      if (!isLeft && client.state !== 'closed') refusals.note(error)
    }
    mistakes.watch(meeting, 'send', 1)
    mistakes.watchEvents(meeting, meetingEvents)
    return meeting
  })
}
