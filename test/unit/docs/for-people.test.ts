import { readFileSync } from 'node:fs'
import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { RtmsError } from '../../../src/client/index.ts'
import { createTestNode } from '../../../src/testing/index.ts'

/* Code of the docs, run as it stands there. */
// oxlint-disable typescript/no-implied-eval -- It is ours.

/** The blocks of TypeScript below a heading, as JavaScript without imports and exports. */
function blocksOf(page: string, heading: string): string[] {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8')
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...section.matchAll(/```ts\n([^]*?)```/g)].map(([, block = '']) =>
    transformSync(block, { loader: 'ts' }).code.replace(/^import .*$|^export \{[^}]*\};$|^export /gm, ''),
  )
}

/** Runs code that may await, with these names. */
function run(code: string, names: Readonly<Record<string, unknown>>): Promise<unknown> {
  const body = `return (async () => { ${code} })()`
  return (new Function(...Object.keys(names), body) as (...args: unknown[]) => Promise<unknown>)(
    ...Object.values(names),
  )
}

describe('docs/errors.md', () => {
  const [code = ''] = blocksOf('errors.md', 'What to tell people')
  const forPeople = new Function('RtmsError', `${code}; return forPeople`)(RtmsError) as (
    error: unknown,
  ) => string

  it.each([
    [new RtmsError('LIMIT', 'One answer each.', { reason: 'answered' }), 'One answer each.'],
    [new RtmsError('RATE', 'more than 30 a second'), 'That was too fast. Wait a moment.'],
    [new RtmsError('CLOSED', 'closed with 4402', { reason: 'REVOKED' }), 'This is over.'],
    [new RtmsError('BAD_TOPIC', '"a b" cannot be a topic'), 'Something went wrong.'],
    [new TypeError('x is undefined'), 'Something went wrong.'],
  ])('%o is told as %o', (error, words) => {
    expect(forPeople(error)).toBe(words)
  })
})

describe('docs/get-started.md', () => {
  it('says at once that the device has no network, and later why there is no connection', async () => {
    const [code = ''] = blocksOf('get-started.md', '3. A client')
    const node = await createTestNode()
    const client = node.client('ann')
    const notes: string[] = []
    const navigator = { onLine: true }
    const heard = new Map<string, () => void>()
    const addEventListener = (name: string, listener: () => void): unknown => heard.set(name, listener)
    await run(code, { client, note: (text: string) => notes.push(text), navigator, addEventListener })
    await node.advance(100)
    expect([client.state, notes.at(-1)]).toEqual(['connected', ''])
    navigator.onLine = false
    heard.get('offline')?.()
    expect([client.state, notes.at(-1)]).toEqual(['connected', 'You are offline.'])
    node.away(client)
    await node.advance(20_000)
    navigator.onLine = true
    heard.get('online')?.()
    expect(notes.at(-1)).toMatch(/./)
    node.back(client)
    await node.advance(1_000)
    expect([client.state, notes.at(-1)]).toEqual(['connected', ''])
    await node.close()
  })
})

describe('docs/late-joiners.md', () => {
  it('gives a late joiner the board, and nobody the points of who had the slot before', async () => {
    const [server = '', page = ''] = blocksOf('late-joiners.md', 'The state from your server')
    const node = await createTestNode()
    const count = new Function('rtms', `${server}; return count`)(node.rtms) as unknown
    await node.rtms.meetings.open('quiz-7', { kind: 'quiz' })
    const join = new Function(
      'client',
      'count',
      `return (async () => { ${page}; return { quiz, board: () => board } })()`,
    )
    type Page = {
      quiz: { slot: number; send(data: unknown): Promise<number>; leave(): void }
      board(): object
    }
    const come = async (user: string): Promise<Page> => {
      const joining = join(node.client(user), count) as Promise<Page>
      await node.advance(100)
      return joining
    }
    const ann = await come('ann')
    const bob = await come('bob')
    void ann.quiz.send({ points: 3 })
    void bob.quiz.send({ points: 5 })
    await node.advance(200)
    bob.quiz.leave()
    await node.advance(200)
    const cid = await come('cid')
    await node.advance(200)
    expect(cid.quiz.slot).toBe(1)
    expect([ann.board(), cid.board()]).toEqual([{ 0: 3 }, { 0: 3 }])
    void cid.quiz.send({ points: 1 })
    await node.advance(200)
    expect([ann.board(), cid.board()]).toEqual([
      { 0: 3, 1: 1 },
      { 0: 3, 1: 1 },
    ])
    await node.close()
  })

  it('says how things stand in a quiz of a hundred players, of which twenty are named', async () => {
    const [code = ''] = blocksOf('late-joiners.md', 'The state, said to all')
    const node = await createTestNode()
    node.rtms.meetings.onMissing((name) => (name === 'quiz-7' ? { kind: 'quiz', capacity: 255 } : null))
    const [server = '', page = ''] = code.split(/^(?=const client = )/m)
    const Rtms = { start: () => node.rtms }
    await run(server, { Rtms, RtmsError, process: { env: {} } })
    const shown: string[] = []
    const show = (_: number, text: string): unknown => shown.push(text)
    await run(page, { connect: () => node.client('ann'), show })
    const players = await Promise.all(
      Array.from({ length: 100 }, (_, n) => node.client(`${n}`.padEnd(64, '~')).join('quiz-7')),
    )
    await node.client('host').request('quiz.ask', { quiz: 'quiz-7', question: 'How many?', right: 7 })
    await node.advance(1_000)
    expect(shown.at(-1)).toMatch(/^How many\? \d/)
    for (const [n, player] of players.entries()) void player.send({ answer: n < 5 ? 7 : 8 })
    await node.advance(10_000)
    const [, points = ''] = shown.at(-1)?.split('? ') ?? []
    const sums = Object.values(JSON.parse(points) as Record<string, number>)
    expect([sums.length, sums.filter((sum) => sum === 1).length]).toEqual([20, 5])
    await node.close()
  })
})

