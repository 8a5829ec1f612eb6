import { generateKeyPairSync } from 'node:crypto'
import { decodeProtectedHeader, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fixedLimits, type Revoked } from '../../../src/core/index.ts'
import { type ErrorCode, limits } from '../../../src/protocol/index.ts'
import { defaultLimits } from '../../../src/server/ground/limits.ts'
import type { Logger } from '../../../src/server/ground/logger.ts'
import { type TicketRequest, Tickets, type TicketSettings } from '../../../src/server/tickets/tickets.ts'

const SECRET = 'a secret for tests, which is long enough'
const key = new TextEncoder().encode(SECRET)
/** A whole second. */
const NOW = 1_800_000_000_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: NOW })
})

afterEach(() => {
  vi.useRealTimers()
})

/** The rest of the node, and what the log gets. */
class World {
  revokedUntil = 0
  answer: number | ErrorCode = 3
  readonly revoked: [Revoked, number][] = []
  readonly lines: [level: string, details: object][] = []
  /** Of warnings. */
  readonly texts: string[] = []

  readonly logger: Logger = {
    debug: (details) => void this.lines.push(['debug', details]),
    info: (details) => void this.lines.push(['info', details]),
    warn: (details, text) => {
      this.lines.push(['warn', details])
      this.texts.push(text)
    },
    error: (details) => void this.lines.push(['error', details]),
  }

  tickets(settings: Partial<TicketSettings> = {}): Promise<Tickets> {
    return Tickets.create(
      {
        secret: SECRET,
        keys: undefined,
        issuer: 'rtms',
        audience: undefined,
        limits: defaultLimits,
        ...settings,
      },
      {
        url: (host, meeting) => `ws://${host ?? 'here'}/${meeting ?? ''}`,
        edges: (host, names) => (names ?? ['e1', 'e2']).map((name) => `ws://${host ?? 'here'}/${name}`),
        revokedUntil: () => this.revokedUntil,
        revoke: (revoked, until) => {
          this.revoked.push([revoked, until])
          return Promise.resolve(this.answer)
        },
      },
      this.logger,
    )
  }

  get warnings(): object[] {
    return this.lines.filter(([level]) => level === 'warn').map(([, details]) => details)
  }
}

const seconds = NOW / 1_000
const claims = { sub: 'u1', iss: 'rtms', iat: seconds, exp: seconds + 60 }

const sign = (payload: object, header: object = {}): Promise<string> =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg: 'HS256', typ: 'rtms+jwt', ...header }).sign(key)

/** What became of a token: its grant, or the error. */
async function outcome(tickets: Tickets, token: Promise<string> | string): Promise<unknown> {
  const result = await tickets.verify(await token)
  return result.ok ? result.value : result.error.code
}

