import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { binaryCodec, closeCodes, jsonCodec } from '../../src/protocol/index.ts'
import {
  framesOf,
  messages,
  publicationsOf,
  SocketPeer,
  textOf,
  textPayload,
} from '../../src/testing/index.ts'
import { start, stopAll } from './server/peer.ts'

afterEach(stopAll)

describe('A peer of rtms/testing', () => {
  for (const codec of [binaryCodec, jsonCodec]) {
    it(`joins, reads and comes back where it stood, in ${codec.subprotocol}`, async () => {
      const rtms = await start()
      await rtms.meetings.open('room')
      const ticket = { user: 'ann', meetings: ['room'], topics: { read: ['news'] } }
      const { url, token } = await rtms.tickets.issue(ticket)
      const peer = await new SocketPeer(new WebSocket(url, codec.subprotocol), { codec }).opened()
      peer.hello(token)
      peer.join('room')
      peer.subscribe('news')
      const { log } = await peer.next('joined')
      await peer.next('subscribed')
      peer.input(log, 1, textPayload('hit'))
      rtms.topics.publish('news', 1)
      const frame = await peer.until((heard) => framesOf(heard).find(({ inputs }) => inputs.length > 0))
      expect(frame.inputs.map(({ slot, data }) => [slot, textOf(data)])).toEqual([[0, 'hit']])
      await peer.next('publications')

      const socket = new WebSocket(url, codec.subprotocol)
      const again = await new SocketPeer(socket, { codec, follower: peer.follower }).opened()
      again.hello(token)
      expect(await peer.closed).toEqual({ code: closeCodes.REPLACED, reason: 'REPLACED' })
      rtms.topics.publish('news', 2)
      again.join('room', again.follower.join('room'))
      again.subscribe('news', again.follower.wish('news'))
      expect(await again.next('joined')).toMatchObject({ recovered: true })
      expect(await again.next('subscribed')).toMatchObject({ recovered: true })
      await again.next('publications')
      expect(publicationsOf(again.heard).map(({ data }) => textOf(data))).toEqual(['2'])
    })
  }

  it('acknowledges as a client must, so that a small window never holds it up', async () => {
    const rtms = await start()
    const { url, token } = await rtms.tickets.issue({ user: 'ann', topics: { read: ['news'] } })
    const peer = await new SocketPeer(new WebSocket(url, 'rtms.v1')).opened()
    peer.hello(token, { window: 500 })
    peer.send(messages.subscribe(1, 'news'))
    await peer.next('subscribed')
    for (let n = 0; n < 20; n++) rtms.topics.publish('news', 'x'.repeat(300))
    await peer.until((heard) => publicationsOf(heard).length === 20)
  })

  it('rejects what is awaited where the socket closes, and says how', async () => {
    const rtms = await start()
    const peer = await new SocketPeer(new WebSocket(rtms.address.url, 'rtms.v1')).opened()
    peer.hello('no token')
    await expect(peer.next('welcome')).rejects.toThrow(/closed with 4401.*goodbye/)
  })
})
