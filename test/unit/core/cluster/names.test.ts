import { describe, expect, it } from 'vitest'
import type { ClaimEnding } from '../../../../src/core/cluster/claims.ts'
import type { Cluster } from '../../../../src/core/cluster/cluster.ts'
import { Names, type Open } from '../../../../src/core/cluster/names.ts'
import type { MeetingInfo } from '../../../../src/core/meeting/business.ts'
import type { ErrorCode } from '../../../../src/protocol/index.ts'

const SELF = 40
const OTHER = 36 ** 2 + 5
const AT = 7

type Ended = (ending: ClaimEnding, now: number) => void

/** The names of node 40, whose cluster answers when the test says so. */
class Desk {
  readonly open: Set<string> = new Set()
  isDraining = false
  /** What the business was told, as `a on 40`, `a new on 40` or `a BUSY`. */
  readonly told: string[] = []
  /** Names that were opened, each with its least term. */
  readonly opened: string[] = []
  /** What opening one leads to. */
  opens: ErrorCode | 'is open' | 'opens' = 'opens'
  /** Claims and searches that have no answer yet. */
  readonly asked: Map<string, Ended> = new Map()
  readonly closed: string[] = []
  readonly found: string[] = []
  readonly names: Names

  constructor(isAlone = false) {
    const cluster = {
      nextTerm: () => 12,
      claim: (name: string, _now: number, ended: Ended) => this.asked.set(`claim ${name}`, ended),
      find: (name: string, _now: number, ended: Ended) => this.asked.set(`find ${name}`, ended),
      closed: (name: string) => this.closed.push(name),
      peer: (node: number) => (node === OTHER ? {} : undefined),
    }
    this.names = new Names({
      incarnation: SELF,
      application: {
        located: ({ name }, outcome) =>
          this.told.push(
            outcome.ok
              ? `${name}${outcome.value.isNew ? ' new' : ''} on ${outcome.value.owner}`
              : `${name} ${outcome.error.code}`,
          ),
      },
      cluster: isAlone ? null : (cluster as unknown as Cluster),
      isOpen: (name) => this.open.has(name),
      isDraining: () => this.isDraining,
      heirOf: () => 0,
      passedTo: () => 0,
    })
  }

  claim(name: string): void {
    const open: Open = (term, now) => {
      this.opened.push(`${name} at ${term}`)
      expect(now).toBe(AT)
      if (this.opens === 'is open') return null
      if (this.opens !== 'opens') return this.opens
      this.open.add(name)
      return { name } as MeetingInfo
    }
    this.names.claim({ name }, open, AT)
  }

  locate(name: string): void {
    this.names.locate({ name }, AT)
  }

  find(name: string): void {
    this.names.find(name, AT, (owner, now) => {
      expect(now).toBe(AT)
      this.found.push(`${name} ${owner}`)
    })
  }

  answer(what: string, ending: ClaimEnding): void {
    const ended = this.asked.get(what)
    this.asked.delete(what)
    if (ended === undefined) throw new Error(`${what} was not asked`)
    ended(ending, AT)
  }
}

const GRANT = { by: 'grant', term: 5 } as const
const LATE = { by: 'late' } as const
const made = (node: number, n = 1): string => `${node.toString(36)}-${n}`

