import { describe, expect, it } from 'vitest'
import type { Application, Bus, NodeLimits, Transport } from '../../../src/core/index.ts'
import { Harness, type Peer, text } from './harness.ts'

const boom = (): never => {
  throw new Error('boom')
}

/** A node whose ports are about to throw. */
function harness(limits: Partial<NodeLimits> = {}): Harness {
  return Object.assign(new Harness(limits), { tolerant: true })
}

/** Reads what comes to a peer that has nothing to do with the fault. */
function works(h: Harness, peer: Peer): boolean {
  h.publish('t', 'still here')
  h.settle()
  return peer.takeTexts().includes('still here')
}

describe('A port that throws', () => {
  it('while it writes costs its connection alone, and no byte of its write goes to another', () => {
    const h = harness()
    const peers = ['a', 'b', 'c'].map((user) => h.connect(user)) as [Peer, Peer, Peer]
    for (const peer of peers) h.listen(peer, 't')
    for (const peer of peers) peer.send({ type: 'ping', time: 7 })
    peers[1].transport.write = boom
    h.publish('t', 'x')
    h.settle()
    expect(h.faults).toEqual(['boom'])
    for (const peer of [peers[0], peers[2]])
      expect(peer.take().map(({ type }) => type)).toEqual(['pong', 'publications'])
    expect(peers.map(({ closed }) => closed)).toEqual([null, 1011, null])
    expect([works(h, peers[0]), works(h, peers[2]), h.node.connections]).toEqual([true, true, 2])
    // Its session waits for another connection, like any other that was lost.
    const again = h.connect('b', { session: peers[1].session })
    h.listen(again, 't')
    expect(works(h, again)).toBe(true)
  })

  it('while it says goodbye, closes or reads on leaves nothing of the connection behind', () => {
    const methods: (keyof Transport)[] = ['write', 'close', 'resume']
    for (const method of methods) {
      const h = harness({ upstreamMessages: 4 })
      const [peer, other] = [h.connect('ann'), h.connect('bob')]
      h.listen(other, 't')
      for (let n = 0; n < 6; n++) peer.request('r')
      peer.transport[method] = boom
      h.settle()
      h.node.disconnect('ann', 'out', true, h.now)
      h.settle()
      expect([h.node.connections, h.node.sessions, works(h, other)]).toEqual([1, 1, true])
    }
  })

  it('of the business costs at most the call it was about', () => {
    const methods: (keyof Application)[] = [
      'request',
      'requestEnded',
      'authorize',
      'authorizeEnded',
      'published',
      'openMissing',
      'openMissingEnded',
      'located',
      'callMeeting',
      'drain',
      'fail',
      'connected',
      'disconnected',
    ]
    for (const method of methods) {
      const h = harness({ authorizeMs: 1_000 })
      const other = h.connect('bob')
      h.listen(other, 't')
      h.node.askFirst(true)
      h.node.openOnDemand(true)
      h.application[method] = boom
      const peer = h.connect('ann')
      h.settle()
      peer.request('r', text('x'), 500)
      peer.publish('u', text('x'))
      h.settle()
      for (let n = 0; n < 30; n++) {
        h.now += 100
        h.settle()
        for (const question of h.application.questions.splice(0))
          if (question.action === 'join') h.node.handleAuthorized(question, true, h.now)
      }
      peer.join('nowhere')
      for (let n = 0; n < 30; n++) {
        h.now += 100
        h.settle()
        for (const question of h.application.questions.splice(0))
          h.node.handleAuthorized(question, true, h.now)
      }
      expect(peer.takeOf('failed').map(({ error }) => error)).toHaveLength(3)
      peer.hangUp(true)
      h.settle()
      expect([h.node.sessions, h.node.requestsOpen, works(h, other)]).toEqual([1, 0, true])
    }
  })

  it('of the business that decides about a publication refuses it', () => {
    const h = harness()
    h.application.publishing = boom
    const [peer, other] = [h.connect('ann'), h.connect('bob')]
    h.settle()
    peer.publish('t', text('x'))
    h.settle()
    expect(peer.takeOf('failed').map(({ error }) => error)).toEqual(['HANDLER_FAILED'])
    h.application.publishing = ({ data }) => data
    h.listen(other, 't')
    expect(works(h, other)).toBe(true)
  })

  it('of the bus costs what it should have carried', () => {
    for (const method of ['publish', 'subscribe', 'unsubscribe'] as const satisfies (keyof Bus)[]) {
      const h = harness()
      h.bus[method] = boom
      const [peer, other] = [h.connect('ann'), h.connect('bob')]
      for (const each of [peer, other]) h.listen(each, 't')
      expect(works(h, peer)).toBe(true)
      peer.hangUp(true)
      expect(works(h, other)).toBe(true)
    }
  })
})
