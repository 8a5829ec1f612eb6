import { describe, expect, it } from 'vitest'
import { isPossible } from '../../../../src/core/cluster/possible.ts'
import { MAX_TERM } from '../../../../src/core/meeting/reigns.ts'
import { limits } from '../../../../src/protocol/index.ts'
import { followedOf, seatedOf } from './parts.ts'

const member = (slot: number) => ({ slot, user: 'ann', away: false })
const reign = { term: 1, incarnation: 5, from: 1 }
const FRAME = 2 ** 48
const WAIT = 2 ** 40

describe('What a node says of its meeting', () => {
  it.each<[keyof ReturnType<typeof followedOf>, unknown, unknown]>([
    ['frameRate', 60, 61],
    ['inputBytes', limits.input, limits.input + 1],
    ['seed', new Uint8Array(64), new Uint8Array(65)],
    ['first', FRAME, FRAME + 1],
    ['head', FRAME, FRAME + 1],
    ['next', FRAME, FRAME + 1],
    ['hidden', FRAME, FRAME + 1],
    ['due', WAIT, WAIT + 1],
    ['term', MAX_TERM, MAX_TERM + 1],
    ['hop', FRAME, FRAME + 1],
    ['reigns', [{ ...reign, term: MAX_TERM }], [reign, { ...reign, term: MAX_TERM + 1 }]],
    ['reigns', [{ ...reign, from: FRAME }], [{ ...reign, from: FRAME + 1 }]],
    ['members', [member(0), member(254)], [member(0), member(255)]],
    ['shown', [member(254)], [member(255)]],
  ])('has a possible %s', (field, can, cannot) => {
    expect(isPossible(followedOf({ [field]: can }))).toBe(true)
    expect(isPossible(followedOf({ [field]: cannot }))).toBe(false)
  })

  it.each<[keyof ReturnType<typeof seatedOf>, unknown, unknown]>([
    ['slot', 254, 255],
    ['seq', 2 ** 52, 2 ** 52 + 1],
    ['next', FRAME, FRAME + 1],
    ['due', WAIT, WAIT + 1],
    ['members', [member(254)], [member(255)]],
  ])('of a seat has a possible %s', (field, can, cannot) => {
    expect(isPossible(seatedOf(1, { [field]: can }))).toBe(true)
    expect(isPossible(seatedOf(1, { [field]: cannot }))).toBe(false)
  })

  it.each(['readers', 'spectators'])('of its copy has no more %s than can be counted together', (field) => {
    const readers = { type: 'readers', replica: 1, readers: 0, spectators: 0 } as const
    const follow = { ...readers, type: 'follow', meeting: 'm', world: 0, next: 1 } as const
    for (const each of [readers, follow]) {
      expect(isPossible({ ...each, [field]: 2 ** 32 })).toBe(true)
      expect(isPossible({ ...each, [field]: 2 ** 32 + 1 })).toBe(false)
    }
  })

  it('is possible otherwise', () => {
    expect(isPossible({ type: 'absent', replica: 2 ** 50 })).toBe(true)
  })
})