describe('A ticket', () => {
  it('grants what was asked for, as long as was asked for', async () => {
    const world = new World()
    const tickets = await world.tickets()
    world.revokedUntil = NOW - 5_000
    const { url, token, expiresAt, id } = await tickets.issue({
      user: 'ann',
      meetings: ['room', { name: 'quiz.*', role: 'spectator' }, { name: 'hall', role: undefined }],
      topics: { read: ['stock.*'], write: ['chat'] },
      expiresIn: 90,
      host: 'there',
    })
    expect([url, expiresAt]).toEqual(['ws://there/room', seconds + 90])
    expect(await outcome(tickets, token)).toEqual({
      user: 'ann',
      id,
      issued: NOW,
      after: NOW - 5_000,
      expires: NOW + 90_000,
      meetings: [
        { name: 'room', role: 'member' },
        { name: 'quiz.*', role: 'spectator' },
        { name: 'hall', role: 'member' },
      ],
      read: ['stock.*'],
      write: ['chat'],
    })
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'rtms+jwt' })
  })

  it('leads to the first meeting that it grants by its name, whether at once or later', async () => {
    const world = new World()
    const tickets = await world.tickets()
    const led = async (...meetings: readonly (string | { name: string })[]): Promise<string> =>
      (await tickets.issue({ user: 'ann', meetings })).url
    expect(await led('quiz.*', '*', { name: 'hall' }, 'room')).toBe('ws://here/hall')
    expect([await led(), await led('*')]).toEqual(['ws://here/', 'ws://here/'])
  })

  it('names edges where it grants no seat of a member, or those that were asked for', async () => {
    const tickets = await new World().tickets()
    const named = async (request: Partial<TicketRequest>): Promise<readonly string[] | undefined> =>
      (await tickets.issue({ user: 'ann', ...request })).urls
    const any = ['ws://here/', 'ws://here/e1', 'ws://here/e2']
    expect(await named({ topics: { read: ['stock.*'] } })).toEqual(any)
    expect(await named({ meetings: [{ name: '*', role: 'spectator' }], edges: true })).toEqual(any)
    expect(await named({ meetings: [{ name: 'hall', role: 'spectator' }, 'quiz.*'] })).toBeUndefined()
    expect(await named({ meetings: ['*'], edges: true })).toEqual(any)
    expect(await named({ edges: false })).toBeUndefined()
    expect(await named({ edges: ['e9', 'e7'], host: 'there' })).toEqual([
      'ws://there/',
      'ws://there/e9',
      'ws://there/e7',
    ])
    // The node that it leads to may be an edge itself.
    expect(await named({ edges: ['', 'e1'] })).toEqual(['ws://here/', 'ws://here/e1'])
    await expect(named({ edges: 'e1' as never })).rejects.toThrow(
      'edges is e1; expected true, false or an array of names of edges',
    )
  })

  it('grants nothing that was not asked for, for an hour', async () => {
    const tickets = await new World().tickets()
    const { token, expiresAt, id } = await tickets.issue({ user: 'ann' })
    expect(expiresAt).toBe(seconds + 3_600)
    expect(await outcome(tickets, token)).toMatchObject({ id, after: 0, meetings: [], read: [], write: [] })
    expect((await tickets.issue({ user: 'ann' })).id).not.toBe(id)
  })

  it('lives at most as long as limits.tokenMs', async () => {
    const tickets = await new World().tickets({ limits: { ...defaultLimits, tokenMs: 120_000 } })
    expect((await tickets.issue({ user: 'ann', expiresIn: 120 })).expiresAt).toBe(seconds + 120)
    for (const expiresIn of [120.001, 0, -1, Number.NaN, '5' as unknown as number])
      await expect(tickets.issue({ user: 'ann', expiresIn })).rejects.toThrow(RangeError)
    const short = await new World().tickets({ limits: { ...defaultLimits, tokenMs: 2_000 } })
    expect((await short.issue({ user: 'ann', expiresIn: 2 })).expiresAt).toBe(seconds + 2)
  })

  it('has a token of at most 8 KiB', async () => {
    const tickets = await new World().tickets()
    const rest = Array.from({ length: 51 }, () => 'x'.repeat(100))
    const lengths: (number | ErrorCode)[] = []
    for (let length = 1; length <= limits.name; length++) {
      const asked = tickets.issue({ user: 'u', meetings: ['m'.repeat(length), ...rest] })
      lengths.push(
        await asked.then(
          ({ token }) => token.length,
          ({ code }: { code: ErrorCode }) => code,
        ),
      )
    }
    const longest = lengths.findLast((each) => typeof each === 'number')
    expect(limits.token - Number(longest)).toBeLessThan(2)
    expect(lengths.slice(lengths.indexOf('TOO_LARGE'))).not.toContainEqual(expect.any(Number))
    expect(lengths).toContain('TOO_LARGE')
  })

  it.each([{ name: 'room', role: 'owner' as never }, { name: 7 as never }, 'a b', 7 as never])(
    'does not name the meeting %j',
    async (meeting) => {
      const tickets = await new World().tickets()
      await expect(tickets.issue({ user: 'ann', meetings: [meeting] })).rejects.toThrow()
    },
  )

  it.each(['a b', 7 as never])('does not name the topic %j', async (topic) => {
    const tickets = await new World().tickets()
    for (const topics of [{ read: [topic] }, { write: [topic] }])
      await expect(tickets.issue({ user: 'ann', topics })).rejects.toMatchObject({ code: 'BAD_TOPIC' })
  })
})

