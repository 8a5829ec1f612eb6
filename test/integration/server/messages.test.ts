import { afterEach, describe, expect, it } from 'vitest'
import {
  binaryCodec,
  type Codec,
  eachFrame,
  eachPublication,
  type FrameEntry,
  jsonCodec,
  type MessageOf,
  SYSTEM_SLOT,
  toPayload,
} from '../../../src/protocol/index.ts'
import { join, json, Peer, start, stopAll, subscribe, tokenOf } from './peer.ts'

afterEach(stopAll)

function inputsOf(peer: Peer): { frame: number; slot: number; seq: number; data: unknown }[] {
  const inputs: { frame: number; slot: number; seq: number; data: unknown }[] = []
  const visit = (frame: number, entries: readonly FrameEntry[]): void => {
    for (const { slot, seq, data } of entries) {
      if (slot !== SYSTEM_SLOT) inputs.push({ frame, slot, seq, data: json(data) })
    }
  }
  for (const { frames, first, count } of peer.all('frames')) eachFrame(frames, first, count, visit)
  return inputs
}

function publicationsOf(peer: Peer): { key: string; tombstone: boolean; data: unknown }[] {
  const list: { key: string; tombstone: boolean; data: unknown }[] = []
  for (const { publications, at } of peer.all('publications')) {
    eachPublication(publications, at, ({ key, tombstone, data }) => {
      list.push({ key, tombstone, data: data.text ? json(data) : [...data.bytes] })
    })
  }
  return list
}

const input = (log: number, seq: number, data: unknown): MessageOf<'input'> => ({
  type: 'input',
  log,
  seq,
  after: 0,
  seen: 0,
  data: toPayload(data),
})

describe.each<[string, Codec]>([
  ['rtms.v1', binaryCodec],
  ['rtms.v1.json', jsonCodec],
])('A client that speaks %s', (_, codec) => {
  it('is welcomed with an issued ticket', async () => {
    const rtms = await start({ nodeId: 'node-1' })
    const { url, token } = await rtms.tickets.issue({ user: 'u1' })
    const peer = await Peer.connect(url, token, codec)
    expect(peer.all('welcome')[0]).toMatchObject({ node: 'node-1', user: 'u1', resumed: false })
    expect(rtms.health()).toMatchObject({ status: 'ok', node: 'node-1', connections: 1, sessions: 1 })
  })

  it('joins a meeting, sends inputs and gets them back in frames', async () => {
    const rtms = await start()
    const meeting = await rtms.meetings.open('beast-42', { frameRate: 60 })
    const { url, token } = await rtms.tickets.issue({ user: 'u1', meetings: [meeting] })
    const peer = await Peer.connect(url, token, codec)
    peer.send(join(1, 'beast-42'))
    const { log, slot } = await peer.next('joined')
    peer.send(input(log, 1, { hit: 3 }), input(log, 2, 'é'))
    await peer.until(() => inputsOf(peer).length === 2)
    expect(inputsOf(peer)).toMatchObject([
      { slot, seq: 1, data: { hit: 3 } },
      { slot, seq: 2, data: 'é' },
    ])
    expect(meeting.info.members).toEqual([{ slot, user: 'u1', away: false, bot: false }])
  })

  it('may not join as a member where its ticket says spectator', async () => {
    const rtms = await start()
    await rtms.meetings.open('quiz', { frameRate: 0 })
    const { url, token } = await rtms.tickets.issue({
      user: 'u1',
      meetings: [{ name: 'quiz', role: 'spectator' }],
    })
    const peer = await Peer.connect(url, token, codec)
    peer.send(join(1, 'quiz'), join(2, 'quiz', true))
    expect(await peer.next('failed')).toMatchObject({ call: 1, error: 'FORBIDDEN' })
    expect(await peer.next('joined')).toMatchObject({ call: 2, slot: SYSTEM_SLOT })
  })

  it('subscribes and gets what is published', async () => {
    const rtms = await start()
    const { url, token } = await rtms.tickets.issue({ user: 'u1', topics: { read: ['stock.*'] } })
    const peer = await Peer.connect(url, token, codec)
    peer.send(subscribe(1, 'stock.600519', 'other'))
    await peer.next('subscribed')
    expect(await peer.next('failed')).toMatchObject({ index: 1, error: 'FORBIDDEN' })
    expect(rtms.topics.get('stock.600519')?.subscribers ?? 0).toBe(1)
    rtms.topics.publish('stock.600519', { price: 1700 }, { key: 'last' })
    rtms.topics.publish('stock.600519', new Uint8Array([1, 2, 3]))
    rtms.topics.publish('stock.600519', null, { key: 'last', tombstone: true })
    await peer.until(() => publicationsOf(peer).length === 3)
    expect(publicationsOf(peer)).toEqual([
      { key: 'last', tombstone: false, data: { price: 1700 } },
      { key: '', tombstone: false, data: [1, 2, 3] },
      { key: 'last', tombstone: true, data: null },
    ])
  })

  it('gets a push, and so does every session of the same user', async () => {
    const rtms = await start()
    const token = await tokenOf(rtms, 'u1')
    const { url } = rtms.address
    const peers = [await Peer.connect(url, token, codec), await Peer.connect(url, token)]
    await Peer.connect(url, await tokenOf(rtms, 'u2'))
    expect(await rtms.users.push('u1', 'order.filled', { id: 7 })).toBe(2)
    for (const peer of peers) {
      const push = await peer.next('push')
      expect([push.name, json(push.data)]).toEqual(['order.filled', { id: 7 }])
    }
    expect(await rtms.users.push('nobody', 'order.filled', {})).toBe(0)
  })
})

