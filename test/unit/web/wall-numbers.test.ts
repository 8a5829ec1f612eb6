import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { brief, bytes, clock, gain, money, percent, readMoney, wayOf } from '../../../web/src/wall/format.ts'
import { contrast, FULL, inkOn, readRgb, type Rgb, scale, STEPS, stepOf } from '../../../web/src/wall/heat.ts'
import { Meter } from '../../../web/src/wall/meter.ts'
import { SPARK_HEIGHT, sparkPath } from '../../../web/src/wall/spark.ts'

describe('numbers for people', () => {
  test('have two places, groups of three and a true minus', () => {
    expect([0, 5, 123, 123_456_789, -1_250].map(money)).toEqual([
      '0.00',
      '0.05',
      '1.23',
      '1,234,567.89',
      '−12.50',
    ])
    expect([1, 0, -1].map(gain)).toEqual(['+0.01', '0.00', '−0.01'])
  })

  test('of a change have a sign, which colour never replaces', () => {
    expect([0.0125, -0.004, 0.00004, -0.00004].map((share) => percent(share))).toEqual([
      '+1.25%',
      '−0.40%',
      '0.00%',
      '0.00%',
    ])
    expect([0.0125, -0.004, 0.00004].map(wayOf)).toEqual(['up', 'down', 'flat'])
  })

  test('are brief in the units of the language', () => {
    expect([950, 15_300, 2_400_000, 113e9, 2.5e12].map((n) => brief(n, 'en'))).toEqual([
      '950',
      '15.3K',
      '2.40M',
      '113B',
      '2.50T',
    ])
    expect([950, 15_300, 2_400_000, 113e9, 2.5e12].map((n) => brief(n, 'zh'))).toEqual([
      '950',
      '1.53万',
      '240万',
      '1130亿',
      '2.50万亿',
    ])
  })

  test('of time and traffic', () => {
    expect([65_000, 59_001, 1].map(clock)).toEqual(['1:05', '1:00', '0:01'])
    expect([870, 34_400].map(bytes)).toEqual(['0.9 kB/s', '34 kB/s'])
  })

  test('are read as people type them', () => {
    expect(['12.5', ' 1,234.50 ', '12', '1，200', '12。5'].map(readMoney)).toEqual([
      1_250, 123_450, 1_200, 120_000, 1_250,
    ])
    for (const typed of ['', '0', '-1', 'x', '1.234', '1e9', '99999999']) expect(readMoney(typed)).toBeNull()
  })

  test('that are shown can be read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999 }), (cents) => {
        expect(readMoney(money(cents))).toBe(cents)
      }),
    )
  })
})

describe('the colours of the map', () => {
  const colour: fc.Arbitrary<Rgb> = fc.tuple(
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 255 }),
  )

  test('go from one end to the other, and no further', () => {
    expect([0, FULL, -FULL, 1, -1, FULL / STEPS].map(stepOf)).toEqual([0, STEPS, -STEPS, STEPS, -STEPS, 1])
    const shades = scale([200, 0, 0], [220, 220, 220], [0, 100, 0])
    expect(shades).toHaveLength(2 * STEPS + 1)
    expect([shades[0], shades[STEPS], shades.at(-1)].map((shade) => shade?.fill)).toEqual([
      'rgb(200 0 0)',
      'rgb(220 220 220)',
      'rgb(0 100 0)',
    ])
  })

  test('can be written on, whatever they are', () => {
    fc.assert(
      fc.property(colour, (back) => {
        expect(contrast(readRgb(inkOn(back)), back)).toBeGreaterThanOrEqual(4.2)
      }),
    )
  })
})

describe('a sparkline', () => {
  test('begins where the trail does, ends with the latest price and stays in its box', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 50 }),
        (trail) => {
          const heights = [...sparkPath({ trail, last: 500 }).matchAll(/L\d+ (-?[\d.]+)/g)].map(([, y]) =>
            Number(y),
          )
          expect(heights).toHaveLength(trail.length + 1)
          for (const y of heights) {
            expect(y).toBeGreaterThanOrEqual(0)
            expect(y).toBeLessThanOrEqual(SPARK_HEIGHT)
          }
        },
      ),
    )
  })

  test('is nothing before there is a price', () => {
    expect(sparkPath({ trail: [], last: 5 })).toBe('')
  })
})

describe('what the wall costs', () => {
  test('is told a second, over the last few', () => {
    const meter = new Meter()
    for (let second = 0; second <= 5; second++) {
      meter.tick(second * 1_000)
      for (let i = 0; i < 10; i++) meter.quote(3)
      meter.bytes += 500
    }
    expect(meter.rates).toEqual({ made: 30, received: 10, bytes: 500 })
    expect([meter.made, meter.received]).toEqual([180, 60])
  })

  test('of a market that stands still comes down to nothing', () => {
    const meter = new Meter()
    meter.tick(0)
    for (let i = 0; i < 10; i++) meter.quote(1)
    for (let ms = 1_000; ms <= 20_000; ms += 1_000) meter.tick(ms)
    expect(meter.rates?.received).toBe(0)
  })

  test('does not count as a rate what came in one go after a break', () => {
    const meter = new Meter()
    meter.tick(0)
    meter.quote(1)
    meter.tick(1_000)
    meter.interrupt()
    for (let i = 0; i < 500; i++) meter.quote(40)
    meter.tick(30_000)
    meter.quote(1)
    meter.tick(31_000)
    expect(meter.rates).toEqual({ made: 1, received: 1, bytes: 0 })
    expect(meter.made).toBe(20_002)
  })
})