describe('docs/topics.md', () => {
  it('shows what is there: not what was removed, nor what another life of the topic had', async () => {
    const [code = ''] = blocksOf('topics.md', 'Keys')
    const node = await createTestNode()
    const client = node.client('ann')
    const drawn: string[][] = []
    const draw = (wall: Map<string, unknown>): unknown => drawn.push([...wall.keys()])
    await run(code, { client, draw })
    for (const key of ['a', 'b']) node.rtms.topics.publish('wall', { price: 1 }, { key })
    await node.advance(1_000)
    expect(drawn.at(-1)).toEqual(['a', 'b'])
    node.rtms.topics.publish('wall', null, { key: 'a', tombstone: true })
    await node.advance(1_000)
    expect(drawn.at(-1)).toEqual(['b'])
    node.away(client)
    await node.advance(2 * 3_600_000)
    node.rtms.topics.publish('wall', { price: 1 }, { key: 'c' })
    node.back(client)
    await node.advance(1_000)
    expect(drawn.at(-1)).toEqual(['c'])
    await node.close()
  })
})

describe('docs/chat.md', () => {
  const [server = '', page = ''] = blocksOf('chat.md', 'Rooms, who is here and who is typing')
  const [names = ''] = blocksOf('chat.md', 'Names')

  it('has the last 50 messages, however long they are, on the next morning', async () => {
    const node = await createTestNode()
    await run(names + server, { rtms: node.rtms })
    const ann = node.client('ann')
    for (let n = 0; n < 60; n++) await ann.publish('chat.cats', '字'.repeat(2_000))
    await node.advance(12 * 3_600_000)
    let count = 0
    node.client('bob').subscribe('chat.cats', () => count++, { history: 50 })
    await node.advance(100)
    expect(count).toBe(50)
    await node.close()
  })

  it('names whoever has two tabs once, and nobody as typing in a room that was opened anew', async () => {
    const node = await createTestNode()
    await run(server, { rtms: node.rtms })
    const shown: string[] = []
    const show = (_: number, text: string): unknown => shown.push(text)
    const client = node.client('ann')
    const enter = (await run(`${page}; return enter`, { client, show })) as (name: string) => Promise<void>
    await enter('chat.cats')
    const [bob] = await Promise.all([1, 2].map(() => node.client('bob').join('chat.cats', { from: 'now' })))
    await bob?.send(true)
    await node.advance(100)
    expect(shown.slice(-2)).toEqual(['ann', 'bob …'])
    node.away(client)
    await node.advance(120_000) // its session has ended
    node.rtms.meetings.close('chat.cats')
    await node.rtms.meetings.open('chat.cats', { frameRate: 0 })
    for (let n = 0; n < 2; n++) await node.client('cid').join('chat.cats', { from: 'now' })
    node.back(client)
    await node.advance(2_000)
    shown.length = 0
    await node.client('dan').join('chat.cats', { from: 'now' })
    await node.advance(1_000)
    expect(shown.filter((text) => text.endsWith('…'))).toEqual([])
    expect(new Set(shown)).toEqual(new Set(['ann', 'cid', 'dan']))
    await node.close()
  })
})
