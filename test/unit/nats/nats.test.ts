import { assert, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SUBJECT_BYTES } from '../../../src/core/index.ts'
import { nats, type NatsOptions } from '../../../src/nats/index.ts'
import { Parts } from '../../../src/nats/parts.ts'
import { OVERHEAD, Seal } from '../../../src/nats/seal.ts'
import { subjectOf } from '../../../src/nats/subjects.ts'

const secret = 's'.repeat(32)

describe('The options of nats()', () => {
  const good: NatsOptions = { servers: 'nats://127.0.0.1:4222', secret }
  const faultOf = (options: unknown): string => {
    try {
      nats(options as NatsOptions)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  it('are accepted where they are right', () => {
    for (const more of [
      {},
      { servers: ['nats://a', 'tls://b:4222'] },
      { cluster: 'game-1', user: 'u', pass: 'p' },
      { token: 't', tls: {} },
      { credentials: 'x', nkey: 'SU' },
      { credentials: new Uint8Array(1), cluster: undefined },
    ])
      expect(faultOf({ ...good, ...more })).toBe('')
  })

  it.each([
    [undefined, 'options: expected { servers, secret }'],
    [{ ...good, servers: [] }, "servers: expected a URL such as 'nats://10.0.0.1:4222'"],
    [{ ...good, servers: 'http://a' }, 'servers: '],
    [{ ...good, servers: 'nats://user:pass@a' }, 'user and password into options of their own'],
    [{ servers: good.servers }, 'secret: expected a string of at least 32 bytes'],
    [{ ...good, secret: 's'.repeat(31) }, 'openssl rand -hex 32'],
    [{ ...good, cluster: 'a.b' }, 'cluster: expected 1 to 64 letters'],
    [{ ...good, tls: true }, 'tls: expected an object'],
    [{ ...good, token: '' }, 'token: expected a string that is not empty'],
    [{ ...good, credentials: 1 }, 'credentials: expected the content of a .creds file'],
    [{ ...good, server: 'nats://a' }, 'server: it is not an option'],
  ])('as %j are refused, and the message says what to do', (options, message) => {
    expect(faultOf(options)).toContain(message)
  })

  it('are all checked at once, and no secret is in the message', () => {
    const message = faultOf({ servers: 1, secret: 'canary' })
    expect(message.split('\n')).toHaveLength(3)
    expect(message).not.toContain('canary')
  })
})

describe('A subject on NATS', () => {
  it('is one token of characters that mean nothing to NATS, and differs where the subjects do', () => {
    const seen = new Map<string, string>()
    assert(
      property(string({ unit: 'grapheme', maxLength: 40 }), (subject) => {
        const encoded = subjectOf('c', subject)
        expect(encoded).toMatch(/^c\.s[A-Za-z0-9_%-]*$/)
        expect(decodeURIComponent(encoded.slice(3))).toBe(subject)
        expect(seen.get(encoded) ?? subject).toBe(subject)
        seen.set(encoded, subject)
      }),
    )
  })

  it('can be read by people, and stays within what a server takes', () => {
    expect(subjectOf('rtms', 't/stock.600519')).toBe('rtms.st%2Fstock%2E600519')
    expect(subjectOf('c'.repeat(64), '\u{10ffff}'.repeat(65)).length).toBeLessThan(4_096)
    expect(subjectOf('c'.repeat(64), '\0'.repeat(SUBJECT_BYTES)).length).toBeLessThan(4_096)
  })
})

describe('The seal of a message', () => {
  let now = 1_000_000_000_000
  const seal = (incarnation: number, key = secret, cluster = 'c'): Seal =>
    new Seal(key, cluster, incarnation, () => now)
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
  const one = (from: Seal, subject = 's', data = bytes(1, 2, 3)): Uint8Array =>
    from.seal(subject, data, 100)[0] as Uint8Array

  it('opens to what was sealed, and to who did it', () => {
    const [a, b] = [seal(2 ** 48 - 1), seal(2)]
    expect(b.open('s', one(a))).toMatchObject({ from: 2 ** 48 - 1, part: 0, parts: 1, bytes: bytes(1, 2, 3) })
    expect(b.open('s', one(a, 's', bytes()))?.bytes).toEqual(bytes())
  })

  it('is broken by any change of one bit, by another subject, and by what is too short', () => {
    const [a, b] = [seal(1), seal(2)]
    const sealed = one(a)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice()
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(b.open('s', changed)).toBeNull()
    }
    for (let length = 0; length < sealed.length; length++)
      expect(b.open('s', sealed.subarray(0, length))).toBeNull()
    expect(b.open('s2', sealed)).toBeNull()
    expect(b.open('s', sealed)).not.toBeNull()
  })

  it('is that of one cluster and one secret', () => {
    const reader = seal(9)
    expect(reader.open('s', one(seal(1, 'x'.repeat(32))))).toBeNull()
    expect(reader.open('s', one(seal(1, secret, 'd')))).toBeNull()
  })

  it('opens once, and never after a later one of the same sender', () => {
    const [a, b] = [seal(1), seal(2)]
    const [first, second] = [one(a), one(a)]
    expect(b.open('s', second)).not.toBeNull()
    for (const sealed of [first, second]) expect(b.open('s', sealed)).toBeNull()
    now -= 3_600_000
    expect(b.open('s', one(a))).not.toBeNull()
    now += 3_600_000
  })

  it('is taken from an unknown sender up to five minutes of age', () => {
    const [first, second] = [one(seal(1)), one(seal(3))]
    now += 299_999
    expect(seal(2).open('s', first)).not.toBeNull()
    now += 1
    expect(seal(2).open('s', second)).toBeNull()
  })
})

describe('A large message', () => {
  it('comes in parts, whole or not at all', () => {
    const [a, b] = [new Seal(secret, 'c', 1, () => 0), new Seal(secret, 'c', 2, () => 0)]
    const data = Uint8Array.from({ length: 25 }, (_, n) => n)
    const messages = [a.seal('s', data, 10), a.seal('s', data, 10), a.seal('s', Uint8Array.of(7), 10)]
    expect(messages.map(({ length }) => length)).toEqual([3, 3, 1])
    expect(messages[0]?.[2]?.length).toBe(OVERHEAD + 5)
    const opened = messages
      .flat()
      .map((sealed) => b.open('s', sealed) as NonNullable<ReturnType<Seal['open']>>)
    // Any of them may be lost.
    for (let lost = 0; lost < 2 ** opened.length; lost++) {
      const parts = new Parts()
      const whole = opened.flatMap((part, n) => ((lost >> n) & 1 ? [] : [parts.whole(part)]))
      const expected = [0b111, 0b111_000].filter((mask) => (lost & mask) === 0).map(() => [...data])
      if ((lost & 0b1_000_000) === 0) expected.push([7])
      expect(whole.flatMap((each) => (each === null ? [] : [[...each]]))).toEqual(expected)
    }
  })

  it('come together in time that grows with their number, up to the size of a message', () => {
    const parts = new Parts()
    const count = 65_000
    const whole = (part: number, size: number): Uint8Array | null =>
      parts.whole({ from: 1, sequence: part + 1, part, parts: count, bytes: new Uint8Array(size) })
    const began = performance.now()
    for (let part = 0; part < count - 1; part++) whole(part, 100)
    expect(whole(count - 1, 100)).toHaveLength(6_500_000)
    expect(performance.now() - began).toBeLessThan(1_500)
    for (let part = 0; part < count; part++) expect(whole(part, 200)).toBeNull()
  })
})
