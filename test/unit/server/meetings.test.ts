import { afterEach, describe, expect, it } from 'vitest'
import type { Meeting, Rtms } from '../../../src/server/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'
import { closeAll, Cluster, rejection } from './virtual-cluster.ts'

/* The business's meetings: on the node that has them, and from another one. */

const nodes: TestNode[] = []
let cluster: Cluster | undefined

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
  await closeAll(cluster)
  cluster = undefined
})

async function start(logged: string[] = []): Promise<TestNode> {
  const note = (_: object, text: string): void => void logged.push(text)
  const node = await createTestNode({ logger: { debug() {}, info() {}, warn: note, error: note } })
  nodes.push(node)
  return node
}

const coded = (code: string): Error => expect.objectContaining({ code }) as Error

describe('Meetings of a node alone', () => {
  it('have the name that they are given, or one of their own, and no name by mistake', async () => {
    const { rtms } = await start()
    const [one, two] = [await rtms.meetings.open(), await rtms.meetings.open({ capacity: 3 })]
    expect([one.name === two.name, two.info.capacity]).toEqual([false, 3])
    for (const name of [undefined, null, 7]) {
      expect(await rejection(rtms.meetings.open(name as never))).toMatchObject({ code: 'BAD_NAME' })
    }
    expect((await rtms.meetings.open('m')).name).toBe('m')
  })

  it('are opened once: whoever opens it again gets the same one, whose kind hears of it once', async () => {
    const { rtms } = await start()
    const opened: string[] = []
    rtms.meetings.define('k', { onOpen: ({ name }) => void opened.push(name) })
    expect(() => rtms.meetings.define('k', {})).toThrow('k was defined already')
    const first = await rtms.meetings.openOrFind('m', { kind: 'k' })
    const again = await rtms.meetings.openOrFind('m', { kind: 'k' })
    expect([first.isNew, again.isNew, again.meeting === first.meeting, opened]).toEqual([
      true,
      false,
      true,
      ['m'],
    ])
    expect(await rejection(rtms.meetings.open('n', { kind: 'other' }))).toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('are found by name while they are open', async () => {
    const { rtms } = await start()
    rtms.meetings.define('k', {})
    const meeting = await rtms.meetings.open('m', { kind: 'k' })
    expect([await rtms.meetings.find('m'), rtms.meetings.get('m')]).toEqual([meeting, meeting])
    expect([await rtms.meetings.find('n'), rtms.meetings.get('n')]).toEqual([undefined, undefined])
    expect([(await rtms.meetings.owner('m')) > 0, await rtms.meetings.owner('n')]).toEqual([true, 0])
    meeting.close()
    expect([await rtms.meetings.find('m'), rtms.meetings.get('m')]).toEqual([undefined, undefined])
  })

  it('are listed by kind, by what their names contain, and by page', async () => {
    const { rtms } = await start()
    rtms.meetings.define('k', {})
    for (const name of ['a.1', 'a.2', 'b.1'])
      await rtms.meetings.open(name, name === 'a.2' ? { kind: 'k' } : {})
    const names = (found: readonly { readonly name: string }[]): string[] => found.map(({ name }) => name)
    const { meetings } = rtms
    expect(names(await meetings.list())).toEqual(['a.1', 'a.2', 'b.1'])
    expect(names(await meetings.list({ kind: 'k' }))).toEqual(['a.2'])
    expect(names(await meetings.page({ limit: 2 }))).toEqual(['a.1', 'a.2'])
    expect(names(await meetings.page({ limit: 5, after: 'a.1' }))).toEqual(['a.2', 'b.1'])
    expect(names(await meetings.page({ limit: 5, contains: '.1' }))).toEqual(['a.1', 'b.1'])
    expect(names(await meetings.page({ limit: 5, contains: 'a', kind: 'k', after: '' }))).toEqual(['a.2'])
    for (const odd of [
      { limit: 2, kinds: 'k' },
      { limit: 2, contain: 'a' },
    ])
      expect(String(await rejection(meetings.page(odd)))).toContain('page')
    expect(String(await rejection(meetings.list({ kinds: 'k' } as object)))).toContain('list')
  })

  it('answer calls with what onCall of their kind says, and none where they have no kind or are closed', async () => {
    const { rtms } = await start()
    rtms.meetings.define('k', { onCall: ({ method, data }) => [method, data] })
    const [one, plain] = [await rtms.meetings.open('one', { kind: 'k' }), await rtms.meetings.open('plain')]
    expect(await one.call('add', 3)).toEqual(['add', 3])
    expect(await one.call('add')).toEqual(['add', null])
    expect(await rejection(plain.call('add', 3))).toMatchObject({ code: 'NO_HANDLER' })
    for (const meeting of [one, plain]) {
      meeting.close()
      expect(await rejection(meeting.call('add', 3))).toMatchObject({ code: 'CLOSED' })
    }
  })

  it('show what they are until they are closed, and then say that they were', async () => {
    const node = await start()
    const { rtms } = node
    const meeting = await rtms.meetings.open('m', { metadata: { a: 1 } })
    expect((await meeting.look()).name).toBe('m')
    const { seed } = meeting
    expect(seed).toHaveLength(8)
    const before = [...seed]
    seed.fill(0)
    expect([[...meeting.seed], meeting.metadata]).toEqual([before, { a: 1 }])
    node
      .client('ann')
      .join('m')
      .catch(() => {})
    await node.advance(500)
    expect(meeting.history().length).toBeGreaterThan(0)
    expect(meeting.history({ from: 1, to: 1 })).toEqual([])
    expect(() => meeting.history({ form: 1 } as object)).toThrow('history')
    for (const bound of [-1, 0.5]) expect(() => meeting.history({ from: bound })).toThrow(RangeError)
    for (const reason of [7, null]) {
      expect(() => meeting.close(reason as never)).toThrow(TypeError)
      expect(() => meeting.kick(0, reason as never)).toThrow(TypeError)
    }
    meeting.close()
    expect(await rejection(meeting.look())).toMatchObject({ code: 'CLOSED' })
    for (const read of [
      () => meeting.seed,
      () => meeting.info,
      () => meeting.history(),
      () => meeting.addBot('b'),
    ])
      expect(read).toThrow(coded('CLOSED'))
    expect(() => meeting.info).toThrow('the meeting m was closed')
    expect(meeting.bots).toEqual([])
  })

  it('hand out their bots, and log what one of them may not send from inside a hook', async () => {
    const logged: string[] = []
    const node = await start(logged)
    const { rtms } = node
    rtms.meetings.define('k', {
      inputBurst: 1,
      frameRate: 1,
      onCall: ({ meeting, method }) => {
        const [robot] = meeting.bots
        if (method === 'close') meeting.close()
        for (let n = 0; n < 3; n++) robot?.send(n)
        return null
      },
    })
    const meeting = await rtms.meetings.open('m', { kind: 'k' })
    const robot = meeting.addBot('robot')
    expect(meeting.bots.map(({ slot }) => slot)).toEqual([robot.slot])
    await meeting.call('play')
    await node.advance(0)
    expect(logged.filter((text) => text.includes("a bot's input was refused"))).toHaveLength(2)
    expect(() => robot.send('x')).toThrow(coded('BUSY'))
    // That it has ended behind the hook, nobody needs to be told.
    logged.length = 0
    await meeting.call('close')
    await node.advance(0)
    expect([logged, meeting.bots]).toEqual([[], []])
  })

  it('are closed with their node, and their kinds hear of that', async () => {
    const node = await start()
    const closed: string[] = []
    node.rtms.meetings.define('k', { onClose: ({ name }) => void closed.push(name) })
    for (const name of ['a', 'b']) await node.rtms.meetings.open(name, { kind: 'k' })
    await node.close()
    nodes.pop()
    expect(closed).toEqual(['a', 'b'])
  })
})

describe('A meeting of another node', () => {
  async function pair(): Promise<{ here: Rtms; there: Rtms; meeting: Meeting; run: Cluster }> {
    const run = (cluster = new Cluster())
    const [here, there] = [await run.start('n1'), await run.start('n2')]
    await run.pass(3_000)
    there.meetings.define('k', { onCall: ({ method, data }) => [method, data] })
    here.meetings.define('k', { onOpen: () => void run.lines.push('opened twice') })
    const meeting = await run.within(there.meetings.open('m', { kind: 'k' }))
    return { here, there, meeting, run }
  }

  it('is found and listed with its node, looked at, called and closed from here', async () => {
    const { here, there, meeting, run } = await pair()
    const found = await run.within(here.meetings.find('m'))
    if (found === undefined) throw new Error('it is not found')
    expect([here.meetings.get('m'), await run.within(here.meetings.find('n'))]).toEqual([
      undefined,
      undefined,
    ])
    expect(await run.within(here.meetings.list())).toMatchObject([{ name: 'm', node: 'n2' }])
    expect(await run.within(here.meetings.list({ kind: 'k' }))).toHaveLength(1)
    expect([...(await run.within(here.meetings.page({ limit: 3, contains: 'x' })))]).toEqual([])
    expect((await run.within(found.look())).name).toBe('m')
    expect(await run.within(found.call('add', 3))).toEqual(['add', 3])
    // Only that node knows who is there.
    expect([found.sendTo(9, 'x'), found.kick(9)]).toEqual([true, true])
    for (const read of [() => found.info, () => found.members, () => found.seed])
      expect(read).toThrow('the meeting m is not open on this node: use look()')
    const { isNew, meeting: again } = await run.within(here.meetings.openOrFind('m', { kind: 'k' }))
    expect([isNew, again.name, (await run.within(again.look())).name]).toEqual([false, 'm', 'm'])
    here.meetings.close('m')
    await run.pass(1_000)
    expect([there.meetings.get('m'), () => meeting.info]).toMatchObject([undefined, expect.any(Function)])
    expect(await run.within(rejection(found.look()))).toMatchObject({ code: 'CLOSED' })
    expect(await run.within(rejection(found.call('add', 3)))).toMatchObject({ code: 'CLOSED' })
    expect(run.lines).not.toContain('opened twice')
  })

  it('is open on none where the cluster has not said in time which has it, and cannot be found', async () => {
    const { here, there, run } = await pair()
    const [, second = 0] = run.incarnations
    expect(await run.within(here.meetings.owner('m'))).toBe(second)
    run.cut.add(second)
    const names = Array.from({ length: 8 }, (_, n) => `x.${n}`)
    const ask = <T>(call: (name: string) => Promise<T>): Promise<unknown[]> =>
      run.within(Promise.all(names.map((name) => call(name).catch((error: { code: string }) => error.code))))
    const [found, owners, opened] = await run.within(
      Promise.all([
        ask((name) => here.meetings.find(name)),
        ask((name) => here.meetings.owner(name)),
        ask(async (name) => (await here.meetings.openOrFind(name, {})).isNew),
      ]),
    )
    // The names of which this node is the registrar are its own to give.
    const isBusy = found.map((each) => each === 'BUSY')
    expect(new Set(isBusy)).toEqual(new Set([true, false]))
    for (const [at, is] of isBusy.entries())
      expect([found?.[at], owners?.[at], opened?.[at]]).toEqual(
        is ? ['BUSY', 0, 'BUSY'] : [undefined, 0, true],
      )
    expect(there.meetings.get('m')?.name).toBe('m')
  })

  it('goes on here where its node hands it over, with the kind of this node', async () => {
    const run = (cluster = new Cluster())
    const [there, here] = [await run.start('n1'), await run.start('n2')]
    await run.pass(3_000)
    const closed: string[] = []
    for (const [rtms, node] of [
      [there, 'n1'],
      [here, 'n2'],
    ] as const)
      rtms.meetings.define('k', {
        snapshot: () => 7,
        restore: () => {},
        onCall: () => node,
        onClose: ({ name }) => void closed.push(`${name} on ${node}`),
      })
    const kinded = await run.within(there.meetings.open('m', { kind: 'k' }))
    await run.within(there.meetings.open('plain'))
    expect(await run.within(kinded.call('where'))).toBe('n1')
    await run.within(there.drain({ timeoutMs: 10_000 }))
    await run.pass(1_000)
    expect(['m', 'plain'].map((name) => here.meetings.get(name)?.name)).toEqual(['m', 'plain'])
    expect(await run.within((here.meetings.get('m') as Meeting).call('where'))).toBe('n2')
    here.meetings.get('m')?.close()
    await run.pass(100)
    expect([closed, here.meetings.get('m')]).toEqual([['m on n2'], undefined])
  })
})