describe('A meeting’s name', () => {
  it('is opened without a question by a node alone, which knows that nobody else has it', () => {
    const desk = new Desk(true)
    desk.claim('a')
    desk.claim('a')
    desk.find('b')
    desk.locate('b')
    expect(desk.opened).toEqual(['a at 0'])
    expect(desk.told).toEqual(['a new on 40', 'a on 40', 'b on 0'])
    expect(desk.found).toEqual(['b 0'])
  })

  it('is claimed once for all who want it opened meanwhile, the first of whom has it opened', () => {
    const desk = new Desk()
    desk.claim('a')
    desk.claim('a')
    desk.find('a')
    expect([desk.asked.size, desk.told, desk.found]).toEqual([1, [], []])
    desk.answer('claim a', GRANT)
    expect([desk.opened, desk.told, desk.found]).toEqual([['a at 5'], ['a new on 40', 'a on 40'], ['a 40']])
    desk.claim('a')
    expect([desk.told.at(-1), desk.closed]).toEqual(['a on 40', []])
  })

  it('may be another node’s', () => {
    const desk = new Desk()
    desk.claim('a')
    desk.find('a')
    desk.answer('claim a', { by: 'taken', owner: 9, term: 0 })
    expect([desk.opened, desk.told, desk.found]).toEqual([[], ['a on 9'], ['a 9']])
    // And is asked for anew each time.
    desk.claim('a')
    expect(desk.asked.size).toBe(1)
  })

  it('that was granted and cannot be opened is given back', () => {
    const desk = new Desk()
    desk.opens = 'LIMIT'
    desk.claim('a')
    desk.claim('a')
    desk.find('a')
    desk.answer('claim a', GRANT)
    expect([desk.told, desk.closed, desk.found]).toEqual([['a LIMIT', 'a LIMIT'], ['a'], ['a 0']])
  })

  it('that was opened meanwhile is new to nobody, and is not given back', () => {
    const desk = new Desk()
    desk.opens = 'is open'
    desk.claim('a')
    desk.answer('claim a', GRANT)
    expect([desk.told, desk.closed]).toEqual([['a on 40'], []])
  })

  it('about which nobody could say anything in time may be tried again', () => {
    const desk = new Desk()
    desk.claim('a')
    desk.find('a')
    desk.answer('claim a', LATE)
    desk.locate('b')
    desk.answer('find b', LATE)
    expect([desk.told, desk.found]).toEqual([['a BUSY', 'b BUSY'], ['a null']])
  })

  it('is opened by no node that stops, which still says what is open', () => {
    const desk = new Desk()
    desk.open.add('open')
    desk.claim('a')
    desk.isDraining = true
    desk.claim('b')
    desk.claim('open')
    desk.answer('claim a', LATE)
    expect([desk.told, desk.asked.size]).toEqual([['b DRAINING', 'open on 40', 'a DRAINING'], 0])
  })

  it('is asked for nowhere if it can be none', () => {
    const desk = new Desk()
    desk.claim('*')
    desk.find('*')
    expect([desk.told, desk.found, desk.asked.size]).toEqual([['* BAD_NAME'], ['* 0'], 0])
  })
})

describe('A search', () => {
  it('finds what is open here at once, and what is open elsewhere by asking', () => {
    const desk = new Desk()
    desk.open.add('a')
    for (const name of ['a', 'b', 'c']) desk.find(name)
    desk.locate('d')
    desk.answer('find b', { by: 'taken', owner: 9, term: 0 })
    desk.answer('find c', { by: 'taken', owner: 0, term: 0 })
    desk.answer('find d', { by: 'taken', owner: 9, term: 0 })
    expect([desk.found, desk.told]).toEqual([['a 40', 'b 9', 'c 0'], ['d on 9']])
  })

  it('finds what this node has opened or closed meanwhile', () => {
    const desk = new Desk()
    desk.find('a')
    desk.open.add('a')
    desk.answer('find a', LATE)
    desk.find('b')
    desk.answer('find b', { by: 'taken', owner: SELF, term: 0 })
    expect(desk.found).toEqual(['a 40', 'b 0'])
  })
})

describe('A name that a node has made up', () => {
  it('begins with its incarnation and is not taken', () => {
    const desk = new Desk()
    desk.open.add(made(SELF, 2))
    expect([desk.names.make(), desk.names.make()]).toEqual([made(SELF, 1), made(SELF, 3)])
  })

  it('needs no question: it is that node’s', () => {
    const desk = new Desk()
    desk.claim(made(SELF))
    desk.claim(made(OTHER))
    desk.find(made(SELF, 2))
    desk.find(made(OTHER, 2))
    expect(desk.opened).toEqual([`${made(SELF)} at 12`])
    expect(desk.told).toEqual([`${made(SELF)} new on 40`, `${made(OTHER)} on ${OTHER}`])
    expect(desk.found).toEqual([`${made(SELF, 2)} 0`, `${made(OTHER, 2)} ${OTHER}`])
  })

  it('is one like any other where that node is not there, or where it only looks like one', () => {
    const desk = new Desk()
    const others = [made(SELF + 1), `x${made(SELF)}`, `${made(SELF)}x`, `${SELF.toString(36)}-`, `-1`]
    for (const name of others) desk.find(name)
    expect([...desk.asked.keys()]).toEqual(others.map((name) => `find ${name}`))
    desk.answer(`find ${made(SELF + 1)}`, { by: 'taken', owner: 0, term: 0 })
    expect(desk.found).toEqual([`${made(SELF + 1)} 0`])
  })

  it('may be of a node that was met while it was looked for', () => {
    const isMet: { now: boolean } = { now: false }
    const desk = new Desk()
    const late = made(99)
    const cluster = {
      find: (_name: string, _now: number, ended: Ended) => {
        isMet.now = true
        ended({ by: 'taken', owner: 0, term: 0 }, AT)
      },
      peer: (node: number) => (isMet.now && node === 99 ? {} : undefined),
    }
    const names = new Names({
      incarnation: SELF,
      application: { located: () => {} },
      cluster: cluster as unknown as Cluster,
      isOpen: () => false,
      isDraining: () => false,
      heirOf: () => 0,
      passedTo: () => 0,
    })
    names.find(late, AT, (owner) => desk.found.push(`${owner}`))
    expect(desk.found).toEqual(['99'])
  })
})
