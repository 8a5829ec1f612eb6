import { describe, expect, it } from 'vitest'
import type { Holds } from '../../../../src/core/cluster/messages.ts'
import { Registrar, type Verdict } from '../../../../src/core/cluster/registrar.ts'
import { View } from '../../../../src/core/cluster/view.ts'

const SELF = 1

/** The registrar of node 1 in a cluster of three. */
class Desk {
  readonly owned: Set<string> = new Set()
  /** Of those, the ones that this node has passed on. */
  readonly second: Set<string> = new Set()
  readonly silent: Set<number> = new Set()
  readonly answers: string[] = []
  readonly terms: number[] = []
  readonly registrar: Registrar

  constructor(claims = 10, namesPerNode = 100) {
    const view = new View(SELF)
    view.meet(2)
    view.meet(3)
    this.registrar = new Registrar(
      SELF,
      view,
      { claims, namesPerNode },
      {
        owns: (name) => this.owned.has(name),
        isSecond: (name) => this.second.has(name),
        isSilent: (node) => this.silent.has(node),
        answer: (to, { id }, verdict) => {
          this.answers.push(`${to} #${id} ${wordsOf(verdict)}`)
          this.terms.push(verdict.term)
        },
      },
    )
  }

  claim(from: number, id: number, name: string, opens = true): void {
    this.registrar.claim(from, { type: 'claim', view: 0, echo: 0, id, opens, name })
  }

  /** `names`: what the node owns, with a minus what it does not, and with a plus what it would go on with. */
  hear(from: number, seq: number, names: readonly string[], parts: Partial<Holds> = {}): boolean {
    return this.registrar.hear(from, {
      type: 'holds',
      view: 0,
      round: 1,
      echo: 1,
      seq,
      isFirst: seq === 1,
      isLast: true,
      claimed: 0,
      term: 0,
      ...parts,
      holdings: names.map((name) => ({
        name: name.replace(/^[-+]/, ''),
        owns: !name.startsWith('-'),
        stands: name.startsWith('+'),
      })),
    })
  }

  /** Both other nodes own nothing. */
  begin(): this {
    this.hear(2, 1, [])
    this.hear(3, 1, [])
    return this
  }

  news(): string[] {
    return this.answers.splice(0)
  }

  /** Who owns the names of which several nodes are owners, as `a: 2 3`. */
  contests(): string[] {
    return [...this.registrar.contests()].map(({ name, owners }) => `${name}: ${owners.join(' ')}`)
  }
}

function wordsOf(verdict: Verdict): string {
  return verdict.by === 'grant' ? `may, term ${verdict.term}` : `taken by ${verdict.owner}`
}

