import * as v from 'valibot'
import type { Search } from '../../core/index.ts'
import { type Limits, serverLimits } from '../ground/limits.ts'
import { TOO_DEEP, writable } from '../ground/writable.ts'
import { Searches } from '../business/searches.ts'
import type { KeptPublication, Topics } from '../business/topics.ts'
import { errorBody, type ErrorBody, knownError } from './errors.ts'
import { type ApiNode, operation, type Operation } from './operation.ts'
import {
  alone,
  fieldsOfValue,
  integer,
  type Item,
  missing,
  oneOf,
  oneOfUnless,
  payloadFields,
  text,
  valueOf,
} from './schemas.ts'

/** Topics in one answer, unless the query says otherwise. */
const PAGE = 100

const publication = v.pipe(
  v.strictObject({
    topic: text('The name of a topic: segments joined by single dots.'),
    ...payloadFields,
    key: v.optional(text('Becomes the latest value of this key: at most 255 bytes.')),
    tombstone: v.optional(v.pipe(v.boolean(), v.description('Removes the key; needs no payload.'))),
  }),
  oneOfUnless('tombstone', 'data', 'base64'),
)

const pressure = v.pipe(
  v.number(),
  v.minValue(0),
  v.maxValue(1),
  v.description('How full the topic is on this node; publish less where it rises to 1.'),
)

const keptPublication = v.pipe(
  v.strictObject({
    ...payloadFields,
    key: text("'' for none."),
    removed: v.pipe(v.boolean(), v.description('It removes the key.')),
    time: v.pipe(v.number(), v.description('When it was published: milliseconds since 1970.')),
  }),
  oneOf('data', 'base64'),
)

const count = (description: string) => integer(0, Number.MAX_SAFE_INTEGER, description)

const facts = {
  subscribers: count('Subscriptions on this node.'),
  keys: count('Keys that have a latest value.'),
  publications: count('Publications taken since the topic came to be here.'),
  kept: count('Publications that readers who come back can still have.'),
  bytes: count('Bytes of these and of the latest values.'),
}

const NONE = { subscribers: 0, keys: 0, publications: 0, kept: 0, bytes: 0 }

function factsOf(topics: Topics, topic: string): typeof NONE {
  const { name: _, ...found } = topics.get(topic) ?? { name: topic, ...NONE }
  return found
}

function publish(node: ApiNode, item: v.InferOutput<typeof publication>): { pressure: number } {
  const { topic, key, tombstone } = item
  return { pressure: node.topics.publish(topic, valueOf(item) ?? null, { key, tombstone }) }
}

type Offered = Item<v.InferOutput<typeof publication>>
type Published = { pressure: number } | (ErrorBody & { index: number })

function publishOne(node: ApiNode, item: Offered, index: number): Published {
  try {
    return publish(node, item())
  } catch (error) {
    const known = knownError(error)
    if (known !== null) return { index, ...errorBody(known.error) }
    throw error
  }
}

/** Publishes one item with each step. */
function* publishAll(node: ApiNode, items: readonly Offered[]): Search<Published[]> {
  const results: Published[] = []
  for (const [index, item] of items.entries()) {
    results.push(publishOne(node, item, index))
    if (results.length < items.length) yield
  }
  return results
}

function kept({ data, key, removed, time }: KeptPublication): v.InferInput<typeof keptPublication> {
  return { ...fieldsOfValue(writable(data, TOO_DEEP)), key, removed, time }
}

const errorSchema = v.strictObject({
  index: count('Which item it was, from 0.'),
  error: v.strictObject({ code: v.string(), message: v.string(), retry: v.string() }),
})

/** The operations on topics. `now` is for tests. */
export function topicOperations({ apiBatch }: Limits, now?: () => number): Operation[] {
  const batches = new Searches(now)
  return [
    operation({
      id: 'publish',
      at: 'POST /publish',
      summary: 'Publish to a topic',
      description: 'At most 32 KiB. Answers with the pressure of the topic.',
      input: publication,
      output: v.strictObject({ pressure }),
      errors: ['BAD_TOPIC', 'BAD_NAME', 'TOO_LARGE', 'LIMIT'],
      isRepeatable: true,
      run: publish,
    }),
    operation({
      id: 'publishBatch',
      at: 'POST /publish/batch',
      summary: 'Publish many at once',
      description:
        'In order. One that is malformed or refused does not hold up the others: ' +
        'the results stand in the order of the items.',
      input: v.strictObject({
        items: v.pipe(v.array(alone(publication)), v.minLength(1), v.maxLength(apiBatch)),
      }),
      output: v.strictObject({
        results: v.array(v.union([v.strictObject({ pressure }), errorSchema])),
      }),
      isRepeatable: true,
      run: async (node, { items }) => ({ results: await batches.run(publishAll(node, items)) }),
    }),
    operation({
      id: 'listTopics',
      at: 'GET /topics',
      summary: 'List topics',
      description:
        'Those of all nodes that were published or subscribed to, in the order of their names: the subscriptions of all nodes, and what the node has that keeps most. For the next page, give `next` as `after`.',
      input: v.strictObject({
        limit: v.optional(integer(1, serverLimits.listed, `At most so many; ${PAGE} by default.`)),
        after: v.optional(text('Only names behind this one.')),
        contains: v.optional(text('Only names with this in them, whatever its case.')),
      }),
      output: v.strictObject({
        topics: v.array(
          v.strictObject({ name: v.string(), ...facts, subscribers: count('Subscriptions on all nodes.') }),
        ),
        next: v.pipe(v.nullable(v.string()), v.description('Null where there are no more.')),
        missing,
      }),
      run: async ({ topics }, { limit = PAGE, after, contains }) => {
        // One more than the limit is read, to tell whether there are more.
        const found = await topics.page({ limit: limit + 1, after, contains })
        const page = found.slice(0, limit)
        const next = found.length > limit ? (page.at(-1)?.name ?? null) : null
        return { topics: page, next, missing: [...found.missing] }
      },
    }),
    operation({
      id: 'getTopic',
      at: 'GET /topics/{topic}',
      name: 'The name of a topic.',
      summary: 'Look at a topic',
      description:
        'Its subscribers on this node, and what it keeps: the last publications and the latest values.',
      input: v.strictObject({
        history: v.optional(
          integer(0, serverLimits.listed, 'How many of the last publications; none by default.'),
        ),
        latest: v.optional(
          integer(0, serverLimits.listed, 'How many of the latest values of keys; none by default.'),
        ),
      }),
      output: v.strictObject({
        ...facts,
        history: v.pipe(v.array(keptPublication), v.description('Oldest first.')),
        latest: v.pipe(
          v.array(keptPublication),
          v.description('The latest value of each key, in the order published.'),
        ),
      }),
      errors: ['BAD_TOPIC'],
      run: ({ topics }, { history = 0, latest = 0 }, topic) => ({
        ...factsOf(topics, topic),
        history: topics.history(topic, { limit: history }).map(kept),
        latest: topics.latest(topic, { limit: latest }).map(kept),
      }),
    }),
  ]
}
