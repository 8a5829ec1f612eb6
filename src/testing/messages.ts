import { type ClientMessage, type MessageOf, nowhere, type Payload } from '../protocol/index.ts'

/* Messages of a client, with defaults for the fields that most tests do not care about. */

export type TopicWish = MessageOf<'subscribe'>['topics'][number]

export function hello(token: string, fields: Partial<MessageOf<'hello'>> = {}): MessageOf<'hello'> {
  return {
    type: 'hello',
    version: 1,
    features: 0,
    client: 'test',
    token,
    session: '',
    received: 0,
    window: 0,
    moves: 0,
    ...fields,
  }
}

export function join(
  call: number,
  meeting: string,
  fields: Partial<MessageOf<'join'>> = {},
): MessageOf<'join'> {
  return {
    type: 'join',
    call,
    meeting,
    spectator: false,
    config: '',
    world: 0,
    next: 0,
    former: '',
    held: [],
    ...fields,
  }
}

export function input(log: number, seq: number, data: Payload): MessageOf<'input'> {
  return { type: 'input', log, seq, after: 0, seen: 0, data }
}

/** One topic of a SUBSCRIBE. */
export function wish(topic: string, fields: Partial<TopicWish> = {}): TopicWish {
  return {
    topic,
    since: nowhere,
    history: 0,
    conflate: false,
    maxHz: 0,
    policy: 0,
    keys: [],
    ...fields,
  }
}

export function subscribe(call: number, ...topics: readonly (string | TopicWish)[]): MessageOf<'subscribe'> {
  const wishes = topics.map((topic) => (typeof topic === 'string' ? wish(topic) : topic))
  return { type: 'subscribe', call, topics: wishes }
}

export function publish(
  call: number,
  topic: string,
  data: Payload,
  fields: Partial<MessageOf<'publish'>> = {},
): MessageOf<'publish'> {
  return { type: 'publish', call, topic, key: '', tombstone: false, data, ...fields }
}

/** `timeout` in milliseconds; 0 for the node's own. */
export function request(call: number, method: string, data: Payload, timeout = 0): ClientMessage {
  return { type: 'request', call, method, timeout, data }
}