describe('A registrar', () => {
  it('answers once each other node has told everything, oldest claim first', () => {
    const desk = new Desk()
    desk.claim(2, 1, 'a')
    desk.claim(SELF, 1, 'b')
    desk.claim(3, 1, 'a')
    desk.hear(2, 1, [], { isLast: false })
    desk.hear(3, 1, [])
    expect([desk.registrar.isReady, desk.news()]).toEqual([false, []])
    expect(desk.hear(2, 2, [])).toBe(true)
    expect(desk.registrar.isReady).toBe(true)
    expect(desk.news()).toEqual(['2 #1 may, term 1', '1 #1 may, term 2', '3 #1 taken by 2'])
    expect(desk.registrar.size).toBe(2)
    desk.registrar.review()
    expect(desk.news()).toEqual([])
  })

  it('remembers so many names of one node, and others again once it has given some back', () => {
    const desk = new Desk(10, 3)
    desk.hear(3, 1, [])
    desk.hear(2, 1, ['a', 'b', 'c', 'd', 'e'])
    expect(desk.registrar.size).toBe(3)
    desk.claim(2, 1, 'f')
    desk.claim(3, 1, 'd')
    desk.claim(3, 2, 'a')
    expect(desk.news()).toEqual(['3 #1 may, term 1', '3 #2 taken by 2'])
    desk.hear(2, 2, ['-a', '-e'])
    desk.claim(2, 2, 'f')
    desk.claim(2, 3, 'g')
    expect(desk.news()).toEqual(['2 #2 may, term 2'])
    desk.hear(2, 3, ['b'], { isFirst: true })
    expect(desk.registrar.size).toBe(3)
    desk.claim(2, 4, 'g')
    expect(desk.news()).toEqual(['2 #4 may, term 3'])
  })

  it('counts for a node only what it has: neither what it gives back without having it, nor what others have', () => {
    const desk = new Desk(10, 3)
    desk.hear(3, 1, ['x', 'y', 'z'])
    desk.hear(2, 1, ['a', 'b', 'c'])
    desk.hear(2, 2, ['-x', '-none'])
    desk.claim(2, 1, 'd')
    expect([desk.news(), desk.registrar.size]).toEqual([[], 6])
    desk.hear(2, 3, ['e', 'f', 'g', 'h'], { isFirst: true, isLast: false })
    expect(desk.registrar.size).toBe(9)
    desk.hear(2, 4, [])
    expect(desk.registrar.size).toBe(6)
  })

  it('waits for no node that is silent', () => {
    const desk = new Desk()
    desk.hear(2, 1, [])
    desk.claim(2, 1, 'a')
    desk.registrar.review()
    expect(desk.news()).toEqual([])
    desk.silent.add(3)
    desk.registrar.review()
    expect(desk.news()).toEqual(['2 #1 may, term 1'])
  })

  it('says who has a name, for one that may not open it and for one that only asks', () => {
    const desk = new Desk().begin()
    desk.claim(2, 1, 'a', false)
    desk.claim(2, 2, 'a')
    desk.claim(3, 1, 'a')
    desk.claim(3, 2, 'a', false)
    desk.owned.add('own')
    desk.claim(2, 3, 'own')
    expect(desk.news()).toEqual([
      '2 #1 taken by 0',
      '2 #2 may, term 1',
      '3 #1 taken by 2',
      '3 #2 taken by 2',
      '2 #3 taken by 1',
    ])
  })

  it('takes a claim once, and none that was made before another of its node', () => {
    const desk = new Desk().begin()
    desk.claim(2, 5, 'a')
    desk.claim(2, 5, 'b')
    desk.claim(2, 4, 'c')
    desk.claim(2, 6, 'a')
    expect(desk.news()).toEqual(['2 #5 may, term 1', '2 #6 may, term 2'])
  })

  it('knows from its word that a node has given up its claims so far', () => {
    const desk = new Desk()
    desk.hear(2, 1, [], { claimed: 7 })
    desk.hear(3, 1, [])
    desk.hear(2, 2, [], { claimed: 3 })
    desk.claim(2, 7, 'a')
    desk.claim(2, 8, 'b')
    expect(desk.news()).toEqual(['2 #8 may, term 1'])
  })

  it('gives a term that is higher than any it was told of', () => {
    const desk = new Desk()
    desk.hear(2, 1, [], { term: 9 })
    desk.hear(3, 1, [], { term: 4 })
    desk.claim(2, 1, 'a')
    expect([desk.news(), desk.registrar.term]).toEqual([['2 #1 may, term 10'], 10])
  })

  it('tells whoever does not get a name the highest term that it knows, whatever has become of its meeting', () => {
    const desk = new Desk()
    desk.hear(2, 1, [], { term: 9 })
    desk.hear(3, 1, [])
    desk.claim(3, 1, 'a', false)
    desk.claim(2, 1, 'a')
    desk.claim(3, 2, 'a')
    desk.hear(2, 2, ['-a'])
    desk.claim(3, 3, 'a', false)
    expect(desk.terms).toEqual([9, 10, 10, 10])
  })

  it('believes no term that would leave too few to those that come', () => {
    const desk = new Desk()
    desk.hear(2, 1, [], { term: 2 ** 52 })
    desk.hear(3, 1, [], { term: 2 ** 53 - 1 })
    for (const id of [1, 2]) desk.claim(2, id, `a${id}`)
    expect(desk.news()).toEqual([1, 2].map((id) => `2 #${id} may, term ${2 ** 48 + id}`))
  })

  it('has one claim of each node for a name wait, every search, and no more in all than may', () => {
    const desk = new Desk(4)
    desk.claim(2, 1, 'a')
    desk.claim(2, 2, 'a')
    desk.claim(2, 3, 'a', false)
    desk.claim(2, 4, 'a', false)
    desk.claim(3, 1, 'b')
    desk.claim(3, 2, 'c')
    desk.begin()
    expect(desk.news()).toEqual([
      '2 #2 may, term 1',
      '2 #3 taken by 2',
      '2 #4 taken by 2',
      '3 #1 may, term 2',
    ])
  })
})

