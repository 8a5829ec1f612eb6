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
})
