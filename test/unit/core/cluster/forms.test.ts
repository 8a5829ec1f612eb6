import { describe, expect, it } from 'vitest'
import {
  bool,
  type Form,
  json,
  list,
  messages,
  name,
  nullable,
  payload,
  struct,
  text,
  uint,
  within,
} from '../../../../src/core/cluster/forms.ts'
import {
  decodeHandover,
  encodeHandover,
  type HandoverMessage,
  type Offer,
  type Yield,
} from '../../../../src/core/cluster/handover-messages.ts'
import { linked } from '../../../../src/core/cluster/link-messages.ts'
import type { OwnerState } from '../../../../src/core/meeting/owner-state.ts'
import { kindNames, meetingParts, questionKinds } from '../../../../src/core/cluster/question-kinds.ts'
import { Reader, Writer } from '../../../../src/protocol/bytes.ts'
import { limits, MAX_UINT } from '../../../../src/protocol/limits.ts'
import { bytes, text as textOf } from '../harness.ts'

function written<T>(form: Form<T>, value: T): Uint8Array {
  const w = new Writer()
  form.write(w, value)
  return w.finish()
}

function again<T>(form: Form<T>, value: T): T {
  const r = new Reader(written(form, value))
  const read = form.read(r)
  r.finish()
  return read
}

const read = <T>(form: Form<T>, ...given: number[]): T => form.read(new Reader(Uint8Array.from(given)))

describe('A value in a message between nodes', () => {
  it('is read as it was written', () => {
    for (const each of [0, 1, 127, 128, MAX_UINT]) expect(again(uint, each)).toBe(each)
    expect([again(bool, true), again(bool, false)]).toEqual([true, false])
    expect([again(name, 'é'), again(text(3), 'abc')]).toEqual(['é', 'abc'])
    expect([again(payload, textOf('x')), again(payload, bytes(3))]).toEqual([textOf('x'), bytes(3)])
    expect([again(nullable(uint), null), again(nullable(uint), 0)]).toEqual([null, 0])
    expect(again(json<unknown>(), { a: [1, null] })).toEqual({ a: [1, null] })
    expect(again(list(uint), [])).toEqual([])
    expect(again(list(uint), [5, 6])).toEqual([5, 6])
    const fields = struct<{ b: boolean; a: number }>({ b: bool, a: uint })
    expect(again(fields, { a: 7, b: true })).toEqual({ a: 7, b: true })
    expect([...written(fields, { a: 7, b: true })]).toEqual([1, 7])
  })

  it('is within its bounds', () => {
    const form = within(2, 5, 'a number')
    expect(again(form, 3)).toBe(3)
    expect([2, 5].map((each) => read(form, each))).toEqual([2, 5])
    for (const each of [1, 6]) expect(() => read(form, each)).toThrow('a number')
    expect(() => read(bool, 2)).toThrow('a boolean')
    expect(() => again(text(2), 'abc')).toThrow('3')
    expect(again(name, 'x'.repeat(limits.name))).toHaveLength(limits.name)
    expect(() => again(name, 'x'.repeat(limits.name + 1))).toThrow(`${limits.name}`)
  })

  it('is no list of more items than there are bytes', () => {
    expect(read(list(bool), 2, 1, 0)).toEqual([true, false])
    expect(() => read(list(bool), 3, 1, 0)).toThrow('items')
  })

  it('has no more items in all its lists than 131,072: a list of lists counts them all', () => {
    const nested = list(list(bool))
    const of = (...counts: number[]): boolean[][] =>
      counts.map((count) => Array.from({ length: count }, () => true))
    expect(again(nested, of(65_535, 65_535)).map(({ length }) => length)).toEqual([65_535, 65_535])
    expect(() => again(nested, of(65_535, 65_536))).toThrow('items')
    // Another message has as many again.
    expect(again(nested, of(65_535, 65_535))).toHaveLength(2)
  })

  it('is of a type in the table, complete, and followed by nothing', () => {
    type Said = { readonly type: 'one' } | { readonly type: 'two'; readonly n: number }
    const form = messages<Said>(9, { one: struct({}), two: struct({ n: uint }) })
    const two = { type: 'two', n: 3 } as const
    expect([...form.encode(two)]).toEqual([9, 1, 3])
    expect([form.decode(form.encode(two)), form.decode(form.encode({ type: 'one' }))]).toEqual([
      two,
      { type: 'one' },
    ])
    for (const wrong of [[8, 1, 3], [9, 2], [9, 1], [9, 1, 3, 0], [9], []])
      expect(form.decode(Uint8Array.from(wrong))).toBeNull()
  })
})

