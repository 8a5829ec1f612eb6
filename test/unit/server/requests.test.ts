import { describe, expect, it } from 'vitest'
import type { RequestCall } from '../../../src/core/index.ts'
import { textPayload } from '../../../src/testing/index.ts'
import { type Elsewhere, RequestHandlers } from '../../../src/server/business/requests.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Handlers that answer when the test says so, in this process or elsewhere. */
class Rig {
  readonly handlers: RequestHandlers
  /** Who is being answered. */
  readonly begun: string[] = []
  readonly answers: (() => void)[] = []
  readonly replies: string[] = []
  #call = 0

  constructor(most: number, share: number, isElsewhere: boolean) {
    const handle = ({ user }: { readonly user: string }): Promise<void> => {
      this.begun.push(user)
      return new Promise((resolve) => this.answers.push(resolve))
    }
    const elsewhere: Elsewhere = { concurrency: most, handlerOf: () => handle }
    this.handlers = new RequestHandlers(
      isElsewhere ? 1_000 : most,
      share,
      ({ user }, { ok }) => this.replies.push(`${user} ${ok ? 'ok' : 'failed'}`),
      silent,
      isElsewhere ? elsewhere : undefined,
    )
    if (!isElsewhere) for (let n = 0; n < 100; n++) this.handlers.register(`m${n}`, handle)
  }

  ask(user: string, session = user): RequestCall {
    const number = ++this.#call
    const method = `m${number % 100}`
    const data = textPayload('1')
    const call = { user, session, method, data, call: number, deadline: Infinity }
    this.handlers.start(call)
    return call
  }

  async settle(): Promise<void> {
    for (let n = 0; n < 20; n++) await Promise.resolve()
  }
}

for (const isElsewhere of [false, true])
  describe(`Handlers ${isElsewhere ? 'at a URL of the business' : 'in the process'}`, () => {
    it('are not all one user’s who asks and cancels, and asks again', async () => {
      const rig = new Rig(20, 8, isElsewhere)
      for (let n = 0; n < 200; n++) {
        const call = rig.ask('mallory', `s${n % 3}`)
        await rig.settle()
        rig.handlers.end(call, 'CANCELLED')
        await rig.settle()
      }
      expect([rig.begun.length, rig.handlers.running]).toEqual([8, 8])
      rig.ask('ann')
      await rig.settle()
      expect(rig.begun.at(-1)).toBe('ann')
      // Nothing that was cancelled while it waited is begun when places are free again.
      for (const answer of rig.answers) answer()
      await rig.settle()
      expect([rig.begun.length, rig.handlers.running]).toEqual([9, 0])
    })

    it('are given out in turns: a hundred users who want all of them delay nobody by more than one each', async () => {
      const rig = new Rig(20, 8, isElsewhere)
      for (let user = 0; user < 10; user++) for (let n = 0; n < 30; n++) rig.ask(`crowd${user}`)
      await rig.settle()
      expect(rig.begun).toHaveLength(20)
      rig.ask('ann')
      await rig.settle()
      for (let n = 0; n < 11; n++) {
        rig.answers.shift()?.()
        await rig.settle()
      }
      expect(rig.begun).toContain('ann')
      expect(rig.handlers.running).toBe(20)
    })
  })

const never = (): Promise<void> => new Promise(() => {})

describe('Handlers of the two kinds', () => {
  it('have places of their own: a slow URL leaves the process free', async () => {
    const replies: string[] = []
    const handlers = new RequestHandlers(1, 1, ({ user }) => replies.push(user), silent, {
      concurrency: 1,
      handlerOf: () => never,
    })
    handlers.register('here', () => 1)
    const data = textPayload('1')
    const call = { session: 's', data, deadline: Infinity }
    handlers.start({ ...call, user: 'ann', method: 'there', call: 1 })
    handlers.start({ ...call, user: 'ann', method: 'here', call: 2 })
    for (let n = 0; n < 20; n++) await Promise.resolve()
    expect([replies, handlers.running]).toEqual([['ann'], 1])
  })
})