describe('A token', () => {
  it('may be as old as it likes, live as long as a token may, and be a little ahead', async () => {
    const tickets = await new World().tickets({ limits: { ...defaultLimits, tokenMs: 120_000 } })
    const ahead = fixedLimits.aheadMs / 1_000
    const times = (iat: number, life: number) =>
      outcome(tickets, sign({ ...claims, iat: seconds + iat, exp: seconds + iat + life })).then((result) =>
        typeof result === 'string' ? result : 'ok',
      )
    expect(await times(0, 120)).toBe('ok')
    expect(await times(0, 120.5)).toBe('UNAUTHENTICATED')
    expect(await times(ahead, 60)).toBe('ok')
    expect(await times(ahead + 0.001, 60)).toBe('UNAUTHENTICATED')
    expect(await times(-60, 50)).toBe('EXPIRED')
  })

  it('tells its times in milliseconds, the expiry rounded down and never 0', async () => {
    const tickets = await new World().tickets()
    const token = sign({ ...claims, iat: seconds - 1.2346, exp: seconds + 10.9999 })
    expect(await outcome(tickets, token)).toMatchObject({ issued: NOW - 1_235, expires: NOW + 10_999 })
  })

  it.each([
    ['jti', 7],
    ['rev', '0'],
    ['rev', -1],
    ['r', 'all'],
    ['w', ['a b']],
    ['m', [['room']]],
    ['m', [['room', 'member', 1]]],
    ['sub', 'a\nb'],
  ])('with the claim %s of %j is refused', async (name, value) => {
    const tickets = await new World().tickets()
    expect(await outcome(tickets, sign({ ...claims, [name]: value }))).toBe('UNAUTHENTICATED')
  })

  it('is taken only with the type of a ticket, of this issuer, and for this audience', async () => {
    const tickets = await new World().tickets({ audience: 'game' })
    const good = { ...claims, aud: 'game' }
    expect(await outcome(tickets, sign(good))).toMatchObject({ user: 'u1' })
    expect(await outcome(tickets, sign(good, { typ: 'JWT' }))).toBe('UNAUTHENTICATED')
    expect(await outcome(tickets, sign({ ...good, iss: 'other' }))).toBe('UNAUTHENTICATED')
    expect(await outcome(tickets, sign({ ...good, aud: 'shop' }))).toBe('UNAUTHENTICATED')
    expect(await outcome(tickets, sign(claims))).toBe('UNAUTHENTICATED')
    const { token } = await tickets.issue({ user: 'ann' })
    expect(await outcome(tickets, token)).toMatchObject({ user: 'ann' })
  })

  it('that a key of several has signed is taken, and its key is named', async () => {
    const world = new World()
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keys = {
      sign: { ...pair.privateKey.export({ format: 'jwk' }), kid: 'k1' },
      verify: [other.publicKey, pair.publicKey],
      algorithm: 'ES256',
    } as const
    const tickets = await world.tickets({ secret: undefined, keys })
    const { token } = await tickets.issue({ user: 'ann' })
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', kid: 'k1' })
    expect(await outcome(tickets, token)).toMatchObject({ user: 'ann' })
    const one = await world.tickets({
      secret: undefined,
      keys: { verify: other.publicKey, algorithm: 'ES256' },
    })
    expect(await outcome(one, token)).toBe('UNAUTHENTICATED')
    await expect(one.issue({ user: 'ann' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(one.remoteKeys).toBeNull()
    const unfit = { ...keys, verify: other.publicKey }
    await expect(world.tickets({ secret: undefined, keys: unfit })).rejects.toThrow('keys.verify as ES256')
  })

  it('that is refused with the right key is not tried with another one', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const verify = [pair.publicKey, other.publicKey]
    const tickets = await new World().tickets({
      secret: undefined,
      keys: { verify, algorithm: 'ES256' },
    })
    const expired = new SignJWT({ ...claims, iat: seconds - 60, exp: seconds - 50 })
      .setProtectedHeader({ alg: 'ES256', typ: 'rtms+jwt' })
      .sign(pair.privateKey)
    expect(await outcome(tickets, expired)).toBe('EXPIRED')
  })

  it('signed with another secret is said at most once a minute, with how many they were', async () => {
    const world = new World()
    const tickets = await world.tickets()
    const issuer = await world.tickets({ secret: 'the secret of another server, which is long enough' })
    const { token } = await issuer.issue({ user: 'u1' })
    for (let n = 0; n < 3; n++) expect(await outcome(tickets, token)).toBe('UNAUTHENTICATED')
    expect(world.warnings).toEqual([{ count: 1 }])
    expect(world.texts.at(-1)).toContain('the server that issues them has the same secret')
    vi.advanceTimersByTime(60_000)
    await tickets.verify(token)
    expect(world.warnings).toEqual([{ count: 1 }, { count: 3 }])
    expect(JSON.stringify([world.lines, world.texts])).not.toContain(token.slice(0, 20))
    // What is no token, or of another algorithm, may come from anybody.
    vi.advanceTimersByTime(60_000)
    for (const other of ['', 'a.b.c', 'x'.repeat(100)]) await tickets.verify(other)
    expect(world.warnings).toHaveLength(2)
  })

  it('with a good signature that is refused is said at most once a minute, with how many they were', async () => {
    const world = new World()
    const tickets = await world.tickets()
    const misfit = await sign({ ...claims, r: 'all' })
    for (let n = 0; n < 3; n++) await tickets.verify(misfit)
    // Neither what is no token nor one that has expired is the operator's to fix.
    await tickets.verify('a.b.c')
    await tickets.verify(await sign({ ...claims, iat: seconds - 60, exp: seconds - 50 }))
    const why = 'r: expected a list of names of topics or patterns such as ["stock.*"]'
    expect(world.warnings).toEqual([{ why, count: 1 }])
    // What is wrong with another one is said as well.
    await tickets.verify(await sign({ ...claims, iat: seconds + 3_600, exp: seconds + 3_700 }))
    expect(world.warnings).toHaveLength(2)
    vi.advanceTimersByTime(60_000)
    await tickets.verify(misfit)
    expect(world.warnings).toHaveLength(3)
    expect(world.warnings[2]).toEqual({ why, count: 3 })
    expect(JSON.stringify(world.lines)).not.toContain('u1')
  })

  it.each<[object, object, string | RegExp]>([
    [{}, { typ: 'JWT' }, 'typ (in the header): expected "rtms+jwt"'],
    [{ iss: 'canary' }, {}, 'iss: expected "shop"'],
    [{ iss: undefined }, {}, 'iss: expected "shop"'],
    [{ aud: 'canary' }, {}, 'aud: expected "game", or a list with it'],
    [{ aud: undefined }, {}, 'aud: expected "game", or a list with it'],
    [{ exp: undefined }, {}, 'it is missing: exp: expected a number of seconds since 1970'],
    [{ iat: undefined }, {}, 'it is missing: iat: expected a number of seconds since 1970'],
    [{ sub: undefined }, {}, /^it is missing: sub: expected the user, 1 to 255 bytes/],
    [{ exp: 'canary' }, {}, 'exp: expected a number of seconds since 1970'],
    [{ exp: NOW + 60_000 }, {}, 'its life, from iat to exp (both in seconds), is longer than limits.tokenMs'],
    [{ iat: NOW, exp: NOW + 60_000 }, {}, /^it was issued in the future \(iat, in seconds\)/],
    [{ nbf: seconds + 60 }, {}, 'nbf: expected a number of seconds since 1970 that has passed'],
    [{ topics: { read: ['canary'] } }, {}, /^topics: expected r and w in its place/],
    [{ topics: ['canary'] }, {}, /^topics: expected r and w in its place/],
    [{ meetings: ['canary'] }, {}, /^meetings: expected m in its place: .* \[\["quiz\.\*", "member"\]\]$/],
    [{ m: ['canary'] }, {}, /^m: expected a list of pairs .* \[\["quiz\.\*", "member"\]\]$/],
  ])(
    'with the claims %j and the header %j is refused, and the log says what is expected',
    async (changed, header, why) => {
      const world = new World()
      const tickets = await world.tickets({ issuer: 'shop', audience: 'game' })
      const good = { ...claims, iss: 'shop', aud: 'game' }
      expect(await outcome(tickets, sign(good))).toMatchObject({ user: 'u1' })
      expect(await outcome(tickets, sign({ ...good, ...changed }, header))).toBe('UNAUTHENTICATED')
      const [warning] = world.warnings as { why: string }[]
      if (typeof why === 'string') expect(warning?.why).toBe(why)
      else expect(warning?.why).toMatch(why)
      expect(JSON.stringify(world.lines)).not.toMatch(/canary|u1/)
    },
  )

  it('may have claims called topics and meetings of another kind, as an identity provider gives them', async () => {
    const tickets = await new World().tickets()
    expect(await outcome(tickets, sign({ ...claims, topics: 'news', meetings: 3 }))).toMatchObject({
      user: 'u1',
    })
  })
})

describe('Revoking', () => {
  it('covers every token made so far, also by an issuer whose clock is ahead', async () => {
    const world = new World()
    const tickets = await world.tickets()
    expect(await tickets.revoke({ user: 'ann' })).toBe(3)
    expect(world.revoked).toEqual([[{ user: 'ann' }, NOW + fixedLimits.aheadMs]])
  })

  it.each(['made', 'accepted'])('covers a token that was %s before the clock was set back', async (how) => {
    const world = new World()
    const tickets = await world.tickets()
    if (how === 'made') await tickets.issue({ user: 'ann' })
    else await tickets.verify(await sign(claims))
    vi.setSystemTime(NOW - 3_600_000)
    await tickets.revoke({ id: 'x' })
    expect(world.revoked).toEqual([[{ id: 'x' }, NOW]])
  })

  it('tells when there is no room for it', async () => {
    const world = new World()
    const tickets = await world.tickets()
    world.answer = 'LIMIT'
    await expect(tickets.revoke({ user: 'ann' })).rejects.toMatchObject({ code: 'LIMIT' })
  })

  it('is of a user or of a ticket by its id', async () => {
    const world = new World()
    const tickets = await world.tickets()
    await expect(tickets.revoke({ user: '' })).rejects.toMatchObject({ code: 'BAD_NAME' })
    for (const id of ['', 'x'.repeat(limits.name + 1), 7 as never, undefined as never])
      await expect(tickets.revoke({ id })).rejects.toThrow(TypeError)
    await tickets.revoke({ id: 'x'.repeat(limits.name) })
    expect(world.revoked).toHaveLength(1)
  })
})