const state: Yield['state'] = {
  options: {
    frameRate: 1,
    capacity: 2,
    ttlMs: 3,
    inputBytes: 4,
    inputsPerSecond: 5,
    inputBurst: 6,
    joinsPerMinute: 7,
    inputsPerFrame: 8,
    frameBytes: 9,
    spectatorDelayMs: 10,
    standby: 1,
    config: 'c',
  },
  config: 'd',
  roster: {
    members: [
      { slot: 0, user: 'ann', standing: { is: 'present' }, seq: 4, isBot: false },
      { slot: 1, user: 'bob', standing: { is: 'away', turn: 7 }, seq: 0, isBot: false },
      {
        slot: 2,
        user: 'cid',
        standing: { is: 'leaving', reason: 'tired', wasAway: true },
        seq: 1,
        isBot: true,
      },
    ],
    seqs: [4, 0, 9],
  },
  intake: { inputs: [{ slot: 1, seq: 3, data: textOf('x') }], last: -1 },
  electorate: {
    stable: 3,
    reign: 2,
    changes: [0, 5],
    terms: [
      { slot: 1, from: 2, until: Infinity, acked: 4, gone: false },
      { slot: 255, from: 2, until: 9, acked: Infinity, gone: true },
    ],
  },
  events: [
    { type: 'owner', incarnation: 6 },
    { type: 'join', slot: 3, user: 'dan' },
  ],
  clock: { is: 'running', dueInMs: 12.345 },
}

/** Of so many changes and terms. */
const electorateOf = (changes: number, terms: number): OwnerState['electorate'] => ({
  ...state.electorate,
  changes: Array.from({ length: changes }, () => 1),
  terms: Array.from({ length: terms }, () => ({ slot: 0, from: 1, until: 2, acked: 0, gone: true })),
})

const subject = { name: 'm', world: 77, hop: 2 }
const whole: Yield = {
  type: 'yield',
  ...subject,
  last: 9,
  kind: 'k',
  metadata: '{"of":1}',
  business: bytes(90),
  state,
  holders: [5, 6],
  branches: [{ node: 5, replica: 3, readers: 2, spectators: 1 }],
  places: [{ slot: 1, session: 's', branch: 0, seat: 4 }],
}

