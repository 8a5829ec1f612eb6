import * as v from 'valibot'
import { drainStates, fixedLimits, successionKinds } from '../../core/index.ts'
import { serverLimits } from '../ground/limits.ts'
import { judged, operation, type Operation } from './operation.ts'
import { integer, missing, text } from './schemas.ts'

/* The operations for watching a node: its metrics and sessions. */

const count = (description: string) => integer(0, Number.MAX_SAFE_INTEGER, description)

const session = v.strictObject({
  node: text('Where it is.'),
  user: text('Whose it is.'),
  connected: v.pipe(v.boolean(), v.description('Without a connection it may still come back.')),
  meetings: v.array(
    v.strictObject({ name: v.string(), slot: integer(0, 255, 'Of the member; 255 for a spectator.') }),
  ),
  topics: v.pipe(
    v.array(v.string()),
    v.description(`At most ${fixedLimits.sessionTopics} of those it is subscribed to.`),
  ),
  subscriptions: count('How many topics it is subscribed to.'),
  cursors: v.pipe(
    v.array(
      v.strictObject({
        of: v.picklist(['meeting', 'topic']),
        name: v.string(),
        position: count('The next entry to be offered; before `first` where it was too slow.'),
        first: count('The oldest entry kept.'),
        next: count('The number the next entry gets.'),
      }),
    ),
    v.description('Where it stands in its logs; empty without a connection.'),
  ),
  requests: count('Requests under way.'),
  waiting: v.strictObject({
    messages: count('What it sent and nobody has looked at.'),
    bytes: count('The bytes of that.'),
  }),
  unacknowledgedBytes: count('Handed to its socket and not acknowledged.'),
  window: count('How many may be, before a write; 0 for no limit.'),
})

const load = v.strictObject({
  connections: count('Connections that are open.'),
  sessions: count('Sessions, with those that wait for a connection.'),
  meetings: count('Meetings that are open on it.'),
  replicas: count('Copies that it has of meetings of other nodes, for its own clients.'),
  topics: count('Topics that are kept.'),
  busBytesIn: count('Bytes that the bus has brought it since it started.'),
  busBytesOut: count('Bytes that it has given to the bus.'),
})

const drain = v.strictObject({
  state: v.pipe(
    v.picklist(drainStates),
    v.description('drained: it is empty but for what stays, or its time is over.'),
  ),
  meetings: count('Meetings that have yet to be handed over.'),
  staying: count('Meetings that cannot be handed over, and end with the node.'),
  connections: count('Connections that are open.'),
  requests: count('Requests that have no answer yet.'),
  sessions: count('Sessions that have yet to go to other nodes.'),
})

