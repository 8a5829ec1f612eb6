import { describe, expect, it } from 'vitest'
import { Holdings } from '../../../../src/core/cluster/holdings.ts'
import type { Holds } from '../../../../src/core/cluster/messages.ts'
import { View } from '../../../../src/core/cluster/view.ts'

const SELF = 1

/** The meetings of node 1 in a cluster of three; what was sent, as `2 #1 first last +a -b`. */
class Owner {
  readonly view: View = new View(SELF)
  readonly claiming: Set<string> = new Set()
  readonly sent: { readonly to: number; readonly message: Holds }[] = []
  readonly holdings: Holdings
  claimed = 0
  term = 0

  constructor(most = 10) {
    this.view.meet(2)
    this.view.meet(3)
    const { view } = this
    const claimedNow = (): number => this.claimed
    const termNow = (): number => this.term
    this.holdings = new Holdings(SELF, view, most, {
      get claimed() {
        return claimedNow()
      },
      get term() {
        return termNow()
      },
      isClaiming: (name) => this.claiming.has(name),
      send: (to, message) => this.sent.push({ to, message }),
    })
  }

  /** The n-th name that falls to a node. */
  name(node: number, n = 0): string {
    for (let at = 0, found = 0; ; at++)
      if (this.view.registrarOf(`m${at}`) === node && found++ === n) return `m${at}`
  }

  /** What was sent to a node since this was last asked. */
  news(node = 2): string[] {
    const words = this.sent
      .filter(({ to }) => to === node)
      .map(({ message: { seq, isFirst, isLast, holdings } }) =>
        [
          `#${seq}`,
          ...(isFirst ? ['first'] : []),
          ...(isLast ? ['last'] : []),
          ...holdings.map(({ name, owns }) => `${owns ? '+' : '-'}${name}`),
        ].join(' '),
      )
    this.sent.splice(0)
    return words
  }

  confirm(seq: number, node = 2): void {
    this.holdings.confirmed(node, { type: 'held', echo: 1, seq })
  }

  /** A view has begun in which nothing is owned, and all is confirmed. */
  begin(): this {
    this.holdings.renew()
    this.holdings.tellAll()
    this.confirm(1, 2)
    this.confirm(1, 3)
    this.news()
    return this
  }
}

