import { describe, expect, it } from 'vitest'
import { grant, Harness, type Peer, text } from './harness.ts'

/** A node that opens meetings on demand. */
function harness(limits = {}): Harness {
  const h = new Harness(limits)
  h.node.openOnDemand(true)
  return h
}

const asked = (h: Harness): string[] => h.application.missing.map(({ user, name }) => `${user} ${name}`)
const requested = (h: Harness): string[] => h.application.requests.map(({ method }) => method)
const heard = (peer: Peer): string[] =>
  peer.take().map((message) => (message.type === 'failed' ? message.error : message.type))

/** Answers the oldest question, having opened the meeting or not. */
function answer(h: Harness, opens: boolean): void {
  const [missing] = h.application.missing.splice(0, 1)
  if (missing === undefined) throw new Error('nothing was asked')
  if (opens) h.node.openMeeting(missing.name, { frameRate: 0 }, h.now)
  h.node.handleMissing(missing, h.now)
  h.settle()
}

describe('A user', () => {
  it('has so many meetings opened, and no more until one of them has ended', () => {
    const h = harness({ meetingsPerUser: 2 })
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    const join = (peer: Peer, name: string): string | undefined => {
      peer.join(name)
      h.settle()
      if (h.application.missing.length > 0) answer(h, true)
      return heard(peer)[0]
    }
    const seen = [join(ann, 'a'), join(ann, 'b'), join(ann, 'c'), join(bob, 'c'), join(ann, 'c')]
    expect(seen).toEqual(['joined', 'joined', 'LIMIT', 'joined', 'joined'])
    h.node.closeMeeting('a', h.now)
    expect([join(ann, 'd'), join(ann, 'e')]).toEqual(['ended', 'LIMIT'])
    expect(h.node.meeting('d')).toMatchObject({ members: [{ user: 'ann' }] })
  })

  it('who asks for what the business opens by itself does not keep it from that', () => {
    const h = harness({ meetingsPerUser: 1 })
    for (const name of ['a', 'b']) h.connect('eve').join(name)
    h.settle()
    expect(asked(h)).toEqual(['eve a', 'eve b'])
    for (const name of ['a', 'b'])
      expect(h.node.openMeeting(name, { frameRate: 0 }, h.now)).toMatchObject({ name })
    for (const missing of h.application.missing.splice(0)) h.node.handleMissing(missing, h.now)
    h.settle()
    // They count all the same: a handler may open what it is asked for by itself.
    const eve = h.connect('eve')
    eve.join('c')
    h.settle()
    expect([heard(eve), asked(h)]).toEqual([['failed'].map(() => 'LIMIT'), []])
  })

  it('has no more of them by asking a business that takes its time', () => {
    const h = harness({ meetingsPerUser: 2, authorizeMs: 1_000 })
    const ann = h.connect('ann')
    for (const name of ['a', 'b', 'c']) ann.join(name)
    const opened: unknown[] = []
    for (let n = 0; n < 3; n++) {
      h.settle()
      h.advance(1_000)
      const [missing] = h.application.missing.splice(0, 1)
      if (missing === undefined) throw new Error('nothing was asked')
      const business = { kind: '', metadata: {}, logic: null, missing }
      const meeting = h.node.openMeeting(missing.name, { frameRate: 0, ttlMs: 60_000 }, h.now, business)
      opened.push(typeof meeting === 'string' ? meeting : meeting?.name)
      h.node.handleMissing(missing, h.now)
    }
    expect([heard(ann), opened]).toEqual([
      ['failed', 'failed', 'failed'].map(() => 'NOT_FOUND'),
      ['a', 'b', 'LIMIT'],
    ])
    h.node.closeMeeting('a', h.now)
    ann.join('d')
    h.settle()
    answer(h, true)
    expect(heard(ann)).toContain('joined')
  })

  it('pays for them together with all else that is there because of it', () => {
    const h = harness({ logBytes: 400_000 })
    h.node.openMeeting('quiet', { frameRate: 0 }, h.now)
    const bot = h.node.addBot('quiet', 'bot')
    if (typeof bot === 'string') throw new Error(bot)
    for (let n = 0; n < 50; n++) {
      bot.send(text('x'.repeat(200)))
      h.settle()
    }
    const ann = h.connect('ann')
    for (let n = 0; n < 200; n++) {
      ann.join(`m${n}`, { spectator: true })
      h.settle()
      if (h.application.missing.length > 0) answer(h, true)
      h.advance(100)
    }
    expect(h.node.meetingCount).toBeLessThan(115)
    expect([...h.node.meetingHistory('quiet', 1, 100)]).toHaveLength(50)
    expect(h.node.openMeeting('another', {}, h.now)).toMatchObject({ name: 'another' })
  })
})

