import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { Proxies } from '../../../src/server/edge/proxies.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'
import { isProxy } from '../../../src/server/ground/address-range.ts'

/** What the connection of a request with these headers from this peer is counted by. */
function countedBy(trusted: string[], remoteAddress: string | undefined, headers: object = {}): string {
  return new Proxies(trusted).subscriberOf({ socket: { remoteAddress }, headers } as IncomingMessage)
}

const passedOn = (...hops: string[]): object => ({ 'x-forwarded-for': hops.join(', ') })

describe('A connection', () => {
  it('is counted by its peer, whatever the peer says, where that is no proxy of ours', () => {
    expect(countedBy(['loopback'], '192.0.2.1', passedOn('198.51.100.1'))).toBe('192.0.2.1')
    expect(countedBy([], '127.0.0.1', passedOn('198.51.100.1'))).toBe('127.0.0.1')
    expect(countedBy(['loopback'], '::ffff:192.0.2.1')).toBe('192.0.2.1')
    expect(countedBy(['loopback'], '2001:db8:1:2:3::4')).toBe('2001:db8:1:2::/64')
    expect(countedBy(['loopback'], 'fe80::1%eth0')).toBe('fe80:0:0:0::/64')
  })

  it.each([
    ['127.0.0.1', ['198.51.100.1']],
    ['127.9.9.9', ['198.51.100.1']],
    ['::1', ['198.51.100.1']],
    ['::ffff:127.0.0.1', ['198.51.100.1']],
    [undefined, ['198.51.100.1']],
    // What the client itself wrote stands before what the proxies add.
    ['127.0.0.1', ['6.6.6.6', '127.0.0.1', '198.51.100.1', '10.1.2.3', '::1']],
    ['10.0.0.1', ['not an address', '198.51.100.1', '10.255.0.1']],
    ['127.0.0.1', ['198.51.100.1:4711']],
    ['127.0.0.1', ['[::ffff:198.51.100.1]:4711']],
    ['127.0.0.1', ['::FFFF:C633:6401']],
  ])('of %s that passes on %j is counted by the last that is no proxy', (peer, hops) => {
    expect(countedBy(['loopback', '10.0.0.0/8'], peer, passedOn(...hops))).toBe('198.51.100.1')
  })

  it.each([
    ['for=198.51.100.1'],
    ['for=6.6.6.6, for="198.51.100.1:4711";proto=http;by=10.0.0.1'],
    ['proto=https; For="[::ffff:198.51.100.1]"'],
    ['for="6.6.6.6, for=198.51.100.1'],
    // A quotation that a client leaves open swallows nothing of what the proxy writes.
    ['for="6.6.6.6, for=198.51.100.1;by="10.0.0.1"'],
    ['for="6.6.6.6\\, for="198.51.100.1:4711"'],
    ['for=6.6.6.6, by="for=6.6.6.6, or";for=198.51.100.1'],
    ['for="[::ffff:198.51.100.1]:_port";by="[::1]:80"'],
    ['by=x ; FOR="198.51.100\\.1" , for="[::1]:7788"'],
    // A separator in a quotation separates nothing, nor does a quote in it end it that is escaped.
    ['for=198.51.100.1;by="x, y"'],
    ['by="a;for=6.6.6.6;b";for=198.51.100.1'],
    ['for=198.51.100.1;by="x\\", y"'],
    ['for=198.51.100.1;by="x, y\\\\"'],
    ['by="a\\\\";for=198.51.100.1'],
  ])('is counted by Forwarded: %s', (forwarded) => {
    expect(countedBy(['loopback'], '127.0.0.1', { forwarded })).toBe('198.51.100.1')
    const both = { forwarded, ...passedOn('6.6.6.6', '198.51.100.1') }
    expect(countedBy(['loopback'], '127.0.0.1', both)).toBe('198.51.100.1')
  })

  it('is counted with all other liars where the two headers differ, whichever of them the proxy writes', () => {
    for (const client of ['6.6.6.1', '6.6.6.2', 'unknown', '127.0.0.1']) {
      const beside = { forwarded: 'for=198.51.100.1', ...passedOn(client) }
      expect(countedBy(['loopback'], '127.0.0.1', beside)).toBe('127.0.0.1')
      const other = { forwarded: `for=${client}`, ...passedOn('198.51.100.1') }
      expect(countedBy(['loopback'], '127.0.0.1', other)).toBe('127.0.0.1')
    }
    expect(countedBy(['loopback'], undefined, { forwarded: 'for=6.6.6.6', ...passedOn('7.7.7.7') })).toBe(
      '0:0:0:0::/64',
    )
    // From anywhere else neither is believed.
    const both = { forwarded: 'for=6.6.6.6', ...passedOn('7.7.7.7') }
    expect(countedBy(['loopback'], '192.0.2.1', both)).toBe('192.0.2.1')
  })

  it.each([
    ['nothing', {}],
    ['proxies only', passedOn('127.0.0.1', '::1')],
    ['nobody that can be known', passedOn('6.6.6.6', 'unknown')],
    ['nobody', passedOn('')],
    ['what only looks like an address', passedOn('6.6.6.6', 'x[198.51.100.1]:1')],
    ['what only begins like an address', passedOn('6.6.6.6', '[198.51.100.1]:1 x')],
    ['what only begins like an address with a port', passedOn('6.6.6.6', '198.51.100.1:1 x')],
    ['a parameter that only ends like one', { forwarded: 'for=6.6.6.6, xfor=198.51.100.1' }],
    ['a parameter that only begins like one', { forwarded: 'for=6.6.6.6, for="198.51.100.1"x' }],
    ['a hidden name', { forwarded: 'for=6.6.6.6, for=_secret' }],
    ['an element without for', { forwarded: 'for=6.6.6.6, proto=http' }],
  ])('is not counted where proxies name %s', (_, headers) => {
    expect(countedBy(['loopback'], '127.0.0.1', headers)).toBe('')
  })
})

