import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { grant, Harness, type Peer, text } from '../core/harness.ts'

/*
 * PROTOCOL.md has one table of how a node ends a connection. Each row that the core decides about is driven here; those
 * without a goodbye are the transport's, and tried with real sockets in test/integration/server.
 */

const document = readFileSync(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8')

/** The rows of the table: trigger, goodbye, close code, what becomes of the session. */
const rows = ((document.split('\n## Violations\n')[1] ?? '').split(/^## /m)[0] as string)
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| Trigger'))
  .map((line) => line.slice(2, -2).split(' | ') as [string, string, string, string])

interface Ended {
  readonly harness: Harness
  readonly peer: Peer
  /** The user whose session is looked at. */
  readonly user?: string
}

function live(limits: ConstructorParameters<typeof Harness>[0] = {}): { harness: Harness; peer: Peer } {
  const harness = new Harness(limits)
  return { harness, peer: harness.connect('ann') }
}

/** Ends what a client that is live sends by `act`. */
function sending(act: (peer: Peer, harness: Harness) => void, limits = {}): Ended {
  const { harness, peer } = live(limits)
  act(peer, harness)
  return { harness, peer }
}

/** A newcomer, while ann has a session. */
function coming(act: (peer: Peer, harness: Harness) => void): Ended {
  const { harness } = live()
  const peer = harness.open()
  act(peer, harness)
  return { harness, peer }
}

const requests = (peer: Peer, count: number): void => {
  for (let index = 0; index < count; index++) peer.request('a b')
}

/** By the beginning of the trigger. */
const cases: { readonly [trigger: string]: (() => Ended)[] } = {
  'a packet that cannot be decoded': [() => sending((peer) => peer.raw(new Uint8Array([1])))],
  'a message that only a node sends': [
    () => sending((peer) => peer.send({ type: 'push', name: 'n', data: text('1') })),
  ],
  'a WebSocket message of the wrong type': [() => sending((peer) => peer.raw('[{"type":"ping","time":1}]'))],
  'a second `hello`': [() => sending((peer) => peer.hello('ann'))],
  'an `ack` of more bytes or entries': [
    () => sending((peer) => peer.ack(1_000_000)),
    () => sending((peer) => peer.ack(0, 1)),
  ],
  'a `hello` of a version': [
    () => coming((peer) => peer.hello('ann', { version: 2 })),
    () => coming((peer) => peer.hello('ann', { version: 0 })),
  ],
  'any first message but `hello`, of a type': [
    () => coming((peer) => peer.request('m')),
    () => coming((_, harness) => harness.advance(5_000)),
  ],
  'a token that is missing': [
    () => {
      const { harness, peer: of } = live()
      harness.application.grants.set('forged', null)
      const peer = harness.open()
      peer.hello('forged', { session: of.session })
      return { harness, peer }
    },
    () => {
      const { harness, peer: of } = live()
      const peer = harness.open()
      peer.hello('bob', { session: of.session })
      return { harness, peer }
    },
  ],
  'a token that has expired': [
    () => {
      const harness = new Harness()
      harness.application.grants.set('ann', grant('ann', { expires: harness.now + 1_000 }))
      const peer = harness.connect('ann')
      harness.advance(1_000)
      return { harness, peer }
    },
    () => {
      const { harness } = live()
      harness.application.grants.set('old', grant('ann', { expires: 1 }))
      const peer = harness.open()
      peer.hello('old')
      return { harness, peer }
    },
  ],
  'the business sends the user away': [
    () => sending((_, { node, now }) => node.disconnect('ann', 'a break', false, now)),
  ],
  'a token, or user, whose access': [
    () => sending((_, { node, now }) => node.revoke({ user: 'ann' }, now, now)),
    () => sending((_, { node, now }) => node.disconnect('ann', 'out', true, now)),
  ],
  'another connection of the same session': [
    () => sending((peer, harness) => harness.open().hello('ann', { session: peer.session })),
  ],
  'more than 256 messages before the `welcome`': [
    () =>
      coming((peer, harness) => {
        harness.slowTokens = true
        peer.hello('bob')
        requests(peer, 257)
      }),
  ],
  'too many refusals': [() => sending((peer) => requests(peer, 3), { refusalBurst: 2 })],
  'more than 2,048 `ping`s': [
    () =>
      sending((peer) =>
        peer.send(...Array.from({ length: 1_024 }, () => ({ type: 'ping', time: 1 }) as const)),
      ),
  ],
  'the session log overruns': [
    () =>
      sending(
        (peer, { node }) => {
          peer.transport.accepts = false
          for (let index = 0; index < 5; index++) node.push('ann', 'n', text('1'))
        },
        { sessionLogEntries: 2 },
      ),
    () =>
      sending((peer, harness) => {
        harness.node.defineTopics('t', { entries: 1, bytes: 1_000, ageMs: 1_000 })
        harness.listen(peer, 't', { policy: 2 })
        peer.transport.accepts = false
        for (let index = 0; index < 4; index++) {
          harness.publish('t', 'x')
          harness.settle()
        }
      }),
  ],
  'the node is full': [
    () => {
      const { harness } = live({ connections: 1 })
      return { harness, peer: harness.open() }
    },
    () => {
      const { harness } = live({ sessionsPerUser: 1 })
      const peer = harness.open()
      peer.hello('ann')
      return { harness, peer }
    },
  ],
  'this address opens connections too fast': [
    () => {
      const { harness } = live({ connectBurstPerAddress: 1 })
      harness.open(undefined, '192.0.2.1')
      return { harness, peer: harness.open(undefined, '192.0.2.1') }
    },
  ],
  'the node is stopping': [() => sending((_, { node, now }) => node.drain(now))],
}

describe('how a node ends a connection', () => {
  const ofCore = rows.filter(([, goodbye]) => goodbye.startsWith('yes'))

  test('every case is a row of the table, and every row with a goodbye a case', () => {
    const found = ofCore.map(([trigger]) => Object.keys(cases).find((each) => trigger.startsWith(each)))
    expect(found).toEqual(Object.keys(cases))
  })

  test.each(ofCore)('%s', (trigger, _, code, session) => {
    const drives = Object.entries(cases).find(([each]) => trigger.startsWith(each))?.[1] ?? []
    for (const drive of drives) {
      const { harness, peer } = drive()
      // The pings of this row are more than one packet may hold.
      if (trigger.startsWith('more than 2,048'))
        for (let more = 0; more < 2; more++)
          peer.send(...Array.from({ length: 1_024 }, () => ({ type: 'ping', time: 1 }) as const))
      harness.settle()
      expect(peer.all('goodbye')).toMatchObject([{ code: Number(code) }])
      expect(peer.closed).toBe(Number(code))
      const { sessions } = harness.node.presence('ann')
      expect(sessions).toBe(session === 'ended' ? 0 : 1)
    }
  })
})
