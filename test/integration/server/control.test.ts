import { SignJWT } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Connected, Disconnected, Logger } from '../../../src/server/index.ts'
import { toPayload } from '../../../src/protocol/index.ts'
import { eventually, hello, join, Peer, refused, SECRET, start, stopAll, subscribe, tokenOf } from './peer.ts'

afterEach(stopAll)

/** A logger that keeps what went wrong. */
function log(): { logger: Logger; errors: string[] } {
  const errors: string[] = []
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_: object, text: string) => void errors.push(text),
  }
  return { logger, errors }
}

describe('The business', () => {
  it('hears of connections, and what its handlers throw disturbs nobody', async () => {
    const { logger, errors } = log()
    const rtms = await start({ logger })
    const events: (Connected | Disconnected)[] = []
    rtms.onConnect(() => {
      throw new Error('mine')
    })
    rtms.onConnect(async (event) => {
      events.push(event)
      await Promise.reject(new Error('mine too'))
    })
    const off = rtms.onDisconnect((event) => void events.push(event))
    const token = await tokenOf(rtms)
    const peer = await Peer.connect(rtms.address.url, token)
    const [{ session } = { session: '' }] = peer.all('welcome')
    peer.ws.close(3000)
    await eventually(() => events.length === 2)
    const again = await new Peer(rtms.address.url).opened()
    again.send(hello(token, { session }))
    await again.next('welcome')
    again.ws.close(1000)
    await eventually(() => events.length === 4)
    expect(events).toEqual([
      { user: 'u1', session, resumed: false },
      { user: 'u1', session, reason: 'LOST', ended: false },
      { user: 'u1', session, resumed: true },
      { user: 'u1', session, reason: 'LEFT', ended: true },
    ])
    off()
    const last = await Peer.connect(rtms.address.url, token)
    last.ws.close(1000)
    await eventually(() => rtms.stats.connectionsClosed === 3)
    expect(events).toHaveLength(5)
    expect(errors).toEqual(Array.from({ length: 6 }, () => 'a handler of onConnect failed'))
  })

  it('may have a logger that throws: nothing but the line is lost', async () => {
    const logger: Logger = {
      debug: () => fail(),
      info: () => fail(),
      warn: () => fail(),
      error: () => fail(),
    }
    let calls = 0
    const fail = (): never => {
      calls++
      throw new Error('the disk is full')
    }
    const rtms = await start({ logger })
    rtms.onConnect(() => {
      throw new Error('mine')
    })
    rtms.meetings.define('broken', {
      onFrame: () => {
        throw new Error('mine')
      },
    })
    await rtms.meetings.open('m', { kind: 'broken', frameRate: 60 })
    expect((await refused(rtms.address.url, 'no token')).code).toBe(4401)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(join(1, 'm'))
    await peer.next('frames')
    await eventually(() => calls >= 3)
  })

  it('knows whether a user is there, and sends them away, for a while or for good', async () => {
    const rtms = await start()
    const { users } = rtms
    expect(await users.sessions('u1')).toEqual({ online: false, sessions: 0, connected: 0, complete: true })
    const token = await tokenOf(rtms)
    const [a, b] = [await Peer.connect(rtms.address.url, token), await Peer.connect(rtms.address.url, token)]
    expect(await users.sessions('u1')).toEqual({ online: true, sessions: 2, connected: 2, complete: true })
    expect(await users.disconnect('u1')).toBe(2)
    expect([(await a.closed).code, (await b.closed).code]).toEqual([4451, 4451])
    expect(await users.sessions('u1')).toEqual({ online: false, sessions: 2, connected: 0, complete: true })
    const c = await Peer.connect(rtms.address.url, token)
    // One session of several, by its id.
    const d = await Peer.connect(rtms.address.url, token)
    const session = d.all('welcome')[0]?.session ?? ''
    expect(await users.disconnect('u1', { session: 'no such' })).toBe(0)
    expect(await users.disconnect('u2', { session })).toBe(0)
    expect(await users.disconnect('u1', { session, final: true })).toBe(1)
    expect((await d.closed).code).toBe(4402)
    for (const id of ['', 1 as never, 'x'.repeat(256)])
      await expect(users.disconnect('u1', { session: id })).rejects.toThrow(TypeError)
    expect(await users.disconnect('u1', { reason: 'be gone', final: true })).toBe(1)
    expect((await c.closed).code).toBe(4402)
    expect(c.all('goodbye')).toMatchObject([{ code: 4402, reason: 'be gone' }])
    expect(await users.sessions('u1')).toEqual({ online: false, sessions: 0, connected: 0, complete: true })
    await expect(users.disconnect('')).rejects.toMatchObject({ code: 'BAD_NAME' })
    await expect(users.sessions('')).rejects.toMatchObject({ code: 'BAD_NAME' })
    await expect(users.disconnect('u1', { reason: 1 as never })).rejects.toThrow(TypeError)
  })
})

