import { describe, expect, test } from 'vitest'
import { binaryCodec, type Codec, jsonCodec } from '../../../src/protocol/index.ts'
import {
  type Closed,
  type Conversation,
  type Line,
  Player,
  replayToClient,
  replayToNode,
  type Said,
  write,
} from './conversations.ts'
import conversations from './conversations.json' with { type: 'json' }
import { fromHex, toHex } from './read.ts'

/*
 * conversations.json is the protocol in conversations, for implementations in other languages too: what happens to
 * either side and when, what they say in both encodings, and what a client remembers before and after. A change of the
 * wire within a version that changes it is a fault. Written anew by `vitest -u`, to be read by eye.
 */

const written = conversations as unknown as Conversation[]
const isSaid = (line: Line): line is Line & Said => 'from' in line
const isOfNode = (line: Line): line is Line & (Said | Closed) =>
  'closed' in line || ('from' in line && line.from === 'server')

function withoutTime(line: { readonly at: number }): object {
  const { at: _at, ...said } = line
  return said
}

test('a node and its clients say what is written down', async () => {
  await expect(write(Player.play())).toMatchFileSnapshot('conversations.json')
})

test('both encodings of what is said are the same messages', () => {
  for (const { hex, json, from } of written.flatMap(({ lines }) => lines.filter(isSaid))) {
    expect(toHex(binaryCodec.encode(jsonCodec.decode(json, from)))).toBe(hex)
    expect(binaryCodec.decode(fromHex(hex), from)).toStrictEqual(jsonCodec.decode(json, from))
  }
})

describe('a node answers what is written down as a client’s', () => {
  test.each<[string, Codec]>([
    ['rtms.v1', binaryCodec],
    ['rtms.v1.json', jsonCodec],
  ])('%s', (_, codec) => {
    const heard = replayToNode(written, codec)
    const wanted = written.map(({ lines }) => lines.filter(isOfNode).map(withoutTime))
    expect(heard).toEqual(wanted)
  })
})

describe('a client says what is written down as its own', () => {
  test.each(['page', 'reloaded page', 'member'])('%s', (name) => {
    const mine = new Set<number>()
    const wanted = written.map(({ lines, after }) => {
      for (const line of lines)
        if ('client' in line && line.client === name && line.does === 'connect') mine.add(line.connection)
      const said = lines.filter(isSaid).filter((line) => line.from === 'client' && mine.has(line.connection))
      return { said: said.map(withoutTime), state: after[name] }
    })
    const begins = wanted.findIndex(({ state }) => state !== undefined)
    expect(replayToClient(written, name).slice(begins)).toEqual(wanted.slice(begins))
  })
})

test('each conversation begins where the one before it ended', () => {
  for (const [index, { before }] of written.entries())
    expect(before).toEqual(index === 0 ? {} : written[index - 1]?.after)
})