describe('A meeting', () => {
  it('shows a binary and a JSON client the same frames', async () => {
    const rtms = await start()
    await rtms.meetings.open('m', { frameRate: 60 })
    const { url } = rtms.address
    const binary = await Peer.connect(url, await tokenOf(rtms, 'u1'), binaryCodec)
    const text = await Peer.connect(url, await tokenOf(rtms, 'u2'), jsonCodec)
    for (const peer of [binary, text]) {
      peer.send(join(1, 'm'))
      const { log } = await peer.next('joined')
      peer.send(input(log, 1, peer.codec.subprotocol), input(log, 2, { deep: [1, '"', null] }))
    }
    for (const peer of [binary, text]) await peer.until(() => inputsOf(peer).length === 4)
    expect(inputsOf(binary)).toEqual(inputsOf(text))
  })

  it('is the same one when it is opened again', async () => {
    const rtms = await start()
    const first = await rtms.meetings.open('m', { capacity: 3 })
    const second = await rtms.meetings.open('m', { capacity: 9 })
    expect([first.info.capacity, second.info.capacity]).toEqual([3, 3])
    expect((await rtms.meetings.list()).map(({ name }) => name)).toEqual(['m'])
    expect(rtms.meetings.get('m')?.name).toBe('m')
    expect(rtms.meetings.get('other')).toBeUndefined()
  })

  it('ends for its members when the business closes it', async () => {
    const rtms = await start()
    const meeting = await rtms.meetings.open('m')
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(join(1, 'm'))
    await peer.next('joined')
    meeting.close()
    expect(await peer.next('ended')).toMatchObject({ error: 'CLOSED' })
    expect(() => meeting.info).toThrow('the meeting m was closed')
    expect(() => meeting.close()).not.toThrow()
  })

  it('is refused with a code for a bad name, and with every fault of its options at once', async () => {
    const rtms = await start()
    await expect(rtms.meetings.open('a b')).rejects.toMatchObject({ code: 'BAD_NAME' })
    const options = { frameRate: 61, capacity: 0, frameRat: 20 }
    await expect(rtms.meetings.open('m', options)).rejects.toThrow(
      /frameRate: 61 [^]*capacity: 0 [^]*frameRat: /,
    )
  })
})

describe('Publishing and pushing', () => {
  it('tells what a topic keeps, what is the latest of each key, and its pressure', async () => {
    const { topics } = await start()
    expect(topics.publish('a', 1, { key: 'x' })).toBe(0)
    topics.publish('a', 2, { key: 'y' })
    topics.publish('a', 3, { key: 'x' })
    topics.publish('a', null, { key: 'y', tombstone: true })
    topics.publish('a', new Uint8Array([4]))
    const shown = topics.history('a').map(({ data, key, removed }) => [data, key, removed])
    expect(shown).toEqual([
      [1, 'x', false],
      [2, 'y', false],
      [3, 'x', false],
      [null, 'y', true],
      [new Uint8Array([4]), '', false],
    ])
    expect(Math.abs((topics.history('a', { limit: 1 })[0]?.time ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(topics.history('a', { limit: 2 })).toHaveLength(2)
    expect(topics.latest('a').map(({ data, key }) => [data, key])).toEqual([
      [3, 'x'],
      [new Uint8Array([4]), ''],
    ])
    expect([topics.history('b'), topics.latest('b')]).toEqual([[], []])
    expect(() => topics.history('a', { limit: -1 })).toThrow(RangeError)
    expect(() => topics.latest('a b')).toThrow(expect.objectContaining({ code: 'BAD_TOPIC' }))
  })

  it('throws a code for what cannot be published', async () => {
    const { topics } = await start({ limits: { topicKeys: 1 } })
    const large = 'x'.repeat(32_768)
    expect(() => topics.publish('a..b', 1)).toThrow(expect.objectContaining({ code: 'BAD_TOPIC' }))
    expect(() => topics.publish('a', large)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
    expect(() => topics.publish('a', 1, { key: large })).toThrow(
      expect.objectContaining({ code: 'BAD_NAME' }),
    )
    expect(() => topics.publish('a', 1, { tombstone: true })).toThrow(
      expect.objectContaining({ code: 'BAD_NAME' }),
    )
    topics.publish('a', 1, { key: 'k1' })
    expect(() => topics.publish('a', 1, { key: 'k2' })).toThrow(expect.objectContaining({ code: 'LIMIT' }))
    expect(() => topics.publish('a', undefined)).toThrow(TypeError)
  })

  it('throws a code for what cannot be pushed', async () => {
    const { users } = await start()
    await expect(users.push('', 'name', 1)).rejects.toMatchObject({ code: 'BAD_NAME' })
    await expect(users.push('u1', 'a b', 1)).rejects.toMatchObject({ code: 'BAD_NAME' })
    await expect(users.push('u1', 'a', new Uint8Array(32_769))).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })

  it('keeps of a topic what was defined for it', async () => {
    const rtms = await start()
    rtms.topics.define('chat.*', { entries: 2 })
    expect(() => rtms.topics.define('chat.*', { entries: 3 })).toThrow('chat.* was defined already')
    expect(() => rtms.topics.define('a b', {})).toThrow(expect.objectContaining({ code: 'BAD_TOPIC' }))
    expect(() => rtms.topics.define('x', { ageMs: -1 })).toThrow('ageMs is -1')
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    for (let n = 0; n < 5; n++) rtms.topics.publish('chat.1', n)
    const wish = { ...subscribe(1, 'chat.1').topics[0]!, history: 5 }
    peer.send({ type: 'subscribe', call: 1, topics: [wish] })
    await peer.next('subscribed')
    await peer.until(() => publicationsOf(peer).length > 0)
    expect(publicationsOf(peer).map(({ data }) => data)).toEqual([3, 4])
  })
})
