import { afterAll, beforeAll, expect, it } from 'vitest'
import { nats } from '../../../src/nats/index.ts'
import type { Rtms } from '../../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'

/* A slip in the name of an option of the server's calls: code without types is told which one is meant. */

let node: TestNode
beforeAll(async () => {
  node = await createTestNode()
  await node.rtms.meetings.open('m')
})
afterAll(() => node.close())

const bus = { servers: 'nats://127.0.0.1:4222', secret: 'a secret for tests, which is long enough' }

type Given = Record<string, unknown>
/** Of each call: how it is called, what it needs, its options, and how it fails. */
const calls: Record<string, [(rtms: Rtms, given: never) => unknown, Given, string[], 'throws' | 'rejects']> =
  {
    'tickets.issue': [
      ({ tickets }, given) => tickets.issue(given),
      { user: 'u' },
      ['user', 'meetings', 'topics', 'expiresIn', 'edges', 'host'],
      'rejects',
    ],
    'tickets.issue, topics': [
      ({ tickets }, topics) => tickets.issue({ user: 'u', topics }),
      {},
      ['read', 'write'],
      'rejects',
    ],
    'tickets.issue, a meeting': [
      ({ tickets }, meeting) => tickets.issue({ user: 'u', meetings: [meeting] }),
      { name: 'm' },
      ['name', 'role'],
      'rejects',
    ],
    'tickets.revoke': [
      ({ tickets }, given) => tickets.revoke(given),
      { user: 'u' },
      // Not `id`: the two are alternatives.
      ['user'],
      'rejects',
    ],
    'topics.publish': [
      ({ topics }, given) => topics.publish('t', 1, given),
      {},
      ['key', 'tombstone'],
      'throws',
    ],
    'topics.history': [({ topics }, given) => topics.history('t', given), {}, ['limit'], 'throws'],
    'topics.latest': [({ topics }, given) => topics.latest('t', given), {}, ['limit'], 'throws'],
    'topics.define': [
      ({ topics }, given) => topics.define('defined', given),
      {},
      ['entries', 'bytes', 'ageMs'],
      'throws',
    ],
    'topics.subscribe': [
      ({ topics }, given) => topics.subscribe('t', () => {}, given),
      {},
      ['onGap'],
      'throws',
    ],
    'topics.page': [
      ({ topics }, given) => topics.page(given),
      { limit: 1 },
      ['limit', 'after', 'contains'],
      'rejects',
    ],
    'users.disconnect': [
      ({ users }, given) => users.disconnect('u', given),
      {},
      ['reason', 'final'],
      'rejects',
    ],
    'users.list': [({ users }, given) => users.list(given), {}, ['user', 'limit'], 'rejects'],
    'meetings.list': [({ meetings }, given) => meetings.list(given), {}, ['kind'], 'rejects'],
    'meetings.page': [
      ({ meetings }, given) => meetings.page(given),
      { limit: 1 },
      ['limit', 'after', 'kind', 'contains'],
      'rejects',
    ],
    'meeting.history': [
      ({ meetings }, given) => meetings.get('m')?.history(given),
      {},
      ['from', 'to'],
      'throws',
    ],
    'cluster.nodes': [({ cluster }, given) => cluster.nodes(given), {}, ['host'], 'throws'],
    'cluster.successions': [({ cluster }, given) => cluster.successions(given), {}, ['withinMs'], 'rejects'],
    nats: [(_, given) => nats(given), bus, ['servers', 'secret', 'cluster', 'credentials'], 'throws'],
    // Last: they are called with a slip only, so the node goes on.
    'cluster.drain': [({ cluster }, given) => cluster.drain('x', given), {}, ['timeoutMs'], 'rejects'],
    'cluster.cut': [({ cluster }, given) => cluster.cut('x', given), {}, ['ms'], 'rejects'],
    'rtms.drain': [(rtms, given) => rtms.drain(given), {}, ['timeoutMs', 'onProgress'], 'rejects'],
    'rtms.close': [(rtms, given) => rtms.close(given), {}, ['timeoutMs'], 'rejects'],
  }
const ending = ['cluster.drain', 'cluster.cut', 'rtms.drain', 'rtms.close']

/** What a call throws or rejects with. */
async function failure(call: () => unknown): Promise<[how: string, error: Error | undefined]> {
  let result: unknown
  try {
    result = call()
  } catch (error) {
    return ['throws', error as Error]
  }
  return Promise.resolve(result).then(
    () => ['does not fail', undefined],
    (error: unknown) => ['rejects', error as Error],
  )
}

it.each(Object.entries(calls))('%s names an option that there is not, and the one meant', async (_, each) => {
  const [call, needed, names, how] = each
  for (const name of names) {
    const slip = `${name}s`
    const [failed, error] = await failure(() => call(node.rtms, { ...needed, [slip]: 1 } as never))
    expect([name, failed, error?.message]).toEqual([
      name,
      how,
      expect.stringContaining(`${slip}: it is not an option; did you mean ${name}?`),
    ])
  }
  expect(node.rtms.health().status).toBe('ok')
})

it.each(Object.entries(calls).filter(([name]) => !ending.includes(name)))(
  '%s takes options that are undefined',
  async (_, [call, needed, names]) => {
    const none = Object.fromEntries(names.map((name) => [name, undefined]))
    const [how] = await failure(() => call(node.rtms, { ...none, ...needed } as never))
    expect(how).toBe('does not fail')
  },
)

it('all names that there are not are told at once', async () => {
  const [, issue] = await failure(() =>
    node.rtms.tickets.issue({ user: 'u', meeting: [], topic: {} } as never),
  )
  expect(issue?.message).toBe(
    'tickets.issue: meeting: it is not an option; did you mean meetings?; topic: it is not an option; did you mean topics?',
  )
  for (const [call, what] of [
    [() => node.rtms.meetings.define('k', { framerate: 1, onInputs: 1, capacity: 0 } as never), 'the kind k'],
    [
      () => node.rtms.meetings.open('n', { framerate: 1, onInputs: 1, capacity: 0 } as never),
      'the meeting n',
    ],
  ] as const) {
    const [, error] = await failure(call)
    const [head, ...faults] = error?.message.split('\n') ?? []
    expect(head).toMatch(what)
    expect(faults.map((fault) => fault.split(':')[0]?.trim())).toEqual(['capacity', 'framerate', 'onInputs'])
  }
})

it.each([
  [
    { meetings: 'quiz-7' },
    "meetings of tickets.issue is \"quiz-7\"; expected an array such as ['quiz-7', 'chat.*']",
  ],
  [{ meetings: { name: 'quiz-7' } }, 'meetings of tickets.issue is an object; expected an array'],
  [
    { topics: { read: 'stock.*' } },
    'topics.read of tickets.issue is "stock.*"; expected an array such as [\'stock.*\']',
  ],
  [{ topics: { write: 7 } }, 'topics.write of tickets.issue is 7; expected an array'],
  [{ topics: ['stock.*'] }, 'topics of tickets.issue takes an object of options: any of read, write'],
  [{ topics: 'stock.*' }, 'topics of tickets.issue takes an object of options: any of read, write'],
])('a ticket for %o says what was expected', async (given, message) => {
  const [how, error] = await failure(() => node.rtms.tickets.issue({ user: 'u', ...given } as never))
  expect([how, error?.message]).toEqual(['rejects', expect.stringContaining(message)])
})

it('a call that takes options says so where it gets something else', async () => {
  const [how, error] = await failure(() => node.rtms.users.list('ann' as never))
  expect([how, error?.message]).toEqual([
    'rejects',
    'users.list takes an object of options: any of user, limit',
  ])
})
