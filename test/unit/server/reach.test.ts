import { describe, expect, it } from 'vitest'
import { createTestNode } from '../../../src/testing/index.ts'

/* Whether there is somebody: what `sendTo`, `kick` and `push` return. */

describe('What is said to a slot', () => {
  it('is on its way where somebody has it, there or away, and not where it is empty or a bot’s', async () => {
    const node = await createTestNode({ limits: { sessionKeepMs: 5_000 } })
    const meeting = await node.rtms.meetings.open('m')
    const client = node.client('ann')
    const ann = await client.join('m')
    const heard: unknown[] = []
    ann.onMessage((data) => heard.push(data))
    const robot = meeting.addBot('robot')
    const told = (): boolean[] => [ann.slot, robot.slot, 7, -1, 300].map((slot) => meeting.sendTo(slot, 'x'))
    expect(told()).toEqual([true, false, false, false, false])
    await node.advance(50)
    node.away(client)
    await node.advance(50)
    expect(told()).toEqual([true, false, false, false, false])
    node.back(client)
    await node.advance(1_000)
    expect(heard).toEqual(['x', 'x'])
    expect([meeting.kick(7), meeting.kick(ann.slot), meeting.kick(ann.slot)]).toEqual([false, true, false])
    expect(meeting.sendTo(ann.slot, 'x')).toBe(false)
    meeting.close()
    expect([meeting.sendTo(robot.slot, 'x'), meeting.kick(robot.slot)]).toEqual([false, false])
    expect(() => meeting.say('x')).toThrow('closed')
    await node.close()
  })

  it('in a hook is on its way for whoever onJoin decides about, and for nobody else', async () => {
    const node = await createTestNode()
    const answers: boolean[][] = []
    const told: unknown[] = []
    node.rtms.meetings.define('k', {
      onJoin({ slot, meeting }) {
        answers.push([meeting.sendTo(slot, 'welcome'), meeting.sendTo(slot + 1, 'x'), meeting.kick(slot + 1)])
      },
      onInput({ slot, meeting }) {
        answers.push([
          meeting.sendTo(slot, 'heard'),
          meeting.sendTo(9, 'x'),
          meeting.kick(9),
          meeting.kick(slot),
        ])
        return true
      },
    })
    const meeting = await node.rtms.meetings.open('m', { kind: 'k' })
    const other = await node.rtms.meetings.open('other')
    const ann = await node.client('ann').join('m')
    ann.onMessage((data) => told.push(data))
    void ann.send(1).catch(() => {})
    await node.advance(100)
    expect(answers).toEqual([
      [true, false, false],
      [true, false, false, true],
    ])
    expect(told).toEqual(['welcome', 'heard'])
    expect([meeting.members, other.sendTo(0, 'x')]).toEqual([[], false])
    await node.close()
  })

  it('is counted for a user: a push that reaches nobody resolves with 0', async () => {
    const node = await createTestNode()
    node.client('ann')
    await node.advance(0)
    expect([await node.rtms.users.push('ann', 'p', 1), await node.rtms.users.push('bob', 'p', 1)]).toEqual([
      1, 0,
    ])
    await node.close()
  })
})
