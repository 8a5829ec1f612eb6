import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client, Meeting } from '../../src/client/index.ts'
import { hashOf, lockstep, type Lockstep, type LockstepOptions } from '../../src/lockstep/index.ts'
import type { Rtms } from '../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../src/testing/index.ts'
import { root } from './packed.ts'

/* The game of docs/lockstep.md, as it stands there, in virtual time. */

interface State {
  readonly number: number
  points: Record<number, number>
}

const folder = join(root, '.artifacts/lockstep-page')
let serve: (rtms: Rtms) => void
interface Game {
  readonly room: Meeting
  readonly game: Lockstep<State>
  act(what: string): Promise<number> | false
}
let play: (client: Client, name: string) => Promise<Game>

beforeAll(async () => {
  const page = await readFile(join(root, 'docs/lockstep.md'), 'utf8')
  await mkdir(join(folder, 'public'), { recursive: true })
  const load = async (name: string, path: string): Promise<Record<string, unknown>> => {
    const [, block = ''] = new RegExp(`\`\`\`js ${name}\\n([^]*?)\`\`\``).exec(page) ?? []
    expect(block).not.toBe('')
    await writeFile(join(folder, path), block)
    return (await import(/* @vite-ignore */ pathToFileURL(join(folder, path)).href)) as Record<
      string,
      unknown
    >
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(join(folder, 'node_modules'), { recursive: true })
  await symlink(root, join(folder, 'node_modules/rtms'))
  await load('rules.js', 'public/rules.js')
  serve = (await load('game.js', 'game.js'))['serve'] as typeof serve
  play = (await load('play.js', 'public/play.js'))['play'] as typeof play
})

afterAll(() => rm(folder, { recursive: true }))

/** Time passes, and pictures are drawn. */
async function run(node: TestNode, games: readonly Game[], ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await node.advance(50)
    for (const { game } of games) game.advance(node.now)
  }
}

it('the lockstep game goes on for longer than its ring, and whoever differs takes the state of the majority', async () => {
  const node = await createTestNode({ limits: { meetingLogBytes: 16_384 } })
  serve(node.rtms)
  await node.rtms.meetings.open('dice-7', { kind: 'dice' })
  const games: Game[] = []
  const come = async (user: string): Promise<Client> => {
    const client = node.client(user)
    games.push(await play(client, 'dice-7'))
    return client
  }
  const throwFor = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      for (const game of games) void Promise.resolve(game.act('throw')).catch(() => {})
      await run(node, games, 250)
    }
  }
  const points = (at: number): Record<number, number> => games[at]?.game.state.points ?? {}
  const expectSame = (): void => {
    for (const { game } of games)
      expect([game.phase, game.frame, game.state]).toEqual([
        'live',
        games[0]?.game.frame,
        games[0]?.game.state,
      ])
  }
  const [, bob] = [await come('ann'), await come('bob')]
  await throwFor(120_000)
  expectSame()
  expect(games[0]?.game.frame).toBeGreaterThan(2_000)
  const late = await node.client('dan').join('dice-7', { spectator: true })
  const gaps: number[] = []
  late.onGap(({ from }) => gaps.push(from))
  late.onFrame(() => {})
  await node.advance(0)
  expect(gaps).toEqual([1])
  await come('cid')
  await throwFor(1_000)
  expectSame()
  expect(Object.values(points(0))).toHaveLength(3)

  // Away for longer than the ring is.
  node.away(bob)
  await throwFor(30_000)
  node.back(bob)
  await throwFor(2_000)
  expectSame()

  // A page that has gone astray, by a fault of its own.
  points(2)[2] = 1_000_000
  await throwFor(500)
  expect(points(2)[2]).toBeGreaterThan(1_000_000)
  await throwFor(8_000)
  expectSame()
  expect(points(0)[2]).toBeLessThan(1_000_000)
  await node.close()
})

it('what is done while the line is silent counts for nobody, though it arrives', async () => {
  const node = await createTestNode()
  serve(node.rtms)
  await node.rtms.meetings.open('dice-9', { kind: 'dice' })
  const ann = await play(node.client('ann'), 'dice-9')
  const bob = await play(node.client('bob'), 'dice-9')
  await run(node, [ann, bob], 1_000)
  const { number } = ann.game.state
  for (const at of [number - 10, number - 20, number - 200])
    void ann.room.send({ do: 'throw', at }).catch(() => {})
  await run(node, [ann, bob], 100)
  const thrown = ann.game.state.points[ann.room.slot] ?? 0
  expect(thrown).toBeGreaterThanOrEqual(1)
  expect(thrown).toBeLessThanOrEqual(6)
  expect(bob.act('throw')).not.toBe(false)
  await run(node, [ann, bob], 100)
  expect(bob.game.state.points[bob.room.slot]).toBeGreaterThan(0)
  expect(ann.game.state).toEqual(bob.game.state)
  await node.close()
})

it('two who differ both take the state of the server', async () => {
  const node = await createTestNode()
  serve(node.rtms)
  await node.rtms.meetings.open('dice-8', { kind: 'dice' })
  const ann = await play(node.client('ann'), 'dice-8')
  const bob = await play(node.client('bob'), 'dice-8')
  await run(node, [ann, bob], 1_000)
  ann.game.state.points = { 0: 7 }
  await run(node, [ann, bob], 8_000)
  expect(ann.game.state).toEqual(bob.game.state)
  expect(ann.game.state.points).toEqual({})
  await node.close()
})

it('a spectator and a reloaded page have the same as the players, and a bot is one of them', async () => {
  const node = await createTestNode()
  serve(node.rtms)
  const meeting = await node.rtms.meetings.open('dice-6', { kind: 'dice' })
  const robot = meeting.addBot('robot')
  const rules = (await import(
    /* @vite-ignore */ pathToFileURL(join(folder, 'public/rules.js')).href
  )) as Pick<LockstepOptions<State>, 'start' | 'step'>
  const ann = await play(node.client('ann'), 'dice-6')
  const spectator = await node.client('eve').join('dice-6', { spectator: true })
  const seen = lockstep(spectator, { ...rules, hash: hashOf })
  await run(node, [ann], 1_000)
  robot.send({ do: 'throw', at: meeting.info.frame })
  await run(node, [ann], 20_000)
  // So many frames at once are two pictures' work.
  expect([seen.advance(node.now).phase, seen.frame]).toEqual(['catching-up', 250])
  expect(seen.advance(node.now).state).toEqual(ann.game.state)
  expect(ann.game.state.points[robot.slot]).toBeGreaterThan(0)

  const snapshot = structuredClone(ann.game.snapshot())
  await run(node, [ann], 1_000)
  const page = lockstep(await node.client('bob').join('dice-6'), rules)
  expect(page.restore(snapshot)).toBe(true)
  await node.advance(50)
  ann.game.advance(node.now)
  expect([page.advance(node.now).phase, page.state]).toEqual(['live', ann.game.state])
  await node.close()
})
