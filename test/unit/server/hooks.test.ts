import { expect, it } from 'vitest'
import { Hooks } from '../../../src/server/business/hooks.ts'
import { HookRunner, type KindHooks } from '../../../src/server/business/kinds.ts'
import type { Meeting } from '../../../src/server/business/meeting.ts'
import { silent } from '../../../src/server/ground/logger.ts'
import type { Host } from '../../../src/server/host.ts'
import { fromPayload, limits, RtmsError, toPayload } from '../../../src/protocol/index.ts'

interface Event {
  readonly session: string
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('A handler that is added while another one runs hears the next event, and one that is removed not even this one', async () => {
  const hooks = new Hooks<Event>('onConnect', silent)
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
  hooks.tell({ session: '1' })
  hooks.add(({ session }) => void heard.push(`late ${session}`))
  await turn()
  expect(heard).toEqual(['again 1', 'other 1'])
  removeOther()
  hooks.tell({ session: '2' })
  await turn()
  expect(heard.slice(2)).toEqual(['late 2', 'again 2'])
  hooks.add(() => removeLast())
  const removeLast = hooks.add(() => void heard.push('removed'))
  hooks.tell({ session: '3' })
  await turn()
  expect(heard.slice(4)).toEqual(['late 3', 'again 3'])
})

function runnerOf(hooks: KindHooks): HookRunner {
  const host = { hook: <T>(hook: () => T): T => hook() } as Host
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
