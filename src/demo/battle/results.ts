import type { Medal, Player, Result, State } from './state.ts'

/** How the round ended for each who fought in it, the best first. */
export function resultsOf(state: State): Result[] {
  const fighters = state.players.filter((player) => player.fighting)
  const ranked = fighters.toSorted((a, b) => b.damage - a.damage || a.id - b.id)
  return ranked.map((player) => ({
    id: player.id,
    user: player.user,
    bot: player.bot,
    rank: 1 + ranked.findIndex(({ damage }) => damage === player.damage),
    damage: player.damage,
    hits: player.hits,
    together: player.together,
    perfect: player.perfect,
    falls: player.falls,
    medals: medalsOf(player, ranked),
  }))
}

function medalsOf(player: Player, all: readonly Player[]): Medal[] {
  const isMost = (count: (player: Player) => number): boolean =>
    count(player) > 0 && all.every((other) => count(other) <= count(player))
  const medals: Medal[] = []
  if (isMost(({ damage }) => damage)) medals.push('thunder')
  if (player.last) medals.push('lastBlow')
  if (isMost(({ perfect }) => perfect)) medals.push('shield')
  if (all.length > 1 && isMost(({ together }) => together)) medals.push('chorus')
  if (player.hurt === 0 && player.hits > 0) medals.push('unhurt')
  return medals
}
