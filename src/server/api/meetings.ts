import * as v from 'valibot'
import type { MeetingInfo } from '../../core/index.ts'
import { serverLimits } from '../ground/limits.ts'
import { errorOf, limits, RtmsError } from '../../protocol/index.ts'
import { meetingSettings } from '../business/meeting-options.ts'
import { KICKED } from '../business/meeting.ts'
import type { Meetings } from '../business/meetings.ts'
import { checkName, payloadOf } from '../ground/check.ts'
import { writable } from '../ground/writable.ts'
import { type ApiNode, operation, type Operation } from './operation.ts'
import { anyObject, integer, missing, oneOf, payloadFields, text, valueOf } from './schemas.ts'

/** Meetings in one answer, unless the query says otherwise. */
const PAGE = 100
const MANY = Number.MAX_SAFE_INTEGER

const NAME = 'The name of a meeting.'
const slot = integer(0, limits.slots - 1, 'The slot of a member.')
const metadata = anyObject()

const facts = {
  name: v.string(),
  kind: text("As it was opened: '' for none."),
  metadata,
  frameRate: integer(0, 60, 'Frames a second.'),
  capacity: integer(1, limits.slots, 'Members at once.'),
  spectators: integer(0, MANY, 'Spectators that are connected.'),
  epoch: integer(1, MANY, 'A random number of this history of frames.'),
  frame: integer(0, MANY, 'The last frame sealed; 0 before the first.'),
  stable: integer(0, MANY, 'The last frame that at least half of the members have acknowledged.'),
}

const member = v.strictObject({
  slot,
  user: v.string(),
  away: v.pipe(v.boolean(), v.description('Its connection was lost; it keeps its slot for a while.')),
  bot: v.pipe(v.boolean(), v.description('Played by the business.')),
})

/** What a call about a meeting has led to; null stands for a meeting that is not open. */
async function found<T>(
  name: string,
  call: (calls: Meetings['calls']) => Promise<T | null>,
  node: ApiNode,
): Promise<T> {
  checkName('meeting', name, 'BAD_NAME')
  const answer = await call(node.meetings.calls)
  if (answer === null) throw errorOf('NOT_FOUND')
  return answer
}

function shown(info: MeetingInfo): MeetingInfo {
  return { ...info, metadata: writable(info.metadata, { error: 'It has no JSON form.' }) }
}

