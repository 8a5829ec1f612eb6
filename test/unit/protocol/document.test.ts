import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { binaryCodec } from '../../../src/protocol/binary.ts'
import { errorTexts } from '../../../src/protocol/error-texts.ts'
import {
  closeCodes,
  errors,
  mayReconnect,
  type CloseReason,
  type ErrorCode,
} from '../../../src/protocol/errors.ts'
import { jsonCodec } from '../../../src/protocol/json.ts'
import { limits } from '../../../src/protocol/limits.ts'
import {
  events,
  schema,
  type EventType,
  type Fields,
  type MessageType,
  type Side,
  tailOf,
} from '../../../src/protocol/schema.ts'
import conversations from './conversations.json' with { type: 'json' }
import { dump, layOut } from './dump.ts'
import { fromHex } from './read.ts'

/* PROTOCOL.md is what others implement from: it says what the tables of the code say, no less and no more. */

const document = readFileSync(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8')

interface Section {
  readonly title: string
  readonly text: string
}

function sections(level: string): Section[] {
  return document
    .split(new RegExp(`^${level} `, 'm'))
    .slice(1)
    .map((part) => ({ title: part.slice(0, part.indexOf('\n')), text: part.split(/^#{1,3} /m)[0] as string }))
}

function section(level: string, title: string): string {
  const found = sections(level).find((s) => s.title === title)
  if (found === undefined) throw new Error(`PROTOCOL.md has no section "${title}"`)
  return found.text
}

/** The rows of the tables of a text whose first cell is code, cell by cell. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(/ \| /))
}

const number = (value: number): string => value.toLocaleString('en-US')

/** The rows that a struct's table has to have: name and kind, those of lists below their own. */
function fieldRows(fields: Fields, prefix = ''): [string, string][] {
  return Object.entries(fields).flatMap(([name, kind]): [string, string][] =>
    typeof kind === 'string'
      ? [[`\`${prefix}${name}\``, kind]]
      : [
          [`\`${prefix}${name}\``, `list ≤ ${number(limits[kind.max])}`],
          ...fieldRows(kind.list, `${prefix}${name}[].`),
        ],
  )
}

const arrows: Record<Side, string> = {
  both: 'both directions',
  client: 'client → server',
  server: 'server → client',
}

describe('messages', () => {
  for (const type of Object.keys(schema) as MessageType[]) {
    test(`${type} is described with its code, its direction and all of its fields in order`, () => {
      const { code, from, fields } = schema[type]
      const tail = fieldRows(tailOf(type)).map(([name, kind]) => [
        name,
        name.includes('[') ? kind : `${kind}, tail`,
      ])
      const text = section('###', `\`${type}\``)
      const [head] = text.split('\n').filter((line) => line.startsWith('`0x'))
      expect(head).toContain(`\`0x${code.toString(16).padStart(2, '0')}\` · ${arrows[from]}`)
      expect(rows(text).map(([name, kind]) => [name, kind])).toEqual([...fieldRows(fields), ...tail])
      for (const row of rows(text)) expect(row[2], row[0]).toBeTruthy()
    })
  }

  test('each is described once, in the order of the table', () => {
    const titles = sections('###').map(({ title }) => title)
    const messages = titles.filter((title) => /^`[a-zA-Z]+`$/.test(title))
    expect(messages).toEqual(Object.keys(schema).map((type) => `\`${type}\``))
  })

  test('no message is described that is not in the table', () => {
    const described = [...document.matchAll(/^`0x([0-9a-f]{2})` · /gm)]
    expect(described).toHaveLength(Object.keys(schema).length)
  })
})

test('every system event is listed with its code and its fields, and no other', () => {
  expect(rows(section('###', 'System events')).map((row) => row.slice(0, 3))).toEqual(
    (Object.keys(events) as EventType[]).map((type) => {
      const fields = Object.entries(events[type].fields).map(
        ([name, kind]) => `\`${name}\` ${kind as string}`,
      )
      return [`\`${type}\``, String(events[type].code), fields.join(', ') || '–']
    }),
  )
})

test('every kind of field is explained', () => {
  const used = new Set(
    Object.values(schema).flatMap(({ fields }) => fieldRows(fields).map(([, kind]) => kind.split(' ')[0])),
  )
  const explained = [...section('##', 'Kinds of fields').matchAll(/^\| ([a-z]+) \|/gm)].map(
    (match) => match[1],
  )
  expect(new Set(explained)).toEqual(used)
})

test('the errors are those of the table, word for word', () => {
  expect(rows(section('##', 'Errors'))).toEqual(
    (Object.keys(errors) as ErrorCode[]).map((name, place) => [
      `\`${name}\``,
      String(place + 1),
      errors[name],
      errorTexts[name],
    ]),
  )
})

test('the close codes are those of the table, and say whether to reconnect as the client does', () => {
  const documented = rows(section('##', 'Close codes'))
  expect(documented.map(([reason, code]) => [reason, code])).toEqual(
    (Object.keys(closeCodes) as CloseReason[]).map((reason) => [`\`${reason}\``, String(closeCodes[reason])]),
  )
  for (const [, code, reconnect] of documented)
    expect(reconnect?.startsWith('yes')).toBe(mayReconnect(Number(code)))
  const standard = [...section('##', 'Close codes').matchAll(/^\| (1[0-9, ]+) \| (yes|no)/gm)]
  expect(standard.length).toBeGreaterThan(2)
  for (const [, codes, reconnect] of standard) {
    for (const code of (codes as string).split(', '))
      expect(mayReconnect(Number(code)), code).toBe(reconnect === 'yes')
  }
})

test('the limits are those of the table', () => {
  expect(rows(section('##', 'Limits')).map(([name, value]) => [name, value])).toEqual(
    Object.entries(limits).map(([name, value]) => [`\`${name}\``, number(value)]),
  )
})

/** A packet as the document shows it: what it is of, its JSON, its bytes. */
const shown = /^```json (\S+)(?: (\d+))?\n([^`]*)```\n\n```hex\n[^`]*```$/gm

/** The conversation of this name in the document: in lower case, with hyphens. */
const slugOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]+/g, '-')

/** The packet that the document means: an example of its own, or the `number`th of a conversation. */
function packetOf(of: string, number: string | undefined, own: string): { json: string; packet: Uint8Array } {
  if (of === 'example') {
    const from = own.includes('"input"') ? 'client' : 'server'
    return { json: own, packet: binaryCodec.encode(jsonCodec.decode(own, from)) }
  }
  const conversation = conversations.find(({ name }) => slugOf(name) === of)
  const said = conversation?.lines.flatMap((line) => ('from' in line ? [line] : []))[Number(number) - 1]
  if (said?.json === undefined || said.hex === undefined)
    throw new Error(`there is no packet ${of} ${number}`)
  return { json: said.json, packet: fromHex(said.hex) }
}

test('the packets it shows are those of conversations.json, and its examples what the codecs write', async () => {
  const filled = document.replaceAll(shown, (_, of: string, number: string | undefined, own: string) => {
    const { json, packet } = packetOf(of, number, own)
    const head = number === undefined ? of : `${of} ${number}`
    return `\`\`\`json ${head}\n${layOut(json)}\n\`\`\`\n\n\`\`\`hex\n${dump(packet)}\n\`\`\``
  })
  expect([...document.matchAll(/^```hex$/gm)]).toHaveLength([...document.matchAll(shown)].length)
  await expect(filled).toMatchFileSnapshot('../../../PROTOCOL.md')
})

test('it shows every conversation, in order', () => {
  const slugs = [...document.matchAll(shown)].map(([, of]) => of).filter((of) => of !== 'example')
  expect([...new Set(slugs)]).toEqual(conversations.map(({ name }) => slugOf(name)))
})

test('every link leads to a heading', () => {
  const anchors = [...document.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    (title as string)
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  for (const [, link] of document.matchAll(/\]\(#([^)]*)\)/g)) expect(anchors).toContain(link)
})