describe('What a node tells of its meetings', () => {
  it('is taken in order from the first one on', () => {
    const desk = new Desk()
    desk.hear(3, 1, [])
    expect(desk.hear(2, 2, ['a'])).toBe(false)
    expect(desk.hear(2, 1, ['b'], { isLast: false })).toBe(false)
    expect(desk.hear(2, 3, ['c'])).toBe(false)
    expect(desk.registrar.isReady).toBe(false)
    expect(desk.hear(2, 2, ['d'])).toBe(true)
    // Once more, late.
    expect(desk.hear(2, 1, ['e'])).toBe(false)
    expect(desk.hear(2, 2, ['e'], { isFirst: true })).toBe(false)
    for (const [n, name] of ['a', 'b', 'c', 'd', 'e'].entries()) desk.claim(3, n + 1, name)
    expect(desk.news()).toEqual([
      '3 #1 may, term 1',
      '3 #2 taken by 2',
      '3 #3 may, term 2',
      '3 #4 taken by 2',
      '3 #5 may, term 3',
    ])
  })

  it('anew replaces what it told before, but not what is reserved for it', () => {
    const desk = new Desk()
    desk.hear(2, 1, ['a', 'b'])
    desk.hear(3, 1, ['x'])
    desk.claim(2, 1, 'reserved')
    desk.news()
    expect(desk.hear(2, 2, ['b'], { isFirst: true, isLast: false })).toBe(false)
    // While it tells anew, the registrar does not know of all it owns.
    expect(desk.registrar.isReady).toBe(false)
    desk.claim(3, 1, 'a')
    desk.claim(3, 2, 'b')
    desk.claim(3, 3, 'reserved')
    expect(desk.news()).toEqual([])
    desk.hear(2, 3, [])
    expect(desk.news()).toEqual(['3 #1 may, term 2', '3 #2 taken by 2', '3 #3 taken by 2'])
    desk.claim(2, 2, 'x')
    expect(desk.news()).toEqual(['2 #2 taken by 3'])
  })

  it('anew leaves those who would go on with a meeting in the order in which they came, and forgets what is not told any more', () => {
    const desk = new Desk(10, 3)
    desk.hear(2, 1, ['+a', 'x', 'y'])
    desk.hear(3, 1, ['+a'])
    desk.claim(SELF, 1, 'a')
    desk.hear(2, 2, ['z'], { isFirst: true, isLast: false })
    desk.hear(2, 3, ['+a', 'w'])
    for (const [at, name] of ['a', 'w', 'x', 'z'].entries()) desk.claim(SELF, 2 + at, name)
    expect(desk.news()).toEqual([
      '1 #1 taken by 2',
      '1 #2 taken by 2',
      '1 #3 taken by 2',
      '1 #4 may, term 1',
      '1 #5 taken by 2',
    ])
    // Who stands again comes behind the other one, and who owns it before both.
    desk.hear(2, 4, ['-a'])
    desk.hear(2, 5, ['+a'])
    desk.claim(SELF, 6, 'a')
    desk.hear(2, 6, ['a'])
    desk.claim(SELF, 7, 'a')
    expect(desk.news()).toEqual(['1 #6 taken by 3', '1 #7 taken by 2'])
  })

  it('anew takes it from a name that another has as well, and leaves the other', () => {
    const desk = new Desk().begin()
    desk.hear(2, 2, ['a'])
    desk.hear(3, 2, ['a'])
    desk.hear(2, 3, [], { isFirst: true })
    desk.claim(SELF, 1, 'a')
    desk.hear(3, 3, ['-a'])
    desk.claim(SELF, 2, 'a')
    expect(desk.news()).toEqual(['1 #1 taken by 3', '1 #2 may, term 1'])
  })

  it('ends a reservation: it owns the name, or it does not and no longer waits for it', () => {
    const desk = new Desk().begin()
    desk.claim(2, 1, 'a')
    desk.claim(2, 2, 'b')
    desk.hear(2, 2, ['a', '-b'])
    // Another node that does not own it changes nothing.
    desk.hear(3, 2, ['-a'])
    expect(desk.registrar.size).toBe(1)
    desk.news()
    desk.claim(3, 1, 'b')
    desk.claim(3, 2, 'a')
    expect(desk.news()).toEqual(['3 #1 may, term 3', '3 #2 taken by 2'])
    // What it owns by its word is forgotten when it tells everything anew.
    desk.hear(2, 3, [], { isFirst: true })
    desk.claim(3, 3, 'a')
    expect(desk.news()).toEqual(['3 #3 may, term 4'])
  })

  it('reserves nothing for a claim any more once its node claims the name anew, also where that is refused', () => {
    const desk = new Desk().begin()
    desk.claim(2, 1, 'a')
    desk.hear(3, 2, ['a'])
    // What a node owns by its word is not what was reserved for it, and a search takes nothing back.
    desk.hear(2, 2, ['b'])
    desk.hear(3, 3, ['b'])
    desk.claim(2, 2, 'a', false)
    desk.claim(2, 3, 'b')
    expect(desk.news()).toEqual(['2 #1 may, term 1', '2 #2 taken by 3', '2 #3 taken by 3'])
    desk.hear(3, 4, ['-a', '-b'])
    desk.claim(3, 1, 'a')
    desk.claim(3, 2, 'b')
    expect(desk.news()).toEqual(['3 #1 taken by 2', '3 #2 taken by 2'])
    desk.hear(3, 5, ['a'])
    desk.claim(2, 4, 'a')
    desk.hear(3, 6, ['-a'])
    expect([desk.news(), desk.registrar.size]).toEqual([['2 #4 taken by 3'], 1])
    desk.claim(3, 3, 'a')
    expect(desk.news()).toEqual(['3 #3 may, term 2'])
  })

  it('takes back a claim that waits', () => {
    const desk = new Desk()
    desk.claim(2, 1, 'a')
    desk.claim(2, 2, 'b')
    desk.claim(3, 1, 'b')
    desk.hear(2, 1, ['-a', '-b'])
    desk.hear(3, 1, [])
    expect(desk.news()).toEqual(['3 #1 may, term 1'])
  })

  it('of this node itself is told at once', () => {
    const desk = new Desk().begin()
    desk.claim(SELF, 1, 'a')
    desk.claim(2, 1, 'b')
    desk.news()
    for (const name of ['a', 'b', 'none']) desk.registrar.release(name)
    desk.claim(3, 1, 'a')
    desk.claim(3, 2, 'b')
    expect(desk.news()).toEqual(['3 #1 may, term 3', '3 #2 taken by 2'])
    const early = new Desk()
    early.claim(SELF, 1, 'a')
    early.registrar.release('a')
    early.begin()
    expect(early.news()).toEqual([])
  })
})