/** The operations on meetings. */
export const meetingOperations: readonly Operation[] = [
  operation({
    id: 'openMeeting',
    at: 'POST /meetings',
    summary: 'Open a meeting',
    description: 'Where one of this name is open, it stays as it is.',
    input: v.strictObject({
      name: text('The name of the meeting: segments joined by single dots.'),
      ...meetingSettings,
      kind: v.optional(text('What the business defined in the node by `meetings.define`.')),
      metadata: v.optional(metadata),
    }),
    output: v.strictObject({
      name: v.string(),
      created: v.pipe(v.boolean(), v.description('False: it was open already.')),
    }),
    errors: ['BAD_NAME', 'LIMIT', 'UNSUPPORTED', 'DRAINING', 'BUSY'],
    run: async ({ meetings }, { name, ...options }) => {
      checkName('meeting', name, 'BAD_NAME')
      const { isNew } = await meetings.openOrFind(name, options)
      return { name, created: isNew }
    },
  }),
  operation({
    id: 'listMeetings',
    at: 'GET /meetings',
    summary: 'List meetings',
    description:
      'Those of all nodes, in the order of their names. For the next page, give `next` as `after`.',
    input: v.strictObject({
      kind: v.optional(text('Only those of this kind.')),
      limit: v.optional(integer(1, serverLimits.listed, `At most so many; ${PAGE} by default.`)),
      after: v.optional(text('Only names behind this one.')),
      contains: v.optional(text('Only names with this in them, whatever its case.')),
    }),
    output: v.strictObject({
      meetings: v.array(
        v.strictObject({
          node: text('The node that has it.'),
          ...facts,
          members: integer(0, limits.slots, 'How many members.'),
        }),
      ),
      next: v.pipe(v.nullable(v.string()), v.description('Null where there are no more.')),
      missing,
    }),
    run: async ({ meetings }, { kind, limit = PAGE, after, contains }) => {
      // One more than the limit is read, to tell whether there are more.
      const found = await meetings.page({ limit: limit + 1, after, kind, contains })
      const page = found.slice(0, limit)
      return {
        meetings: page.map((info) => ({ ...shown(info), node: info.node, members: info.members.length })),
        next: found.length > limit ? (page.at(-1)?.name ?? null) : null,
        missing: [...found.missing],
      }
    },
  }),
  operation({
    id: 'getMeeting',
    at: 'GET /meetings/{name}',
    name: NAME,
    summary: 'Look at a meeting',
    description: 'With its members.',
    input: v.strictObject({}),
    output: v.strictObject({ ...facts, members: v.array(member) }),
    errors: ['BAD_NAME', 'NOT_FOUND', 'BUSY', 'UNKNOWN'],
    run: async (node, _, name) => {
      const info = await found(name, (calls) => calls.look(name), node)
      return { ...shown(info), members: [...info.members] }
    },
  }),
  operation({
    id: 'locateMeeting',
    at: 'GET /meetings/{name}/nodes',
    name: NAME,
    summary: 'Where a meeting is',
    description: 'Which node of the cluster has it open, and which ones have a copy for their own clients.',
    input: v.strictObject({}),
    output: v.strictObject({
      owner: v.pipe(
        v.nullable(v.string()),
        v.description('The name of the node that has it open; null for none of those that answered.'),
      ),
      replicas: v.pipe(v.array(v.string()), v.description('The names of the nodes that have a copy.')),
      missing,
    }),
    errors: ['BAD_NAME', 'NOT_FOUND'],
    run: async ({ cluster }, _, name) => {
      const { owner, replicas, missing } = await cluster.whereabouts(name)
      if (owner === null && replicas.length === 0 && missing.length === 0)
        throw new RtmsError('NOT_FOUND', 'No node has a meeting of this name open.')
      return { owner, replicas: [...replicas], missing: [...missing] }
    },
  }),
  operation({
    id: 'closeMeeting',
    at: 'DELETE /meetings/{name}',
    name: NAME,
    summary: 'End a meeting',
    description: 'For all who are in it.',
    input: v.strictObject({}),
    output: v.strictObject({ closed: v.pipe(v.boolean(), v.description('False: there was none.')) }),
    errors: ['BAD_NAME', 'BUSY', 'UNKNOWN'],
    run: async ({ meetings }, _, name) => {
      checkName('meeting', name, 'BAD_NAME')
      return { closed: (await meetings.calls.close(name)) ?? false }
    },
  }),
  operation({
    id: 'kick',
    at: 'POST /meetings/{name}/kick',
    name: NAME,
    summary: 'Take a slot away from its member',
    description: 'Behind what the member has sent. The user may join again where the ticket allows it.',
    input: v.strictObject({ slot, reason: v.optional(text('For people; told to the client.')) }),
    output: v.strictObject({ kicked: v.pipe(v.boolean(), v.description('False: the slot was empty.')) }),
    errors: ['BAD_NAME', 'NOT_FOUND', 'BUSY', 'UNKNOWN'],
    run: async (node, { slot, reason = KICKED }, name) => ({
      kicked: await found(name, (calls) => calls.kick(name, slot, reason), node),
    }),
  }),
  operation({
    id: 'sendTo',
    at: 'POST /meetings/{name}/send',
    name: NAME,
    summary: 'Say something to one member',
    description:
      'What the client hears by `meeting.onMessage`. At most 32 KiB. One who is away gets it on coming back.',
    input: v.pipe(v.strictObject({ slot, ...payloadFields }), oneOf('data', 'base64')),
    output: v.strictObject({ sent: v.pipe(v.boolean(), v.description('False: the slot was empty.')) }),
    errors: ['BAD_NAME', 'NOT_FOUND', 'TOO_LARGE', 'BUSY', 'UNKNOWN'],
    isRepeatable: true,
    run: async (node, input, name) => {
      const data = payloadOf(valueOf(input))
      return { sent: await found(name, (calls) => calls.sendTo(name, input.slot, data), node) }
    },
  }),
]