export const watchingOperations: readonly Operation[] = [
  operation({
    id: 'listSessions',
    at: 'GET /sessions',
    summary: 'List sessions',
    description:
      'Those of all nodes, this one first and of each the oldest first, or those of a user. Their ids are secret and not told.',
    input: v.strictObject({
      user: v.optional(text('Only those of this user.')),
      limit: v.optional(integer(1, serverLimits.listed, 'How many; 100 by default.')),
    }),
    output: v.strictObject({ sessions: v.array(session), missing }),
    errors: ['BAD_NAME'],
    run: async ({ users }, { user, limit }) => {
      const found = await users.list({ user, limit })
      const sessions = found.map((each) => ({
        ...each,
        meetings: [...each.meetings],
        topics: [...each.topics],
        cursors: [...each.cursors],
      }))
      return { sessions, missing: [...found.missing] }
    },
  }),
  operation({
    id: 'getCluster',
    at: 'GET /cluster',
    summary: 'Look at the cluster',
    description: 'As this node sees it: the nodes, itself first, and its own traffic on the bus.',
    input: v.strictObject({
      host: v.optional(
        text('Host and port of the addresses, as for a ticket; not needed where `publicUrl` is set.'),
      ),
    }),
    output: v.strictObject({
      faults: v.pipe(
        v.boolean(),
        v.description('Whether the node that answers may be cut off and killed: it runs for development.'),
      ),
      nodes: v.array(
        v.strictObject({
          node: text('Its name, which tickets contain.'),
          incarnation: count('The number of its run: another one after each start.'),
          address: text('Where a ticket that leads to it has its client connect.'),
          role: v.pipe(
            v.picklist(['core', 'edge']),
            v.description('edge: it serves clients near it, and owns no meetings.'),
          ),
          status: v.pipe(
            v.picklist(['self', 'alive', 'silent']),
            v.description('silent: not heard for three seconds or more, which proves nothing.'),
          ),
          heardMs: count('How long ago it was last heard, in milliseconds; 0 for the node that answers.'),
          draining: v.pipe(v.boolean(), v.description('It hands over what it has, and takes nothing new.')),
          load: v.pipe(
            v.nullable(load),
            v.description('As it told when it was last heard; null where that is not known.'),
          ),
        }),
      ),
      bus: v.strictObject({
        up: v.pipe(
          v.boolean(),
          v.description('Whether it carries messages to and from this node. True for a node alone.'),
        ),
        traffic: v.pipe(
          v.array(
            v.strictObject({
              direction: v.picklist(['in', 'out']),
              kind: v.pipe(
                v.picklist(['topics', 'digests', 'nodes', 'links', 'frames', 'other']),
                v.description('What it was about, as in `rtms_bus_messages_total`.'),
              ),
              messages: count('Messages.'),
              bytes: count('Their bytes.'),
            }),
          ),
          v.description('Of this node, since it started.'),
        ),
      }),
    }),
    run: ({ cluster }, input) =>
      judged(() => {
        const { isUp: up, traffic } = cluster.bus()
        const { hasFaults: faults } = cluster
        return { faults, nodes: cluster.nodes(input), bus: { up, traffic: [...traffic] } }
      }),
  }),
  operation({
    id: 'drainNode',
    at: 'POST /nodes/{node}/drain',
    name: 'The name of a node.',
    summary: 'Drain a node',
    description:
      'This node or another one of the cluster: it takes nothing new, hands its meetings and sessions over to the others and has its clients connect there. It goes on running, empty, until it is ended, and cannot be told to serve again. Answers at once; ask how far it is from then on. A node that drains already is only asked.',
    input: v.strictObject({
      timeoutMs: v.optional(
        integer(1, 3_600_000, 'After so many milliseconds what is left is closed; 25,000 by default.'),
      ),
    }),
    output: drain,
    errors: ['NOT_FOUND', 'UNKNOWN'],
    run: ({ cluster }, input, node) => cluster.drain(node, input),
  }),
  operation({
    id: 'getDrain',
    at: 'GET /nodes/{node}/drain',
    name: 'The name of a node.',
    summary: 'Ask how far a node is with draining',
    description: 'What is left on it. Once it has ended, its name is NOT_FOUND.',
    input: v.strictObject({}),
    output: drain,
    errors: ['NOT_FOUND', 'UNKNOWN'],
    run: ({ cluster }, _, node) => cluster.drainOf(node),
  }),
  operation({
    id: 'cutNode',
    at: 'POST /nodes/{node}/cut',
    name: 'The name of a node.',
    summary: 'Cut a node off the bus, for development',
    description:
      'This node or another one of the cluster, where it was started with the option `faults`, as by `rtms serve --dev`: for a while it hears nothing of the others, nor they of it, as when its network fails. Its clients stay connected. Answers a moment before.',
    input: v.strictObject({
      ms: v.optional(integer(1, 600_000, 'For how long, in milliseconds; 15,000 by default.')),
    }),
    output: v.strictObject({}),
    errors: ['FORBIDDEN', 'NOT_FOUND', 'UNKNOWN'],
    run: async ({ cluster }, input, node) => {
      await cluster.cut(node, input)
      return {}
    },
  }),
  operation({
    id: 'killNode',
    at: 'POST /nodes/{node}/kill',
    name: 'The name of a node.',
    summary: 'Kill a node, for development',
    description:
      'This node or another one of the cluster, where it was started with the option `faults`, as by `rtms serve --dev`: its process ends as by `kill -9`, or its thread, where it has one of its own. Answers a moment before.',
    input: v.strictObject({}),
    output: v.strictObject({}),
    errors: ['FORBIDDEN', 'NOT_FOUND', 'UNKNOWN'],
    run: async ({ cluster }, _, node) => {
      await cluster.kill(node)
      return {}
    },
  }),
  operation({
    id: 'listSuccessions',
    at: 'GET /successions',
    summary: 'List meetings that have changed their node',
    description:
      'Those that have gone on at another node than before, the oldest first: handed over, or revived where their node had ended. Each node tells the last 256 that it has gone on with.',
    input: v.strictObject({
      withinMs: v.optional(
        integer(1, 86_400_000, 'Only those of the last so many milliseconds; 60,000 by default.'),
      ),
    }),
    output: v.strictObject({
      successions: v.array(
        v.strictObject({
          meeting: text('Its name.'),
          node: text('The node that goes on with it.'),
          from: text(
            'The one that had it before; the number of its run where its name is not known any more.',
          ),
          how: v.pipe(
            v.picklist(successionKinds),
            v.description(
              'handover: the other node has handed it over. revival: that one had ended, and the same epoch goes on. fork: it had ended, and a new epoch has begun.',
            ),
          ),
          frame: count('The first frame of the node that goes on.'),
          agoMs: count('How long ago, in milliseconds.'),
        }),
      ),
      missing,
    }),
    run: async ({ cluster }, input) => {
      const successions = await cluster.successions(input)
      return { successions: [...successions], missing: [...successions.missing] }
    },
  }),
  operation({
    id: 'getMetrics',
    at: 'GET /metrics',
    summary: 'Read the metrics',
    description: 'What /metrics tells Prometheus, as JSON. They name no user, meeting or topic.',
    input: v.strictObject({}),
    output: v.strictObject({
      metrics: v.array(
        v.strictObject({
          name: text('Of the metric.'),
          help: text('What it says.'),
          type: v.picklist(['counter', 'gauge', 'histogram', 'summary']),
          values: v.array(
            v.strictObject({
              name: text('Of the value: for a part of a histogram another than of the metric.'),
              labels: v.record(v.string(), v.union([v.string(), v.number()])),
              value: v.number(),
            }),
          ),
        }),
      ),
    }),
    run: async (node) => ({ metrics: await node.measure() }),
  }),
  operation({
    id: 'getPastMetrics',
    at: 'GET /metrics/past',
    summary: 'Read the metrics of the last ten minutes',
    description:
      'The values of the metrics as they were every three seconds, as the charts of the dashboard begin.',
    input: v.strictObject({}),
    output: v.strictObject({
      metrics: v.pipe(v.array(v.string()), v.description('The names of all metrics.')),
      agoMs: v.pipe(
        v.array(v.number()),
        v.description('How long ago each sample was taken, in milliseconds, oldest first.'),
      ),
      series: v.array(
        v.strictObject({
          name: text('Of the value.'),
          labels: v.record(v.string(), v.union([v.string(), v.number()])),
          values: v.pipe(
            v.array(v.nullable(v.number())),
            v.description(
              'One for each sample, null where it was not there; one alone where it has not changed.',
            ),
          ),
        }),
      ),
    }),
    run: (node) => {
      const { metrics, agoMs, series } = node.past()
      return {
        metrics: [...metrics],
        agoMs: [...agoMs],
        series: series.map(({ name, labels, values }) => ({
          name,
          labels: { ...labels },
          values: [...values],
        })),
      }
    },
  }),
]
