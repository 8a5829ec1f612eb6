import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedLimits } from '../../../src/core/ground/config.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { BatchCache, WarmCaches } from '../../../src/core/log/batches.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { endless, Purse } from './payers.ts'

const batch = (text = 'x'): Encoded => Encoded.of({ type: 'ended', log: 1, error: 'CLOSED', message: text })

const page = (): Encoded => new Encoded(new Uint8Array(32_768))

function make(): { readonly cache: BatchCache; readonly payer: Purse; readonly warm: WarmCaches } {
  const payer = new Purse(endless())
  const warm = new WarmCaches()
  return { cache: new BatchCache(payer, warm), payer, warm }
}

describe('Batches that a log holds for its readers', () => {
  it('are paid for until the log grows', () => {
    const { cache, payer } = make()
    const [one, two] = [batch(), batch('longer')]
    cache.set(1, one, 5)
    cache.set(5, two, 9)
    expect([cache.get(1)?.batch, cache.get(5)?.batch]).toEqual([one, two])
    expect(payer.held).toBe(2 * weights.batch + one.binary.length + two.binary.length)
    cache.clear()
    expect([cache.get(1), cache.get(5), payer.held]).toEqual([undefined, undefined, 0])
  })

  it('are dropped after a flush for which no reader waits, or which needed none of them', () => {
    const { cache, payer, warm } = make()
    cache.set(1, batch(), 5)
    warm.settle(false)
    expect(cache.get(1)).toBeDefined()
    warm.settle(false)
    expect(payer.held).toBeGreaterThan(0)
    warm.settle(false)
    expect([cache.get(1), payer.held]).toEqual([undefined, 0])
    cache.set(1, batch(), 5)
    warm.settle(true)
    expect([cache.get(1), payer.held]).toEqual([undefined, 0])
  })

  it('are charged the forms and packets that were made of them meanwhile', () => {
    const { cache, payer, warm } = make()
    const one = batch()
    cache.set(1, one, 5)
    const { held } = payer
    const json = one.packet(true)
    json.rendered = new Uint8Array(json.bytes.length + 2)
    warm.settle(false)
    expect(payer.held).toBe(held + one.form(true).length + json.bytes.length + json.bytes.length + 2)
    cache.clear()
    expect(payer.held).toBe(0)
  })

  it('are so many at most; the oldest is dropped', () => {
    const { cache, payer } = make()
    for (let n = 1; n <= 1_000; n++) cache.set(n, page(), n + 1)
    const kept = Array.from({ length: 1_000 }, (_, n) => n + 1).filter((n) => cache.get(n) !== undefined)
    const most = Math.floor(fixedLimits.batchBytes / (weights.batch + 32_768))
    expect(kept).toEqual(Array.from({ length: most }, (_, n) => 1_001 - most + n))
    expect(payer.held).toBe(most * (weights.batch + 32_768))
    cache.clear()
    expect(payer.held).toBe(0)
  })

  it('are held and paid for as long as a reader may need them, whatever happens in which order', () => {
    const step = fc.record({
      what: fc.constantFrom('set', 'set', 'set', 'get', 'write', 'flush', 'flush', 'done', 'clear'),
      from: fc.nat(9),
      size: fc.constantFrom(1, 500_000, 900_000),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { cache, payer, warm } = make()
        /** By first position, in order of arrival; the latest is never dropped for its weight. */
        let model = new Map<number, { batch: Encoded; charged: number }>()
        let latest = -1
        let isNeeded = false
        let next = 0
        const charged = (): number => [...model.values()].reduce((sum, each) => sum + each.charged, 0)
        const weighAgain = (): void => {
          for (const each of model.values()) each.charged = weights.batch + each.batch.held
        }
        for (const { what, from, size } of steps) {
          if (what === 'set') {
            // A log makes a batch only where it has none.
            const made = new Encoded(new Uint8Array(size))
            cache.set(next, made, next + 1)
            model.set(next, { batch: made, charged: weights.batch + size })
            latest = next++
            isNeeded = true
            for (const [each] of model) {
              if (charged() <= fixedLimits.batchBytes || each === latest) break
              model.delete(each)
              weighAgain()
            }
          } else if (what === 'get') {
            expect(cache.get(from)?.batch).toBe(model.get(from)?.batch)
            isNeeded = true
          } else if (what === 'write') {
            const packet = model.get(latest)?.batch.packet(false)
            if (packet !== undefined) packet.rendered = new Uint8Array(1_000)
          } else if (what === 'clear') {
            cache.clear()
            model = new Map()
          } else {
            warm.settle(what === 'done')
            if (what === 'done' || !isNeeded) model = new Map()
            else weighAgain()
            isNeeded = false
          }
          expect([what, payer.held]).toEqual([what, charged()])
        }
      }),
    )
  })
})