describe('A revoked user', () => {
  it('is cut off at once, and may come back only with a ticket issued afterwards', async () => {
    const rtms = await start()
    const token = await tokenOf(rtms)
    const peer = await Peer.connect(rtms.address.url, token)
    const [{ session } = { session: '' }] = peer.all('welcome')
    expect(await rtms.tickets.revoke({ user: 'u1' })).toBe(1)
    expect((await peer.closed).code).toBe(4402)
    expect(await refused(rtms.address.url, token)).toEqual({ code: 4402, reason: 'the token was revoked' })
    const back = await new Peer(rtms.address.url).opened()
    back.send(hello(token, { session }))
    expect((await back.closed).code).toBe(4402)
    await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u2'))
    // In the same millisecond, as like as not.
    await rtms.tickets.revoke({ user: 'u1' })
    await Peer.connect(rtms.address.url, await tokenOf(rtms))
  })
})

/** A token of u1 by a clock that is so many seconds ahead. */
const tokenAhead = (seconds: number): Promise<string> =>
  new SignJWT({ m: [], r: [], w: [] })
    .setProtectedHeader({ alg: 'HS256', typ: 'rtms+jwt' })
    .setSubject('u1')
    .setIssuer('rtms')
    .setIssuedAt(Date.now() / 1000 + seconds)
    .setExpirationTime(Math.floor(Date.now() / 1000) + 600)
    .sign(new TextEncoder().encode(SECRET))

describe('A revocation', () => {
  it('holds for tokens of an issuer whose clock is ahead, and not for tickets made here afterwards', async () => {
    const rtms = await start()
    const { url } = rtms.address
    const token = await tokenAhead(4)
    const peer = await Peer.connect(url, token)
    expect(await rtms.tickets.revoke({ user: 'u1' })).toBe(1)
    expect((await peer.closed).code).toBe(4402)
    expect((await refused(url, token)).code).toBe(4402)
    const fresh = await tokenOf(rtms)
    const back = await Peer.connect(url, fresh)
    back.send({ type: 'refresh', call: 1, token })
    expect((await back.closed).code).toBe(4402)
    // Another node has another clock, and takes it as well.
    const other = await start()
    await Peer.connect(other.address.url, fresh)
  })

  it('holds for tokens that were made before the clock was set back', async () => {
    const rtms = await start()
    const [here, elsewhere] = [await tokenOf(rtms), await tokenAhead(0)]
    await Peer.connect(rtms.address.url, elsewhere)
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 1_800_000)
    await rtms.tickets.revoke({ user: 'u1' })
    const fresh = await tokenOf(rtms)
    clock.mockRestore()
    for (const token of [here, elsewhere]) expect((await refused(rtms.address.url, token)).code).toBe(4402)
    await Peer.connect(rtms.address.url, fresh)
  })
})

