import { describe, expect, it } from 'vitest'
import { Successions } from '../../../../src/core/cluster/successions.ts'

describe('The successions of a node', () => {
  it('are told with their age, the oldest first, as far back as was asked for', () => {
    const successions = new Successions()
    successions.note({ meeting: 'a', from: 1, how: 'handover', frame: 5 }, 1_000)
    successions.note({ meeting: 'b', from: 2, how: 'fork', frame: 1 }, 1_500)
    expect(successions.told(1_000, 2_000)).toEqual([
      { meeting: 'a', from: 1, how: 'handover', frame: 5, agoMs: 1_000 },
      { meeting: 'b', from: 2, how: 'fork', frame: 1, agoMs: 500 },
    ])
    expect(successions.told(999, 2_000).map(({ meeting }) => meeting)).toEqual(['b'])
  })

  it('are remembered up to the last 256', () => {
    const successions = new Successions()
    for (let frame = 1; frame <= 300; frame++)
      successions.note({ meeting: 'm', from: 1, how: 'revival', frame }, frame)
    const told = successions.told(1_000, 300)
    expect([told.length, told[0]?.frame, told.at(-1)?.frame]).toEqual([256, 45, 300])
  })
})
