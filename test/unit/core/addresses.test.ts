import { array, assert, boolean, nat, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Addresses, type AddressLimits, subscriberOf } from '../../../src/core/door/addresses.ts'
import { binaryCodec } from '../../../src/protocol/index.ts'
import { grant, Harness, type Peer } from './harness.ts'

const LIMITS: AddressLimits = {
  connectionsPerAddress: 3,
  connectsPerAddressPerSecond: 10,
  connectBurstPerAddress: 5,
  addresses: 4,
}

describe('An address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
  ])('%s is counted as %s', (address, counted) => {
    expect(subscriberOf(address)).toBe(counted)
  })

  it('has so many connections at once, and room again when one is gone', () => {
    const addresses = new Addresses(LIMITS)
    for (let n = 0; n < 3; n++) expect(addresses.take('a', 0)).toBe(null)
    expect(addresses.take('a', 0)).toEqual({ by: 'address', waitMs: 0 })
    expect(addresses.take('b', 0)).toBe(null)
    addresses.release('a', 0)
    expect(addresses.take('a', 0)).toBe(null)
  })

  it('opens so many at once, and then so many a second; what was refused costs nothing', () => {
    const addresses = new Addresses(LIMITS)
    const connect = (now: number): number => {
      const refusal = addresses.take('a', now)
      if (refusal === null) addresses.release('a', now)
      return refusal?.waitMs ?? 0
    }
    for (let n = 0; n < 5; n++) expect(connect(1_000)).toBe(0)
    for (let n = 0; n < 100; n++) expect(connect(1_000)).toBe(100)
    expect(connect(1_099)).toBeCloseTo(1)
    expect(connect(1_100)).toBe(0)
    expect(connect(1_100)).toBeCloseTo(100)
    for (let n = 0; n < 5; n++) expect(connect(9_000)).toBe(0)
    expect(connect(9_000)).toBe(100)
  })

  it('is forgotten when it has neither a connection nor anything in its bucket', () => {
    const addresses = new Addresses(LIMITS)
    addresses.take('a', 0)
    addresses.take('b', 0)
    addresses.release('a', 1)
    addresses.release('a', 1)
    expect(addresses.size).toBe(2)
    addresses.release('b', 200)
    expect(addresses.size).toBe(0)
    addresses.release('never heard of', 200)
  })

  it('is forgotten early, the longest idle first, where too many are remembered', () => {
    const addresses = new Addresses(LIMITS)
    for (let n = 0; n < 5; n++) {
      addresses.take('old', 0)
      addresses.release('old', 0)
    }
    expect(addresses.take('old', 0)).not.toBe(null)
    for (let n = 0; n < 100; n++) {
      addresses.take(`a${n}`, 0)
      addresses.release(`a${n}`, 0)
      expect(addresses.size).toBeLessThanOrEqual(5)
    }
    expect(addresses.take('old', 0)).toBe(null)
  })

  it('is held to both limits whatever comes, within bounded memory', () => {
    const step = record({
      after: nat(150),
      address: nat(7),
      release: boolean(),
    })
    assert(
      property(array(step, { maxLength: 200 }), (steps) => {
        const addresses = new Addresses({ ...LIMITS, addresses: 100 })
        const open = new Map<number, number>()
        const taken: { address: number; at: number }[] = []
        let now = 0
        for (const { after, address, release } of steps) {
          now += after
          const held = open.get(address) ?? 0
          if (release && held > 0) {
            addresses.release(String(address), now)
            open.set(address, held - 1)
          } else if (addresses.take(String(address), now) === null) {
            open.set(address, held + 1)
            taken.push({ address, at: now })
            expect(held).toBeLessThan(3)
            // In any stretch of time: the burst, and the rate.
            const own = taken.filter((other) => other.address === address)
            for (const [index, first] of own.entries())
              expect(own.length - index).toBeLessThanOrEqual(5 + 1e-6 + (now - first.at) / 100)
          } else
            expect(held === 3 || taken.filter((other) => other.address === address).length >= 5).toBe(true)
        }
        expect(addresses.size).toBeLessThanOrEqual(8)
      }),
    )
  })
})

/** The GOODBYE's code and wait; null where none came. */
function goodbye(peer: Peer): { code: number; wait: number } | null {
  const message = peer.take().find(({ type }) => type === 'goodbye')
  return message?.type === 'goodbye' ? { code: message.code, wait: message.retryAfter } : null
}

const WINDOW = { reconnectMinMs: 200, reconnectMaxMs: 2_000 }