describe('A name that this node has passed on', () => {
  it.each<[string, (desk: Desk) => void, number]>([
    ['is its own while nobody else has told of it', () => {}, SELF],
    ['is that of the node that says it owns it', (desk) => desk.hear(2, 2, ['a']), 2],
    ['is its own where another would only go on with it', (desk) => desk.hear(2, 2, ['+a']), SELF],
    [
      'is its own where the node that has it is silent',
      (desk) => {
        desk.hear(2, 2, ['a'])
        desk.silent.add(2)
      },
      SELF,
    ],
    [
      'is that of whoever is heard of several',
      (desk) => {
        desk.hear(3, 2, ['a'])
        desk.hear(2, 2, ['a'])
        desk.silent.add(2)
      },
      3,
    ],
  ])('%s', (_, happen, owner) => {
    const desk = new Desk().begin()
    desk.owned.add('a').add('b')
    desk.second.add('a')
    happen(desk)
    // Whoever asks may be one of those who have it.
    desk.claim(3, 1, 'a', false)
    expect(desk.news()).toEqual([`3 #1 taken by ${owner}`])
  })

  it('and of which it is the owner again is its own, whoever else says so', () => {
    const desk = new Desk().begin()
    desk.owned.add('a')
    desk.hear(2, 2, ['a'])
    desk.claim(3, 1, 'a')
    expect(desk.news()).toEqual(['3 #1 taken by 1'])
  })
})

