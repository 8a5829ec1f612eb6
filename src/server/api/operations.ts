import * as v from 'valibot'
import { defaultLimits, type Limits } from '../ground/limits.ts'
import { version } from '../ground/version.ts'
import { meetingOperations } from './meetings.ts'
import { judged, operation, type Operation } from './operation.ts'
import { integer, oneOf, payloadFields, text, valueOf } from './schemas.ts'
import { topicOperations } from './topics.ts'
import { watchingOperations } from './watching.ts'

const pattern = 'a name, a prefix and `.*`, or `*`'

const connections = v.strictObject({
  connections: integer(0, Number.MAX_SAFE_INTEGER, 'How many connections that closed.'),
})

const count = (description: string) => integer(0, Number.MAX_SAFE_INTEGER, description)

const userOperations: readonly Operation[] = [
  operation({
    id: 'push',
    at: 'POST /push',
    summary: 'Push to a user',
    description:
      'To every session of the user on any node, connected or not yet back. At most 32 KiB. UNKNOWN where a node did not answer: whether sessions there were reached is unknown.',
    input: v.pipe(
      v.strictObject({
        user: text('Whom to push to.'),
        name: text('What the client listens for by `onPush`.'),
        ...payloadFields,
      }),
      oneOf('data', 'base64'),
    ),
    output: v.strictObject({ sessions: count('Sessions reached.') }),
    errors: ['BAD_NAME', 'TOO_LARGE', 'UNKNOWN'],
    isRepeatable: true,
    run: async ({ users }, input) => ({ sessions: await users.push(input.user, input.name, valueOf(input)) }),
  }),
  operation({
    id: 'getUser',
    at: 'GET /users/{user}',
    name: 'The name of a user.',
    summary: 'Whether a user is there',
    description:
      'On any node. Sessions without a connection may still come back. Where a node of the cluster has not told, there may be more than these.',
    input: v.strictObject({}),
    output: v.strictObject({
      online: v.pipe(
        v.nullable(v.boolean()),
        v.description('Null where that is unknown: none is known to be, and some nodes have not told.'),
      ),
      sessions: count('Sessions, with those that may still come back.'),
      connected: count('Sessions that have a connection.'),
      complete: v.pipe(v.boolean(), v.description('Whether all nodes of the cluster have told.')),
    }),
    errors: ['BAD_NAME'],
    run: ({ users }, _, user) => users.sessions(user),
  }),
  operation({
    id: 'disconnectUser',
    at: 'POST /users/{user}/disconnect',
    name: 'The name of a user.',
    summary: 'Close the connections of a user',
    description:
      'On all nodes. The clients come back with fresh tickets unless it is final. To refuse tickets given out, use revocations.',
    input: v.strictObject({
      reason: v.optional(text('For people; told to the client.')),
      final: v.optional(v.pipe(v.boolean(), v.description('The sessions end, and the clients stay away.'))),
      session: v.optional(
        v.pipe(text('The id of one session, as web-hooks tell it; without it all.'), v.minLength(1)),
      ),
    }),
    output: connections,
    errors: ['BAD_NAME', 'UNKNOWN'],
    run: async ({ users }, options, user) => ({ connections: await users.disconnect(user, options) }),
  }),
]