describe('A node', () => {
  it('turns away an address that has too many connections, and nobody else', () => {
    const h = new Harness({ ...WINDOW, connectionsPerAddress: 3 })
    const open = (address: string): Peer => h.open(binaryCodec, address)
    const [first] = [open('a'), open('a'), open('a')]
    const fourth = open('a')
    expect([goodbye(fourth)?.code, fourth.connection.refusedBy]).toEqual([4455, 'address'])
    expect(open('b').closed).toBe(null)
    for (let n = 0; n < 10; n++) expect(open('').closed).toBe(null)
    h.node.handleClose(fourth.connection, false, h.now)
    expect(open('a').closed).toBe(4455)
    h.node.handleClose(first.connection, false, h.now)
    expect(open('a').closed).toBe(null)
    expect(h.node.stats.connectionsRefused).toEqual(new Map([['address', 2]]))
    expect(h.node.admission.addresses).toBe(2)
  })

  it('turns away an address that connects too fast, and says when to come back', () => {
    const h = new Harness({ ...WINDOW, connectsPerAddressPerSecond: 1, connectBurstPerAddress: 2 })
    const open = (): Peer => h.open(binaryCodec, 'a')
    expect([open().closed, open().closed]).toEqual([null, null])
    const { code, wait } = goodbye(open()) as { code: number; wait: number }
    expect(code).toBe(4453)
    expect(wait).toBeGreaterThanOrEqual(1_200)
    expect(wait).toBeLessThanOrEqual(3_000)
    h.advance(wait)
    expect(open().closed).toBe(null)
  })

  it('turns away newcomers where too many wait for their welcome, and spreads when they come back', () => {
    const h = new Harness({ ...WINDOW, handshakes: 3 })
    h.connect('ann')
    h.slowTokens = true
    const waiting = [h.open(), h.open(), h.open()]
    const refused = Array.from({ length: 200 }, () => goodbye(h.open()))
    const waits = refused.map((answer) => answer?.wait ?? -1)
    expect(new Set(refused.map((answer) => answer?.code))).toEqual(new Set([4455]))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(200)
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000)
    // Spread: no tenth of the window gets more than twice its share.
    for (let tenth = 0; tenth < 10; tenth++) {
      const inIt = waits.filter((wait) => Math.min(9, Math.floor((wait - 200) / 180)) === tenth)
      expect(inIt.length).toBeLessThanOrEqual(40)
    }
    // Room comes with a welcome, and with a connection that goes.
    ;(waiting[0] as Peer).hello('ben')
    h.authenticate(true)
    expect([h.open().closed, h.open().closed]).toEqual([null, 4455])
    h.node.handleClose((waiting[1] as Peer).connection, false, h.now)
    expect([h.open().closed, h.open().closed]).toEqual([null, 4455])
    expect(h.node.admission.newcomers).toBe(3)
  })

  it('makes room for an honest newcomer where six addresses fill it with silent connections', () => {
    const h = new Harness({ ...WINDOW, handshakes: 60 })
    const silent = Array.from({ length: 60 }, (_, n) => h.open(binaryCodec, `10.0.0.${n % 6}`))
    const honest = h.open(binaryCodec, '192.0.2.1')
    // It is not the next to go, whatever the six send after it.
    const more = Array.from({ length: 600 }, (_, n) => h.open(binaryCodec, `10.0.0.${n % 6}`))
    honest.hello('ann')
    h.settle()
    expect([honest.closed, honest.take()[0]?.type]).toEqual([null, 'welcome'])
    expect(goodbye(silent[0] as Peer)?.code).toBe(4455)
    // Neither does one attacker gain by pushing out another of the same address.
    expect(more.filter(({ closed }) => closed === null).length).toBeLessThan(10)
    expect(h.node.stats.connectionsRefused.get('handshakes')).toBe(601)
  })

  it('makes room by the one who has been silent for longest, once that is a second', () => {
    const h = new Harness({ ...WINDOW, handshakes: 3 })
    const [first, second] = [h.open(binaryCodec, 'a'), h.open(binaryCodec, 'b')] as [Peer, Peer]
    h.advance(500)
    const third = h.open(binaryCodec, 'c')
    expect(h.open(binaryCodec, 'd').closed).toBe(4455)
    h.advance(500)
    expect(h.open(binaryCodec, 'd').closed).toBe(null)
    expect(h.open(binaryCodec, 'e').closed).toBe(null)
    expect([first.closed, second.closed, third.closed]).toEqual([4455, 4455, null])
    expect(h.open(binaryCodec, 'f').closed).toBe(4455)
    expect(h.node.admission.newcomers).toBe(3)
  })

  it('makes room where one address fills it with tokens to verify', () => {
    const h = new Harness({ ...WINDOW, handshakes: 4, verifications: 1 })
    h.slowTokens = true
    const peers = Array.from({ length: 4 }, (_, n) => {
      const peer = h.open(binaryCodec, 'a')
      peer.hello(`u${n}`)
      return peer
    })
    const honest = h.open(binaryCodec, 'b')
    honest.hello('ann')
    expect([honest.closed, peers.map(({ closed }) => closed)]).toEqual([null, [4455, null, null, null]])
    for (let n = 0; n < 3; n++) h.authenticate(true)
    h.settle()
    const welcomed = [honest, ...peers].map((peer) => peer.take().some(({ type }) => type === 'welcome'))
    // The one that made room was being verified, which cannot be taken back; then each address has its turn.
    expect(welcomed).toEqual([true, false, true, false, false])
  })

  it('makes room by a silent newcomer where there are as many connections as there may be', () => {
    const h = new Harness({ ...WINDOW, connections: 4 })
    h.connect('ann')
    const silent = Array.from({ length: 3 }, () => h.open(binaryCodec, 'a'))
    const honest = h.open(binaryCodec, 'b')
    honest.hello('bob')
    h.settle()
    expect([honest.closed, silent[0]?.closed, silent[1]?.closed]).toEqual([null, 4455, null])
    expect(h.node.connections).toBe(4)
    // Whoever was welcomed is not made to go.
    for (const peer of silent.slice(1)) peer.hello('cid')
    h.settle()
    expect(h.open(binaryCodec, 'c').closed).toBe(4455)
    expect(h.node.connections).toBe(4)
  })

  it('lets nobody make room who is turned away itself', () => {
    const h = new Harness({ ...WINDOW, handshakes: 4, connectionsPerAddress: 1 })
    for (const address of ['a', 'b', 'c', 'd']) h.open(binaryCodec, address)
    h.advance(2_000)
    expect(h.open(binaryCodec, 'a').closed).toBe(4455)
    expect(h.node.admission.newcomers).toBe(4)
  })

  it('verifies so many tokens at a time, in the order in which they came', () => {
    const h = new Harness({ verifications: 2 })
    h.slowTokens = true
    const peers = ['a', 'b', 'c', 'd', 'e'].map((user) => {
      const peer = h.open()
      peer.hello(user)
      return peer
    })
    const { asked } = h.application
    const tokens = (): string[] => asked.map(({ token }) => token)
    expect(tokens()).toEqual(['a', 'b'])
    // Whoever goes while it waits is not asked about; whoever goes while it is asked about counts until the answer.
    h.node.handleClose((peers[2] as Peer).connection, false, h.now)
    h.node.handleClose((peers[0] as Peer).connection, false, h.now)
    expect(tokens()).toEqual(['a', 'b'])
    h.authenticate(true)
    expect(tokens()).toEqual(['d', 'e'])
    h.authenticate(true)
    h.settle()
    expect(peers.map((peer) => peer.take()[0]?.type)).toEqual([
      undefined,
      'welcome',
      undefined,
      'welcome',
      'welcome',
    ])
    expect(h.node.admission.newcomers).toBe(0)
  })

  it('lets newcomers come back whose token it had no time to verify', () => {
    const h = new Harness({ ...WINDOW, verifications: 1 })
    h.slowTokens = true
    const peers = ['a', 'b'].map((user) => {
      const peer = h.open()
      peer.hello(user)
      return peer
    })
    h.advance(5_000)
    for (const peer of peers) expect(goodbye(peer)).toMatchObject({ code: 4455 })
    expect(h.application.asked).toHaveLength(1)
    h.authenticate(true)
    expect(h.node.admission).toEqual({ newcomers: 0, addresses: 0 })
  })

  it('takes an answer once', () => {
    const h = new Harness()
    h.slowTokens = true
    const peer = h.open()
    peer.hello('ann')
    const [asked] = h.application.asked
    h.authenticate(true)
    h.node.handleAuthenticated(asked?.check ?? {}, { ok: true, value: grant('eve') }, h.now)
    h.settle()
    expect(asked?.token).toBe('ann')
    expect(peer.take()).toMatchObject([{ type: 'welcome', user: 'ann' }])
  })
})
