import { expect, it } from 'vitest'
import { Hooks } from '../../../src/server/business/hooks.ts'
import { HookRunner, type KindHooks } from '../../../src/server/business/kinds.ts'
import type { Meeting } from '../../../src/server/business/meeting.ts'
import { HookTurns } from '../../../src/server/ground/hook-turns.ts'
import { InTurn } from '../../../src/server/ground/in-turn.ts'
import { silent } from '../../../src/server/ground/logger.ts'
import { runtime } from '../../../src/server/ground/outside.ts'
import type { Host } from '../../../src/server/host.ts'
import type { MeetingLogic } from '../../../src/core/index.ts'
import { fromPayload, limits, RtmsError, toPayload } from '../../../src/protocol/index.ts'

interface Event {
  readonly user: string
  readonly session: string
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('A handler that is added while another one runs hears the next event, and one that is removed not even this one', async () => {
  const hooks = new Hooks<Event>(
    'onConnect',
    silent,
    new InTurn({ now: () => 0, soon: (action) => runtime.soon(action) }),
  )
  const heard: string[] = []
  let remove: (() => void) | undefined
  // Each time it is called it puts itself at the end again.
  const again = ({ session }: Event): void => {
    heard.push(`again ${session}`)
    if (heard.length > 20) throw new Error('it is called again and again for one event')
    remove?.()
    remove = hooks.add(again)
  }
  remove = hooks.add(again)
  const removeOther = hooks.add(({ session }) => void heard.push(`other ${session}`))
  hooks.tell({ user: 'ann', session: '1' })
  hooks.add(({ session }) => void heard.push(`late ${session}`))
  await turn()
  expect(heard).toEqual(['again 1', 'other 1'])
  removeOther()
  hooks.tell({ user: 'ann', session: '2' })
  await turn()
  expect(heard.slice(2)).toEqual(['late 2', 'again 2'])
  hooks.add(() => removeLast())
  const removeLast = hooks.add(() => void heard.push('removed'))
  hooks.tell({ user: 'ann', session: '3' })
  await turn()
  expect(heard.slice(4)).toEqual(['late 3', 'again 3'])
})

/** A loop on which everything takes 3 ms, and whose turns are counted. */
function loop() {
  let now = 0
  let turns = 0
  let soon: (() => void)[] = []
  const told: string[] = []
  const outside = { now: () => now, soon: (action: () => void) => (soon.push(action), () => {}) }
  const note = (what: string): void => void told.push(`${turns} ${what}`)
  const take = (what: string): void => {
    now += 3
    note(what)
  }
  const next = (): void => {
    turns++
    const due = soon
    soon = []
    for (const action of due) action()
  }
  return { told, outside, note, take, next }
}

it('Sessions that come and go together are told of for a few milliseconds in each turn, those of a user in order', async () => {
  const { told, outside, take, next } = loop()
  const inTurn = new InTurn(outside)
  const connects = new Hooks<Event>('onConnect', silent, inTurn)
  const disconnects = new Hooks<Event>('onDisconnect', silent, inTurn)
  connects.add(({ user, session }) => take(`${user} ${session} came`))
  disconnects.add(({ user, session }) => take(`${user} ${session} went`))
  for (const session of ['a', 'b', 'c']) {
    connects.tell({ user: 'eve', session })
    disconnects.tell({ user: 'eve', session })
  }
  connects.tell({ user: 'ann', session: 'd' })
  await turn()
  expect(told).toEqual(['0 eve a came', '0 eve a went'])
  next()
  expect(told.slice(2)).toEqual(['1 eve b came', '1 ann d came'])
  // There is time again, but others of hers wait.
  next()
  connects.tell({ user: 'eve', session: 'e' })
  connects.tell({ user: 'bob', session: 'f' })
  await turn()
  for (let n = 0; n < 4; n++) next()
  expect(told.slice(4).map((each) => each.slice(2))).toEqual([
    'eve b went',
    'eve c came',
    'eve c went',
    'bob f came',
    'eve e came',
  ])
})

function runnerOf(hooks: KindHooks): HookRunner {
  const host = {
    hook: <T>(hook: () => T): T => hook(),
    hookTurns: { hasTime: true },
  } as unknown as Host
  return new HookRunner(hooks, 'k', { name: 'm' } as Meeting, host, silent)
}

/** What the logic of a meeting with this hook answers. */
const logicOf = (hooks: KindHooks) => runnerOf(hooks).logic(() => {})

it('A hook that answers with the promise of another library refuses: nobody would wait for it', async () => {
  // oxlint-disable-next-line unicorn/no-thenable
  const foreign = { then: (_: unknown, fail: (error: Error) => void) => fail(new Error('boom')) }
  // oxlint-disable-next-line unicorn/no-thenable
  const unreadable = Object.defineProperty({}, 'then', {
    get() {
      throw new Error('boom')
    },
  })
  for (const answer of [foreign, unreadable, Promise.resolve(false)]) {
    expect(logicOf({ onJoin: () => answer }).join?.(0, 'u')).toMatchObject({ code: 'HANDLER_FAILED' })
    expect(logicOf({ onInput: () => answer }).input?.(0, 'u', toPayload(1))).toMatchObject({
      code: 'HANDLER_FAILED',
    })
    expect(runnerOf({ onCall: () => answer }).call('m', toPayload(1))).toMatchObject({
      code: 'HANDLER_FAILED',
    })
  }
  // A rejection that nobody has caught would be reported now.
  await turn()
})

it('A call to a meeting gets what onCall answers, or why there is no answer', () => {
  const ask = (onCall: KindHooks['onCall'], value: unknown = null): unknown => {
    const answer = runnerOf({ onCall }).call('score', toPayload(value))
    return 'code' in answer ? answer.code : fromPayload(answer)
  }
  expect(ask(({ method, data, meeting }) => [method, data, meeting.name], { of: 3 })).toEqual([
    'score',
    { of: 3 },
    'm',
  ])
  expect(ask(({ data }) => data, new Uint8Array([1, 2]))).toEqual(new Uint8Array([1, 2]))
  expect(ask(() => undefined)).toBeNull()
  expect(ask(() => 'x'.repeat(limits.payload - 2))).toHaveLength(limits.payload - 2)
  for (const onCall of [
    () => 'x'.repeat(limits.payload - 1),
    () => ({ count: 7n }),
    () => {
      throw new Error('boom')
    },
  ])
    expect(ask(onCall)).toBe('HANDLER_FAILED')
  const refuse = (): never => {
    throw new RtmsError('FORBIDDEN', 'not you')
  }
  expect(runnerOf({ onCall: refuse }).call('m', toPayload(1))).toMatchObject({
    code: 'FORBIDDEN',
    message: 'not you',
  })
  expect(ask(undefined)).toBe('NO_HANDLER')
})

it('A meeting has time to tell of those who leave for a few milliseconds in each turn of the event loop', () => {
  const { told, outside, take, next } = loop()
  const hookTurns = new HookTurns(outside)
  const host = { hook: <T>(hook: () => T): T => hook(), joining: null, hookTurns }
  const logic = (name: string, hooks: KindHooks): MeetingLogic =>
    new HookRunner(hooks, 'k', { name } as Meeting, host, silent).logic(() => {})
  const onLeave: KindHooks['onLeave'] = ({ slot }) => take(`leave ${slot}`)
  const [one, other] = [logic('one', { onLeave }), logic('other', { onLeave })]
  const behind = (): unknown => [one.isBehind?.(), other.isBehind?.()]
  expect(behind()).toEqual([false, false])
  one.leave?.(0, 'eve', 'left')
  expect(behind()).toEqual([false, false])
  other.leave?.(1, 'eve', 'left')
  expect(behind()).toEqual([true, true])
  // It is told all the same where somebody wants the slot.
  one.leave?.(2, 'eve', 'left')
  next()
  expect([behind(), told]).toEqual([
    [false, false],
    ['0 leave 0', '0 leave 1', '0 leave 2'],
  ])
  expect(Object.keys(logic('m', { onInput: () => true }))).not.toContain('isBehind')
})
