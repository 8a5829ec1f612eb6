import { describe, expect, it } from 'vitest'
import { grant, Harness, type Peer, text, wish } from './harness.ts'

/** A node that asks first, and what a question says. */
function harness(limits = {}): Harness {
  const h = new Harness(limits)
  h.node.askFirst(true)
  h.node.openMeeting('m', { frameRate: 0 }, h.now)
  return h
}

const asked = (h: Harness): string[] =>
  h.application.questions.map(
    ({ user, action, name, spectator }) => `${user} ${action} ${name}${spectator ? ' as a spectator' : ''}`,
  )

function answer(h: Harness, ...answers: boolean[]): void {
  for (const [n, question] of h.application.questions.splice(0, answers.length).entries())
    h.node.handleAuthorized(question, answers[n] as boolean, h.now)
  h.settle()
}

const requested = (h: Harness): string[] => h.application.requests.map(({ method }) => method)
const heard = (peer: Peer): string[] =>
  peer
    .take()
    .map((message) => (message.type === 'failed' ? `${message.error} ${message.message}` : message.type))

describe('A node that asks first', () => {
  it('asks about what the ticket allows, and lets it happen where the answer is yes', () => {
    const h = harness()
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    ann.join('m', { spectator: true })
    bob.publish('t', text('x'))
    h.settle()
    expect(asked(h)).toEqual(['ann join m as a spectator', 'bob publish t'])
    expect([heard(ann), heard(bob), h.node.topics]).toEqual([[], [], 0])
    answer(h, true, true)
    expect([heard(ann), heard(bob), h.node.topics]).toEqual([['joined'], ['done'], 1])
  })

  it('refuses with FORBIDDEN what the business does not allow', () => {
    const h = harness()
    const peer = h.connect('ann')
    peer.join('m')
    h.settle()
    answer(h, false)
    peer.publish('t', text('x'))
    h.settle()
    answer(h, false)
    const no = 'FORBIDDEN the business does not allow it'
    expect([heard(peer), h.node.topics, h.node.meeting('m')?.members]).toEqual([[no, no], 0, []])
  })

  it('asks about each topic of a subscribe that the ticket allows', () => {
    const h = harness()
    h.application.grants.set('ann', grant('ann', { read: ['a', 'b'] }))
    const peer = h.connect('ann')
    peer.send({
      type: 'subscribe',
      call: peer.call(),
      topics: ['a', 'secret', 'b', '*bad'].map((t) => wish(t)),
    })
    h.settle()
    expect(asked(h)).toEqual(['ann subscribe a', 'ann subscribe b'])
    answer(h, false)
    expect(heard(peer)).toEqual([])
    answer(h, true)
    expect(peer.take()).toMatchObject([
      { type: 'failed', index: 0, error: 'FORBIDDEN', message: 'the business does not allow it' },
      { type: 'failed', index: 1, error: 'FORBIDDEN' },
      { type: 'subscribed', index: 2, topic: 'b' },
      { type: 'failed', index: 3, error: 'BAD_TOPIC' },
    ])
  })

  it('does not ask where the ticket forbids all of it, nor about anything else', () => {
    const h = harness()
    h.application.grants.set('ann', grant('ann', { meetings: [], read: [], write: [] }))
    const peer = h.connect('ann')
    peer.join('m')
    peer.subscribe('t')
    peer.publish('t', text('x'))
    peer.request('r')
    h.settle()
    expect([asked(h), requested(h)]).toEqual([[], ['r']])
    expect(peer.takeOf('failed').map(({ error }) => error)).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN'])
  })

  it('keeps what a session sends in order, and holds up no other session', () => {
    const h = harness()
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    ann.join('m')
    h.settle()
    answer(h, true)
    const [{ log } = { log: 0 }] = ann.takeOf('joined')
    ann.publish('t', text('1'))
    ann.input(log, 1)
    ann.publish('t', text('2'))
    ann.request('last')
    bob.request('other')
    h.settle()
    expect([asked(h), requested(h)]).toEqual([['ann publish t'], ['other']])
    answer(h, true)
    expect([asked(h), requested(h)]).toEqual([['ann publish t'], ['other']])
    expect(h.node.inputsWaiting).toBe(0)
    answer(h, true)
    expect(requested(h)).toEqual(['other', 'last'])
    expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
  })

  it('takes no answer in time for a no, says so to both sides, and goes on', () => {
    const h = harness({ authorizeMs: 2_000 })
    const peer = h.connect('ann')
    peer.send({ type: 'subscribe', call: peer.call(), topics: [wish('a'), wish('b')] })
    peer.request('behind')
    h.settle()
    answer(h, true)
    h.advance(1_999)
    expect([heard(peer), requested(h)]).toEqual([[], []])
    h.advance(1)
    expect(heard(peer)).toEqual([
      'subscribed',
      'FORBIDDEN the business did not say in time whether it is allowed',
    ])
    expect([h.application.unanswered.map(({ name }) => name), requested(h)]).toEqual([['b'], ['behind']])
    // Too late, and too often.
    answer(h, true)
    expect([heard(peer), h.node.subscribers('b')]).toEqual([[], 0])
  })

  it('bounds what waits behind a question, and pauses the socket', () => {
    const h = harness({ upstreamMessages: 4 })
    const peer = h.connect('ann')
    peer.publish('t', text('x'))
    h.settle()
    for (let n = 0; n < 6; n++) peer.request(`r${n}`)
    h.settle()
    expect([heard(peer), peer.transport.paused]).toEqual([
      Array.from({ length: 2 }, () => expect.stringMatching(/^BUSY /) as string),
      true,
    ])
    answer(h, true)
    expect([requested(h).length, peer.transport.paused]).toEqual([4, false])
  })

  it('goes on with a session that has changed its connection meanwhile', () => {
    const h = harness()
    const old = h.connect('ann')
    old.join('m')
    old.request('behind')
    h.settle()
    old.hangUp()
    h.settle()
    const peer = h.connect('ann', { session: old.session })
    answer(h, true)
    expect([heard(peer).includes('joined'), requested(h)]).toEqual([true, ['behind']])
  })

  it('does not wait for the answer where the session ends, and leaves nothing behind', () => {
    const h = harness()
    const peer = h.connect('ann')
    peer.publish('t', text('dropped'))
    peer.publish('t', text('dropped'))
    peer.request('heard')
    h.settle()
    peer.hangUp(true)
    h.settle()
    expect([requested(h), h.node.sessions, h.node.topics]).toEqual([['heard'], 0, 0])
    answer(h, true)
    expect(h.node.topics).toBe(0)
    h.advance(10_000)
    expect(h.application.unanswered).toEqual([])
  })

  it('lets an input that waited behind a question be framed though nobody is connected any more', () => {
    const h = harness({ sessionKeepMs: 4_000 })
    h.node.openMeeting('clocked', { frameRate: 20, capacity: 1 }, h.now)
    const peer = h.connect('ann')
    peer.join('clocked')
    h.settle()
    answer(h, true)
    peer.publish('t', text('x'))
    peer.input(2, 1)
    h.settle()
    peer.hangUp()
    h.advance(1_000)
    answer(h, true)
    expect(h.node.inputsWaiting).toBe(1)
    h.advance(100)
    expect([h.node.inputsWaiting, h.node.stats.inputsFramed]).toEqual([0, 1])
    h.advance(5_000)
    expect([h.node.sessions, h.node.meeting('clocked')?.members]).toEqual([0, []])
  })

  it('counts the inputs that waited behind a question when the business ended the session', () => {
    const h = harness()
    const peer = h.connect('ann')
    peer.join('m')
    for (const seq of [1, 2, 3]) peer.input(1, seq)
    h.settle()
    h.node.disconnect('ann', 'out', true, h.now)
    h.settle()
    expect([h.node.stats.inputsReceived, h.node.stats.inputsRefused.get('CLOSED')]).toEqual([3, 3])
  })

  it('lets one user ask fifty things at a time, holds few more, and asks about others meanwhile', () => {
    const h = harness()
    const topics = Array.from({ length: 1_000 }, (_, n) => wish(`t${n}`))
    const crowd = Array.from({ length: 20 }, () => h.connect('mallory'))
    for (const peer of crowd.slice(0, 4)) peer.send({ type: 'subscribe', call: peer.call(), topics })
    h.settle()
    expect(h.application.questions).toHaveLength(50)
    expect(h.node.timersByName.get('authorization')).toBe(200)
    const ann = h.connect('ann')
    ann.join('m')
    h.settle()
    expect(asked(h).at(-1)).toBe('ann join m')
    // Whoever leaves and asks again has no more at work.
    for (const peer of crowd) peer.hangUp(true)
    const again = h.connect('mallory')
    again.send({ type: 'subscribe', call: again.call(), topics: topics.slice(0, 100) })
    h.settle()
    expect(h.application.questions).toHaveLength(51)
    answer(h, ...Array.from({ length: 51 }, () => true))
    expect(h.application.questions).toHaveLength(50)
    expect(heard(ann)).toContain('joined')
    answer(h, ...Array.from({ length: 50 }, () => true))
    answer(h, ...Array.from({ length: 50 }, () => false))
    const answers = again.take().map(({ type }) => type)
    expect(answers.filter((type) => type === 'failed')).toHaveLength(50)
    expect(answers.filter((type) => type === 'subscribed')).toHaveLength(50)
    expect(h.node.timersByName.get('authorization')).toBe(undefined)
  })

  it('answers all of a long SUBSCRIBE at its deadline, asked about or not', () => {
    const h = harness()
    const peer = h.connect('ann')
    const topics = Array.from({ length: 120 }, (_, n) => wish(`t${n}`))
    peer.send({ type: 'subscribe', call: peer.call(), topics })
    h.settle()
    answer(h, true)
    h.advance(5_000)
    expect(peer.takeOf('failed')).toHaveLength(119)
    expect([h.application.questions.length, h.application.unanswered.length]).toEqual([50, 50])
    expect(h.node.timersByName.get('authorization')).toBe(undefined)
  })

  it('asks no more when the business no longer wants it', () => {
    const h = harness()
    h.node.askFirst(false)
    const peer = h.connect('ann')
    h.listen(peer, 't')
    h.publish('t', 'x')
    h.settle()
    expect([asked(h), peer.takeTexts()]).toEqual([[], ['x']])
  })
})
