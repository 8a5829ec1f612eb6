import { isUp, pick, type Player, power, RATE, type Shot, type State, times } from './state.ts'
import type { Wish } from './wishes.ts'

/* What fighters do, and what becomes of it. */

/** One of this many bangs is a lucky one and counts twice. */
const LUCKY = 12
/** Percent that each further fighter adds to bangs that come together. */
const TOGETHER = 30

export function act(
  state: State,
  player: Player,
  wish: Extract<Wish, { do: 'throw' | 'charge' | 'loose' | 'guard' }>,
): void {
  if (!isUp(player)) return
  if (wish.do === 'guard') guard(player, wish.on)
  else if (player.guard > 0) return
  else if (wish.do === 'charge') {
    if (player.charge < 0 && player.cool === 0) player.charge = 0
  } else if (wish.do === 'loose') loose(state, player)
  else if (player.charge < 0 && player.cool === 0) shoot(state, player, false, power.cracker)
}

function guard(player: Player, on: boolean): void {
  if (on && player.guard === 0 && player.guardRest === 0) {
    player.guard = times.guard
    player.charge = -1
  } else if (!on && player.guard > 0) {
    player.guard = 0
    player.guardRest = times.guardRest
  }
}

/** Lets the rocket go; one that was hardly charged is a firecracker. */
function loose(state: State, player: Player): void {
  const { charge } = player
  if (charge < 0) return
  player.charge = -1
  if (charge < times.chargeLeast) shoot(state, player, false, power.cracker)
  else shoot(state, player, true, power.rocket + power.rocketPerFrame * Math.min(charge, times.chargeFull))
}

function shoot(state: State, player: Player, rocket: boolean, power: number): void {
  player.cool = times.cool
  state.shots.push({
    id: state.nextId++,
    player: player.id,
    rocket,
    power,
    from: state.frame,
    lands: state.frame + times.flight,
  })
  state.happenings.push({ type: 'throw', player: player.id, rocket })
}

/** A frame goes by for one fighter. */
export function recover(state: State, player: Player): void {
  if (player.cool > 0) player.cool--
  if (player.spared > 0) player.spared--
  if (player.guardRest > 0) player.guardRest--
  if (player.guard > 0 && --player.guard === 0) player.guardRest = times.guardRest
  if (player.charge >= 0 && player.charge < times.chargeFull) player.charge++
  if (player.down > 0 && --player.down === 0) {
    player.hearts = 2
    player.spared = times.spared
    if (player.slot >= 0) state.happenings.push({ type: 'up', player: player.id })
  }
}

/** What was in the air long enough goes off at the beast. */
export function land(state: State): void {
  const landing = state.shots.filter(({ lands }) => lands <= state.frame)
  state.shots = state.shots.filter(({ lands }) => lands > state.frame)
  state.recent = state.recent.filter(({ frame }) => frame > state.frame - times.together)
  for (const shot of landing) {
    const others = state.recent.filter(({ player }) => player !== shot.player)
    state.recent = [...others, { player: shot.player, frame: state.frame }]
  }
  for (const shot of landing) if (state.beast.blood > 0) bang(state, shot)
  const { beast } = state
  if (landing.length === 0 && state.frame - state.chainAt > times.chain) {
    state.chain = 0
    if (beast.noise > 0) beast.noise--
  }
}

function bang(state: State, shot: Shot): void {
  const { beast } = state
  const player = state.players.find(({ id }) => id === shot.player)
  if (player === undefined) return
  const together = state.recent.length
  const weak = beast.mood === 'stunned' ? 200 : beast.mood === 'stagger' ? 150 : 100
  const lucky = pick(state, LUCKY) === 0
  const full = Math.floor((shot.power * weak * (100 + TOGETHER * (together - 1))) / 10_000) * (lucky ? 2 : 1)
  const damage = Math.min(full, beast.blood)
  beast.blood -= damage
  if (beast.mood !== 'stunned') beast.noise += Math.min(together, 4) + (shot.rocket ? 2 : 0)
  player.damage += damage
  player.hits++
  if (together > 1) player.together++
  player.last = beast.blood === 0
  state.chain = state.frame - state.chainAt > times.chain ? 1 : state.chain + 1
  state.chainAt = state.frame
  state.bestChain = Math.max(state.bestChain, state.chain)
  state.happenings.push({ type: 'hit', player: player.id, rocket: shot.rocket, damage, together, lucky })
}

/** The beast's blow reaches a fighter. True: it was guarded. */
export function suffer(state: State, player: Player): boolean {
  if (player.guard > 0) {
    const perfect = times.guard - player.guard < times.perfect
    player.guards++
    if (perfect) {
      player.perfect++
      state.beast.noise += RATE / 4
    }
    state.happenings.push({ type: 'guarded', player: player.id, perfect })
    return true
  }
  if (player.spared > 0) return false
  player.hurt++
  player.hearts--
  player.charge = -1
  state.happenings.push({ type: 'hurt', player: player.id })
  if (player.hearts > 0) {
    player.spared = RATE / 2
    return false
  }
  player.down = times.down
  player.falls++
  state.happenings.push({ type: 'down', player: player.id })
  return false
}
