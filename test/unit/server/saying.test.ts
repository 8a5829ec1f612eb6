import { afterEach, describe, expect, it } from 'vitest'
import type { Meeting as Joined } from '../../../src/client/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'

/* The business's word to all, in a frame. */

const nodes: TestNode[] = []

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
})

async function start(frameRate: number): Promise<TestNode> {
  const node = await createTestNode()
  nodes.push(node)
  node.rtms.meetings.define('quiz', { frameRate })
  return node
}

/** What is said to a member or spectator: the number of the frame, and the word. */
function said(meeting: Joined): unknown[] {
  const heard: unknown[] = []
  meeting.onFrame(({ number, events }) => {
    for (const event of events) if (event.type === 'say') heard.push([number, event.data])
  })
  return heard
}

const coded = (code: string): Error => expect.objectContaining({ code }) as Error

describe('What a meeting says', () => {
  it('reaches members, spectators and whoever comes later in the same frame, in order', async () => {
    const node = await start(10)
    const quiz = await node.rtms.meetings.open('q', { kind: 'quiz' })
    const ann = said(await node.client('ann').join('q'))
    const watcher = said(await node.client('bob').join('q', { spectator: true }))
    await node.advance(250)
    quiz.say({ question: 1 })
    quiz.say(new Uint8Array([1, 2]))
    await node.advance(100)
    const late = said(await node.client('eve').join('q'))
    await node.advance(100)
    const [[number]] = ann as [[number]]
    const expected = [
      [number, { question: 1 }],
      [number, new Uint8Array([1, 2])],
    ]
    expect([ann, watcher, late]).toEqual([expected, expected, expected])
  })

  it('may come from a hook, which sees it in a frame as well', async () => {
    const node = await createTestNode()
    nodes.push(node)
    const seen: unknown[] = []
    node.rtms.meetings.define('quiz', {
      frameRate: 0,
      onInput: ({ data, meeting }) => {
        meeting.say(`heard ${String(data)}`)
        return false
      },
      onFrame: ({ events }) => {
        for (const event of events) if (event.type === 'say') seen.push(event.data)
      },
    })
    await node.rtms.meetings.open('q', { kind: 'quiz' })
    const meeting = await node.client('ann').join('q')
    const heard = said(meeting)
    await expect(meeting.send(7)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await node.advance(0)
    expect([heard.length, seen]).toEqual([1, ['heard 7']])
  })

  it('waits for the clock while nobody is there, 16 KiB of it at most', async () => {
    const node = await start(10)
    const quiz = await node.rtms.meetings.open('q', { kind: 'quiz' })
    const words = 'x'.repeat(4_094)
    for (let n = 0; n < 4; n++) quiz.say(words)
    expect(() => quiz.say('')).toThrow(coded('BUSY'))
    const heard = said(await node.client('ann').join('q'))
    await node.advance(100)
    expect(heard).toEqual(Array.from({ length: 4 }, () => [1, words]))
    quiz.say(words)
  })

  it('has limits, and an error for a meeting that is closed', async () => {
    const node = await start(10)
    const quiz = await node.rtms.meetings.open('q', { kind: 'quiz' })
    expect(() => quiz.say('x'.repeat(4_095))).toThrow(coded('TOO_LARGE'))
    expect(() => quiz.say(undefined)).toThrow(TypeError)
    quiz.close()
    expect(() => quiz.say(1)).toThrow(coded('CLOSED'))
  })

  it('is no more than what addBot leaves room for', async () => {
    const node = await start(10)
    const quiz = await node.rtms.meetings.open('q', { kind: 'quiz' })
    for (let n = 0; n < 1_020; n++) quiz.say(n)
    expect(() => quiz.say(1)).toThrow(coded('BUSY'))
    expect(() => quiz.addBot('robot')).toThrow(coded('BUSY'))
  })
})
