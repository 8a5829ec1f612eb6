import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { inProcess } from '../../../src/bus/in-process.ts'
import { type Client, connect, type Meeting } from '../../../src/client/node.ts'
import { blood, digest, isBot, newState, type State, step } from '../../../src/demo/battle/index.ts'
import { type Demo, startDemo } from '../../../src/demo/index.ts'

// The browsers' tests fight a battle to its end; here, where nobody looks on, the beast has little blood.
const rules = blood as { quick: number }
const { quick } = rules
const pages = mkdtempSync(join(tmpdir(), 'rtms-pages-'))
const settings = { port: 0, host: '127.0.0.1', secret: 'a secret of the tests, 32 bytes long' }
let demo: Demo
const clients: Client[] = []

beforeAll(async () => {
  rules.quick = 100
  demo = await startDemo(settings, pages)
})

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

afterAll(async () => {
  rules.quick = quick
  await demo.close()
  rmSync(pages, { recursive: true })
})

async function ask(body: object, { rtms }: Demo = demo): Promise<Response> {
  return fetch(`http://127.0.0.1:${rtms.address.port}/api/battle/ticket`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
}

interface Guest {
  readonly user: string
  readonly client: Client
  readonly meeting: Meeting
  readonly state: State
  /** Digests by frame. */
  readonly sums: Map<number, string>
  until(holds: (state: State) => boolean): Promise<void>
}

/** A player without a page: follows the rules as one does. */
async function enter(name: string, room: string, at: Demo = demo): Promise<Guest> {
  const ticket = (await (await ask({ name, room }, at)).json()) as { meeting: string; user: string }
  const client = connect({ getTicket: () => ticket as never })
  clients.push(client)
  const meeting = await client.join(ticket.meeting)
  const state = newState()
  const sums = new Map<number, string>()
  const waiting = new Set<() => void>()
  meeting.onFrame((frame) => {
    step(state, frame)
    sums.set(frame.number, digest(state))
    for (const look of waiting) look()
  })
  const until = (holds: (state: State) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds(state)) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return { user: ticket.user, client, meeting, state, sums, until }
}

const bots = (state: State): number => state.players.filter(({ user }) => isBot(user)).length

test('bots fill the seats, and make room for people', async () => {
  const ada = await enter('Ada', 'seats')
  await ada.until((state) => bots(state) === 3)
  await ada.meeting.send({ do: 'set', seats: 10, long: false })
  await ada.until((state) => bots(state) === 9)
  await enter('Ben', 'seats')
  await ada.until((state) => state.players.length === 10 && bots(state) === 8)
  await ada.meeting.send({ do: 'set', seats: 2, long: false })
  await ada.until((state) => bots(state) === 0)
})

test('a whole battle: everybody holds the same state, and each is told their own result', async () => {
  const ada = await enter('Ada', 'whole')
  const ben = await enter('Ben', 'whole')
  const told = [ada, ben].map(
    ({ client }) =>
      new Promise<Record<string, unknown>>((resolve) => client.onPush('battle.result', resolve as never)),
  )
  await ada.meeting.send({ do: 'set', seats: 10, long: false })
  await ada.until((state) => bots(state) === 8)
  await ada.meeting.send({ do: 'ready', on: true })
  await ben.meeting.send({ do: 'ready', on: true })
  await ada.until(({ phase }) => phase === 'battle')
  await ada.meeting.send({ do: 'throw' })
  await ada.until(({ players }) => (players[0]?.hits ?? 0) > 0)
  const late = await enter('Cleo', 'whole')
  await ada.until(({ phase }) => phase === 'over')
  const { frame } = ada.state
  await Promise.all([ben, late].map((guest) => guest.until((state) => state.frame >= frame)))
  expect(new Set([ada, ben, late].map(({ sums }) => sums.get(frame))).size).toBe(1)
  for (const [at, sum] of ben.sums) if (ada.sums.has(at)) expect(ada.sums.get(at)).toBe(sum)

  const results = await Promise.all(told)
  for (const [i, { user }] of [ada, ben].entries()) {
    const own = ada.state.results.find((each) => each.user === user)
    expect(results[i]).toMatchObject({ round: 1, won: ada.state.won, rank: own?.rank, damage: own?.damage })
  }
}, 90_000)

test('nobody chooses the luck of a round, and what is no wish is refused', async () => {
  const ada = await enter('Ada', 'luck')
  await expect(ada.meeting.send({ do: 'win' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await expect(ada.meeting.send({ do: 'guard', on: 'x'.repeat(80) })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  })
  await ada.meeting.send({ do: 'start', seed: 42 })
  await ada.until(({ phase }) => phase === 'countdown')
  expect(ada.state.seed).not.toBe(42)
})

test('who is in the room may ask for its state, and goes on from there as the others do', async () => {
  const ada = await enter('Ada', 'state')
  const eve = await enter('Eve', 'elsewhere')
  const name = ada.meeting.name
  await ada.until(({ frame }) => frame > 0)
  await expect(eve.client.request('battle.state', { meeting: name })).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
  const state = await ada.client.request<State>('battle.state', { meeting: name })
  await ada.until(({ frame }) => frame >= state.frame)
  expect(digest(state)).toBe(ada.sums.get(state.frame))
})

test('whoever looks on is shown a battle: that of people, or else one of bots that begins anew', async () => {
  const response = await fetch(`http://127.0.0.1:${demo.rtms.address.port}/api/home/ticket`, {
    method: 'POST',
    body: '{"name": "Olga"}',
  })
  const ticket = (await response.json()) as never
  const client = connect({ getTicket: () => ticket })
  clients.push(client)
  const stage = async (): Promise<string> =>
    (await client.request<{ meeting: string }>('home.stage', {})).meeting
  // The players of an earlier test may just be leaving.
  await expect.poll(stage).toBe('show')
  const seen = newState()
  const looked = await client.join('show', { spectator: true })
  const ended = new Promise<string>((resolve) => looked.onEnd(({ code }) => resolve(code)))
  let hits = 0
  looked.onFrame((frame) => {
    step(seen, frame)
    hits += seen.happenings.filter(({ type }) => type === 'hit').length
  })
  await expect(looked.send({ do: 'throw' })).rejects.toMatchObject({ code: 'READ_ONLY' })
  const ada = await enter('Ada', 'shown')
  await ada.meeting.send({ do: 'start' })
  await ada.until(({ phase }) => phase === 'battle')
  expect(await stage()).toBe('battle.shown')
  ada.meeting.leave()
  expect(await ended).toBe('CLOSED')
  expect([seen.phase, seen.players.length]).toEqual(['over', 6])
  expect(hits).toBeGreaterThan(5)
  expect(await stage()).toBe('show')
  expect((await client.join('show', { spectator: true })).headAtJoin).toBe(0)
}, 90_000)

test('a room goes on elsewhere when its node is drained: no frame is missing, and bots and the state go along', async () => {
  const bus = inProcess()
  const publicUrl = 'ws://{host}:{port}/rtms?route={node}'
  const [first, second] = (await Promise.all(
    ['a', 'b'].map((nodeId) => startDemo({ ...settings, bus, nodeId, publicUrl }, pages)),
  )) as [Demo, Demo]
  try {
    await expect.poll(() => first.rtms.cluster.nodes().length).toBe(2)
    const ada = await enter('Ada', 'drained', first)
    const { name } = ada.meeting
    await ada.meeting.send({ do: 'set', seats: 3, long: true })
    await ada.until((state) => bots(state) === 2)
    expect(second.rtms.meetings.get(name)).toBeUndefined()
    await first.rtms.drain()
    expect(second.rtms.meetings.get(name)).toBeDefined()
    expect(bots(ada.state)).toBe(2)
    await ada.meeting.send({ do: 'set', seats: 2, long: true })
    await ada.until((state) => bots(state) === 1)
    const state = await ada.client.request<State>('battle.state', { meeting: name })
    await ada.until(({ frame }) => frame >= state.frame)
    expect(digest(state)).toBe(ada.sums.get(state.frame))
    expect([...ada.sums.keys()]).toEqual([...ada.sums.keys()].map((_, at) => at + 1))
  } finally {
    for (const client of clients.splice(0)) client.close()
    await Promise.all([first.close(), second.close()])
  }
})

test.each([[{ room: 'a.b' }], [{ room: '' }], [{}], [{ room: 'x'.repeat(25) }]])(
  'no ticket for %j',
  async (body) => {
    const response = await ask(body)
    expect(response.status).toBe(400)
    expect(((await response.json()) as { error: string }).error).toContain('room must be')
  },
)