describe('A revoked ticket', () => {
  it('is refused, in a refresh too, and no other', async () => {
    const rtms = await start()
    const { tickets } = rtms
    const [good, bad] = [await tickets.issue({ user: 'u1' }), await tickets.issue({ user: 'u1' })]
    expect(good.id).not.toBe(bad.id)
    const peer = await Peer.connect(good.url, good.token)
    const victim = await Peer.connect(bad.url, bad.token)
    expect(await tickets.revoke({ id: bad.id })).toBe(1)
    expect((await victim.closed).code).toBe(4402)
    peer.send({ type: 'refresh', call: 1, token: good.token })
    await peer.next('done')
    peer.send({ type: 'refresh', call: 2, token: bad.token })
    expect((await peer.closed).code).toBe(4402)
    await Peer.connect(good.url, good.token)
  })

  it('must be named, and there is a limit of them', async () => {
    const { tickets } = await start({ limits: { revocations: 1 } })
    await expect(tickets.revoke({} as never)).rejects.toThrow(TypeError)
    await expect(tickets.revoke({ id: '' })).rejects.toThrow(TypeError)
    await expect(tickets.revoke({ user: '' })).rejects.toMatchObject({ code: 'BAD_NAME' })
    await tickets.revoke({ user: 'u1' })
    await expect(tickets.revoke({ id: 'x' })).rejects.toMatchObject({ code: 'LIMIT' })
  })

  it('cannot live longer than its revocation', async () => {
    const short = await start({ limits: { tokenMs: 60_000 } })
    await expect(short.tickets.issue({ user: 'u1', expiresIn: 61 })).rejects.toThrow(RangeError)
    const { token } = await (await start()).tickets.issue({ user: 'u1', expiresIn: 62 })
    expect((await refused(short.address.url, token)).code).toBe(4401)
    const { url, token: fine } = await short.tickets.issue({ user: 'u1', expiresIn: 60 })
    await Peer.connect(url, fine)
  })
})

describe('authorize', () => {
  it('is asked besides the ticket, in the order in which a session sends', async () => {
    const { logger, errors } = log()
    const rtms = await start({ logger })
    await rtms.meetings.open('m')
    const asked: unknown[] = []
    const door: { open?: () => void } = {}
    const held = new Promise<void>((resolve) => (door.open = resolve))
    const end = rtms.authorize(async (request) => {
      asked.push(request)
      await held
      if (request.name === 'broken') throw new Error('mine')
      return request.name !== 'no'
    })
    expect(() => rtms.authorize(() => true)).toThrow('a handler already')
    const requests: unknown[] = []
    rtms.onRequest('r', () => void requests.push('r'))
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(join(1, 'm', true), subscribe(2, 'yes', 'no', 'broken'))
    peer.send({ type: 'request', call: 3, method: 'r', timeout: 0, data: toPayload(1) })
    await eventually(() => asked.length === 1)
    const session = peer.all('welcome')[0]?.session
    expect(asked).toEqual([{ user: 'u1', session, action: 'join', name: 'm', spectator: true }])
    door.open?.()
    await peer.next('reply')
    const ends = peer.heard.filter((message) => 'call' in message)
    expect(ends).toMatchObject([
      { type: 'joined', call: 1 },
      { type: 'subscribed', call: 2, topic: 'yes' },
      { type: 'failed', call: 2, index: 1, error: 'FORBIDDEN' },
      { type: 'failed', call: 2, index: 2, error: 'FORBIDDEN' },
      { type: 'reply', call: 3 },
    ])
    expect([requests, errors]).toEqual([['r'], ['the handler of authorize failed']])
    end()
    peer.send(subscribe(4, 'no'))
    await peer.next('subscribed', ({ topic }) => topic === 'no')
  })

  it('has to answer in time', async () => {
    const { logger, errors } = log()
    const rtms = await start({ logger, limits: { authorizeMs: 20 } })
    rtms.authorize(() => new Promise(() => {}))
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(subscribe(1, 'a'))
    const { error, message } = await peer.next('failed')
    expect([error, message]).toEqual(['FORBIDDEN', 'the business did not say in time whether it is allowed'])
    expect(errors).toEqual(['the handler of authorize did not answer in time'])
  })
})
