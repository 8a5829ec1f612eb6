import { isUp, type Player, type State, times } from './state.ts'
import type { Wish } from './wishes.ts'

/** What bots are called; the room takes the first name that is free. Pages say it in their own language. */
export const botNames = [
  'Ember',
  'Lantern',
  'Sparky',
  'Gong',
  'Ginger',
  'Drum',
  'Comet',
  'Clover',
  'Cinder',
] as const

/**
 * What a bot does after this frame; null: nothing. It plays like a decent player: throws, charges while the beast
 * cannot hurt it, and guards in time, mostly.
 */
export function botWish(state: State, player: Player, random: (below: number) => number): Wish | null {
  if (state.phase !== 'battle' || !isUp(player)) return null
  const { beast } = state
  const threatened = beast.mood === 'windup' && beast.targets.includes(player.id)
  if (player.guard > 0) return beast.mood === 'windup' ? null : { do: 'guard', on: false }
  // By chance: a bot that looked at the clock would never fail.
  if (threatened && beast.left <= 14) return random(9) === 0 ? { do: 'guard', on: true } : null
  if (player.charge >= 0) {
    const enough = player.charge >= times.chargeFull || (beast.mood === 'stunned' && beast.left < 12)
    return enough ? { do: 'loose' } : null
  }
  if (player.cool > 0) return null
  const calm =
    beast.mood === 'stunned' || beast.mood === 'stagger' || (beast.mood === 'prowl' && beast.left > 34)
  if (calm && random(16) === 0) return { do: 'charge' }
  return random(beast.mood === 'stunned' ? 4 : 8) === 0 ? { do: 'throw' } : null
}
