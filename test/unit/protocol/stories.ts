import type { MeetingOptions, Retention } from '../../../src/core/index.ts'

/*
 * The conversations of PROTOCOL.md, as stories: what happens on either side, and what each side says follows from that.
 * One node and one user's clients live through all chapters, each of which begins where the one before it ended.
 */

/** What happens at a client. */
export type ClientAction =
  /**
   * It gets a ticket where it asks for one, and a socket opens. `seconds`: how long the token is good, an hour without.
   */
  | {
      readonly does: 'connect'
      readonly connection: number
      readonly token: string
      readonly seconds?: number
    }
  | { readonly does: 'join'; readonly meeting: string }
  | { readonly does: 'send'; readonly meeting: string; readonly text: string }
  | { readonly does: 'leave'; readonly meeting: string }
  | { readonly does: 'subscribe'; readonly topic: string; readonly conflate?: boolean }
  | { readonly does: 'unsubscribe'; readonly topic: string }
  | { readonly does: 'publish'; readonly topic: string; readonly key: string; readonly text: string }
  | { readonly does: 'request'; readonly method: string; readonly text: string }
  | { readonly does: 'cancel' }
  /** It is given the fresh ticket that it asked for. */
  | { readonly does: 'renew'; readonly token: string; readonly seconds: number }
  /** Its network says that the connection is gone. */
  | { readonly does: 'lose' }
  /** Its page is put away, and comes back. */
  | { readonly does: 'suspend' }
  | { readonly does: 'return' }

/** What happens at the node. */
export type NodeAction =
  | { readonly node: 'open'; readonly meeting: string; readonly options: Partial<MeetingOptions> }
  | { readonly node: 'define'; readonly topic: string; readonly retention: Retention }
  | { readonly node: 'publish'; readonly topic: string; readonly key: string; readonly text: string }
  /** Another node published this, its `number`th publication to the topic. */
  | {
      readonly node: 'hear'
      readonly topic: string
      readonly publisher: number
      readonly number: number
      readonly text: string
    }
  | { readonly node: 'push'; readonly user: string; readonly name: string; readonly text: string }
  | { readonly node: 'say'; readonly meeting: string; readonly slot: number; readonly text: string }
  /** The handler of the oldest request answers. */
  | { readonly node: 'reply'; readonly text: string }
  /** The socket takes nothing more, and takes more again. */
  | { readonly node: 'stall'; readonly connection: number }
  | { readonly node: 'drain'; readonly connection: number }
  /** The socket is gone. */
  | { readonly node: 'lose'; readonly connection: number }
  /** The process has ended, and another run of the node begins: of a cluster of its own. */
  | { readonly node: 'restart'; readonly run: number }

/** A packet of a client that the library would not send. */
export interface RawAction {
  readonly raw: true
  readonly connection: number
  readonly hex: string
  readonly json: string
}

export type Scene =
  | (ClientAction & { readonly client: string })
  | NodeAction
  | RawAction
  /** Time passes. */
  | { readonly ms: number }

export interface Chapter {
  readonly name: string
  readonly scenes: readonly Scene[]
}

/** Tokens as they stand here are short; a real one is a JWT. */
export const tokens: { readonly [token: string]: { readonly user: string; readonly seconds: number } } = {
  'ticket-of-ann': { user: 'ann', seconds: 3600 },
  'second-ticket': { user: 'ann', seconds: 20 },
  'third-ticket': { user: 'ann', seconds: 19 },
}

