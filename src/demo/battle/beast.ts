import { suffer } from './fighting.ts'
import { type Beast, isUp, type Mood, pick, type Player, RATE, type State, times } from './state.ts'

/* What the beast does. It announces each attack, so that who looks can guard in time. */

export function moveBeast(state: State): void {
  const { beast } = state
  if (!beast.raging && beast.blood * 3 <= beast.fullBlood) {
    beast.raging = true
    state.happenings.push({ type: 'rage' })
  }
  if (beast.noise >= beast.fullNoise && beast.mood !== 'stunned' && beast.mood !== 'strike') {
    beast.noise = 0
    beast.targets = []
    turn(beast, 'stunned', times.stunned)
    state.happenings.push({ type: 'stunned' })
    return
  }
  if (--beast.left > 0) return
  if (beast.mood === 'prowl') windUp(state)
  else if (beast.mood === 'windup') strike(state)
  else prowl(state)
}

function turn(beast: Beast, mood: Mood, frames: number): void {
  beast.mood = mood
  beast.left = frames
  beast.length = frames
}

function prowl(state: State): void {
  const { beast } = state
  beast.targets = []
  turn(beast, 'prowl', beast.raging ? RATE + pick(state, RATE) : 2 * RATE + pick(state, 2 * RATE))
}

function windUp(state: State): void {
  const { beast } = state
  const up = state.players.filter(isUp)
  if (up.length === 0) {
    prowl(state)
    return
  }
  beast.attack = pick(state, 5) < 2 ? 'roar' : 'claw'
  const frames = times[beast.attack]
  turn(beast, 'windup', beast.raging ? frames - 5 : frames)
  beast.targets = beast.attack === 'roar' ? up.map(({ id }) => id) : choose(state, up)
  state.happenings.push({ type: 'windup', attack: beast.attack })
}

/** Every third fighter or so, by chance. */
function choose(state: State, up: readonly Player[]): number[] {
  const left = up.map(({ id }) => id)
  const chosen: number[] = []
  const count = Math.ceil(up.length / 3)
  while (chosen.length < count) chosen.push(...left.splice(pick(state, left.length), 1))
  return chosen
}

function strike(state: State): void {
  const { beast } = state
  state.happenings.push({ type: 'strike', attack: beast.attack })
  const struck = state.players.filter((player) => beast.targets.includes(player.id) && isUp(player))
  const guarded = struck.filter((player) => suffer(state, player))
  // All who were meant have guarded: it has overreached itself.
  if (struck.length > 0 && guarded.length === struck.length) turn(beast, 'stagger', times.stagger)
  else turn(beast, 'strike', times.strike)
}