it('Of several nodes that have a name, one that is heard is named, and a silent one where there is no other', () => {
  const desk = new Desk().begin()
  desk.hear(3, 2, ['a'])
  desk.hear(2, 2, ['a'])
  for (const [id, silent] of [[], [2], [3], [2, 3]].entries()) {
    desk.silent.clear()
    for (const node of silent) desk.silent.add(node)
    desk.claim(SELF, id + 1, 'a')
  }
  expect(desk.news()).toEqual(['1 #1 taken by 2', '1 #2 taken by 3', '1 #3 taken by 2', '1 #4 taken by 2'])
})

describe('Owners of one name', () => {
  it('are told to whoever decides between them, as long as there are several that are heard', () => {
    const desk = new Desk().begin()
    desk.hear(2, 2, ['a', 'b'])
    expect(desk.contests()).toEqual([])
    desk.hear(3, 2, ['a'])
    expect([desk.contests(), desk.contests()]).toEqual([['a: 3 2'], ['a: 3 2']])
    desk.silent.add(3)
    expect(desk.contests()).toEqual([])
    desk.silent.clear()
    expect(desk.contests()).toEqual(['a: 3 2'])
    desk.hear(2, 3, ['-a'])
    expect(desk.contests()).toEqual([])
    // And once more.
    desk.hear(2, 4, ['a'])
    expect(desk.contests()).toEqual(['a: 2 3'])
  })

  it('are not told while a node tells anew what it has, nor of an earlier view', () => {
    const desk = new Desk().begin()
    desk.hear(2, 2, ['a'])
    desk.hear(3, 2, ['a'])
    desk.hear(3, 3, ['a'], { isFirst: true, isLast: false })
    expect(desk.contests()).toEqual([])
    desk.hear(3, 4, [])
    expect(desk.contests()).toEqual(['a: 3 2'])
    desk.registrar.renew()
    desk.begin()
    expect(desk.contests()).toEqual([])
  })

  it('are this node and another as soon as it notices, silent for itself or not', () => {
    const desk = new Desk().begin()
    desk.hear(2, 2, ['a'])
    desk.owned.add('a')
    desk.registrar.notice('a')
    desk.silent.add(SELF)
    expect(desk.contests()).toEqual(['a: 2 1'])
    desk.owned.delete('a')
    expect(desk.contests()).toEqual([])
    // It was forgotten, and is noticed anew only where two have it.
    desk.owned.add('a')
    expect(desk.contests()).toEqual([])
    desk.hear(2, 3, ['a'])
    expect(desk.contests()).toEqual(['a: 2 1'])
  })

  it('are neither those a name is reserved for, nor those who would go on with it or have passed it on', () => {
    const desk = new Desk().begin()
    desk.claim(2, 1, 'reserved')
    desk.hear(3, 2, ['reserved', '+stood', 'passed'])
    desk.hear(2, 2, ['stood'])
    desk.owned.add('passed')
    desk.second.add('passed')
    desk.registrar.notice('passed')
    for (const name of ['stood', 'none']) desk.registrar.notice(name)
    expect(desk.contests()).toEqual([])
    desk.second.delete('passed')
    desk.registrar.notice('passed')
    expect(desk.contests()).toEqual(['passed: 3 1'])
  })
})

it('In a new view a registrar knows nothing until it is told, and its terms go on', () => {
  const desk = new Desk()
  desk.hear(3, 1, ['x'])
  desk.claim(2, 1, 'early')
  desk.hear(2, 1, [])
  desk.claim(2, 2, 'a')
  desk.news()
  desk.hear(3, 2, [], { isFirst: true, isLast: false })
  desk.claim(2, 3, 'waits')
  desk.registrar.renew()
  expect([desk.registrar.size, desk.registrar.isReady]).toEqual([0, false])
  // Ids count anew, since nothing is known of the node.
  desk.claim(3, 1, 'a')
  desk.begin()
  expect(desk.news()).toEqual(['3 #1 may, term 3'])
})