export const chapters: readonly Chapter[] = [
  {
    name: 'Connect',
    scenes: [{ client: 'page', does: 'connect', connection: 1, token: 'ticket-of-ann' }],
  },
  {
    name: 'Join and input',
    scenes: [
      {
        node: 'open',
        meeting: 'beast-42',
        options: { frameRate: 2, capacity: 2, inputsPerSecond: 1, inputBurst: 1 },
      },
      { client: 'page', does: 'join', meeting: 'beast-42' },
      { ms: 500 },
      { client: 'page', does: 'send', meeting: 'beast-42', text: '{"hit":3}' },
      { client: 'page', does: 'send', meeting: 'beast-42', text: '{"hit":4}' },
      { ms: 1_000 },
      { client: 'page', does: 'send', meeting: 'beast-42', text: '{"hit":5}' },
      { ms: 1_000 },
      { node: 'say', meeting: 'beast-42', slot: 0, text: '"your turn"' },
    ],
  },
  {
    name: 'Subscribe, publications, gap',
    scenes: [
      { node: 'define', topic: 'news', retention: { entries: 2, bytes: 65_536, ageMs: 60_000 } },
      { node: 'publish', topic: 'board', key: 'ann', text: '7' },
      { node: 'publish', topic: 'board', key: 'bob', text: '9' },
      { client: 'page', does: 'subscribe', topic: 'news' },
      { client: 'page', does: 'subscribe', topic: 'board', conflate: true },
      { node: 'publish', topic: 'news', key: '', text: '"one"' },
      { node: 'hear', topic: 'news', publisher: 231_584_178_474_632, number: 41, text: '"theirs"' },
      { node: 'hear', topic: 'news', publisher: 231_584_178_474_632, number: 43, text: '"later"' },
      { node: 'stall', connection: 1 },
      { node: 'publish', topic: 'news', key: '', text: '"two"' },
      { ms: 10 },
      { node: 'publish', topic: 'news', key: '', text: '"three"' },
      { ms: 10 },
      { node: 'publish', topic: 'news', key: '', text: '"four"' },
      { ms: 10 },
      { node: 'publish', topic: 'news', key: '', text: '"five"' },
      { ms: 10 },
      { node: 'drain', connection: 1 },
    ],
  },
  {
    name: 'Calls',
    scenes: [
      { client: 'page', does: 'request', method: 'order.place', text: '{"symbol":"600519"}' },
      { node: 'reply', text: '{"id":1}' },
      { client: 'page', does: 'request', method: 'order.list', text: 'null' },
      { client: 'page', does: 'cancel' },
      { client: 'page', does: 'publish', topic: 'board', key: 'ann', text: '8' },
      { client: 'page', does: 'unsubscribe', topic: 'board' },
    ],
  },
  {
    name: 'Resume',
    scenes: [
      { client: 'page', does: 'request', method: 'order.place', text: '{"symbol":"000001"}' },
      { client: 'page', does: 'send', meeting: 'beast-42', text: '{"hit":6}' },
      { node: 'lose', connection: 1 },
      { client: 'page', does: 'lose' },
      { node: 'reply', text: '{"id":2}' },
      { node: 'push', user: 'ann', name: 'order.filled', text: '{"id":1}' },
      { node: 'publish', topic: 'news', key: '', text: '"six"' },
      { client: 'page', does: 'request', method: 'order.list', text: 'null' },
      { client: 'page', does: 'send', meeting: 'beast-42', text: '{"hit":7}' },
      { client: 'page', does: 'connect', connection: 2, token: 'ticket-of-ann' },
      { node: 'reply', text: '[1,2]' },
      { ms: 500 },
    ],
  },
  {
    name: 'Takeover',
    scenes: [
      { client: 'page', does: 'lose' },
      { node: 'publish', topic: 'news', key: '', text: '"seven"' },
      { node: 'publish', topic: 'news', key: '', text: '"eight"' },
      { node: 'publish', topic: 'news', key: '', text: '"nine"' },
      { client: 'page', does: 'connect', connection: 3, token: 'ticket-of-ann' },
      { client: 'page', does: 'unsubscribe', topic: 'news' },
      { ms: 500 },
    ],
  },
  {
    name: 'Reload',
    scenes: [
      { client: 'page', does: 'suspend' },
      { node: 'lose', connection: 3 },
      { ms: 500 },
      { client: 'reloaded page', does: 'connect', connection: 4, token: 'second-ticket', seconds: 20 },
      { client: 'reloaded page', does: 'join', meeting: 'beast-42' },
      { ms: 500 },
      { client: 'reloaded page', does: 'send', meeting: 'beast-42', text: '{"hit":8}' },
      { ms: 500 },
      { client: 'page', does: 'return' },
      { client: 'page', does: 'connect', connection: 5, token: 'ticket-of-ann' },
      { client: 'page', does: 'suspend' },
      { node: 'lose', connection: 5 },
      { client: 'reloaded page', does: 'leave', meeting: 'beast-42' },
      { ms: 500 },
    ],
  },
  {
    name: 'Refresh',
    scenes: [{ ms: 13_500 }, { client: 'reloaded page', does: 'renew', token: 'third-ticket', seconds: 4 }],
  },
  { name: 'Expiry', scenes: [{ ms: 5_000 }] },
  {
    name: 'Revival',
    scenes: [
      { node: 'restart', run: 1 },
      { ms: 5_000 },
      { node: 'open', meeting: 'duel', options: { frameRate: 1 } },
      { client: 'member', does: 'connect', connection: 7, token: 'ticket-of-ann' },
      { client: 'member', does: 'join', meeting: 'duel' },
      { ms: 1_500 },
      { client: 'member', does: 'send', meeting: 'duel', text: '{"hit":1}' },
      { ms: 1_000 },
      { node: 'restart', run: 2 },
      { client: 'member', does: 'lose' },
      { client: 'member', does: 'connect', connection: 8, token: 'ticket-of-ann' },
      { ms: 8_000 },
    ],
  },
  {
    name: 'Version',
    scenes: [
      {
        raw: true,
        connection: 6,
        hex: '100402ffffff',
        json: '[{"type":"hello","version":2,"pass":"…"}]',
      },
    ],
  },
]