const ticketOperations: readonly Operation[] = [
  operation({
    id: 'issueTicket',
    at: 'POST /tickets',
    summary: 'Issue a ticket',
    description: 'What a client needs to connect: hand it to a user whom you have authenticated.',
    input: v.strictObject({
      user: text('Whom you have authenticated.'),
      meetings: v.optional(
        v.array(
          v.union([
            text(`What may be joined as a member: ${pattern}.`),
            v.strictObject({ name: v.string(), role: v.optional(v.picklist(['member', 'spectator'])) }),
          ]),
        ),
      ),
      topics: v.optional(
        v.strictObject({
          read: v.optional(v.array(text(`What may be subscribed to: ${pattern}.`))),
          write: v.optional(v.array(text(`What may be published to: ${pattern}.`))),
        }),
      ),
      expiresIn: v.optional(
        v.pipe(
          v.number(),
          v.gtValue(0),
          v.description('Seconds, at most 30 days (`limits.tokenMs`); 3600 by default.'),
        ),
      ),
      edges: v.optional(
        v.pipe(
          v.union([v.boolean(), v.array(v.string())]),
          v.description(
            'Edges that the client may use as well: names of those near the user, or true for any. By default true where no meeting may be joined as a member, else false.',
          ),
        ),
      ),
      host: v.optional(
        text('Host and port the client is to connect to; not needed where `publicUrl` is set.'),
      ),
    }),
    output: v.strictObject({
      url: text('What to connect to. No secret.'),
      urls: v.optional(
        v.pipe(
          v.array(v.string()),
          v.description('Where there are edges: `url` and theirs. The nearest is taken.'),
        ),
      ),
      token: text('Goes into the first packet, never into the URL.'),
      expiresAt: count('Seconds since 1970.'),
      id: text('Names the ticket, for revocations. No secret.'),
    }),
    errors: ['BAD_NAME', 'BAD_TOPIC', 'TOO_LARGE', 'UNSUPPORTED'],
    run: ({ tickets }, input) =>
      judged(async () => {
        const { urls, ...ticket } = await tickets.issue(input)
        return urls === undefined ? ticket : { ...ticket, urls: [...urls] }
      }),
  }),
  operation({
    id: 'revoke',
    at: 'POST /revocations',
    summary: 'Take tickets back',
    description:
      'Every ticket a user was given so far, or one ticket, on all nodes. Connections are closed and sessions end; a ticket issued afterwards is good. A node that did not answer (UNKNOWN) is told when it is heard again.',
    input: v.pipe(
      v.strictObject({
        user: v.optional(text('Whose tickets.')),
        id: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(255), v.description('Of one ticket.'))),
      }),
      oneOf('user', 'id'),
    ),
    output: connections,
    errors: ['BAD_NAME', 'LIMIT', 'UNKNOWN'],
    run: async ({ tickets }, { user, id = '' }) => ({
      connections: await tickets.revoke(user === undefined ? { id } : { user }),
    }),
  }),
]

const info = operation({
  id: 'getInfo',
  at: 'GET /info',
  summary: 'Look at this node',
  description: 'What it is called and how much there is on it.',
  input: v.strictObject({}),
  output: v.strictObject({
    node: text('Its name, which tickets contain.'),
    incarnation: count('The number of its run: another one after each start.'),
    version: text('Of RTMS.'),
    status: v.picklist(['ok', 'draining', 'expelled']),
    readiness: v.pipe(
      v.picklist(['ready', 'draining', 'late', 'expelled', 'cut-off']),
      v.description(
        'Whether a load balancer should send clients here; late: its sweeps came too late; expelled: the other nodes count it as ended, so start it anew; cut-off: an edge that hears none of the other nodes.',
      ),
    ),
    latenessMs: count('How late the latest sweep of the last five seconds was, in milliseconds.'),
    uptimeMs: v.pipe(v.number(), v.description('Milliseconds since it started.')),
    connections: count('Connections that are open.'),
    sessions: count('Sessions, with those that wait for a connection.'),
    meetings: count('Meetings that are open.'),
    topics: count('Topics that are kept.'),
  }),
  run: (node) => {
    const { status: readiness, latenessMs } = node.ready()
    const uptimeMs = Math.round(node.uptime())
    return { ...node.health(), readiness, latenessMs, version: version(), uptimeMs }
  },
})

/** Every operation of the API. */
export function operationsOf(limits: Limits = defaultLimits): readonly Operation[] {
  return [
    ...topicOperations(limits),
    ...userOperations,
    ...ticketOperations,
    ...meetingOperations,
    ...watchingOperations,
    info,
  ]
}
