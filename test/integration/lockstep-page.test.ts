import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client, Meeting } from '../../src/client/index.ts'
import type { Rtms } from '../../src/server/index.ts'
import { createTestNode } from '../../src/testing/index.ts'
import { root } from './packed.ts'

/* The game of docs/lockstep.md, as it stands there, in virtual time. */

interface State {
  readonly number: number
  points: Record<number, number>
}
type Draw = (state: State) => void

const folder = join(root, '.artifacts/lockstep-page')
let serve: (rtms: Rtms) => void
interface Game {
  readonly room: Meeting
  act(what: string): Promise<number> | null
}
let play: (client: Client, name: string, draw: Draw) => Promise<Game>

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
  await load('rules.js', 'public/rules.js')
  serve = (await load('game.js', 'game.js'))['serve'] as typeof serve
  play = (await load('play.js', 'public/play.js'))['play'] as typeof play
})

afterAll(() => rm(folder, { recursive: true }))

it('the lockstep game goes on for longer than its ring, and whoever differs takes the state of the majority', async () => {
  const node = await createTestNode({ limits: { meetingLogBytes: 16_384 } })
  serve(node.rtms)
  await node.rtms.meetings.open('dice-7', { kind: 'dice' })
  const states: State[] = []
  const games: Game[] = []
  const come = async (user: string): Promise<Client> => {
    const client = node.client(user)
    const at = games.length
    games.push(await play(client, 'dice-7', (state) => (states[at] = state)))
    return client
  }
  const throwFor = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      for (const game of games) game.act('throw')?.catch(() => {})
      await node.advance(250)
    }
  }
  const expectSame = (): void => {
    expect(states).toHaveLength(games.length)
    for (const state of states) expect(state).toEqual(states[0])
  }
  const [, bob] = [await come('ann'), await come('bob')]
  await throwFor(120_000)
  expectSame()
  expect(states[0]?.number).toBeGreaterThan(2_000)
  const late = await node.client('dan').join('dice-7', { spectator: true })
  const gaps: number[] = []
  late.onGap(({ from }) => gaps.push(from))
  late.onFrame(() => {})
  await node.advance(0)
  expect(gaps).toEqual([1])
  await come('cid')
  await throwFor(1_000)
  expectSame()
  expect(Object.values(states[0]?.points ?? {})).toHaveLength(3)

  // Away for longer than the ring is.
  node.away(bob)
  await throwFor(30_000)
  node.back(bob)
  await throwFor(2_000)
  expectSame()

  // A page that has gone astray, by a fault of its own.
  const astray = states[2] as State
  astray.points = { ...astray.points, 2: 1_000_000 }
  await throwFor(500)
  expect(states[2]?.points[2]).toBeGreaterThan(1_000_000)
  await throwFor(8_000)
  expectSame()
  expect(states[0]?.points[2]).toBeLessThan(1_000_000)
  await node.close()
})

it('what is done while the line is silent counts for nobody, though it arrives', async () => {
  const node = await createTestNode()
  serve(node.rtms)
  await node.rtms.meetings.open('dice-9', { kind: 'dice' })
  const states: State[] = []
  const games: Game[] = []
  for (const [at, user] of ['ann', 'bob'].entries())
    games.push(await play(node.client(user), 'dice-9', (state) => (states[at] = state)))
  await node.advance(1_000)
  const [ann, bob] = games as [Game, Game]
  const { number } = states[0] as State
  for (const at of [number - 10, number - 20, number - 200])
    void ann.room.send({ do: 'throw', at }).catch(() => {})
  await node.advance(100)
  const thrown = states[0]?.points[ann.room.slot] ?? 0
  expect(thrown).toBeGreaterThanOrEqual(1)
  expect(thrown).toBeLessThanOrEqual(6)
  bob.act('throw')?.catch(() => {})
  await node.advance(100)
  expect(states[1]?.points[bob.room.slot]).toBeGreaterThan(0)
  expect(states[0]).toEqual(states[1])
  await node.close()
})

it('two who differ both take the state of the server', async () => {
  const node = await createTestNode()
  serve(node.rtms)
  await node.rtms.meetings.open('dice-8', { kind: 'dice' })
  const states: State[] = []
  for (const [at, user] of ['ann', 'bob'].entries())
    await play(node.client(user), 'dice-8', (state) => (states[at] = state))
  await node.advance(1_000)
  ;(states[0] as State).points = { 0: 7 }
  await node.advance(8_000)
  expect(states[0]).toEqual(states[1])
  expect(states[0]?.points).toEqual({})
  await node.close()
})
