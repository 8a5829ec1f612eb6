import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Meeting } from '../../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'

/* A name that is refused is told with the character that is not allowed, and its place. */

let node: TestNode
let meeting: Meeting

beforeAll(async () => {
  node = await createTestNode({ logger: null })
  node.rtms.meetings.define('kind', { onCall: () => null })
  meeting = await node.rtms.meetings.open('m', { kind: 'kind' })
})
afterAll(() => node.close())

const SPACE = 'a space at character 2 is not allowed'
const BREAK = 'a line feed at character 2 is not allowed'

const refused: [string, (name: string) => unknown, string, string, string][] = [
  [
    'meetings.open',
    (name) => node.rtms.meetings.open(name),
    'a b',
    'BAD_NAME',
    `"a b" cannot be a meeting: ${SPACE}`,
  ],
  [
    'meetings.find',
    (name) => node.rtms.meetings.find(name),
    'a b',
    'BAD_NAME',
    `"a b" cannot be a meeting: ${SPACE}`,
  ],
  [
    'meetings.define',
    (name) => node.rtms.meetings.define(name, {}),
    'a b',
    'BAD_NAME',
    `"a b" cannot be a kind: ${SPACE}`,
  ],
  [
    'meeting.addBot',
    (name) => meeting.addBot(name),
    'a\nb',
    'BAD_NAME',
    `"a\\nb" cannot be a user: ${BREAK}`,
  ],
  [
    'meeting.call',
    (name) => meeting.call(name, null),
    'a b',
    'BAD_NAME',
    `"a b" cannot be a method: ${SPACE}`,
  ],
  [
    'onRequest',
    (name) => node.rtms.onRequest(name, () => null),
    'a b',
    'BAD_NAME',
    `"a b" cannot be a method: ${SPACE}`,
  ],
  [
    'users.push',
    (name) => node.rtms.users.push('u', name, 1),
    'a b',
    'BAD_NAME',
    `"a b" cannot be a push: ${SPACE}`,
  ],
  [
    'users.push',
    (user) => node.rtms.users.push(user, 'p', 1),
    'a\nb',
    'BAD_NAME',
    `"a\\nb" cannot be a user: ${BREAK}`,
  ],
  [
    'users.disconnect',
    (user) => node.rtms.users.disconnect(user),
    'a\nb',
    'BAD_NAME',
    `"a\\nb" cannot be a user: ${BREAK}`,
  ],
  [
    'tickets.issue',
    (user) => node.rtms.tickets.issue({ user }),
    'a\nb',
    'BAD_NAME',
    `"a\\nb" cannot be a user: ${BREAK}`,
  ],
  [
    'tickets.issue',
    (name) => node.rtms.tickets.issue({ user: 'u', meetings: [name] }),
    'a b.*',
    'BAD_NAME',
    `"a b.*" cannot be a meeting: ${SPACE}; expected a name, a prefix and .*, or *`,
  ],
  [
    'tickets.issue',
    (name) => node.rtms.tickets.issue({ user: 'u', topics: { read: [name] } }),
    'a*',
    'BAD_TOPIC',
    '"a*" cannot be a topic: "*" at character 2 is not allowed',
  ],
  [
    'topics.publish',
    (name) => node.rtms.topics.publish(name, 1),
    'a b',
    'BAD_TOPIC',
    `"a b" cannot be a topic: ${SPACE}; names have 1 to 255 bytes`,
  ],
  [
    'topics.publish',
    (key) => node.rtms.topics.publish('t', 1, { key }),
    '\ud800',
    'BAD_NAME',
    'cannot be a key: half a character (U+D800) at character 1 is not allowed; expected at most 255 bytes',
  ],
  [
    'topics.subscribe',
    (name) => node.rtms.topics.subscribe(name, () => {}),
    'stock.*',
    'BAD_TOPIC',
    '"stock.*" cannot be a topic: "*" at character 7 is not allowed; use keys of one topic',
  ],
  [
    'topics.define',
    (name) => node.rtms.topics.define(name, {}),
    'a b',
    'BAD_TOPIC',
    `"a b" cannot be a pattern of topics: ${SPACE}`,
  ],
  [
    'topics.onPublish',
    (name) => node.rtms.topics.onPublish(name, () => true),
    'a b',
    'BAD_TOPIC',
    `"a b" cannot be a pattern of topics: ${SPACE}`,
  ],
]

describe('A name that is refused', () => {
  it.each(refused)('by %s says which character of it', async (_, call, name, code, words) => {
    const error = await Promise.resolve(name)
      .then(call)
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) as unknown })
  })

  it('is shown in part where it is long', async () => {
    const message = `"${'x'.repeat(59)}… cannot be a meeting: it has 300 bytes of UTF-8; names have`
    await expect(node.rtms.meetings.open('x'.repeat(300))).rejects.toThrow(message)
  })
})