describe('A hand-over', () => {
  const messagesOf: HandoverMessage[] = [
    { type: 'offer', ...subject, head: 4, holders: [5, 6], kind: 'k', metadata: 'x'.repeat(5_000) },
    { type: 'ready', ...subject },
    { type: 'declined', ...subject },
    whole,
    { ...whole, business: null },
    { ...whole, business: textOf('state') },
    {
      ...whole,
      state: { ...state, intake: { inputs: [], last: 4 }, clock: { is: 'stopped', stoodMs: 8.5 } },
    },
    { type: 'settled', name: 'm' },
  ]

  it('is told as it is, every field of it', () => {
    for (const each of messagesOf) {
      const packet = encodeHandover(each)
      expect(packet[0]).toBe(linked.handover)
      expect(decodeHandover(packet)).toEqual(each)
    }
  })

  it('keeps a copy of the state of the business, which may be longer than any payload', () => {
    const given = bytes(70_000)
    const packet = encodeHandover({ ...whole, business: given })
    const { business } = decodeHandover(packet) as Yield
    packet.fill(0)
    expect(Buffer.compare(business?.bytes ?? new Uint8Array(), given.bytes)).toBe(0)
  })

  it('is told of a clock that is late that a frame is due now', () => {
    const late = { ...whole, state: { ...state, clock: { is: 'running', dueInMs: -5 } as const } }
    expect(decodeHandover(encodeHandover(late))).toMatchObject({ state: { clock: { dueInMs: 0 } } })
  })

  it.each<[string, Partial<OwnerState>]>([
    ['a frame rate that no meeting has', { options: { ...state.options, frameRate: 61 } }],
    ['room for nobody', { options: { ...state.options, capacity: 0 } }],
    ['room for more than there are slots', { options: { ...state.options, capacity: 256 } }],
    ['inputs larger than any', { options: { ...state.options, inputBytes: 4_097 } }],
    [
      'frames that take no input, so that it is never done',
      { options: { ...state.options, inputsPerFrame: 0 } },
    ],
    ['no input, ever', { options: { ...state.options, inputsPerSecond: 0 } }],
    ['no joins, ever', { options: { ...state.options, joinsPerMinute: 0 } }],
    ['a frame that is due in a month', { clock: { is: 'running', dueInMs: 2_600_000_000 } }],
    ['a mark behind all frames', { electorate: { ...electorateOf(0, 0), stable: 2 ** 48 + 1 } }],
    [
      'a member in the slot of the system',
      {
        roster: {
          members: [{ slot: 255, user: 'ann', standing: { is: 'present' }, seq: 4, isBot: false }],
          seqs: [],
        },
      },
    ],
    [
      'more members than there are slots',
      {
        roster: {
          members: Array.from({ length: 256 }, () => ({
            slot: 0,
            user: 'ann',
            standing: { is: 'present' },
            seq: 4,
            isBot: false,
          })),
          seqs: [],
        },
      },
    ],
    [
      'seqs of more slots than there are',
      { roster: { members: [], seqs: Array.from({ length: 256 }, () => 1) } },
    ],
    ['a seq with none behind it', { roster: { members: [], seqs: [2 ** 53 - 1] } }],
    ['more electorates than count', { electorate: electorateOf(66, 0) }],
    ['more terms than those have', { electorate: electorateOf(0, 65 * 255 + 1) }],
    ['an input of the system', { intake: { inputs: [{ slot: 255, seq: 1, data: textOf('x') }], last: -1 } }],
    ['an event of a slot that there is not', { events: [{ type: 'join', slot: 255, user: 'dan' }] }],
  ])('by a node that is broken cannot be read: %s', (_, parts) => {
    expect(decodeHandover(encodeHandover({ ...whole, state: { ...state, ...parts } }))).toBeNull()
  })

  it('has as many electorates, terms, nodes and places as there can be, and no more', () => {
    const reads = (parts: Partial<Yield>): boolean =>
      decodeHandover(encodeHandover({ ...whole, ...parts })) !== null
    const of = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item)
    expect(reads({ state: { ...state, electorate: electorateOf(65, 65 * 255) } })).toBe(true)
    const [branch] = whole.branches
    const [place] = whole.places
    for (const [key, item, most] of [
      ['holders', 5, 1_001],
      ['branches', branch, 1_001],
      ['places', place, 255],
    ] as const) {
      expect([key, reads({ [key]: of(most, item) })]).toEqual([key, true])
      expect([key, reads({ [key]: of(most + 1, item) })]).toEqual([key, false])
    }
    const offer = messagesOf[0] as Offer
    expect(decodeHandover(encodeHandover({ ...offer, holders: of(1_002, 5) }))).toBeNull()
  })

  it('that is cut off anywhere cannot be read', () => {
    const packet = encodeHandover({ ...whole, business: null })
    for (let length = 0; length < packet.length; length++)
      expect(decodeHandover(packet.subarray(0, length))).toBeNull()
  })
})