describe('A node tells the registrar of a name', () => {
  it('what it owns of them in each new view, with where it stands', () => {
    const owner = new Owner()
    const [a, b, c] = [owner.name(2), owner.name(3), owner.name(SELF)]
    for (const name of [a, b, c]) owner.holdings.add(name)
    expect(owner.sent).toEqual([])
    owner.claimed = 4
    owner.term = 9
    owner.holdings.renew()
    owner.holdings.tellAll()
    expect(owner.sent.map(({ to, message }) => [to, message.holdings.map(({ name }) => name)])).toEqual([
      [2, [a]],
      [3, [b]],
    ])
    expect(owner.sent[0]?.message).toEqual({
      type: 'holds',
      view: owner.view.id,
      round: 1,
      echo: 0,
      seq: 1,
      isFirst: true,
      isLast: true,
      claimed: 4,
      term: 9,
      holdings: [{ name: a, owns: true, stands: false }],
    })
    owner.holdings.renew()
    owner.holdings.tellAll()
    expect([owner.holdings.round, owner.sent.at(-1)?.message.round]).toEqual([2, 2])
  })

  it('what changes, one telling at a time', () => {
    const owner = new Owner().begin()
    const [a, b, c] = [0, 1, 2].map((n) => owner.name(2, n)) as [string, string, string]
    owner.holdings.add(a)
    owner.holdings.add(b)
    owner.holdings.delete(a)
    owner.holdings.delete('none')
    expect(owner.news()).toEqual([`#2 last +${a}`])
    owner.confirm(1)
    expect(owner.news()).toEqual([])
    owner.confirm(2)
    expect(owner.news()).toEqual([`#3 last +${b} -${a}`])
    owner.confirm(3)
    owner.confirm(3)
    expect(owner.news()).toEqual([])
    owner.holdings.tell(c)
    expect(owner.news()).toEqual([`#4 last -${c}`])
    expect([a, b].map((name) => owner.holdings.has(name))).toEqual([false, true])
  })

  it('nothing of names that fall to itself', () => {
    const owner = new Owner().begin()
    owner.holdings.add(owner.name(SELF))
    expect(owner.sent).toEqual([])
  })

  it('everything from the beginning when a beat brings no confirmation, also what it no longer owns', () => {
    const owner = new Owner().begin()
    const [a, b] = [owner.name(2), owner.name(2, 1)]
    owner.holdings.add(a)
    owner.holdings.add(b)
    owner.confirm(2)
    owner.confirm(3)
    owner.holdings.delete(b)
    owner.news()
    owner.holdings.beat()
    expect(owner.news()).toEqual([`#5 first last +${a} -${b}`])
    owner.confirm(5)
    owner.holdings.beat()
    expect(owner.news()).toEqual([])
    // What was told is no longer held against it.
    owner.holdings.add(b)
    owner.holdings.beat()
    expect(owner.news()).toEqual([`#6 last +${b}`, `#7 first last +${a} +${b}`])
  })

  it('everything anew when it is in another round of that view, and says which one it heard', () => {
    const owner = new Owner().begin()
    const a = owner.name(2)
    owner.holdings.add(a)
    owner.confirm(2)
    owner.news()
    expect(owner.holdings.roundOf(2)).toBe(0)
    owner.holdings.heard(2, 5)
    expect(owner.sent.at(-1)?.message.echo).toBe(5)
    expect(owner.news()).toEqual([`#3 first last +${a}`])
    owner.holdings.heard(2, 5)
    owner.holdings.heard(9, 1)
    expect(owner.news()).toEqual([])
    expect([2, 3, 9].map((node) => owner.holdings.roundOf(node))).toEqual([5, 0, 0])
  })

  it('so many names in a message, each once, and waits for the last one to be confirmed', () => {
    for (const [count, expected] of [
      [4, ['first', 'last']],
      [5, ['first', '', 'last']],
    ] as const) {
      const owner = new Owner(2)
      const names = Array.from({ length: count }, (_, n) => owner.name(2, n))
      for (const name of names) owner.holdings.add(name)
      owner.holdings.renew()
      owner.holdings.tellAll()
      const news = owner.news()
      expect(news.map((words) => words.replace(/#\d+ ?| ?[+-]m\d+/g, ''))).toEqual(expected)
      expect(news.join(' ').match(/m\d+/g)?.toSorted()).toEqual(names.toSorted())
      expect(news.map((words) => words.match(/#\d+/)?.[0])).toEqual(expected.map((_, n) => `#${n + 1}`))
      const last = owner.name(2, count)
      owner.holdings.add(last)
      owner.confirm(1)
      expect(owner.news()).toEqual([])
      owner.confirm(expected.length)
      expect(owner.news()).toEqual([`#${expected.length + 1} last +${last}`])
    }
  })

  it('not that it does not own what it waits for', () => {
    const owner = new Owner().begin()
    const a = owner.name(2)
    owner.claiming.add(a)
    owner.holdings.tell(a)
    expect(owner.news()).toEqual(['#2 last'])
  })

  it('once the claim is refused, that it does not own what it claimed, where it had yet to say so', () => {
    const owner = new Owner().begin()
    const [a, b, c, d] = [0, 1, 2, 3].map((n) => owner.name(2, n)) as [string, string, string, string]
    for (const name of [a, b, c, d]) owner.holdings.add(name)
    owner.confirm(2)
    owner.confirm(3)
    for (const name of [d, a, b]) owner.holdings.delete(name)
    owner.news()
    for (const name of [a, b, c]) owner.claiming.add(name)
    owner.confirm(4)
    expect(owner.news()).toEqual(['#5 last'])
    owner.confirm(5)
    owner.claiming.clear()
    // It has been given one of them meanwhile, and of another one there is nothing to say.
    owner.holdings.add(b)
    owner.confirm(6)
    for (const name of [b, c]) owner.holdings.refused(name)
    expect(owner.news()).toEqual([`#6 last +${b}`])
    owner.holdings.refused(a)
    owner.holdings.refused(a)
    owner.confirm(7)
    expect(owner.news()).toEqual([`#7 last -${a}`])
    expect([a, b, c].map((name) => owner.holdings.has(name))).toEqual([false, true, true])
  })

  it('nothing in a new view of what it no longer owned in the one before', () => {
    const owner = new Owner().begin()
    const a = owner.name(2)
    owner.claiming.add(a)
    owner.holdings.tell(a)
    owner.holdings.renew()
    owner.holdings.tellAll()
    owner.confirm(1)
    owner.news()
    owner.claiming.clear()
    owner.holdings.refused(a)
    expect(owner.news()).toEqual([])
  })
})

describe('The view of a node', () => {
  it('has the nodes it has met, less those that have ended, which do not come back', () => {
    const view = new View(SELF)
    expect([view.meet(2), view.meet(2), view.meet(SELF), view.meet(3)]).toEqual([true, false, false, true])
    expect([view.end(3), view.end(3), view.end(4), view.meet(3), view.meet(4)]).toEqual([
      true,
      false,
      true,
      false,
      false,
    ])
    expect([[...view.living], [...view.ended], view.has(2), view.has(3)]).toEqual([
      [1, 2],
      [3, 4],
      true,
      false,
    ])
  })

  it('is named by who lives, in whatever order they came and whoever else came and went', () => {
    const [low, high] = [5, 7 * 2 ** 24 + 3]
    const one = new View(SELF)
    one.meet(low)
    one.meet(high)
    const other = new View(high)
    other.end(99)
    other.meet(77)
    other.meet(SELF)
    other.end(77)
    other.meet(low)
    expect(one.id).toBe(other.id)
    expect(one.id).toBe(7 * 2 ** 24 + (1 ^ 5 ^ 3))
    one.end(high)
    expect(one.id).toBe(1 ^ 5)
  })

  it('remembers the last few thousand that have ended', () => {
    const view = new View(SELF)
    for (let node = 2; node <= 4_097; node++) view.end(node)
    expect([view.ended.size, view.ended.has(2)]).toEqual([4_096, true])
    view.end(4_098)
    expect([view.ended.size, view.ended.has(2_049), view.ended.has(2_050), view.ended.has(4_098)]).toEqual([
      2_049,
      false,
      true,
      true,
    ])
  })

  it('has the same registrar for a name on each node and in each version', () => {
    const nodes = [81_985_529_216_486, 3, 2 ** 47 + 12_345]
    const registrars = nodes.map((self) => {
      const view = new View(self)
      for (const node of nodes.toReversed()) view.meet(node)
      return ['lobby', 'beast-42', '', 'Ж', 'a'.repeat(200)].map((name) =>
        nodes.indexOf(view.registrarOf(name)),
      )
    })
    expect(registrars[1]).toEqual(registrars[0])
    expect(registrars[2]).toEqual(registrars[0])
    // FNV-1a of the name and MurmurHash3's finaliser, worked out apart from this code.
    expect(registrars[0]).toEqual([1, 1, 2, 0, 0])
  })
})