describe('Who wants a meeting', () => {
  it('does not wait in the line of another user who wanted it first, and all are in when it is open', () => {
    const h = harness({ openingsPerUser: 1 })
    const eves = ['slow', 'm', 'other'].map((name) => {
      const eve = h.connect('eve')
      eve.join(name)
      h.settle()
      return eve
    })
    expect(asked(h)).toEqual(['eve slow'])
    const [bob, cid] = [h.connect('bob'), h.connect('cid')]
    bob.join('m')
    cid.join('m')
    h.settle()
    expect(asked(h)).toEqual(['eve slow', 'bob m'])
    const [, m] = h.application.missing
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    if (m !== undefined) h.node.handleMissing(m, h.now)
    h.settle()
    expect(h.node.meeting('m')?.members.map(({ user }) => user)).toEqual(['bob', 'eve', 'cid'])
    h.advance(5_000)
    expect(heard(eves[0] as Peer)).toEqual(['failed'].map(() => 'NOT_FOUND'))
    expect(h.node.timersByName.get('opening')).toBeUndefined()
  })
})

describe('A meeting that is not open', () => {
  it('is asked for once, whoever wants to join it, and all are in when it is open', () => {
    const h = harness()
    const peers = ['ann', 'bob', 'cid'].map((user) => h.connect(user))
    for (const peer of peers) peer.join('m')
    h.settle()
    expect([asked(h), peers.flatMap(heard)]).toEqual([['ann m'], []])
    answer(h, true)
    expect(peers.map((peer) => heard(peer)[0])).toEqual(['joined', 'joined', 'joined'])
    expect(h.node.meeting('m')?.members.map(({ user }) => user)).toEqual(['ann', 'bob', 'cid'])
  })

  it('is NOT_FOUND where the business does not open it, and is asked for anew the next time', () => {
    const h = harness()
    const peer = h.connect('ann')
    peer.join('m')
    h.settle()
    answer(h, false)
    expect(heard(peer)).toEqual(['NOT_FOUND'])
    peer.join('m')
    h.settle()
    expect(asked(h)).toEqual(['ann m'])
  })

  it('is NOT_FOUND where no answer comes in time; one that comes later is not listened to', () => {
    const h = harness({ authorizeMs: 2_000 })
    const peer = h.connect('ann')
    peer.join('m')
    peer.request('behind')
    h.advance(1_999)
    expect([heard(peer), requested(h)]).toEqual([[], []])
    h.advance(1)
    expect([heard(peer), requested(h), h.application.unopened]).toEqual([['NOT_FOUND'], ['behind'], ['m']])
    answer(h, true)
    expect(heard(peer)).toEqual([])
  })

  it('is not asked for where the ticket forbids it, or the node was not told to', () => {
    const h = harness()
    h.application.grants.set('ann', grant('ann', { meetings: [] }))
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    ann.join('m')
    h.settle()
    h.node.openOnDemand(false)
    bob.join('m')
    h.settle()
    expect([heard(ann), heard(bob), asked(h)]).toEqual([['FORBIDDEN'], ['NOT_FOUND'], []])
  })

  it('is not asked for, nor who may join it, by what cannot be a name', () => {
    const h = harness()
    h.node.askFirst(true)
    const peer = h.connect('ann')
    for (const name of ['a\nb', 'm.$', '', 'x'.repeat(60_000)]) peer.join(name)
    h.settle()
    expect(heard(peer)).toEqual(Array.from({ length: 4 }, () => 'NOT_FOUND'))
    expect([asked(h), h.application.questions]).toEqual([[], []])
  })

  it('is asked for behind the say of the business in who may join', () => {
    const h = harness()
    h.node.askFirst(true)
    const peer = h.connect('ann')
    peer.join('m')
    h.settle()
    expect([h.application.questions.length, asked(h)]).toEqual([1, []])
    for (const question of h.application.questions.splice(0)) h.node.handleAuthorized(question, true, h.now)
    answer(h, true)
    expect(heard(peer)[0]).toBe('joined')
  })

  it('is not joined by a session that has ended meanwhile, or may not any more', () => {
    const h = harness()
    const [ann, bob, cid] = [h.connect('ann'), h.connect('bob'), h.connect('cid')]
    for (const peer of [ann, bob, cid]) peer.join('m')
    h.settle()
    ann.hangUp(true)
    h.application.grants.set('less', grant('bob', { meetings: [], issued: 9 }))
    bob.hangUp()
    const back = h.connect('less', { session: bob.session })
    answer(h, true)
    expect(h.node.meeting('m')?.members.map(({ user }) => user)).toEqual(['cid'])
    expect(heard(back)).toEqual(['FORBIDDEN'])
    cid.hangUp(true)
    back.hangUp(true)
    h.advance(400_000)
    expect(h.node.timers).toBe(0)
  })

  it('holds up nobody else: users take turns where many are asked for', () => {
    const h = harness({ authorizeMs: 60_000 })
    const crowd = Array.from({ length: 150 }, (_, n) => h.connect(`crowd${n % 15}`))
    crowd.forEach((peer, n) => peer.join(`c${n}`))
    h.settle()
    const peer = h.connect('ann')
    peer.join('m')
    h.settle()
    expect(asked(h)).toHaveLength(100)
    // 50 of the crowd's users wait as well, who have all had a turn.
    answer(h, false)
    expect(asked(h).at(-1)).toBe('ann m')
  })

  it('is asked for eight times at once for one user, who leaves the other places to others', () => {
    const h = harness({ authorizeMs: 60_000 })
    const crowd = Array.from({ length: 12 }, () => h.connect('crowd'))
    crowd.forEach((peer, n) => peer.join(`c${n}`))
    const peer = h.connect('ann')
    peer.join('m')
    h.settle()
    expect(asked(h)).toHaveLength(9)
    expect(asked(h)).toContain('ann m')
    answer(h, false)
    expect(asked(h).at(-1)).toBe('crowd c8')
  })

  it('is said to be wanted no more only where it was asked for, and nobody answered in time', () => {
    const h = harness({ authorizeMs: 1_000, openings: 1 })
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    ann.join('m')
    bob.join('n')
    h.settle()
    answer(h, false)
    expect([asked(h), h.application.unopened]).toEqual([['bob n'], []])
    ann.join('o')
    h.advance(1_000)
    // The one that waited for its turn was never asked for.
    expect(h.application.unopened).toEqual(['n'])
    expect([heard(ann), heard(bob)]).toEqual([['NOT_FOUND', 'NOT_FOUND'], ['NOT_FOUND']])
  })

  it('costs a user nothing any more once the session that wanted it has ended', () => {
    const h = harness()
    h.connect('ann')
    const { bytes } = h.node.logs
    const other = h.connect('ann')
    other.join('m')
    h.settle()
    other.hangUp(true)
    expect([h.node.logs.bytes, asked(h)]).toEqual([bytes, ['ann m']])
    answer(h, true)
    expect(h.node.meeting('m')?.members).toEqual([])
  })

  it('does not hold up what its session sends afterwards, once it has an answer', () => {
    const h = harness()
    const peer = h.connect('ann')
    peer.join('m')
    peer.request('r')
    h.settle()
    const { bytes } = h.node.logs
    expect(requested(h)).toEqual([])
    answer(h, true)
    expect([requested(h), heard(peer)[0]]).toEqual([['r'], 'joined'])
    expect(h.node.logs.bytes).toBeGreaterThan(bytes)
    peer.request('s')
    h.settle()
    expect(requested(h)).toEqual(['r', 's'])
  })
})
