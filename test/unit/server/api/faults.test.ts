import { assert, constantFrom, jsonValue, oneof, property } from 'fast-check'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { faultsOf } from '../../../../src/server/api/faults.ts'
import { operationsOf } from '../../../../src/server/api/operations.ts'

const operations = new Map(operationsOf().map((operation) => [operation.id, operation]))

/** What is said of an input of this operation; '' where nothing is wrong. */
function said(id: string, input: unknown): string {
  const schema = operations.get(id)?.input
  if (schema === undefined) throw new Error(`there is no ${id}`)
  const { success, issues } = v.safeParse(schema, input, { abortPipeEarly: true })
  return success ? '' : faultsOf(schema, issues)
}

describe('A wrong input of the API is described', () => {
  it.each([
    ['publish', { topic: 'a', data: 1, kye: 'x' }, 'kye: it is not known; did you mean key?'],
    [
      'publish',
      { topic: 'a', data: 1, payload: 1 },
      'payload: it is not known; known are topic, data, base64, key, tombstone',
    ],
    [
      'publish',
      { topic: 'a', data: 1, kye: 'x', Tombstone: true },
      'kye: it is not known; did you mean key?; Tombstone: it is not known; did you mean tombstone?',
    ],
    [
      'issueTicket',
      { user: 'u', meetings: [{ name: 'm', rol: 'member', nam: 'm' }] },
      'meetings.0.rol: it is not known; did you mean role?; meetings.0.nam: it is not known; did you mean name?',
    ],
    [
      'getInfo',
      { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 },
      ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}: nothing is known by this name`).join('; '),
    ],
    ['publish', [{}], 'an array was given; expected an object with topic, data, base64, key, tombstone'],
    ['publish', 'x', '"x" was given; expected an object with topic, data, base64, key, tombstone'],
    ['publishBatch', [{}], 'an array was given; expected an object with items'],
    ['publishBatch', { items: {} }, 'items: an object was given; expected an array'],
    ['publishBatch', { items: [] }, 'items: 0 were given; expected at least 1'],
    ['publishBatch', { items: Array(1_001) }, 'items: 1001 were given; expected at most 1000'],
    ['push', { user: 42, name: 'x', data: 1 }, 'user: 42 was given; expected a text'],
    [
      'push',
      { user: 'u', event: 'x', data: 1 },
      'name: it is missing; event: it is not known; known are user, name, data, base64',
    ],
    [
      'issueTicket',
      { user: 'u', topics: ['stock.*'] },
      'topics: an array was given; expected an object with read, write',
    ],
    [
      'issueTicket',
      { user: 'u', topics: { read: 'stock.*' } },
      'topics.read: "stock.*" was given; expected an array: ["stock.*"]',
    ],
    ['issueTicket', { user: 'u', topics: { raed: [] } }, 'topics.raed: it is not known; did you mean read?'],
    ['issueTicket', { user: 'u', topics: { read: [7] } }, 'topics.read.0: 7 was given; expected a text'],
    ['issueTicket', { user: 'u', meetings: [7] }, 'meetings.0: 7 was given; expected a text or an object'],
    ['issueTicket', { user: 'u', meetings: [{ nam: 'm' }] }, 'meetings.0.name: it is missing'],
    [
      'issueTicket',
      { user: 'u', meetings: [{ name: 'm', rol: 'member' }] },
      'meetings.0.rol: it is not known; did you mean role?',
    ],
    [
      'issueTicket',
      { user: 'u', meetings: [{ name: 'm', role: 'player' }] },
      'meetings.0.role: "player" was given; expected member or spectator',
    ],
    ['issueTicket', { user: 'u', expires_in: 60 }, 'expires_in: it is not known; did you mean expiresIn?'],
    ['issueTicket', { user: 'u', expiresIn: 0 }, 'expiresIn: 0 was given; expected more than 0'],
    ['issueTicket', { user: 'u', edges: 7 }, 'edges: 7 was given; expected true or false or an array'],
    ['disconnectUser', { final: 'yes' }, 'final: "yes" was given; expected true or false'],
    ['revoke', { id: '' }, 'id: 0 characters were given; expected at least 1'],
    ['openMeeting', { name: 'm', framerate: 20 }, 'framerate: it is not known; did you mean frameRate?'],
    ['openMeeting', { name: 'm', metadata: [] }, 'metadata: an array was given; expected an object'],
    ['listTopics', { limit: 'x' }, 'limit: "x" was given; expected an integer from 1 to 1000'],
    ['getInfo', { verbose: '1' }, 'verbose: nothing is known by this name'],
  ])('$0 $2', (id, input, text) => expect(said(id, input)).toBe(text))

  it('in words, whatever is wrong', () => {
    const value = oneof(
      jsonValue({ maxDepth: 2 }),
      constantFrom<unknown[]>(-1, 0.5, 1e300, '', 'x'.repeat(400), [], {}, [[]], { a: 1 }, null, true),
    )
    const names = [...operations.values()].flatMap(({ id, input }) =>
      [...Object.keys(input.entries), 'odd', '__proto__'].map((field) => [id, field] as const),
    )
    assert(
      property(constantFrom(...names), value, value, ([id, field], one, other) => {
        for (const input of [
          one,
          { [field]: one },
          { user: 'u', topic: 'a', name: 'n', [field]: one, data: other },
        ])
          expect(said(id, input)).not.toMatch(/Invalid|Expected|never|undefined|strict_object|Object|Array/)
      }),
      { numRuns: 300 },
    )
  })

  it('as five faults at most, each cut where it is long, and a fault that comes twice is told once', () => {
    const item = v.strictObject({
      name: v.pipe(
        v.string(),
        v.check((name) => name === '', 'x'.repeat(300)),
      ),
    })
    const schema = v.strictObject({ items: v.array(item), count: v.number() })
    const of = (input: unknown): string => {
      const { success, issues } = v.safeParse(schema, input)
      return success ? '' : faultsOf(schema, issues)
    }
    const [first = '', ...rest] = of({ items: [{ name: 'a' }], count: 1 }).split('; ')
    expect([first.length, first.slice(0, 14), first.at(-1), rest]).toEqual([201, 'items.0.name: ', '…', []])
    const five = [0, 1, 2, 3, 4]
    const items = Array.from({ length: 7 }, () => ({ name: 7 }))
    const told = five.map((at) => `items.${at}.name: 7 was given; expected a text`)
    expect(of({ items, count: 'x' })).toBe(told.join('; '))
    const odd = Object.fromEntries('abcdefgh'.split('').map((name) => [name, 1]))
    const unknown = (name: string): string => `${name}: it is not known; known are items, count`
    expect(of({ items: [{ name: 7 }], count: 1, ...odd })).toBe(
      ['items.0.name: 7 was given; expected a text', ...['a', 'b', 'c', 'd'].map(unknown)].join('; '),
    )
  })

  it('that has exactly as many characters as an answer has room for is not cut', () => {
    const words = (length: number): string => 'x'.repeat(length)
    for (const [length, told] of [
      [200, 200],
      [201, 201],
      [250, 201],
    ] as const) {
      const schema = v.pipe(
        v.string(),
        v.check((text) => text === '', words(length)),
      )
      const { issues } = v.safeParse(schema, 'a')
      const text = faultsOf(schema, issues ?? ([] as never))
      expect([text.length, text.endsWith('…')]).toEqual([told, length > 200])
    }
  })

  it('that is no object at all, where it would have no fields, and where it is missing', () => {
    const empty = v.strictObject({})
    const saidOf = (schema: v.GenericSchema, input: unknown): string =>
      faultsOf(schema, v.safeParse(schema, input).issues ?? ([] as never))
    expect(saidOf(empty, 7)).toBe('7 was given; expected an object')
    expect(saidOf(v.strictObject({ a: v.string() }), undefined)).toMatch(
      / was given; expected an object with a$/,
    )
    expect(saidOf(v.pipe(v.string(), v.minLength(3)), 'ab')).toBe(
      '2 characters were given; expected at least 3',
    )
    expect(saidOf(v.pipe(v.array(v.string()), v.minLength(3)), ['ab'])).toBe(
      '1 were given; expected at least 3',
    )
  })
})