/** A question and an answer of each kind. */
const handed = {
  id: 's',
  user: 'u',
  calls: 3,
  first: 4,
  entries: [new Uint8Array([1, 2]), new Uint8Array()],
  said: [{ number: 5, meeting: 'm', data: textOf('x') }],
}

const examples = {
  whereabouts: [{ user: 'u' }, { isComplete: true, places: [{ node: 1, sessions: 2, connected: 1 }] }],
  push: [{ user: 'u', name: 'n', data: textOf('x') }, 3],
  disconnect: [{ user: 'u', session: 's', text: 'x'.repeat(1_000), final: true }, 3],
  revoke: [{ ofUser: true, name: 'n', until: 5, leftMs: 6 }, 3],
  revocations: [
    { after: 4, last: 7 },
    { told: [{ ofUser: false, name: 'n', until: 5, leftMs: 6 }], next: 2, isAll: true },
  ],
  kept: [
    [{ topic: 't', from: 3, heads: [{ source: 4, number: 5 }] }],
    [
      {
        entries: [
          {
            source: 1,
            number: 2,
            stamp: 3,
            isOld: true,
            key: 'k',
            tombstone: false,
            data: bytes(2),
          },
        ],
        next: 6,
        heads: [{ source: 7, number: 8 }],
      },
    ],
  ],
  frames: [
    { name: 'm', world: 7, term: 1, incarnation: 2, from: 3 },
    { term: 1, incarnation: 2, next: 9, packet: bytes(2).bytes, owns: false, stands: true },
  ],
  claimant: [{ name: 'm' }, { world: 7, term: 1, incarnation: 2, isPaused: true, present: 3, next: 4 }],
  depose: [{ name: 'm', world: 7, term: 1, incarnation: 2 }, true],
  supersede: [{ name: 'm', world: 7, term: 3, incarnation: 2 }, true],
  takes: [{ name: 'm', world: 7, term: 3, incarnation: 2 }, false],
  sessions: [{ user: '', limit: 4 }, [{ user: 'u' }]],
  meetings: [{ count: 1, after: 'a', contains: 'b', ofKind: true, kind: 'k' }, [{ name: 'm' }]],
  topics: [{ count: 1, after: 'a', contains: 'b' }, [{ name: 't' }]],
  meeting: [{ name: 'm' }, null],
  kick: [{ name: 'm', slot: 3, message: 'x'.repeat(1_000) }, true],
  sendTo: [{ name: 'm', slot: 3, data: textOf('x') }, false],
  call: [{ name: 'm', method: 'f', data: textOf('x') }, textOf('y')],
  close: [{ name: 'm', message: 'over' }, null],
  subscribers: [{ topic: 't' }, 9],
  part: [{ meeting: 'm' }, 2],
  session: [
    { user: 'u', id: 's', isSure: true },
    { state: handed, to: 7, isConnected: true },
  ],
  keep: [handed, true],
  sendOn: [{ id: 's', entry: new Uint8Array([7]) }, false],
  drain: [
    { timeoutMs: 5 },
    { state: 'draining', meetings: 1, staying: 2, connections: 3, requests: 4, sessions: 5 },
  ],
  successions: [{ withinMs: 5 }, [{ meeting: 'm', from: 7, how: 'revival', frame: 8, agoMs: 9 }]],
  fail: [{ cutMs: 5 }, true],
} as const

describe('A question to another node', () => {
  it('is read as it was asked, and so is its answer, of every kind', () => {
    expect(kindNames.toSorted()).toEqual(Object.keys(examples).toSorted())
    for (const kind of kindNames) {
      const { question, answer } = questionKinds[kind] as { question: Form<unknown>; answer: Form<unknown> }
      const [asked, answered] = examples[kind]
      expect(again(question, asked), kind).toEqual(asked)
      expect(again(answer, answered), kind).toEqual(answered)
    }
    expect(again(questionKinds.call.answer, null)).toBeNull()
    expect(meetingParts.indexOf('owner')).toBe(2)
  })
})