const behind = (proxies: number): object => passedOn('198.51.100.1', ...Array(proxies).fill('::1'))

/** Processor time for one byte of a header, in microseconds: the best of three. */
function costOf(headers: Record<string, string>): number {
  const times = [1, 2, 3].map(() => {
    const start = process.cpuUsage()
    countedBy(['loopback'], '127.0.0.1', headers)
    const { user, system } = process.cpuUsage(start)
    return user + system
  })
  return Math.min(...times) / Object.values(headers).join('').length
}

describe('A header of 16 kB costs at most 5 µs of each byte', () => {
  it.each([
    ['white space in a name', { forwarded: `for=${' '.repeat(16_000)}"` }],
    ['white space before a name', { forwarded: `${' '.repeat(16_000)}for` }],
    ['many elements', { forwarded: ','.repeat(16_000) }],
    ['many parameters', { forwarded: ';'.repeat(16_000) }],
    ['open quotations', { forwarded: '\\"'.repeat(8_000) }],
    ['an escaped name', { forwarded: `for="${'\\a'.repeat(8_000)}` }],
    ['many of our own proxies', { forwarded: 'for="[::1]",'.repeat(1_333) }],
    ['many of our own proxies, passed on', { 'x-forwarded-for': '::1,'.repeat(4_000) }],
    ['many commas, passed on', { 'x-forwarded-for': ','.repeat(16_000) }],
  ])('with %s', (_, headers) => {
    expect(costOf(headers)).toBeLessThan(5)
  })

  it('and is searched for as many hops as the limit says', () => {
    expect(countedBy(['loopback'], '127.0.0.1', behind(serverLimits.hops - 1))).toBe('198.51.100.1')
    expect(countedBy(['loopback'], '127.0.0.1', behind(serverLimits.hops))).toBe('')
  })
})

describe('A proxy', () => {
  it.each(['loopback', '10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '2001:db8::/32', '::1', '::/0', '::1/128'])(
    'may be given as %s',
    (text) => expect(isProxy(text)).toBe(true),
  )

  it.each([
    '',
    'localhost',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '::/-1',
    '10.0.0.0/x',
    7,
  ])('may not be given as %j', (value) => expect(isProxy(value)).toBe(false))

  it('in a range is known by the whole of it', () => {
    const trusted = ['10.1.0.0/16', '2001:db8::/32']
    expect(
      ['10.1.255.1', '10.2.0.1', '2001:db8:ffff::1', '2001:db9::1'].map((peer) => countedBy(trusted, peer)),
    ).toEqual(['', '10.2.0.1', '', '2001:db9:0:0::/64'])
  })
  it('may be IPv4 addresses within IPv6, which stand for themselves', () => {
    const trusted = ['::ffff:10.1.0.0/112', '::FFFF:c000:0201']
    expect(
      ['10.1.255.1', '::ffff:10.1.2.3', '10.2.0.1', '192.0.2.1', '192.0.2.2'].map((peer) =>
        countedBy(trusted, peer),
      ),
    ).toEqual(['', '', '10.2.0.1', '', '192.0.2.2'])
  })
})
